"""Signing in: with a passkey of the signing origin, with the enrolment key, or, for stopping only, a mailed code."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from consent.domain.errors import ConsentError
from consent.domain.sign_in import InvalidSignInError
from consent.domain.terms import SubjectId
from consent.ports import InvalidPasskeyError
from consent.services.contacts import Contact, contact_of
from consent.services.portal.signing_in import CODE_SECONDS, TRIES, BeingErasedError, MailedCodes, SignInError
from tests.authenticator import Authenticator, content, text
from tests.databases import bytes_at_rest
from tests.services.house import House
from tests.services.portal.patients import Portal, phone
from vault import DecryptionError

ADDRESS = "ann.example@mail.example"


def enrolled(portal: Portal, **changed: Any) -> tuple[SubjectId, Authenticator]:
    """Enrol somebody with a passkey."""
    wallet, passkey = portal.newcomer(), phone(**changed)
    portal.enrolled(wallet, passkey)
    return wallet.subject, passkey


def request(portal: Portal, challenge: bytes) -> Mapping[str, Any]:
    return portal.room.passkeys.request(challenge)


# ------------------------------------------------------------------------------------------------------------ passkeys


def test_a_passkey_signs_its_own_person_in_as_often_as_they_like(portal: Portal) -> None:
    subject, passkey = enrolled(portal)
    other = portal.newcomer(901)
    portal.enrolled(other, phone())
    for _ in range(3):
        challenge = portal.challenge()
        assert portal.room.signing_in.by_passkey(passkey.use(request(portal, challenge)), challenge) == subject
    with portal.house.open.store.reading() as unit:
        stored = unit.accounts.passkey(passkey.credential)
    assert stored is not None
    assert stored.count == 3


def test_a_passkey_that_does_not_count_signs_in_too(portal: Portal) -> None:
    subject, passkey = enrolled(portal, counts=0)
    for _ in range(2):
        challenge = portal.challenge()
        assert portal.room.signing_in.by_passkey(passkey.use(request(portal, challenge)), challenge) == subject


def test_the_options_name_the_signing_origin_nobody_and_always_ask_for_verification(portal: Portal) -> None:
    challenge = portal.challenge()
    new = portal.room.passkeys.creation(challenge, bytes(range(32)))
    used = portal.room.passkeys.request(challenge, [b"one", b"two"])
    assert (new["rp"]["id"], used["rpId"]) == ("sign.localhost", "sign.localhost")
    assert {new["challenge"], used["challenge"]} == {text(challenge)}
    assert new["user"] == {
        "id": text(bytes(range(32))),
        "name": "My health records",
        "displayName": "My health records",
    }
    selection = new["authenticatorSelection"]
    assert (selection["userVerification"], used["userVerification"]) == ("required", "required")
    assert selection["residentKey"] == "required", "so that one can sign in without saying who one is"
    assert [content(one["id"]) for one in used["allowCredentials"]] == [b"one", b"two"]
    assert not request(portal, challenge)["allowCredentials"]
    assert new["attestation"] == "none"


FORGED: dict[str, dict[str, Any]] = {
    "the portal's origin": {"origin": "http://localhost:8000"},
    "another port": {"origin": "http://sign.localhost:8001"},
    "another scheme": {"origin": "https://sign.localhost:8000"},
    "a stranger's origin": {"origin": "http://sign.localhost.evil.example:8000"},
    "another host": {"host": "localhost"},
    "nobody verified": {"verifies": False},
    "another key": {"key": ec.generate_private_key(ec.SECP256R1())},
}


@pytest.mark.parametrize("forged", FORGED)
def test_an_answer_that_was_made_elsewhere_or_by_anybody_signs_nobody_in(portal: Portal, forged: str) -> None:
    _, passkey = enrolled(portal)
    challenge, before = portal.challenge(), portal.rows()
    with pytest.raises(InvalidPasskeyError):
        portal.room.signing_in.by_passkey(replace(passkey, **FORGED[forged]).use(request(portal, challenge)), challenge)
    assert portal.rows() == before


def test_an_answer_to_an_earlier_challenge_signs_nobody_in(portal: Portal) -> None:
    _, passkey = enrolled(portal, counts=0)
    first, second = portal.challenge(), portal.challenge()
    answer = passkey.use(request(portal, first))
    portal.room.signing_in.by_passkey(answer, first)
    with pytest.raises(InvalidPasskeyError):
        portal.room.signing_in.by_passkey(answer, second)


@pytest.mark.parametrize("back", [0, 1, 5])
def test_a_counter_that_stands_still_or_goes_back_signs_nobody_in(portal: Portal, back: int) -> None:
    """Somebody copied the key."""
    subject, passkey = enrolled(portal)
    passkey.counter = 9
    challenge = portal.challenge()
    assert portal.room.signing_in.by_passkey(passkey.use(request(portal, challenge)), challenge) == subject
    copied = replace(passkey, counter=passkey.counter - 1 - back)
    with pytest.raises(InvalidPasskeyError):
        portal.room.signing_in.by_passkey(copied.use(request(portal, challenge)), challenge)
    assert portal.room.signing_in.by_passkey(passkey.use(request(portal, challenge)), challenge) == subject


def test_a_credential_that_is_not_known_here_signs_nobody_in(portal: Portal) -> None:
    enrolled(portal)
    challenge = portal.challenge()
    with pytest.raises(SignInError, match="not known here"):
        portal.room.signing_in.by_passkey(phone().use(request(portal, challenge)), challenge)


def test_a_credential_named_by_somebody_elses_key_signs_nobody_in(portal: Portal) -> None:
    _, passkey = enrolled(portal)
    other = portal.newcomer(901)
    others = phone()
    portal.enrolled(other, others)
    challenge = portal.challenge()
    theirs = others.use(request(portal, challenge))
    for named in (
        {"rawId": text(passkey.credential)},
        {"rawId": text(passkey.credential), "id": text(passkey.credential)},
    ):
        with pytest.raises(InvalidPasskeyError):
            portal.room.signing_in.by_passkey({**theirs, **named}, challenge)


def test_a_registration_is_no_answer_and_junk_is_none_either(portal: Portal) -> None:
    _, passkey = enrolled(portal)
    challenge = portal.challenge()
    sound = passkey.use(request(portal, challenge))
    created = passkey.create(portal.room.passkeys.creation(challenge, bytes(32)))
    response = sound["response"]
    broken: list[dict[str, Any]] = [
        {},
        {"rawId": None},
        {"rawId": "not base64url: \u00e9"},
        {**sound, "type": "password"},
        {**sound, "response": None},
        {**sound, "response": created["response"]},
        {**sound, "response": {**response, "authenticatorData": text(bytes(5))}},
        {**sound, "response": {**response, "clientDataJSON": text(b"[]")}},
        {**sound, "response": {**response, "signature": ""}},
        created,
    ]
    for answer in broken:
        with pytest.raises(ConsentError) as refused:
            portal.room.signing_in.by_passkey(answer, challenge)
        assert isinstance(refused.value, InvalidPasskeyError | SignInError), answer


# ------------------------------------------------------------------------------------------------------- enrolment key


def test_the_enrolment_key_signs_its_person_in(portal: Portal) -> None:
    wallet, challenge = portal.newcomer(), portal.challenge()
    portal.enrolled(wallet)
    assert portal.room.signing_in.by_key(portal.signed(wallet, challenge), challenge) == wallet.subject


def test_a_signature_by_another_key_for_another_challenge_or_place_signs_nobody_in(portal: Portal) -> None:
    wallet, stranger, challenge = portal.newcomer(), portal.newcomer(901), portal.challenge()
    portal.enrolled(wallet)
    elsewhere = replace(portal, room=replace(portal.room, log="consentry/other"))
    moved = replace(portal.room.domain, chain_id=portal.room.domain.chain_id + 1)
    other_chain = replace(portal, room=replace(portal.room, domain=moved))
    for signature in (
        portal.signed(stranger, challenge),
        portal.signed(wallet, portal.challenge()),
        elsewhere.signed(wallet, challenge),
        other_chain.signed(wallet, challenge),
        bytes(64),
        b"",
        bytes(65),
    ):
        with pytest.raises(SignInError, match="nobody's records"):
            portal.room.signing_in.by_key(signature, challenge)
    with pytest.raises(InvalidSignInError):
        portal.room.signing_in.by_key(portal.signed(wallet, challenge), b"short")


def test_whoever_is_being_erased_signs_in_by_no_way(portal: Portal) -> None:
    house, wallet, passkey = portal.house, portal.newcomer(), phone()
    portal.enrolled(wallet, passkey)
    signing_in, challenge = portal.room.signing_in, portal.challenge()
    signing_in.set_contact(wallet.subject, ADDRESS)
    remembered, [code] = signing_in.mailed_codes(ADDRESS, house.clock())
    house.open.erasures.request(house.ask(wallet.subject))
    with pytest.raises(BeingErasedError):
        signing_in.by_passkey(passkey.use(request(portal, challenge)), challenge)
    with pytest.raises(BeingErasedError):
        signing_in.by_key(portal.signed(wallet, challenge), challenge)
    with pytest.raises(BeingErasedError):
        signing_in.by_mailed_code(code, remembered, house.clock())


def test_the_code_of_whoever_is_being_erased_is_known_and_opens_nothing(portal: Portal) -> None:
    house, wallet = portal.house, portal.newcomer()
    made = portal.enrolled(wallet)
    house.open.erasures.request(house.ask(wallet.subject))
    for one in made.slots:
        with pytest.raises(BeingErasedError):
            portal.room.enrolling.slot(bytes.fromhex(one.id))


def test_whoever_is_erased_for_good_is_known_by_no_key(portal: Portal) -> None:
    house, wallet = portal.house, portal.newcomer()
    portal.enrolled(wallet)
    house.erase(wallet.subject)
    challenge = portal.challenge()
    with pytest.raises(SignInError) as refused:
        portal.room.signing_in.by_key(portal.signed(wallet, challenge), challenge)
    assert refused.type is SignInError


def test_whoever_asked_to_be_erased_in_another_process_signs_in_by_no_way_here(portal: Portal) -> None:
    house, wallet, passkey = portal.house, portal.newcomer(), phone()
    portal.enrolled(wallet, passkey)
    with House.without_ledger(house.settings.home, house.wallets) as opened:
        beside, challenge = Portal.of(opened).room.signing_in, portal.challenge()
        beside.set_contact(wallet.subject, ADDRESS)
        remembered, [code] = beside.mailed_codes(ADDRESS, house.clock())
        house.open.erasures.request(house.ask(wallet.subject))
        with pytest.raises(BeingErasedError):
            beside.by_mailed_code(code, remembered, house.clock())
        with pytest.raises(BeingErasedError):
            beside.by_passkey(passkey.use(request(portal, challenge)), challenge)
        with pytest.raises(BeingErasedError):
            beside.set_contact(wallet.subject, "new@mail.example")


# -------------------------------------------------------------------------------------------------------- mailed codes


def mailed(portal: Portal, address: str = ADDRESS) -> tuple[MailedCodes, str]:
    """Return what is remembered, and the one code, empty where there is none."""
    remembered, codes = portal.room.signing_in.mailed_codes(address, portal.house.clock())
    return remembered, "".join(codes)


def test_a_mailed_code_signs_in_whose_address_it_is_however_that_is_typed(portal: Portal) -> None:
    subject = portal.house.people[0]
    portal.room.signing_in.set_contact(subject, f"  {ADDRESS.title()} ")
    remembered, code = mailed(portal)
    assert [len(group) for group in code.split("-")] == [4, 4]
    for typed in (code, code.lower(), code.replace("-", " ")):
        assert portal.room.signing_in.by_mailed_code(typed, remembered, portal.house.clock()) == subject


def test_neither_address_nor_code_is_kept(portal: Portal) -> None:
    portal.room.signing_in.set_contact(portal.house.people[0], ADDRESS)
    remembered, code = mailed(portal)
    stored = bytes_at_rest(portal.house.settings.home)
    assert ADDRESS.encode() not in stored
    for kept in (remembered.to_json(), portal.rows()):
        assert code not in repr(kept)
        assert code.replace("-", "") not in repr(kept)
        assert ADDRESS not in repr(kept)


def test_an_address_is_sealed_under_its_persons_key_and_may_be_taken_back(portal: Portal) -> None:
    signing_in, [subject, other] = portal.room.signing_in, portal.house.people[:2]
    for one, address in ((subject, ADDRESS), (other, "ben@mail.example")):
        signing_in.set_contact(one, f" {address} ", "es")
    with portal.house.open.store.reading() as unit:
        sealed = unit.accounts.contact(subject)
    assert contact_of(portal.house.open.vault, subject, sealed) == Contact(ADDRESS, "es")
    with pytest.raises(DecryptionError):
        contact_of(portal.house.open.vault, other, sealed)
    signing_in.set_contact(subject, " ")
    assert (signing_in.contact(subject), signing_in.contact(other)) == ("", "ben@mail.example")
    assert mailed(portal) == (MailedCodes({}, mailed(portal)[0].expires), "")
    assert portal.rows_of(subject) == 0


def test_five_wrong_codes_end_it_for_the_right_one_too(portal: Portal) -> None:
    portal.room.signing_in.set_contact(portal.house.people[0], ADDRESS)
    (remembered, code), (_, other) = mailed(portal), mailed(portal)
    now = portal.house.clock()
    for wrong in ("", "U" * 8, other, code[:-1], code + "0"):
        with pytest.raises(SignInError):
            portal.room.signing_in.by_mailed_code(wrong, remembered, now)
        if remembered.tries == 1:
            assert portal.room.signing_in.by_mailed_code(code, remembered, now), "the fifth may be right"
        remembered = replace(remembered, tries=remembered.tries - 1)
    assert (TRIES, remembered.tries) == (5, 0)
    for tries in (0, -1):
        with pytest.raises(SignInError):
            portal.room.signing_in.by_mailed_code(code, replace(remembered, tries=tries), now)


def test_a_code_lasts_a_quarter_of_an_hour_and_no_second_more(portal: Portal) -> None:
    subject, now = portal.house.people[0], portal.house.clock().replace(microsecond=0)
    portal.room.signing_in.set_contact(subject, ADDRESS)
    remembered, [code] = portal.room.signing_in.mailed_codes(ADDRESS, now)
    assert CODE_SECONDS == 15 * 60
    end = now + timedelta(seconds=CODE_SECONDS)
    assert portal.room.signing_in.by_mailed_code(code, remembered, end - timedelta(seconds=1)) == subject
    with pytest.raises(SignInError):
        portal.room.signing_in.by_mailed_code(code, remembered, end)


def test_what_is_remembered_survives_being_written_as_json(portal: Portal) -> None:
    portal.room.signing_in.set_contact(portal.house.people[0], ADDRESS)
    remembered, _ = mailed(portal)
    assert MailedCodes(**remembered.to_json()) == remembered  # type: ignore[arg-type]  # as the pages read it


def test_an_address_of_nobody_gives_no_code_and_looks_like_any_other(portal: Portal) -> None:
    signing_in, now = portal.room.signing_in, portal.house.clock()
    signing_in.set_contact(portal.house.people[0], "known@mail.example")
    remembered, code = mailed(portal)
    sound, _ = mailed(portal, "known@mail.example")
    assert (code, dict(remembered.subjects)) == ("", {})
    assert (abs(remembered.expires - sound.expires) <= 1, remembered.tries) == (True, sound.tries)
    refusals = []
    for one in (remembered, sound):
        with pytest.raises(SignInError) as refused:
            signing_in.by_mailed_code("00000000", one, now)
        refusals.append(str(refused.value))
    assert refusals[0] == refusals[1]


def test_several_with_one_address_get_a_code_each_so_that_nobody_takes_anothers_away(portal: Portal) -> None:
    signing_in, now = portal.room.signing_in, portal.house.clock()
    family = portal.house.people[:3]
    for subject in family:
        signing_in.set_contact(subject, ADDRESS)
    remembered, codes = signing_in.mailed_codes(ADDRESS, now)
    assert sorted(signing_in.by_mailed_code(code, remembered, now) for code in codes) == sorted(family)


def test_an_address_that_was_taken_back_or_changed_gives_no_code(portal: Portal) -> None:
    subject, signing_in = portal.house.people[0], portal.room.signing_in
    signing_in.set_contact(subject, ADDRESS)
    signing_in.set_contact(subject, "new@mail.example")
    assert mailed(portal)[1] == ""
    assert mailed(portal, "new@mail.example")[1]
    signing_in.set_contact(subject, "  ")
    assert mailed(portal, "new@mail.example")[1] == ""
    assert mailed(portal, "")[1] == "", "no address is nobody's"
