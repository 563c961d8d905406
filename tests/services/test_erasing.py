"""Erasure: how it goes, what it waits for, and final only when nothing is left to hide or to open."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consent.domain.entry import Action, Entry
from consent.domain.erasure import ErasureState, Hold, Wait
from consent.domain.errors import LedgerUnavailableError
from consent.services.erasure import InvalidHoldError, NoErasureError, SeveralHoldsError
from consent.services.records import NoTombstoneError
from consent.signatures import verifies
from tests.services.erasing import STATES, keeps_all, records, states, waits_for
from tests.services.house import House, Template, identifier_of, receive, received
from vault import EpochNotDestroyedError, KeyNotFoundError, ReplicaMissingError


@pytest.fixture
def consenting(house: House) -> House:
    """Three people consent, on the chain."""
    house.grant(*house.people[:3])
    house.publish()
    return house


def test_from_request_to_final_nothing_of_a_person_is_left(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    sealed = house.open.vault.seal(subject, "note", b"a word")
    assert records(house, subject) == 3
    receipt = house.erase(subject)
    assert house.verdict(subject) == "BLOCKED"
    assert records(house, subject) == 0
    assert [consent.subject for consent in house.state().consents].count(subject) == 0
    assert not house.open.records.is_enrolled(subject)
    with pytest.raises(KeyNotFoundError):
        house.open.vault.unseal(subject, "note", sealed)
    assert states(house) == STATES
    assert {house.verdict(other) for other in house.people[1:3]} == {"PERMIT"}
    assert records(house, house.people[1]) == 3
    assert receipt.action == "erase"
    assert receipt.attested.startswith("From 20")
    assert "not proven" in receipt.attested
    assert verifies(house.open.log.signer.public_key, receipt.signed_bytes(), bytes.fromhex(receipt.signature))


def test_no_key_dies_before_an_anchored_checkpoint_covers_the_last_access(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    house.open.erasures.request(house.ask(subject))
    house.publish()
    assert waits_for(house, subject) is Wait.ANCHOR
    house.open.keep_house()
    assert states(house) == STATES[:3]
    assert records(house, subject) == 3
    blocked = next(erasure for erasure, _ in house.open.erasures.standing()).last
    assert house.open.erasures.step(lambda: blocked) == 0, "the entry itself must be covered"
    house.anchor()
    house.open.keep_house()
    assert states(house) == STATES


def test_no_key_dies_while_a_stop_is_on_its_way_to_the_chain(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    house.open.erasures.request(house.ask(subject))
    assert waits_for(house, subject) is Wait.CHAIN
    assert house.open.erasures.step(lambda: 10**9) == 0
    assert house.publish() == 1
    assert house.open.erasures.step(lambda: 10**9) == 1
    assert waits_for(house, subject) is Wait.TURN


def test_a_legal_hold_blocks_and_keeps_until_it_is_lifted(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    house.open.erasures.hold(subject, Hold("court-order"))
    assert house.verdict(subject) == "PERMIT", "a hold alone stops nothing"
    house.open.erasures.request(house.ask(subject))
    assert house.verdict(subject) == "BLOCKED"
    house.anchor()
    house.open.keep_house()
    assert states(house)[-1] == "BLOCKED_RETAINED"
    assert waits_for(house, subject) is Wait.HOLD
    assert records(house, subject) == 3
    house.open.erasures.lift(subject)
    house.open.keep_house()
    assert states(house)[-2:] == ["HOLD_CHECK", "BLOCKED"], "what was read meanwhile must be covered anew"
    house.anchor()
    house.open.keep_house()
    assert states(house)[-1] == "FINAL"


def test_holds_of_several_bases_stand_beside_each_other_and_each_is_lifted_by_itself(consenting: House) -> None:
    house, subject, erasures = consenting, consenting.people[0], consenting.open.erasures
    soon = int((house.clock() + timedelta(days=30)).timestamp())
    for hold in (Hold("court-order"), Hold("audit", soon), Hold("tax", soon), Hold("tax", soon + 1)):
        erasures.hold(subject, hold)
    assert erasures.holds() == [
        (subject, hold) for hold in (Hold("court-order"), Hold("tax", soon + 1), Hold("audit", soon))
    ]
    erasures.request(house.ask(subject))
    house.anchor()
    house.open.keep_house()
    with pytest.raises(SeveralHoldsError, match="audit, court-order, tax"):
        erasures.lift(subject)
    with pytest.raises(NoErasureError):
        erasures.lift(subject, "another")
    erasures.lift(subject, "court-order")
    assert house.log()[-1]["facts"] == {"basis": "court-order"}
    house.open.keep_house()
    assert waits_for(house, subject) is Wait.HOLD, "the others last"
    house.clock.ahead += timedelta(days=31)
    assert erasures.holds() == []
    with pytest.raises(NoErasureError):
        erasures.lift(subject)
    house.follow()
    house.open.keep_house()
    house.anchor()
    house.open.keep_house()
    assert states(house)[-1] == "FINAL"


def test_a_lift_of_before_bases_were_named_ends_all_holds(house: House) -> None:
    subject, erasures = house.people[0], house.open.erasures
    erasures.hold(subject, Hold("court-order"))
    erasures.hold(subject, Hold("tax"))
    with house.open.store.begin() as unit:
        now = int(house.clock().timestamp())
        house.open.log.append(unit, [Entry(now, "operator", Action.HOLD, "LIFTED", subject)])
    assert erasures.holds() == []


def test_a_court_order_takes_no_place_of_the_duty_that_the_terms_showed(house: House) -> None:
    subject, erasures = house.people[0], house.open.erasures
    house.grant(subject, retention=True)
    house.publish()
    erasures.hold(subject, Hold("court-order"))
    erasures.request(house.ask(subject))
    erasures.lift(subject, "court-order")
    house.anchor()
    house.open.keep_house()
    assert waits_for(house, subject) is Wait.HOLD
    assert erasures.holds() == [(subject, Hold("retention-shown"))]


def test_a_hold_ends_on_its_day_and_one_placed_late_still_holds(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    house.open.erasures.request(house.ask(subject))
    day = int((house.clock() + timedelta(days=30)).timestamp())
    house.open.erasures.hold(subject, Hold("retention-law", day))
    house.anchor()
    house.open.keep_house()
    assert states(house)[-1] == "BLOCKED_RETAINED"
    house.clock.ahead += timedelta(days=31)
    house.follow()
    house.open.keep_house()
    house.anchor()
    house.open.keep_house()
    assert states(house)[-1] == "FINAL"


def test_terms_that_showed_a_duty_to_keep_retain(house: House) -> None:
    subject = house.people[0]
    house.grant(subject, retention=True)
    house.publish()
    house.open.erasures.request(house.ask(subject))
    assert states(house)[-1] == "BLOCKED_RETAINED"
    assert [entry["facts"] for entry in house.log() if entry["action"] == "hold"] == [
        {"basis": "retention-shown", "until": 0}
    ]
    house.anchor()
    house.open.keep_house()
    assert waits_for(house, subject) is Wait.HOLD
    assert house.verdict(subject) == "BLOCKED"
    assert keeps_all(house, subject)
    house.open.erasures.lift(subject)
    house.open.keep_house()
    house.anchor()
    house.open.keep_house()
    assert states(house)[-1] == "FINAL"


def test_a_consent_that_ended_before_still_retains(house: House) -> None:
    """The study may keep what it read under it."""
    subject = house.people[0]
    house.grant(subject, retention=True)
    house.publish()
    house.stop(subject)
    house.open.erasures.request(house.ask(subject))
    assert states(house)[-1] == "BLOCKED_RETAINED"


def test_a_holds_basis_is_a_code_and_no_sentence(house: House) -> None:
    with pytest.raises(InvalidHoldError):
        house.open.erasures.hold(house.people[0], Hold("because Mrs Smith sued"))
    with pytest.raises(NoErasureError):
        house.open.erasures.lift(house.people[0])


def test_with_the_chain_away_a_person_is_blocked_and_keeps_their_key(template: Template, tmp_path: Path) -> None:
    subject = next(iter(template.wallets))
    with House.copied(template, tmp_path / "home") as house:
        house.grant(subject)
        house.publish()
    with House.without_ledger(tmp_path / "home", template.wallets) as beside:
        beside.open.erasures.request(beside.ask(subject))
        assert beside.verdict(subject) == "BLOCKED"
        assert beside.open.erasures.step(lambda: 0) == 0
        assert records(beside, subject) == 3
    with House.opened(tmp_path / "home", template.wallets) as house:
        house.anchor()
        house.open.keep_house()
        assert states(house)[-1] == "FINAL"


def away() -> int:
    raise LedgerUnavailableError("the chain cannot be read now")


def test_a_chain_that_cannot_be_asked_leaves_all_as_it_is(consenting: House) -> None:
    consenting.open.erasures.request(consenting.ask(consenting.people[0]))
    before = consenting.state()
    with pytest.raises(LedgerUnavailableError):
        consenting.open.erasures.step(away)
    assert consenting.state() == before


def test_final_is_the_day_from_which_no_snapshot_of_a_replica_is_left(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    slow = replace(house.open.erasures, copies_last=7 * 24 * 3600)
    slow.request(house.ask(subject))
    house.anchor()
    slow.step(house.open.anchored)
    house.turn_epoch()
    slow.step(house.open.anchored)
    assert states(house)[-1] == "EPOCH_TURNED"
    [(erasure, comes)] = slow.standing()
    assert comes is Wait.DATE
    assert erasure.final_at - erasure.since == 7 * 24 * 3600
    with pytest.raises(NoErasureError):
        slow.receipt(subject)
    house.clock.ahead += timedelta(days=7, seconds=1)
    assert slow.step(house.open.anchored) == 1
    assert "no copy of the vault" in slow.receipt(subject).attested


@pytest.mark.parametrize("copies_last", [0, 3600])
def test_every_step_is_taken_once_however_often_it_is_asked_for(consenting: House, copies_last: int) -> None:
    house, people = consenting, consenting.people[:2]
    slow = replace(house.open.erasures, copies_last=copies_last)
    for subject in people:
        slow.request(house.ask(subject))
    house.anchor()
    assert [slow.step(house.open.anchored) for _ in range(3)] == [2, 0, 0]
    assert [comes for _, comes in slow.standing()] == [Wait.TURN] * 2
    house.turn_epoch()
    assert [slow.step(house.open.anchored) for _ in range(3)] == [2 if copies_last else 4, 0, 0]
    house.clock.ahead += timedelta(seconds=copies_last)
    slow.step(house.open.anchored)
    assert [comes for _, comes in slow.standing()] == [None, None]
    assert Counter(states(house)) == Counter(dict.fromkeys(STATES, 2))


def test_both_receipts_are_signed_and_the_last_names_the_day(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    slow = replace(house.open.erasures, copies_last=40 * 24 * 3600)
    blocked = slow.request(house.ask(subject))
    house.anchor()
    slow.step(house.open.anchored)
    house.turn_epoch()
    slow.step(house.open.anchored)
    [(erasure, _)] = slow.standing()
    house.clock.ahead += timedelta(days=41)
    slow.step(house.open.anchored)
    final = slow.receipt(subject)
    assert f"From {datetime.fromtimestamp(erasure.final_at, UTC):%Y-%m-%d} on" in final.attested
    assert slow.receipt(subject) == final, "asked for again it is the same"
    key, entries = house.open.log.signer.public_key, house.log()
    for receipt, state in ((blocked, "BLOCKED"), (final, "FINAL")):
        assert verifies(key, receipt.signed_bytes(), bytes.fromhex(receipt.signature))
        assert (entries[receipt.index]["subject"], entries[receipt.index]["verdict"]) == (subject, state)
        with house.open.store.reading() as unit:
            [placed] = unit.log.entries(receipt.index, receipt.index + 1)
        assert placed.leaf.hex() == receipt.leaf
    unattested = replace(final, attested="")
    assert not verifies(key, unattested.signed_bytes(), bytes.fromhex(final.signature))


def test_a_replica_folder_that_is_away_holds_up_the_turn_and_with_it_the_erasure(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    house.open.erasures.request(house.ask(subject))
    house.anchor()
    folder = house.settings.replicas[1]
    folder.rename(folder.with_suffix(".away"))
    with pytest.raises(ReplicaMissingError):
        house.open.keep_house()
    assert states(house)[-1] == "KEY_DELETED"
    folder.with_suffix(".away").rename(folder)
    house.open.keep_house()
    assert states(house)[-1] == "FINAL"


def test_a_copy_of_a_dead_epochs_key_that_cannot_be_destroyed_holds_up_the_erasure(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    house.open.erasures.request(house.ask(subject))
    house.anchor()
    stubborn = house.settings.replicas[1] / "epoch-1.key.copy"
    stubborn.mkdir()
    with pytest.raises(EpochNotDestroyedError):
        house.open.keep_house()
    assert waits_for(house, subject) is Wait.REPLICA
    assert states(house)[-1] == "KEY_DELETED"
    assert house.open.stops.state().tombstoned == frozenset()
    stubborn.rmdir()
    house.open.keep_house()
    assert states(house)[-1] == "FINAL"
    assert [entry["verdict"] for entry in house.log() if entry["action"] == "keys"] == ["TURNED"]


def test_several_people_go_with_one_turn_and_their_tombstones_are_sorted_together(consenting: House) -> None:
    house, people = consenting, consenting.people[:3]
    for subject in people:
        house.open.erasures.request(house.ask(subject))
    house.anchor()
    house.open.keep_house()
    assert states(house).count("FINAL") == 3
    assert [entry["verdict"] for entry in house.log() if entry["action"] == "keys"] == ["TURNED"]
    tombstones = [mark.identifier for mark in house.open.stops.marks() if mark.identifier]
    assert len(tombstones) == 3
    assert tombstones == sorted(tombstones)


def test_the_epoch_turns_by_schedule_and_not_for_nothing(consenting: House) -> None:
    house = consenting
    epochs = replace(house.open.epochs, every=24 * 3600)
    assert not epochs.due(), "nobody's key was deleted"
    house.turn_epoch()
    house.open.erasures.request(house.ask(house.people[0]))
    house.anchor()
    house.open.erasures.step(house.open.anchored)
    assert not epochs.due(), "the last turn is not a day ago"
    house.clock.ahead += timedelta(days=1)
    assert epochs.due()
    epochs.turn()
    assert not epochs.due()


def test_an_erased_identifier_is_refused_until_the_person_comes_back_as_somebody_new(house: House) -> None:
    subject = house.people[0]
    house.erase(subject)
    before = house.state()
    imported = house.open.records.deposit(received(0), house.clock())
    assert (imported.erased, imported.subjects) == (3, frozenset())
    assert house.state() == before
    with pytest.raises(NoTombstoneError):
        house.open.records.enrol_again([identifier_of(0), identifier_of(1)], house.clock())
    house.open.records.enrol_again([identifier_of(0)], house.clock())
    [newcomer] = receive(house.open, 0)
    assert newcomer != subject
    assert records(house, newcomer) == 3
    assert house.verdict(newcomer) == "NO_GRANT"
    assert house.verdict(subject) == "BLOCKED"


def test_a_person_who_is_blocked_but_not_yet_buried_is_refused_as_well(house: House) -> None:
    house.open.erasures.request(house.ask(house.people[0]))
    assert house.open.records.deposit(received(0), house.clock()).erased == 3


def test_a_crash_between_blocking_and_the_keys_death_is_made_good(template: Template, tmp_path: Path) -> None:
    subject = next(iter(template.wallets))
    with House.copied(template, tmp_path / "home") as house:
        house.grant(subject)
        house.publish()
        house.open.erasures.request(house.ask(subject))
        house.anchor()
        house.open.vault.keys.shred([subject])  # the process ends before the records' transaction does
    with House.opened(tmp_path / "home", template.wallets) as house:
        assert states(house)[-1] == "BLOCKED"
        house.open.keep_house()
        assert states(house)[-1] == ErasureState.FINAL
        assert records(house, subject) == 0
