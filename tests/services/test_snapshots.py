"""Counts from a snapshot: everybody is read once, in memory only, and whoever takes their word back is let go of."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from threading import Event, Timer
from time import monotonic, sleep
from typing import Any

import pytest

from analytics import CohortQuery
from consent import wiring
from consent.domain.study import Study
from consent.domain.terms import Category
from consent.services.studies import counting as counting_module
from consent.services.studies import snapshots as snapshots_module
from consent.services.studies.approved import StudyClosedError, open_study
from consent.services.studies.count_budget import BudgetSpentError, CountRules
from consent.services.studies.counting import CategoryNotAskedError, Counting
from consent.services.studies.snapshots import AGAIN_SECONDS, Reading, Snapshot, SnapshotNotReadyError, Snapshots
from tests.services.house import INDEX, STUDY, House
from vault import EpochKeyLostError

ALLOWING = 40
NAME = STUDY.reference.id
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def older_than(years: int, below: int | None = None) -> CohortQuery:
    """Return who is at least so old on the index day: of the first forty, everybody is 40 + their number."""
    where = {"demographics": {"age": [years, below]}}
    return CohortQuery.parse(json.dumps({"version": 1, "index": {"day": INDEX.isoformat()}, "where": where}))


@dataclass
class Desk:
    """A house whose first forty people allow being counted, and what counts them, with noise too small to matter."""

    house: House
    counting: Counting
    snapshots: Snapshots
    first: int = field(default=0)

    def ask(self, query: CohortQuery) -> int | None:
        """Count a cohort from the snapshot."""
        return self.counting.count(NAME, query, self.snapshots).people

    def here(self) -> Snapshot:
        """Return the snapshot."""
        with self.house.open.store.reading() as unit:
            return self.snapshots.of(open_study(unit, NAME))

    def prefer(self, *numbers: int, counted: bool) -> None:
        """Let people say whether they may be counted."""
        subjects = [self.house.people[number] for number in numbers]
        self.house.open.preferences.prefer(subjects, self.house.clock(), counted=counted)

    def reads(self) -> list[dict[str, Any]]:
        """Return the entries of accesses since the last look."""
        entries, self.first = self.house.log(self.first), self.house.state().entries
        return [entry for entry in entries if entry["action"] == "read"]

    def paused(self, until: Event, **changed: Any) -> "Desk":
        """Return the same, where a reading waits for an event before it begins."""
        opened = self.snapshots.opened

        @contextmanager
        def later() -> Iterator[Reading]:
            assert until.wait(60)
            with opened() as reading:
                yield reading

        return replace(self, snapshots=Snapshots(later, self.house.clock, **changed))


@pytest.fixture
def desk(house: House) -> Desk:
    """The first forty allow being counted; a reading of them takes as long as it takes."""
    here = house.open.counting
    quiet = replace(here, budget=replace(here.budget, rules=CountRules(epsilon=50, budget=1000)))
    made = Desk(house, quiet, replace(wiring.snapshots_of(house.settings, house.clock), wait=60))
    made.prefer(*range(ALLOWING), counted=True)
    made.reads()
    return made


def test_everybody_who_allows_it_is_opened_once_for_all_that_the_study_asks_for(desk: Desk) -> None:
    assert desk.ask(older_than(60)) == 20
    reads = desk.reads()
    assert sorted(entry["subject"] for entry in reads) == sorted(desk.house.people[:ALLOWING])
    every = sorted(category.value for category in STUDY.required | STUDY.optional)
    assert {(e["actor"], e["verdict"], e["operation"], tuple(e["categories"])) for e in reads} == {
        (f"study:{NAME}", "PERMIT", "count", tuple(every))
    }
    assert [desk.ask(older_than(years)) for years in (50, 55, 65)] == [30, 25, 15]
    assert desk.reads() == []


def test_a_snapshot_says_what_opening_everybody_says(desk: Desk) -> None:
    lab = {"system": "http://loinc.org", "codes": ["2160-0"], "unit": "mg/dL"}
    high = {"measurement": lab | {"range": [1.7, None], "window": [-30, 0]}}
    where = {"all": [{"demographics": {"age": [45, 70]}}, {"not": high}]}
    index = {"first": {"measurement": lab | {"range": [None, None]}}}
    query = CohortQuery.parse(json.dumps({"version": 1, "index": index, "where": where}))
    alone = desk.counting._opened(STUDY, query)
    with desk.house.open.store.reading() as unit:
        counted = desk.house.open.preferences.counted(unit)
    assert desk.here().asked(query)(counted) == alone(counted)
    assert 0 < alone(counted)[0] < ALLOWING


def test_some_people_at_a_time_have_their_entries_and_everybody_is_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting_module, "_AT_ONCE", 7)
    assert desk.ask(older_than(60)) == 20
    assert len(desk.reads()) == ALLOWING
    assert len(desk.here().table.names) == ALLOWING


def test_who_takes_it_back_is_in_no_later_answer_and_in_no_column_for_good(desk: Desk) -> None:
    assert desk.ask(older_than(60)) == 20
    desk.prefer(*range(20, 30), counted=False)
    assert desk.ask(older_than(59)) == 10
    assert not set(desk.house.people[20:30]) & set(desk.here().table.names)
    desk.prefer(*range(20, 30), counted=True)
    assert desk.ask(older_than(55)) == 15, "they are read again with the next snapshot, not sooner"
    assert len(desk.reads()) == ALLOWING
    desk.house.clock.ahead += DAY
    assert desk.ask(older_than(50)) == 30
    assert len(desk.reads()) == ALLOWING


def test_who_asks_to_be_erased_is_let_go_of(desk: Desk) -> None:
    desk.ask(older_than(60))
    desk.house.open.erasures.request(desk.house.ask(desk.house.people[0]))
    desk.ask(older_than(61))
    assert desk.house.people[0] not in desk.here().table.names


def test_who_takes_it_back_while_others_are_read_is_not_opened(desk: Desk) -> None:
    go_on = Event()
    slow = desk.paused(go_on, wait=0)
    with pytest.raises(SnapshotNotReadyError):
        slow.ask(older_than(60))
    slow.prefer(0, counted=False)
    go_on.set()
    assert len(ready(slow).table.names) == ALLOWING - 1
    assert desk.house.people[0] not in {entry["subject"] for entry in desk.reads()}


def ready(desk: Desk) -> Snapshot:
    """Return the snapshot as soon as it is there."""
    until = monotonic() + 60
    while monotonic() < until:
        try:
            return desk.here()
        except SnapshotNotReadyError:
            sleep(0.02)
    raise AssertionError("it was never there")


def test_a_study_that_was_changed_is_read_again_as_it_is_now(desk: Desk) -> None:
    desk.ask(older_than(60))
    earlier, text = desk.here(), "This study also asks what people had before."
    changed = replace(STUDY, optional=STUDY.optional | {Category.CONDITIONS}, text=text)
    desk.reads()
    desk.house.open.registration.change(changed, desk.house.clock())
    assert desk.ask(older_than(61)) is not None
    assert desk.here() is not earlier
    assert "conditions" in desk.here().table.permitted
    assert {"conditions" in entry["categories"] for entry in desk.reads()} == {True}


def test_a_study_that_was_changed_while_it_was_to_be_read_is_not_read_as_it_was(desk: Desk) -> None:
    with desk.snapshots.opened() as reading, pytest.raises(Exception, match="changed just now"):
        reading.table(replace(STUDY, text="Something else."))
    assert desk.reads() == []


def test_a_study_that_is_closed_while_it_is_read_opens_nobody_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting_module, "_AT_ONCE", 7)
    people = desk.counting._read(STUDY, frozenset({"demographics"}))
    for _ in range(7):
        next(people)
    desk.house.open.registration.close(NAME, desk.house.clock())
    with pytest.raises(StudyClosedError):
        next(people)
    assert len(desk.reads()) == 7


def test_of_a_closed_study_nothing_stays_in_memory(desk: Desk) -> None:
    desk.ask(older_than(60))
    assert desk.snapshots.held() == {NAME}
    desk.house.open.registration.close(NAME, desk.house.clock())
    with pytest.raises(StudyClosedError):
        desk.ask(older_than(61))
    assert desk.snapshots.held() == frozenset()


@pytest.mark.parametrize(("later", "anew"), [(DAY - 60 * SECOND, False), (DAY, True), (-60 * SECOND, True)])
def test_a_snapshot_is_held_for_a_day(desk: Desk, later: timedelta, anew: bool) -> None:  # noqa: FBT001  # an outcome
    """A clock that was ahead makes none that lasts."""
    earlier = desk.here()
    desk.house.clock.ahead += later
    assert (desk.here() is not earlier) is anew


def test_after_a_day_it_is_gone_though_nobody_asks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[tuple[float, Callable[[], None]]] = []

    def noted(seconds: float, act: Callable[[], None]) -> Timer:
        timers.append((seconds, act))
        return Timer(seconds, act)

    monkeypatch.setattr(snapshots_module, "Timer", noted)
    desk.ask(older_than(60))
    [(seconds, act)] = timers
    assert seconds == DAY.total_seconds()
    act()
    assert desk.snapshots.held() == frozenset()
    desk.house.clock.ahead += SECOND
    desk.here()
    act()
    assert desk.snapshots.held() == {NAME}, "an earlier one's timer is not the next one's"


def test_of_two_who_ask_at_once_one_has_everybody_read(desk: Desk) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: desk.here(), range(2))
    assert one is other
    assert len(desk.reads()) == ALLOWING


def test_nobody_waits_longer_for_a_reading_than_its_first_seconds(desk: Desk) -> None:
    go_on = Event()
    slow = desk.paused(go_on, wait=0.2)
    before = monotonic()
    for _ in range(20):
        with pytest.raises(SnapshotNotReadyError) as refusal:
            slow.ask(older_than(60))
        assert refusal.value.retry_after > 0
    assert monotonic() - before < 20 * 0.2, "each of them would have waited"
    go_on.set()
    assert len(ready(slow).table.names) == ALLOWING
    assert slow.ask(older_than(60)) == 20


def test_while_everybody_is_read_others_write(desk: Desk) -> None:
    """The reading stands between two people; nothing is locked there."""
    inside, go_on = Event(), Event()

    @dataclass
    class Slowly:
        counting: Counting

        def table(self, study: Study) -> Any:
            people = self.counting._read(study, frozenset({"demographics"}))
            read = [next(people).subject]
            inside.set()
            assert go_on.wait(60)
            assert len({*read, *(one.subject for one in people)}) == ALLOWING
            return self.counting.table(study)

    @contextmanager
    def opened() -> Iterator[Reading]:
        with wiring.opened(desk.house.settings, desk.house.clock) as installation:
            yield Slowly(installation.counting)

    slow = replace(desk, snapshots=Snapshots(opened, desk.house.clock, wait=0))
    with pytest.raises(SnapshotNotReadyError):
        slow.ask(older_than(60))
    assert inside.wait(60)
    before = monotonic()
    desk.prefer(0, counted=False)
    assert monotonic() - before < 5
    go_on.set()
    assert len(ready(slow).table.names) == ALLOWING - 1


@contextmanager
def without_keys(house: House) -> Iterator[None]:
    """Take the epoch's key away meanwhile."""
    replicas = [(path, path.with_suffix(".away")) for path in house.settings.replicas]
    for path, away in replicas:
        path.rename(away)
    yield
    for path, away in replicas:
        away.rename(path)


