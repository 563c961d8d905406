"""What a person is told of who can use their records: open exactly where the gate would permit something now."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final

import pytest
from sqlalchemy import text

from consent.domain.data_use import DataUse
from consent.domain.decision import Permit, Reason
from consent.domain.study import InvalidStudyError, Study
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, Window, month_end_after
from consent.ports import Grants, Revocations
from consent.services.book import BookEntry
from consent.services.gate import ConsentGate
from consent.services.portal.overview import OPEN, RUNNING, Given, Status
from consent.services.studies.approved import StudyNotApprovedError, approved_study
from tests.services.house import STUDY, House
from tests.services.portal.patients import MAX_STALENESS, Portal, published
from vault import Access

HEARTS: Final = Study(
    reference=StudyReference("hearts", "Hearts in two old years", "The Test Hospital"),
    text="This study looks at hearts.",
    data_use=DataUse(diseases=frozenset({"MONDO:0005148"})),
    operations=frozenset({Operation.TRAIN, Operation.EXPORT}),
    required=frozenset({Category.DEMOGRAPHICS}),
    optional=frozenset({Category.LABORATORY, Category.CONDITIONS}),
    window=Window(date(2000, 1, 1), date(2001, 12, 31)),
    ethics="EC 2026/2",
)


@pytest.fixture
def portal(house: House) -> Portal:
    """The portal of a house with two studies."""
    house.open.registration.approve(HEARTS, house.clock())
    return Portal.of(house)


def gives(portal: Portal, subject: SubjectId, study: Study, now: datetime) -> bool:
    """Say whether the gate would permit some operation that the study was approved for, on a person's records."""
    house = portal.house
    with house.open.store.reading() as unit:
        try:
            approved = approved_study(unit, study.reference.id)
        except (StudyNotApprovedError, InvalidStudyError):
            return False
        gate = ConsentGate(
            house.open.store,
            house.open.log,
            house.open.book,
            house.open.projection,
            approved,
            house.clock,
            MAX_STALENESS,
        )
        accesses = [
            Access("study", study.reference.id, operation, approved.required, approved.optional)
            for operation in approved.operations
        ]
        return any(isinstance(gate.decide_all(unit, [subject], access, now)[subject], Permit) for access in accesses)


def assert_true_to_the_gate(portal: Portal, subject: SubjectId, now: datetime) -> None:
    """Hold what a person is told against the gate, study by study."""
    given, trouble = portal.room.overview.given(subject, now, 1, 100).given, portal.room.overview.trouble(now)
    for study in (STUDY, HEARTS):
        told = trouble is None and any(g.status in OPEN for g in given if g.study == study.reference.id)
        assert told == gives(portal, subject, study, now), [(g.study, g.status) for g in given]


def the_one(portal: Portal, subject: SubjectId) -> Given:
    [given] = portal.room.overview.given(subject, portal.house.clock(), 1, 100).given
    return given


# -------------------------------------------------------------------------------------------------------- each standing


@dataclass(frozen=True, slots=True)
class Case:
    """What happened to one person, and what they are told of it."""

    happened: Callable[[House, SubjectId], object]
    status: Status
    trouble: Reason | None = None


def given_and_published(**changed: object) -> Callable[[House, SubjectId], object]:
    def happened(house: House, subject: SubjectId) -> None:
        house.grant(subject, **changed)
        house.publish()

    return happened


def hearts(**changed: Any) -> Callable[[House, SubjectId], object]:
    asked: dict[str, Any] = {
        "study": HEARTS.reference,
        "data_use": HEARTS.data_use,
        "operations": HEARTS.operations,
        "categories": HEARTS.required | HEARTS.optional,
        "text_hash": HEARTS.text_hash,
    }
    return given_and_published(**(asked | changed))


def later(days: float, *, follow: bool = True) -> Callable[[House, SubjectId], object]:
    def happened(house: House, subject: SubjectId) -> None:
        given_and_published()(house, subject)
        house.clock.ahead = timedelta(days=days)
        if follow:
            house.follow()

    return happened


def stopped(house: House, subject: SubjectId) -> None:
    given_and_published()(house, subject)
    house.stop(subject)


def revoked_on_the_chain(house: House, subject: SubjectId) -> None:
    given_and_published()(house, subject)
    [entry] = house.open.book.entries(subject)
    house.open.ledger.send(Revocations([house.wallets[subject].revoke(entry.commitment, house.open.domain)]))
    house.follow()


def never_published(house: House, subject: SubjectId) -> None:
    house.grant(subject)
    house.clock.ahead = timedelta(days=3)
    assert house.publish() == 0


