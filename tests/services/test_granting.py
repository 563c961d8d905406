"""Taking in grants: a patient's own signature over the study's own request, and nothing else, is stored."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.adapters.signing import WalletKey
from consent.domain.details import DetailsMismatchError, render
from consent.domain.errors import ConsentError
from consent.domain.grant import AddressCertificate, Grant, certificate_digest
from consent.domain.study import Study
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, Terms, Window
from consent.domain.typed_data import Address, SigningDomain
from consent.services.acts import read_acts
from consent.services.granting import (
    CertificateError,
    ExpiryError,
    GrantNotAcceptedError,
    PublishByError,
    RepeatedGrantError,
    SignatureMismatchError,
    StudyMismatchError,
    Submission,
    UnknownPatientError,
)
from consent.signatures import recover, verifies
from tests.services.house import STUDY, House, receive

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
Spoiled = Callable[[House, SubjectId], Submission]


def signed_with(house: House, submission: Submission, domain: SigningDomain | None = None) -> Submission:
    """Sign what a submission says with the key that its address belongs to."""
    key = house.wallets[submission.terms.subject].consent_key(submission.details.salt)
    return replace(submission, signature=key.sign(submission.grant.digest(domain or house.open.ledger.domain)))


def over(house: House, subject: SubjectId, **changed: object) -> Submission:
    """Return a submission with fields changed before it is signed."""
    return signed_with(house, replace(house.signed(subject), **changed))  # type: ignore[arg-type]  # fields of Submission


def by_another_key(house: House, subject: SubjectId) -> Submission:
    submission = house.signed(subject)
    stranger = WalletKey(secrets.token_bytes(32))
    return replace(submission, signature=stranger.sign(submission.grant.digest(house.open.ledger.domain)))


def for_another_chain(house: House, subject: SubjectId) -> Submission:
    here = house.open.ledger.domain
    return signed_with(house, house.signed(subject), SigningDomain(here.chain_id + 1, here.contract))


def for_another_contract(house: House, subject: SubjectId) -> Submission:
    here = house.open.ledger.domain
    return signed_with(house, house.signed(subject), SigningDomain(here.chain_id, Address(secrets.token_bytes(20))))


def with_signature(change: Callable[[bytes], bytes]) -> Spoiled:
    def spoil(house: House, subject: SubjectId) -> Submission:
        submission = house.signed(subject)
        return replace(submission, signature=change(submission.signature))

    return spoil


def high_s(signature: bytes) -> bytes:
    """Return the twin of a signature: the same key and digest, with s above half the order."""
    parity, s = signature[32] >> 7, int.from_bytes(signature[32:], "big") & (1 << 255) - 1
    return signature[:32] + ((ORDER - s) | (1 - parity) << 255).to_bytes(32, "big")


def bit_flipped(signature: bytes) -> bytes:
    return signature[:-1] + bytes([signature[-1] ^ 1])


def publishing(after: timedelta) -> Spoiled:
    return lambda house, subject: over(house, subject, publish_by=int((house.clock() + after).timestamp()))


def expired(house: House, subject: SubjectId) -> Submission:
    return house.signed(subject, expires=datetime(2024, 2, 1, tzinfo=UTC))


def expiring_otherwise(house: House, subject: SubjectId) -> Submission:
    return over(house, subject, expires=house.signed(subject).expires + 1)


def of_other_sentences(house: House, subject: SubjectId) -> Submission:
    submission = house.signed(subject)
    return signed_with(house, replace(submission, details=replace(submission.details, until="Until I say so.")))


def of_other_terms(house: House, subject: SubjectId) -> Submission:
    """Sign the sentences of modest terms and hand in greedy ones."""
    modest = house.signed(subject, categories=STUDY.required)
    return replace(modest, terms=house.terms(subject))


def with_certificate(change: Callable[[House, SubjectId, Submission], AddressCertificate]) -> Spoiled:
    def spoil(house: House, subject: SubjectId) -> Submission:
        submission = house.signed(subject)
        return replace(submission, certificate=change(house, subject, submission))

    return spoil


def certified(house: House, subject: SubjectId, address: Address, by: WalletKey) -> AddressCertificate:
    digest = certificate_digest(house.open.ledger.domain, subject, address)
    return AddressCertificate(subject, address, by.sign(digest))


def no_certificate(_house: House, subject: SubjectId, submission: Submission) -> AddressCertificate:
    return AddressCertificate(subject, submission.patient, bytes(64))


def by_anothers_enrolment_key(house: House, subject: SubjectId, submission: Submission) -> AddressCertificate:
    return certified(house, subject, submission.patient, house.wallets[house.people[-1]].enrolment_key)


def for_someone_else(house: House, _subject: SubjectId, submission: Submission) -> AddressCertificate:
    other = house.people[-1]
    return certified(house, other, submission.patient, house.wallets[other].enrolment_key)


def for_another_address(house: House, subject: SubjectId, _submission: Submission) -> AddressCertificate:
    wallet = house.wallets[subject]
    return certified(house, subject, wallet.consent_key(bytes(32)).address, wallet.enrolment_key)


def from_another_chain(house: House, subject: SubjectId, submission: Submission) -> AddressCertificate:
    here = house.open.ledger.domain
    elsewhere = certificate_digest(SigningDomain(here.chain_id + 1, here.contract), subject, submission.patient)
    return AddressCertificate(subject, submission.patient, house.wallets[subject].enrolment_key.sign(elsewhere))


def about_a_stranger(house: House, subject: SubjectId) -> Submission:
    """Terms about a subject who is not here, signed and certified by somebody who is."""
    unknown = SubjectId("0" * 32)
    wallet = replace(house.wallets[subject], subject=unknown)
    return wallet.sign(house.terms(unknown), house.open.ledger.domain, house.clock())


def changed(**fields: object) -> Spoiled:
    return lambda house, subject: house.signed(subject, **fields)


REFUSED: dict[str, tuple[Spoiled, type[ConsentError]]] = {
    "signed by another key": (by_another_key, SignatureMismatchError),
    "signed for another chain": (for_another_chain, SignatureMismatchError),
    "signed for another contract": (for_another_contract, SignatureMismatchError),
    "a signature cut short": (with_signature(lambda signature: signature[:63]), SignatureMismatchError),
    "a signature of 65 bytes": (with_signature(lambda signature: signature + b"\x1b"), SignatureMismatchError),
    "no signature": (with_signature(lambda _: b""), SignatureMismatchError),
    "a signature of zeros": (with_signature(lambda _: bytes(64)), SignatureMismatchError),
    "a signature with high s": (with_signature(high_s), SignatureMismatchError),
    "a signature with one bit flipped": (with_signature(bit_flipped), SignatureMismatchError),
    "past its time to publish": (publishing(timedelta(seconds=-1)), PublishByError),
    "to be published next month": (publishing(timedelta(days=7, seconds=5)), PublishByError),
    "expired": (expired, ExpiryError),
    "an expiry that differs from the terms": (expiring_otherwise, ExpiryError),
    "sentences that the terms do not render": (of_other_sentences, DetailsMismatchError),
    "sentences of other terms": (of_other_terms, DetailsMismatchError),
    "a language that nothing renders": (
        lambda house, subject: replace(house.signed(subject), terms=house.terms(subject, language="es")),
        DetailsMismatchError,
    ),
    "an address without certificate": (with_certificate(no_certificate), CertificateError),
    "certified by another enrolment key": (with_certificate(by_anothers_enrolment_key), CertificateError),
    "certified for someone else": (with_certificate(for_someone_else), CertificateError),
    "a certificate of another address": (with_certificate(for_another_address), CertificateError),
    "a certificate of another chain": (with_certificate(from_another_chain), CertificateError),
    "an unknown subject": (about_a_stranger, UnknownPatientError),
    "terms of another study": (
        changed(study=StudyReference("elsewhere", STUDY.reference.title, STUDY.reference.institution)),
        StudyMismatchError,
    ),
    "a study under another title": (
        changed(study=replace(STUDY.reference, title="Something harmless")),
        StudyMismatchError,
    ),
    "another text than the study's": (changed(text_hash="0" * 64), StudyMismatchError),
    "more categories than the study asks for": (
        changed(categories=STUDY.required | {Category.GENOMICS}),
        StudyMismatchError,
    ),
    "more operations than the study asks for": (
        changed(operations=frozenset({Operation.TRAIN, Operation.EXPORT})),
        StudyMismatchError,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_grant_that_is_not_the_patients_own_word_is_refused_and_nothing_is_stored(
    shared_house: House, name: str
) -> None:
    spoil, error = REFUSED[name]
    subject, good = shared_house.people[0], shared_house.people[1]
    before = shared_house.state()
    with pytest.raises(error) as caught:
        shared_house.open.granting.accept(
            [shared_house.signed(good), spoil(shared_house, subject)], shared_house.clock()
        )
    assert shared_house.state() == before
    assert shared_house.open.book.entries(subject) == shared_house.open.book.entries(good) == ()
    assert subject not in str(caught.value)


def test_every_refusal_says_that_nothing_was_stored() -> None:
    kinds = {error for _, error in REFUSED.values()} - {DetailsMismatchError}
    assert all(issubclass(kind, GrantNotAcceptedError) for kind in kinds)


def test_a_good_grant_is_stored_logged_queued_and_receipted(house: House) -> None:
    subject, before = house.people[0], house.state()
    signed = house.signed(subject)
    [receipt] = house.open.granting.accept([signed], house.clock())
    after = house.state()
    assert (after.entries, len(after.consents), after.outbox) == (before.entries + 1, 1, 1)
    [entry] = house.log(before.entries)
    assert (entry["action"], entry["verdict"], entry["subject"]) == ("grant", "PERMIT", subject)
    assert receipt.index == before.entries
    assert receipt.commitment == signed.details.commitment.hex()
    key = house.open.log.signer.public_key
    assert verifies(key, receipt.signed_bytes(), bytes.fromhex(receipt.signature))
    assert not verifies(key, replace(receipt, subject=house.people[1]).signed_bytes(), bytes.fromhex(receipt.signature))


def test_neither_log_nor_database_joins_a_person_to_an_address(house: House) -> None:
    signed = house.signed(house.people[0])
    house.open.granting.accept([signed], house.clock())
    [entry] = house.log(house.state().entries - 1)
    joined = json_text(entry)
    assert signed.patient.hex() not in joined
    assert signed.details.commitment.hex() not in joined
    [consent] = house.state().consents
    assert bytes(signed.patient) not in bytes(consent.sealed)
    assert signed.details.commitment not in consent.sealed


def json_text(entry: dict[str, object]) -> str:
    return str(entry).lower()


def test_the_time_to_publish_may_be_seven_days_ahead_to_the_second(house: House) -> None:
    now = house.clock()
    at_most = over(house, house.people[0], publish_by=int(now.timestamp()) + 7 * 24 * 3600)
    house.open.granting.accept([at_most], now)
    beyond = over(house, house.people[1], publish_by=int(now.timestamp()) + 7 * 24 * 3600 + 1)
    with pytest.raises(PublishByError):
        house.open.granting.accept([beyond], now.replace(microsecond=0))


def test_the_same_consent_twice_is_refused_in_one_batch_and_in_two(house: House) -> None:
    signed = house.signed(house.people[0])
    before = house.state()
    with pytest.raises(RepeatedGrantError):
        house.open.granting.accept([signed, signed], house.clock())
    assert house.state() == before
    house.open.granting.accept([signed], house.clock())
    once = house.state()
    with pytest.raises(RepeatedGrantError):
        house.open.granting.accept([signed], house.clock())
    assert house.state() == once


def with_the_address_of(house: House, own: Submission, subject: SubjectId) -> Submission:
    """Return a grant about `subject` from the address of somebody's `own` grant, certified by the subject too."""
    key = house.wallets[own.terms.subject].consent_key(own.details.salt)
    terms, domain = house.terms(subject), house.open.ledger.domain
    base = house.signed(subject)
    details = render(terms, secrets.token_bytes(32))
    certificate = certified(house, subject, key.address, house.wallets[subject].enrolment_key)
    grant = Grant(details, key.address, base.expires, base.publish_by)
    signature = key.sign(grant.digest(domain))
    return replace(base, details=details, patient=key.address, signature=signature, certificate=certificate)