def test_what_went_wrong_is_told_to_everybody_and_a_minute_later_it_is_tried_again(desk: Desk) -> None:
    go_on, told = Event(), []  # type: ignore[var-annotated]  # what the reading raises
    slow = desk.paused(go_on, wait=60, tell=told.append)
    with without_keys(desk.house):
        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(slow.here) for _ in range(2)]
            sleep(0.1)
            go_on.set()
            failed = [one.exception() for one in waiting]
        assert [type(one) for one in failed] == [EpochKeyLostError] * 2
        assert len(told) == 1
    with pytest.raises(EpochKeyLostError):
        slow.here()
    assert len(told) == 1, "each reading makes an entry for everybody: there is none within a minute"
    desk.house.clock.ahead += timedelta(seconds=AGAIN_SECONDS)
    assert slow.ask(older_than(60)) == 20


def test_what_went_wrong_while_nobody_waited_is_told_to_the_next(desk: Desk) -> None:
    """Otherwise whoever comes back later and later would never learn that it will not be ready."""
    go_on, ended = Event(), Event()
    slow = desk.paused(go_on, wait=0, tell=lambda _: ended.set())
    with without_keys(desk.house):
        with pytest.raises(SnapshotNotReadyError):
            slow.here()
        go_on.set()
        assert ended.wait(60)
        with pytest.raises(EpochKeyLostError) as refusal:
            ready(slow)
    assert "vault" not in frames(refusal.value), "frames hold what was read"
    desk.house.clock.ahead += timedelta(seconds=AGAIN_SECONDS)
    assert len(ready(slow).table.names) == ALLOWING


