"""Erasure: asked for by who may, blocked at once, and final only when nothing is left to hide or to open."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from consent.adapters.signing import verifies
from consent.domain.entry import Action, Entry
from consent.domain.erasure import ErasureState, Hold, Wait
from consent.domain.errors import LedgerUnavailableError
from consent.domain.hashing import Json
from consent.domain.request_file import PatientSignature, RequestFile
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.domain.terms import SubjectId
from consent.services.authorising import NotAuthorisedError
from consent.services.erasure import AlreadyErasedError, InvalidHoldError, NoErasureError
from consent.services.records import NoTombstoneError
from tests.services.house import House, Template, identifier_of, receive, received
from tests.services.operators import FIRST, SECOND, STRANGER, approvals, registered
from vault import KeyNotFoundError, ReplicaMissingError

STATES = ["REQUESTED", "HOLD_CHECK", "BLOCKED", "KEY_DELETED", "EPOCH_TURNED", "FINAL"]


@pytest.fixture
def consenting(house: House) -> House:
    """Three people consent, on the chain."""
    house.grant(*house.people[:3])
    house.publish()
    return house


def records(house: House, subject: SubjectId) -> int:
    with house.open.store.reading() as unit:
        count = text("SELECT COUNT(*) FROM vault_records WHERE subject = :subject")
        return int(unit.connection.execute(count, {"subject": subject}).scalar_one())


def states(house: House, first: int = 0) -> list[str]:
    return [entry["verdict"] for entry in house.log(first) if entry["action"] == "erase"]


def waits_for(house: House, subject: SubjectId) -> object:
    found = house.open.erasures.standing(house.open.anchored())
    return next(comes for erasure, comes in found if erasure.subject == subject)


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


def test_the_request_blocks_and_stops_in_its_own_transaction(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    before = house.state()
    receipt = house.open.erasures.request(house.ask(subject))
    assert house.verdict(subject) == "BLOCKED"
    acts = [(entry["action"], entry["verdict"]) for entry in house.log(before.entries)]
    blocking = [("erase", state) for state in STATES[:3]]
    assert acts == [*blocking[:2], ("stop", "STOPPED"), blocking[2]]
    assert receipt.index == house.state().entries - 1
    assert receipt.attested == ""
    stops = house.open.stops.state()
    assert subject in stops.blocked
    assert len(stops.stopped) == 1
    assert records(house, subject) == 3, "nothing is deleted yet"


def test_one_operator_is_not_enough_and_two_are(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    registered(house, FIRST, SECOND)
    asked = house.ask(subject).request
    assert isinstance(asked, SubjectRequest)
    before = house.state()
    for authorisation in (
        approvals(asked),
        approvals(asked, FIRST),
        approvals(asked, FIRST, STRANGER),
        approvals(replace(asked, requested=1), FIRST, SECOND),
    ):
        with pytest.raises(NotAuthorisedError, match="2 different registered operators"):
            house.open.erasures.request(RequestFile(asked, authorisation))
    assert house.state() == before
    assert house.verdict(subject) == "PERMIT"
    assert house.open.erasures.request(RequestFile(asked, approvals(asked, FIRST, SECOND))).by == "operator"
    house.anchor()
    house.open.keep_house()
    assert states(house) == STATES


@pytest.mark.parametrize(
    "wrong", ["another's signature", "another's request", "for access", "of last year", "used before"]
)
def test_a_request_that_the_patient_did_not_make_changes_nothing(consenting: House, wrong: str) -> None:
    house, (subject, other) = consenting, consenting.people[:2]
    good = house.ask(subject)
    assert isinstance(good.request, SubjectRequest)
    file = {
        "another's signature": RequestFile(good.request, house.wallets[other].request(good.request, house.open.domain)),
        "another's request": RequestFile(replace(good.request, subject=other), good.authorisation),
        "for access": house.ask(subject, RequestAction.ACCESS),
        "of last year": good,
        "used before": good,
    }[wrong]
    if wrong == "of last year":
        house.clock.ahead += timedelta(days=365)
    if wrong == "used before":
        nonce = {"nonce": good.request.nonce}
        with house.open.store.begin() as unit:
            house.open.log.append(unit, [Entry(1, "patient", Action.ACCESS, "PERMIT", subject, facts=nonce)])
    before = house.state()
    with pytest.raises(NotAuthorisedError):
        house.open.erasures.request(file)
    assert house.state() == before
    assert house.open.stops.state().blocked == frozenset()


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


def test_a_log_entry_that_somebody_forged_deletes_no_key(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    nonce, signature = "ab" * 16, "cd" * 64
    facts: dict[str, Json] = {"requested": 1, "nonce": nonce, "patient": signature}
    forged: list[tuple[str, dict[str, Json]]] = [("REQUESTED", facts), ("HOLD_CHECK", {"held": 0}), ("BLOCKED", {})]
    with house.open.store.begin() as unit:
        for state, said in forged:
            house.open.log.append(unit, [Entry(1, "patient", Action.ERASE, state, subject, facts=said)])
    assert waits_for(house, subject) is Wait.REQUEST
    assert house.open.erasures.step(lambda: 10**9) == 0
    assert records(house, subject) == 3
    house.open.vault.seal(subject, "note", b"the key lives")


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


def test_an_unknown_person_cannot_be_erased(house: House) -> None:
    asked = house.ask(house.people[0]).request
    assert isinstance(asked, SubjectRequest)
    stranger = replace(asked, subject=SubjectId("0" * 32))
    before = house.state()
    with pytest.raises(NotAuthorisedError, match="no such subject"):
        house.open.erasures.request(RequestFile(stranger, PatientSignature(bytes(64))))
    assert house.state() == before


@pytest.mark.parametrize("final", [True, False])
def test_asked_again_nothing_happens(consenting: House, *, final: bool) -> None:
    house, subject = consenting, consenting.people[0]
    again = house.ask(subject)
    if final:
        house.erase(subject)
    else:
        house.open.erasures.request(house.ask(subject))
    before = house.state()
    with pytest.raises(AlreadyErasedError):
        house.open.erasures.request(again)
    assert house.state() == before


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