def given_up_and_published_by_others(house: House, subject: SubjectId) -> None:
    """Our clock went before the chain's: what was given up here is taken by the contract all the same."""
    signed = house.signed(subject)
    house.open.granting.accept([signed], house.clock())
    with house.open.store.reading() as unit:
        waiting = house.open.outbox.on(unit).everything()
    house.open.relayer._drop(waiting, "EXPIRED_UNPUBLISHED", int(house.clock().timestamp()))
    assert house.publish() == 0
    house.open.ledger.send(Grants([published(signed)]))
    house.follow()


def alter(house: House, study: Study, changed: bytes | None = None) -> None:
    definition = replace(study, optional=frozenset(Category) - study.required) if changed is None else None
    with house.open.store.begin() as unit:
        if definition is not None:
            unit.connection.execute(text("DELETE FROM studies WHERE id = :id"), {"id": study.reference.id})
            unit.studies.add(definition)
            return
        row = {"id": study.reference.id, "changed": changed}
        unit.connection.execute(text("UPDATE studies SET definition = :changed WHERE id = :id"), row)


def study_altered(house: House, subject: SubjectId) -> None:
    given_and_published()(house, subject)
    alter(house, STUDY)


def study_spoilt(house: House, subject: SubjectId) -> None:
    given_and_published()(house, subject)
    alter(house, STUDY, b'{"id":"kidneys"}')


def study_gone(house: House, subject: SubjectId) -> None:
    given_and_published()(house, subject)
    with house.open.store.begin() as unit:
        unit.connection.execute(text("DELETE FROM studies"))


def uncertified(house: House, subject: SubjectId) -> None:
    given_and_published()(house, subject)
    [entry] = house.open.book.entries(subject)
    house.open.book._by_subject[subject] = (replace(entry, certified=False),)


def ledger_spoilt(house: House, subject: SubjectId) -> None:
    given_and_published()(house, subject)
    with house.open.store.begin() as unit:
        unit.connection.execute(text("UPDATE projection_head SET final_block = final_block + 1"))


CHANGED: Final = replace(STUDY, text="This study looks at kidneys, and now at how they heal.")


def study_changed(house: House, subject: SubjectId) -> None:
    given_and_published()(house, subject)
    house.open.registration.change(CHANGED, house.clock())


def study_closed(house: House, subject: SubjectId) -> None:
    given_and_published()(house, subject)
    house.open.registration.close(STUDY.reference.id, house.clock())


CASES: Final = {
    "published": Case(given_and_published(), Status.ON),
    "fewer categories": Case(given_and_published(categories=STUDY.required), Status.ON),
    "too few categories": Case(given_and_published(categories=frozenset({Category.DEMOGRAPHICS})), Status.IDLE),
    "another purpose": Case(given_and_published(data_use=DataUse(ancestry=True)), Status.IDLE),
    "a purpose that a person must judge": Case(
        given_and_published(data_use=DataUse(health_research=True, other=frozenset({"COL"}))), Status.IDLE
    ),
    "one operation of two": Case(hearts(operations=frozenset({Operation.EXPORT})), Status.ON),
    "days that the study asks for": Case(hearts(window=Window(start=date(2001, 12, 31))), Status.ON),
    "days that it does not ask for": Case(hearts(window=Window(start=date(2002, 1, 1))), Status.IDLE),
    "not published": Case(lambda house, subject: house.grant(subject), Status.WAITING),
    "stopped": Case(stopped, Status.STOPPED),
    "stopped before it was published": Case(lambda h, s: (h.grant(s), h.stop(s)), Status.STOPPED),
    "revoked on the chain": Case(revoked_on_the_chain, Status.STOPPED),
    "expired": Case(later(400), Status.ENDED),
    "never published": Case(never_published, Status.NEVER),
    "given up and published by others": Case(given_up_and_published_by_others, Status.ON),
    "a study that was altered": Case(study_altered, Status.IDLE),
    "a study that was spoilt": Case(study_spoilt, Status.IDLE),
    "a study that says something else": Case(study_changed, Status.CHANGED),
    "a study that was closed": Case(study_closed, Status.CLOSED),
    "a study that is gone": Case(study_gone, Status.IDLE),
    "an address that is not certified": Case(uncertified, Status.IDLE),
    "a ledger that was not read": Case(later(1, follow=False), Status.HELD, Reason.LEDGER_STALE),
    "a ledger that is not what it was": Case(ledger_spoilt, Status.HELD, Reason.LEDGER_MISMATCH),
}


@pytest.mark.parametrize("happened", CASES)
def test_every_standing_is_told_as_the_gate_sees_it(portal: Portal, happened: str) -> None:
    house, subject, case = portal.house, portal.house.people[0], CASES[happened]
    house.follow()
    case.happened(house, subject)
    now = house.clock()
    given = the_one(portal, subject)
    assert (given.status, portal.room.overview.trouble(now)) == (case.status, case.trouble)
    assert_true_to_the_gate(portal, subject, now)
    assert portal.room.overview.one(subject, given.id, now) == given
    assert portal.room.overview.running(subject, now).given == ([given] if case.status in RUNNING else [])