def frames(error: BaseException) -> set[str]:
    """Return the packages through whose frames an error came, and its causes with it."""
    found, trace = set[str](), error.__traceback__
    while trace is not None:
        found.add(Path(trace.tb_frame.f_code.co_filename).parent.name)
        trace = trace.tb_next
    return found.union(*(frames(one) for one in (error.__cause__, error.__context__) if one is not None))


def test_what_is_refused_has_nobody_read(desk: Desk) -> None:
    medicine = {"medication": {"system": "http://www.whocc.no/atc", "codes": ["C03CA01"]}}
    other = CohortQuery.parse(json.dumps({"version": 1, "index": {"first": medicine}, "where": {"all": []}}))
    with pytest.raises(CategoryNotAskedError, match="leave it out"):
        desk.ask(other)
    budget = replace(desk.counting.budget, rules=CountRules(epsilon=2, budget=1))
    with pytest.raises(BudgetSpentError, match="CONSENTRY_COUNT_BUDGET") as refusal:
        replace(desk, counting=replace(desk.counting, budget=budget)).ask(older_than(60))
    assert refusal.value.until is None
    assert (desk.snapshots.held(), desk.reads()) == (frozenset(), [])


def test_a_spent_budget_says_until_when(desk: Desk) -> None:
    budget = replace(desk.counting.budget, rules=CountRules(epsilon=1, budget=1, period=86400))
    small = replace(desk, counting=replace(desk.counting, budget=budget))
    small.ask(older_than(60))
    with pytest.raises(BudgetSpentError) as refusal:
        small.ask(older_than(61))
    assert refusal.value.until is not None
    assert DAY - 60 * SECOND < refusal.value.until - desk.house.clock() <= DAY


