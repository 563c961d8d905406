"""Who may have a person erased: the patient or two operators, in a request that holds, and nobody who forges one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from consent.domain.entry import Action, Entry
from consent.domain.erasure import Wait
from consent.domain.hashing import Json
from consent.domain.operator_change import ChangeAction
from consent.domain.request_file import OperatorApprovals, PatientSignature, RequestFile
from consent.domain.stop_list import Mark, MarkKind
from consent.domain.subject_request import InvalidRequestError, RequestAction, SubjectRequest
from consent.domain.terms import SubjectId
from consent.services.authorising import NotAuthorisedError
from consent.services.erasure import AlreadyErasedError, NoErasureError
from consent.services.granting import UnknownPatientError
from consent.services.replaying import Replaying
from tests.databases import allow, forbid
from tests.services.erasing import STATES, keeps_all, records, states, waits_for
from tests.services.house import DICTIONARY, House
from tests.services.operators import (
    FIRST,
    SECOND,
    STRANGER,
    THIRD,
    approvals,
    change,
    operators,
    registered,
    request,
)
from vault import Access


@pytest.fixture
def consenting(house: House) -> House:
    """Three people consent, on the chain."""
    house.grant(*house.people[:3])
    house.publish()
    return house


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
    [(_, signature)] = approvals(asked, FIRST).approvals
    twice_by_the_first = OperatorApprovals(((FIRST, signature), (SECOND, signature)))
    with pytest.raises(InvalidRequestError):
        approvals(asked, FIRST, FIRST)
    before = house.state()
    for authorisation in (
        approvals(asked),
        approvals(asked, FIRST),
        twice_by_the_first,
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


def test_an_operator_who_was_removed_does_not_count(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    registered(house, FIRST, SECOND, THIRD)
    asked = request(house, subject)
    leaving = change(house, SECOND, ChangeAction.REMOVE, ahead=1)
    house.clock.ahead += timedelta(seconds=1)
    operators(house).change(leaving, approvals(leaving, FIRST), house.clock())
    before = house.state()
    with pytest.raises(NotAuthorisedError, match="2 different registered operators"):
        house.open.erasures.request(RequestFile(asked, approvals(asked, FIRST, SECOND)))
    assert house.state() == before
    assert house.open.erasures.request(RequestFile(asked, approvals(asked, FIRST, THIRD))).by == "operator"


def test_a_request_of_operators_holds_though_one_of_them_leaves_before_the_key_is_deleted(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    registered(house, FIRST, SECOND, THIRD)
    asked = request(house, subject)
    house.open.erasures.request(RequestFile(asked, approvals(asked, FIRST, SECOND)))
    leaving = change(house, SECOND, ChangeAction.REMOVE)
    operators(house).change(leaving, approvals(leaving, FIRST), house.clock())
    house.anchor()
    house.open.keep_house()
    assert states(house) == STATES


def test_what_operators_signed_for_access_erases_nobody(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    registered(house, FIRST, SECOND)
    asked = request(house, subject, RequestAction.ACCESS)
    signed = approvals(asked, FIRST, SECOND)
    before = house.state()
    for other in (asked, replace(asked, action=RequestAction.ERASE)):
        with pytest.raises(NotAuthorisedError):
            house.open.erasures.request(RequestFile(other, signed))
    assert house.state() == before


@pytest.mark.parametrize(
    "wrong",
    [
        "another's signature",
        "another's request",
        "for access",
        "of last year",
        "of tomorrow",
        "used before",
        "for elsewhere",
    ],
)
def test_a_request_that_the_patient_did_not_make_changes_nothing(consenting: House, wrong: str) -> None:
    house, (subject, other) = consenting, consenting.people[:2]
    good = house.ask(subject)
    assert isinstance(good.request, SubjectRequest)
    elsewhere = replace(good.request, origin="consentry/elsewhere")
    file = {
        "another's signature": RequestFile(good.request, house.wallets[other].request(good.request, house.open.domain)),
        "another's request": RequestFile(replace(good.request, subject=other), good.authorisation),
        "for access": house.ask(subject, RequestAction.ACCESS),
        "of last year": good,
        "of tomorrow": good,
        "used before": good,
        "for elsewhere": RequestFile(elsewhere, house.wallets[subject].request(elsewhere, house.open.domain)),
    }[wrong]
    house.clock.ahead += {"of last year": timedelta(days=365), "of tomorrow": timedelta(days=-1)}.get(
        wrong, timedelta()
    )
    if wrong == "used before":
        nonce = {"nonce": good.request.nonce}
        with house.open.store.begin() as unit:
            house.open.log.append(unit, [Entry(1, "patient", Action.ACCESS, "PERMIT", subject, facts=nonce)])
    before = house.state()
    with pytest.raises(NotAuthorisedError):
        house.open.erasures.request(file)
    assert house.state() == before
    assert house.open.stops.state().blocked == frozenset()


def test_from_the_request_on_nobody_reads_or_grants_and_each_refusal_is_in_the_log(consenting: House) -> None:
    house, (subject, other) = consenting, consenting.people[:2]
    signed, again = house.signed(subject), house.ask(subject)
    house.open.erasures.request(house.ask(subject))
    before = house.state()
    access = Access("study:kidneys", "kidneys", "train", DICTIONARY.required, DICTIONARY.optional)
    with house.open.store.reading() as unit:
        opened = list(house.open.vault.read(unit.connection, house.gate(), access, [subject, other]))
    assert [opening.subject for opening in opened] == [other]
    reads = {entry["subject"]: entry["verdict"] for entry in house.log(before.entries)}
    assert reads == {subject: "BLOCKED", other: "PERMIT"}
    before = house.state()
    with pytest.raises(UnknownPatientError):
        house.open.granting.accept([signed], house.clock())
    with pytest.raises(AlreadyErasedError):
        house.open.erasures.request(again)
    assert house.state() == before


def test_a_request_that_cannot_be_logged_blocks_nobody(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    before = house.state()
    with house.open.store.begin() as unit:
        forbid(unit.connection, "INSERT", "entries")
    with pytest.raises(Exception, match=r"(?i)cut|database"):
        house.open.erasures.request(house.ask(subject))
    with house.open.store.begin() as unit:
        allow(unit.connection, "entries")
    assert house.state() == before
    assert house.open.stops.state().blocked == frozenset()
    assert house.verdict(subject) == "PERMIT"


def forge(house: House, subject: SubjectId, *entries: tuple[str, dict[str, Json]]) -> None:
    """Write entries of an erasure into the log, as somebody with the database can."""
    with house.open.store.begin() as unit:
        for state, facts in entries:
            house.open.log.append(unit, [Entry(1, "patient", Action.ERASE, state, subject, facts=facts)])


SIGNED_BY_NOBODY: dict[str, Json] = {"requested": 1, "nonce": "ab" * 16, "patient": "cd" * 64}
FORGED: dict[str, list[tuple[str, dict[str, Json]]]] = {
    "a request": [("REQUESTED", SIGNED_BY_NOBODY)],
    "a block without a request": [("BLOCKED", {})],
    "a request and a block": [("REQUESTED", SIGNED_BY_NOBODY), ("HOLD_CHECK", {"held": 0}), ("BLOCKED", {})],
    "approvals of nobody": [("REQUESTED", {"requested": 1, "nonce": "ab" * 16, "approvals": []}), ("BLOCKED", {})],
    "a request without facts": [("REQUESTED", {}), ("BLOCKED", {})],
    "a hold that is over": [("REQUESTED", SIGNED_BY_NOBODY), ("BLOCKED_RETAINED", {})],
    "a key that is deleted": [("KEY_DELETED", {"epoch": 0})],
    "a dead epoch": [("EPOCH_TURNED", {"final_at": 1})],
    "a final erasure": [("FINAL", {})],
}


def test_entries_that_somebody_forged_delete_nothing_and_give_no_receipt(house: House) -> None:
    people = dict(zip(FORGED, house.people, strict=False))
    house.grant(*people.values())
    for what, subject in people.items():
        forge(house, subject, *FORGED[what])
    house.anchor()
    house.open.keep_house()
    house.turn_epoch()
    house.open.keep_house()
    standing = house.open.erasures.standing()
    for what, subject in people.items():
        assert keeps_all(house, subject), what
        assert all(comes is Wait.REQUEST for erasure, comes in standing if erasure.subject == subject), what
        with pytest.raises(NoErasureError):
            house.open.erasures.receipt(subject)
    stops = house.open.stops.state()
    assert not any((stops.blocked, stops.shredded, stops.tombstoned))


def test_a_forged_request_stops_nobody(consenting: House) -> None:
    house, subject = consenting, consenting.people[0]
    forge(house, subject, *FORGED["a request"])
    assert house.open.erasures.step(lambda: 10**9) == 0
    assert house.open.stops.state().blocked == frozenset()
    assert house.verdict(subject) == "PERMIT"


def test_a_persons_own_request_goes_through_whatever_was_forged_before(consenting: House) -> None:
    house, people = consenting, consenting.people[:3]
    kinds = ("a request", "a request and a block", "a hold that is over")
    for what, subject in zip(kinds, people, strict=True):
        forge(house, subject, *FORGED[what])
        house.open.erasures.request(house.ask(subject))
    house.anchor()
    house.open.keep_house()
    assert [house.open.erasures.receipt(subject).subject for subject in people] == people
    assert [records(house, subject) for subject in people] == [0, 0, 0]


def test_anothers_true_request_under_a_persons_name_deletes_no_key(consenting: House) -> None:
    house, (subject, other) = consenting, consenting.people[:2]
    house.open.erasures.request(house.ask(other))
    taken = next(entry["facts"] for entry in house.log() if entry["verdict"] == "REQUESTED")
    forge(house, subject, ("REQUESTED", taken), ("BLOCKED", {}))
    assert waits_for(house, subject) is Wait.REQUEST
    house.anchor()
    house.open.keep_house()
    assert keeps_all(house, subject)


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


TOO_EARLY: dict[str, list[tuple[str, dict[str, Json]]]] = {
    "the key was deleted long ago": [("KEY_DELETED", {"epoch": 0})],
    "its epoch is dead": [("EPOCH_TURNED", {"final_at": 1})],
    "it is final": [("FINAL", {})],
    "all of it": [("KEY_DELETED", {"epoch": 0}), ("EPOCH_TURNED", {"final_at": 1}), ("FINAL", {})],
    "it begins anew": [("REQUESTED", SIGNED_BY_NOBODY), ("BLOCKED", {})],
}


@pytest.mark.parametrize("what", TOO_EARLY)
def test_a_key_deletion_is_not_final_before_its_epoch_is_dead_whatever_was_forged(house: House, what: str) -> None:
    subject = house.people[0]
    house.open.erasures.request(house.ask(subject))
    house.anchor()
    house.open.erasures.step(house.open.anchored)
    forge(house, subject, *TOO_EARLY[what])
    house.open.erasures.step(house.open.anchored)
    assert waits_for(house, subject) is Wait.TURN
    with pytest.raises(NoErasureError):
        house.open.erasures.receipt(subject)
    house.turn_epoch()
    house.open.erasures.step(house.open.anchored)
    assert house.open.erasures.receipt(subject).subject == subject


@pytest.mark.parametrize("what", ["a key that is deleted", "a dead epoch", "a final erasure"])
def test_whoever_was_erased_by_a_forger_only_can_still_ask(house: House, what: str) -> None:
    subject = house.people[0]
    forge(house, subject, *FORGED[what])
    assert house.erase(subject).subject == subject
    assert records(house, subject) == 0


def test_a_hold_that_a_consent_brings_lasts_when_the_request_was_cut_off_and_asked_again(house: House) -> None:
    """The stop list had the block, the log had nothing: who is blocked already is in no book."""
    subject = house.people[0]
    house.grant(subject, retention=True)
    house.publish()
    house.open.stops.append([Mark(MarkKind.BLOCK, int(house.clock().timestamp()), subject)])
    here = house.open
    Replaying(here.store, here.vault, here.log, here.stops, house.clock).run()
    house.open.erasures.request(house.ask(subject))
    assert waits_for(house, subject) is Wait.HOLD