def test_every_status_has_its_case() -> None:
    assert {case.status for case in CASES.values()} | {Status.SOON} == set(Status)


def test_the_last_thirty_days_are_told_and_the_end_is_a_day(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[0]
    given_and_published()(house, subject)
    [entry] = house.open.book.entries(subject)
    end = entry.terms.expires
    for before, status in (
        (timedelta(days=30, seconds=1), Status.ON),
        (timedelta(days=30), Status.SOON),
        (timedelta(seconds=1), Status.SOON),
        (timedelta(), Status.ENDED),
    ):
        house.clock.ahead += end - before - house.clock()
        house.follow()
        now = end - before
        [given] = portal.room.overview.given(subject, now, 1, 100).given
        assert given.status is status
        assert given.ends == (end - timedelta(days=1)).date()
        assert_true_to_the_gate(portal, subject, now)


def test_a_consent_that_has_run_out_by_the_ledgers_clock_has_ended(portal: Portal) -> None:
    """Ours was set back by a minute."""
    house, subject = portal.house, portal.house.people[0]
    given_and_published()(house, subject)
    [entry] = house.open.book.entries(subject)
    house.clock.ahead += entry.terms.expires + timedelta(seconds=1) - house.clock()
    house.follow()
    now = entry.terms.expires - timedelta(seconds=59)
    assert portal.room.overview.trouble(now) is None
    [given] = portal.room.overview.given(subject, now, 1, 100).given
    assert_true_to_the_gate(portal, subject, now)
    assert given.status not in OPEN


def test_nothing_is_told_of_whoever_is_being_erased(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[0]
    given_and_published()(house, subject)
    house.open.erasures.request(house.ask(subject))
    assert portal.room.overview.given(subject, house.clock(), 1, 100).given == []
    assert_true_to_the_gate(portal, subject, house.clock())


# ------------------------------------------------------------------------------------------------ everything together

PURPOSES: Final = (
    DataUse(health_research=True),
    DataUse(general_use=True),
    DataUse(diseases=frozenset({"MONDO:0005148"})),
    DataUse(health_research=True, other=frozenset({"IRB"})),
    DataUse(ancestry=True),
)
WINDOWS: Final = (Window(), Window(start=date(2001, 6, 1)), Window(end=date(1999, 12, 31)))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 8))])
def test_whatever_sixty_people_gave_and_took_back_is_told_as_the_gate_sees_it(portal: Portal, seed: int) -> None:
    house, draw = portal.house, Random(seed)
    late = [subject for subject in house.people if draw.random() < 0.2]
    for subject in house.people:
        if subject not in late:
            house.grant(subject, **drawn(house, draw))
            house.grant(subject, **drawn(house, draw))
    house.publish()
    for subject in house.people:
        for entry in house.open.book.entries(subject):
            take_back(house, subject, entry, draw.choice(["nothing", "nothing", "stop", "revoke"]))
    for subject in late:
        house.grant(subject, **drawn(house, draw))
    told: Counter[Status] = Counter()
    for months in (0, 3, 12):
        if months == 3:
            house.open.registration.change(CHANGED, house.clock())
        elif months == 12:
            house.open.registration.close(HEARTS.reference.id, house.clock())
        now = datetime.now(UTC)
        house.clock.ahead = month_end_after(now, months) - now + timedelta(days=5) if months else timedelta()
        house.follow()
        for subject in house.people:
            told.update(given.status for given in portal.room.overview.given(subject, house.clock(), 1, 100).given)
            assert_true_to_the_gate(portal, subject, house.clock())
    assert set(told) >= set(Status) - {Status.NEVER, Status.HELD}


def drawn(house: House, draw: Random) -> dict[str, Any]:
    """Return what somebody agrees to, which need not be of any use to the study."""
    study = draw.choice([STUDY, HEARTS])
    asked, operations = sorted(study.required | study.optional), sorted(study.operations)
    narrow = draw.random() < 0.3
    return {
        "study": study.reference,
        "text_hash": study.text_hash,
        "data_use": draw.choice(PURPOSES) if narrow else DataUse(general_use=True),
        "operations": frozenset(draw.sample(operations, draw.randint(1, len(operations)))),
        "categories": frozenset(draw.sample(asked, draw.randint(1, len(asked))) if narrow else asked),
        "window": draw.choice(WINDOWS) if narrow else Window(),
        "expires": month_end_after(house.clock(), draw.choice([1, 4, 24])),
    }


def take_back(house: House, subject: SubjectId, entry: BookEntry, how: str) -> None:
    if how == "stop":
        house.open.granting.stop(subject, [entry.id], house.clock())
    elif how == "revoke":
        house.open.ledger.send(Revocations([house.wallets[subject].revoke(entry.commitment, house.open.domain)]))
