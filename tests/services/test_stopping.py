"""Stopping: it acts at once, without key or chain, and is final."""

from dataclasses import replace
from pathlib import Path

import pytest

from consent.domain.errors import LedgerError
from consent.domain.grant import SignedRevocation, revocation_digest
from consent.domain.receipt import Receipt
from consent.ports import Errand, Grants
from consent.services.granting import SignatureMismatchError, UnknownConsentError
from consent.signatures import verifies
from tests.services.house import House, Template


def is_signed(house: House, receipt: Receipt) -> bool:
    return verifies(house.open.log.signer.public_key, receipt.signed_bytes(), bytes.fromhex(receipt.signature))


def waiting(house: House, errand: Errand) -> int:
    with house.open.store.reading() as unit:
        return sum(item.errand is errand for item in house.open.outbox.on(unit).everything())


@pytest.mark.parametrize("by", ["patient", "operator"])
def test_a_stop_acts_at_once_and_says_who_stopped(house: House, by: str) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.publish()
    assert house.verdict(subject) == "PERMIT"
    before = house.state()
    [receipt] = house.stop(subject, by)
    assert house.verdict(subject) == "STOPPED"
    [entry] = house.log(before.entries)
    assert (entry["action"], entry["actor"], receipt.by) == ("stop", by, by)
    assert is_signed(house, receipt)
    assert not is_signed(house, replace(receipt, by="somebody"))


def test_a_stop_acts_with_the_chain_closed(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.publish()
    house.open.ledger.close()  # type: ignore[attr-defined]  # the embedded chain's own
    with pytest.raises(LedgerError):
        house.open.ledger.head()
    [receipt] = house.stop(subject)
    assert is_signed(house, receipt)
    assert house.verdict(subject) == "STOPPED"
    assert waiting(house, Errand.STOP) == 1


def test_the_chain_follows_a_stop_without_key(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.publish()
    house.stop(subject)
    assert house.publish() == 1
    [entry] = house.open.book.entries(subject)
    assert house.open.projection.rows[entry.patient, entry.commitment].revoked_block is not None
    assert house.state().outbox == 0


def test_a_stop_with_the_patients_key_is_their_own_revocation(house: House) -> None:
    subject = house.people[0]
    [receipt] = house.grant(subject)
    house.publish()
    [entry] = house.open.book.entries(subject)
    revocation = house.wallets[subject].revoke(entry.commitment, house.open.ledger.domain)
    house.open.granting.stop(subject, [entry.id], house.clock(), revocations=[revocation])
    assert (waiting(house, Errand.REVOKE), waiting(house, Errand.STOP)) == (1, 0)
    house.publish()
    [_, revoked] = house.open.ledger.events(0, house.open.ledger.head().number)
    assert revoked.by == revoked.patient == bytes.fromhex(receipt.patient)  # type: ignore[union-attr]  # the second is Revoked


def test_a_revocation_by_another_key_stops_nothing(house: House) -> None:
    subject, other = house.people[:2]
    house.grant(subject)
    [entry] = house.open.book.entries(subject)
    key = house.wallets[other].consent_key(bytes(32))
    digest = revocation_digest(house.open.ledger.domain, entry.commitment, key.address)
    forged = SignedRevocation(entry.commitment, key.address, key.sign(digest))
    before = house.state()
    for revocation in (forged, replace(forged, patient=entry.patient), replace(forged, signature=bytes(64))):
        with pytest.raises(SignatureMismatchError):
            house.open.granting.stop(subject, [entry.id], house.clock(), revocations=[revocation])
    assert house.state() == before
    assert not house.open.book.entries(subject)[0].stopped


def test_a_revocation_of_another_consent_stops_nothing(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.grant(subject)
    first, second = house.open.book.entries(subject)
    revocation = house.wallets[subject].revoke(second.commitment, house.open.ledger.domain)
    before = house.state()
    with pytest.raises(SignatureMismatchError):
        house.open.granting.stop(subject, [first.id], house.clock(), revocations=[revocation])
    assert house.state() == before


def test_stopping_what_is_not_ones_own_stops_nothing(house: House) -> None:
    subject, other = house.people[:2]
    house.grant(subject, other)
    [own], [anothers] = (house.open.book.entries(person) for person in (subject, other))
    before = house.state()
    for ids in ([anothers.id], [own.id, anothers.id], ["0" * 32]):
        with pytest.raises(UnknownConsentError):
            house.open.granting.stop(subject, ids, house.clock())
    assert house.state() == before


def test_a_stopped_grant_that_was_not_published_never_reaches_the_chain_and_stays_dead(house: House) -> None:
    subject = house.people[0]
    signed = house.signed(subject)
    house.open.granting.accept([signed], house.clock())
    house.stop(subject)
    assert (waiting(house, Errand.GRANT), waiting(house, Errand.STOP)) == (0, 1)
    house.publish()
    granted = [
        event for event in house.open.ledger.events(0, house.open.ledger.head().number) if hasattr(event, "expires")
    ]
    assert granted == []
    # Whoever kept the signed grant publishes it after all.
    from consent.domain.grant import PublishedGrant

    house.open.ledger.send(
        Grants(
            [
                PublishedGrant(
                    signed.details.commitment, signed.patient, signed.expires, signed.publish_by, signed.signature
                )
            ]
        )
    )
    house.publish()
    assert house.verdict(subject) == "STOPPED"
    [entry] = house.open.book.entries(subject)
    assert house.open.projection.rows[entry.patient, entry.commitment].revoked_block is not None


def test_a_second_stop_is_harmless(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.publish()
    first = house.stop(subject)
    house.publish()
    second = house.stop(subject)
    assert house.publish() == 0
    assert second[0].index > first[0].index
    assert all(is_signed(house, receipt) for receipt in first + second)
    assert house.state().outbox == 0
    assert house.verdict(subject) == "STOPPED"


def test_a_stop_survives_closing_and_opening(template: Template, tmp_path: Path) -> None:
    subject = next(iter(template.wallets))
    with House.copied(template, tmp_path / "home") as house:
        house.grant(subject)
        house.publish()
        house.stop(subject)
    with House.opened(tmp_path / "home", template.wallets) as house:
        house.follow()
        assert house.verdict(subject) == "STOPPED"
        assert house.publish() == 1


def test_one_persons_stop_is_nobody_elses(house: House) -> None:
    subject, other = house.people[:2]
    house.grant(subject, other)
    house.publish()
    house.stop(subject)
    assert house.verdict(other) == "PERMIT"