@dataclass
class Watch:
    """Notes every file that Python opens to write, once it is told to; an audit hook is there for good."""

    opened: list[str] = field(default_factory=list)
    on: bool = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note one; what is a number was opened, and noted, before."""
        if self.on and event == "open" and not isinstance(arguments[0], int):
            path, _, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.opened.append(Path(os.fsdecode(path)).name)


@pytest.mark.sqlite_only
def test_nothing_of_what_was_read_is_written_anywhere(desk: Desk, tmp_path: Path) -> None:
    """Only the installation's own files are opened to write, and only they are there afterwards."""
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    watch = Watch()
    sys.addaudithook(watch)
    watch.on = True
    try:
        desk.here()
    finally:
        watch.on = False
    assert "open.lock" in watch.opened, "otherwise nothing was seen"
    assert set(watch.opened) <= {"open.lock", "log-archive", "stops", "records.sqlite", "keys.sqlite"}
    new = {path.name for path in tmp_path.rglob("*") if path.is_file() and path not in before}
    assert {name for name in new if not name.endswith((".sqlite-wal", ".sqlite-shm"))} == set()


def test_a_reading_closes_the_installation_that_it_opened(desk: Desk) -> None:
    """What it wrote into the log is signed: nothing is left open behind it."""
    closed = Event()
    opened = desk.snapshots.opened

    @contextmanager
    def noted() -> Iterator[Reading]:
        with opened() as reading:
            yield reading
        closed.set()

    kept: Callable[[], AbstractContextManager[Reading]] = noted
    replace(desk, snapshots=Snapshots(kept, desk.house.clock, wait=60)).here()
    assert closed.is_set()
    with desk.house.open.store.reading() as unit:
        note = unit.log.latest_checkpoint()
        assert note is not None
        assert f"\n{unit.log.size()}\n" in note
