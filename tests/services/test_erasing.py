"""Erasure: stopped, blocked, without a key and without records, for good."""

from pathlib import Path

import pytest

from consent.adapters.signing import verifies
from consent.domain.terms import SubjectId
from consent.services.erasure import AlreadyErasedError
from consent.services.granting import UnknownPatientError
from tests.services.house import House, Template, received
from vault import KeyNotFoundError


@pytest.fixture
def consenting(house: House) -> House:
    """Three people consent, on the chain."""
    house.grant(*house.people[:3])
    house.publish()
    return house


def records(house: House, subject: SubjectId) -> int:
    with house.open.store.reading() as unit:
        found = unit.connection.exec_driver_sql("SELECT COUNT(*) FROM vault_records WHERE subject = ?", (subject,))
        return int(found.scalar_one())


def test_an_erased_person_has_no_consent_no_record_and_no_key(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    sealed = house.open.vault.seal(subject, "note", b"a word")
    assert records(house, subject) == 3
    before = house.state()
    receipt = house.open.erasure.erase(subject)
    assert house.verdict(subject) == "BLOCKED"
    assert records(house, subject) == 0
    assert [consent.subject for consent in house.state().consents].count(subject) == 0
    with pytest.raises(KeyNotFoundError):
        house.open.vault.unseal(subject, "note", sealed)
    states = [(entry["action"], entry["verdict"]) for entry in house.log(before.entries)]
    erased = [("erase", state) for state in ("BLOCKED", "KEY_DELETED", "EPOCH_TURNED", "FINAL")]
    assert states == [("stop", "STOPPED"), *erased]
    assert receipt.index == house.state().entries - 1
    assert (receipt.action, receipt.commitment, receipt.patient) == ("erase", "", "")
    assert verifies(house.open.log.signer.public_key, receipt.signed_bytes(), bytes.fromhex(receipt.signature))


def test_the_chain_learns_that_an_erased_persons_consent_ended(consenting: House) -> None:
    subject = consenting.people[0]
    [entry] = consenting.open.book.entries(subject)
    consenting.open.erasure.erase(subject)
    assert consenting.publish() == 1
    events = consenting.open.ledger.events(0, consenting.open.ledger.head().number)
    assert [event.commitment for event in events if hasattr(event, "by")] == [entry.commitment]
    assert consenting.state().outbox == 0


def test_that_stop_goes_out_after_closing_and_opening_too(template: Template, tmp_path: Path) -> None:
    """Then nobody knows any more whose it is; the outbox names an address and a commitment only."""
    subject = next(iter(template.wallets))
    with House.copied(template, tmp_path / "home") as house:
        house.grant(subject)
        house.publish()
        house.open.erasure.erase(subject)
    with House.opened(tmp_path / "home", template.wallets) as house:
        assert house.publish() == 1
        assert house.state().outbox == 0
        assert house.verdict(subject) == "BLOCKED"


def test_others_are_still_read(consenting: House) -> None:
    consenting.open.erasure.erase(consenting.people[0])
    assert {consenting.verdict(subject) for subject in consenting.people[1:3]} == {"PERMIT"}
    assert records(consenting, consenting.people[1]) == 3


def test_an_unknown_person_cannot_be_erased(house: House) -> None:
    before = house.state()
    with pytest.raises(UnknownPatientError):
        house.open.erasure.erase(SubjectId("0" * 32))
    assert house.state() == before


def test_asked_again_nothing_is_left_to_erase(consenting: House) -> None:
    subject = consenting.people[0]
    consenting.open.erasure.erase(subject)
    before = consenting.state()
    with pytest.raises(AlreadyErasedError):
        consenting.open.erasure.erase(subject)
    assert consenting.state() == before
    assert consenting.verdict(subject) == "BLOCKED"
    assert records(consenting, subject) == 0
    assert consenting.verdict(consenting.people[1]) == "PERMIT"


def test_a_crash_between_blocking_and_the_keys_death_is_made_good(template: Template, tmp_path: Path) -> None:
    subject = next(iter(template.wallets))
    with House.copied(template, tmp_path / "home") as house:
        house.grant(subject)
        with house.open.store.begin() as unit:
            unit.connection.exec_driver_sql(
                "CREATE TRIGGER cut BEFORE DELETE ON consents BEGIN SELECT RAISE(ABORT, 'cut'); END"
            )
        with pytest.raises(Exception, match=r"(?i)cut|database"):
            house.open.erasure.erase(subject)
        assert house.verdict(subject) in {"BLOCKED", "LEDGER_STALE"}
        with house.open.store.begin() as unit:
            unit.connection.exec_driver_sql("DROP TRIGGER cut")
    with House.opened(tmp_path / "home", template.wallets) as house:
        assert house.verdict(subject) == "BLOCKED"
        assert house.log()[-1]["verdict"] == "FINAL", "opening finishes what was cut short"
        assert records(house, subject) == 0
        with pytest.raises(KeyNotFoundError):
            house.open.vault.seal(subject, "note", b"")


def test_importing_an_erased_person_again_brings_nothing_back(house: House) -> None:
    subject = house.people[0]
    house.open.erasure.erase(subject)
    before = house.state()
    assert house.open.records.deposit([received(0)], house.clock()) == [subject]
    assert records(house, subject) == 0
    assert house.state() == before
    with pytest.raises(KeyNotFoundError):
        house.open.vault.seal(subject, "note", b"")