def test_one_address_for_two_people_is_refused_in_one_batch_and_in_two(house: House) -> None:
    owner, subject = house.people[:2]
    own = house.signed(owner)
    shared = with_the_address_of(house, own, subject)
    before = house.state()
    with pytest.raises(RepeatedGrantError):
        house.open.granting.accept([own, shared], house.clock())
    assert house.state() == before
    house.open.granting.accept([own], house.clock())
    once = house.state()
    with pytest.raises(RepeatedGrantError):
        house.open.granting.accept([shared], house.clock())
    assert house.state() == once


def test_a_second_consent_of_the_same_person_is_welcome(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.grant(subject, categories=STUDY.required)
    assert len(house.open.book.entries(subject)) == 2


def test_whoever_asked_to_be_erased_grants_nothing_any_more(house: House) -> None:
    subject = house.people[0]
    signed = house.signed(subject)
    house.erase(subject)
    before = house.state()
    with pytest.raises(UnknownPatientError):
        house.open.granting.accept([signed], house.clock())
    assert house.state() == before


def test_whoever_has_no_enrolment_key_grants_nothing_yet(house: House) -> None:
    [newcomer] = receive(house.open, 1000)
    wallet = replace(house.wallets[house.people[0]], subject=newcomer)
    signed = wallet.sign(house.terms(newcomer), house.open.ledger.domain, house.clock())
    before = house.state()
    with pytest.raises(UnknownPatientError):
        house.open.granting.accept([signed], house.clock())
    assert house.state() == before


def test_a_grant_survives_closing_and_opening(house: House) -> None:
    subject = house.people[0]
    signed = house.signed(subject)
    house.open.granting.accept([signed], house.clock())
    [kept] = house.open.book.entries(subject)
    with house.open.store.reading() as unit:
        book = type(house.open.book)(house.open.ledger.domain, recover, house.open.vault)
        book.load(unit, read_acts(unit.log))
    assert book.entries(subject) == (kept,)
    assert kept.certified
    assert kept.commitment == signed.details.commitment


def test_a_certificate_that_was_swapped_at_rest_no_longer_counts(house: House) -> None:
    """Stored bytes are not believed: the book checks signatures again as it opens."""
    subject = house.people[0]
    house.grant(subject)
    with house.open.store.begin() as unit:
        unit.patients.set_enrolment({subject: house.wallets[house.people[1]].enrolment_key.address})
    with house.open.store.reading() as unit:
        book = type(house.open.book)(house.open.ledger.domain, recover, house.open.vault)
        book.load(unit, read_acts(unit.log))
    [entry] = book.entries(subject)
    assert not entry.certified


@given(salt=st.binary(min_size=32, max_size=32), months=st.integers(1, 12), start=st.dates() | st.none())
@settings(max_examples=20, deadline=None)
def test_any_terms_that_the_study_allows_go_round(shared_house: House, salt: bytes, months: int, start: object) -> None:
    from consent.domain.signed_consent import SignedConsent

    subject = shared_house.people[2]
    terms = shared_house.terms(subject, window=Window(start=start), expires=datetime(2030, months, 1, tzinfo=UTC))  # type: ignore[arg-type]  # a date or None
    signed = SignedConsent(terms, salt, Address(salt[:20]), 1, 2, salt * 2, salt * 2, salt)
    assert SignedConsent.from_bytes(signed.to_bytes()) == signed
    assert Terms.from_json(terms.to_json()) == terms
    assert Study.from_json(STUDY.to_json()) == STUDY
