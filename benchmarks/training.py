"""What consent costs a training: from sealed records behind the gate to a model, beside the same resources in plain.

Both sides have one thread, one database (SQLite) and the same children that fit; what differs is the gate with its log,
the seal, and the manifest with its sealed openings.
"""

import gc
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from analytics import Dictionary, Parameters, Row
from analytics.apart import fit_apart, train_apart
from benchmarks import cohort
from benchmarks.databases import databases
from benchmarks.figure import Figure
from benchmarks.gate import NOW, gate_over, save_projection
from benchmarks.vault import Ward, opened_ward
from consent.adapters.log_archive import LogArchiveFile
from consent.adapters.signing import LogKey
from consent.domain.data_use import DataUse
from consent.domain.entry import Action, Entry
from consent.domain.study import Study
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, Window
from consent.ports import Patient
from consent.services.log import Log
from consent.services.projection import LedgerProjection
from consent.services.studies.registration import Registration
from consent.services.studies.training import Training
from vault import Deposit

PATIENTS: Final = 100_000
WITHDRAWALS: Final = 1_000
BATCH: Final = 500
AT_ONCE: Final = 50
STUDY: Final = Study(
    reference=StudyReference("hearts", "Hearts and the year after", "A hospital"),
    text="A text.",
    data_use=DataUse(health_research=True),
    operations=frozenset({Operation.TRAIN}),
    required=frozenset({Category.DEMOGRAPHICS, Category.OUTCOMES}),
    optional=frozenset({Category.LABORATORY}),
    window=Window(),
    ethics="none",
)
_PERMITTED: Final = frozenset({"demographics", "laboratory", "outcomes"})
_PLAIN_RESOURCES: Final = (
    "CREATE TABLE plain_resources (subject TEXT, resource_id TEXT, category TEXT, content BLOB,"
    " PRIMARY KEY (subject, resource_id)) WITHOUT ROWID"
)
_PLAIN_ROWS: Final = "CREATE TABLE plain_rows (subject TEXT PRIMARY KEY, content BLOB) WITHOUT ROWID"
_SELECT: Final = (
    "SELECT subject, category, content FROM plain_resources"
    " WHERE subject IN (SELECT value FROM json_each(?)) ORDER BY subject"
)
_MIB: Final = 1024 * 1024
Result = TypeVar("Result")


@dataclass(slots=True)
class _Hospital:
    """Patients in one database, sealed and in plain, all of whom consent."""

    ward: Ward
    training: Training
    dictionary: Dictionary
    people: list[str]

    def parameters(self, rounds: int = 150) -> Parameters:
        return Parameters(features=self.dictionary.names, rounds=rounds)


def measure() -> Iterator[Figure]:
    """Yield the price of consent on 100,000 patients with thirty features each, on SQLite."""
    with databases("") as fresh, opened_ward(fresh) as ward:
        hospital, peak = _hospital(ward, PATIENTS), _Peak()
        read, reading = _timed(lambda: hospital.training.read(STUDY, hospital.dictionary))
        rows, plainly = _timed(lambda: _plain_rows(hospital))
        assert sorted(row.row.to_bytes() for row in read.rows) == sorted(row.to_bytes() for row in rows)
        _, fitting = _timed(lambda: fit_apart(rows, hospital.parameters()))
        yield _ratio("analytics.gated_training_ratio", reading + fitting, plainly + fitting, "2.5", _COLD)
        _keep_plain(hospital, rows)
        _, again = _timed(lambda: hospital.training.read(STUDY, hospital.dictionary))
        _, kept = _timed(lambda: _kept_rows(hospital))
        yield _ratio("analytics.cached_training_ratio", again + fitting, kept + fitting, "2.0", _CACHED)
        yield _each("analytics.cached_row_us", again, "the gate with its log, the key, the seal, the row")
        yield _each("analytics.plain_row_us", kept, "a row from a plain table, beside it")
        with peak.watched():
            _, cold = _timed(lambda: _release(hospital, 149, forget=True))
        _, judged = _timed(lambda: train_apart(rows, hospital.parameters()))
        yield _ratio("analytics.gated_release_ratio", cold, plainly + judged, "-", _WHOLE)
        yield from peak.figures()
        _withdraw(hospital)
        _, seconds = _timed(lambda: _release(hospital, 150))
        yield Figure("analytics.retrain_seconds", round(seconds, 1), "seconds", "-", _RETRAINED)


_COLD: Final = (
    "from the cohort to the model's bytes: all are decided on with an entry each, 31 resources a person opened, parsed"
    " and reduced, the rows kept sealed, one fit in a child that can write no file; beside the same from a plain table"
)
_CACHED: Final = "the same with rows that were kept, beside rows from a plain table; one fit on both sides"
_WHOLE: Final = (
    "the whole release, cold: read, fitted, five folds with their baseline, membership inference, fitted again to"
    " compare, checked again, manifest, openings sealed and stored; beside plain reading, one fit and the same folds"
)
_RETRAINED: Final = (
    f"the next whole release of {PATIENTS:,} people after {WITHDRAWALS:,} of them withdrew, from kept rows"
)


def _ratio(name: str, ours: float, plain: float, goal: str, note: str) -> Figure:
    return Figure(
        name,
        round(ours / plain, 2),
        "times as long",
        goal if goal == "-" else f"goal at most {goal}",
        f"{note}; {PATIENTS:,} people with 30 features, SQLite, one thread, once: {ours:.1f} s and {plain:.1f} s",
    )


def _each(name: str, seconds: float, note: str) -> Figure:
    return Figure(name, round(seconds / PATIENTS * 1e6, 1), "microseconds a row", "-", note)


def _hospital(ward: Ward, people: int) -> _Hospital:
    """Deposit invented people's resources sealed, and the same in plain; all of them consent."""
    subjects = [f"{number:032x}" for number in range(people)]
    ward.vault.enrol(subjects)
    with ward.store.begin() as unit:
        unit.connection.exec_driver_sql(_PLAIN_RESOURCES)
        unit.connection.exec_driver_sql(_PLAIN_ROWS)
    for start in range(0, people, BATCH):
        _deposit(ward, subjects, range(start, min(people, start + BATCH)))
    return _Hospital(ward, _training(ward, people), cohort.dictionary(), subjects)


def _deposit(ward: Ward, subjects: list[str], numbers: range) -> None:
    deposits = [Deposit(subjects[n], category, content) for n in numbers for category, content in cohort.resources(n)]
    plain = [(d.subject, secrets.token_hex(16), d.category, d.content) for d in deposits]
    with ward.store.begin() as unit:
        unit.patients.add([Patient(SubjectId(subjects[n]), None) for n in numbers])
        ward.vault.deposit(unit.connection, deposits)
        _cursor(unit.connection).executemany("INSERT INTO plain_resources VALUES (?, ?, ?, ?)", plain)


def _training(ward: Ward, people: int) -> Training:
    gate = gate_over(people, ward.store, ward.vault, refused_one_in=0, study=STUDY)
    save_projection(gate, ward.store, list(gate.projection.rows.values()))
    log = Log("bench", LogKey.create(ward.folder / "log.key", lambda _, key: key), LogArchiveFile(ward.folder / "log"))
    projection = LedgerProjection(gate.projection.seal)
    Registration(ward.store, projection, log).approve(STUDY, NOW)
    return Training(ward.store, ward.vault, gate.book, projection, gate.book.domain, log, lambda: NOW, 10**9)


def _release(hospital: _Hospital, rounds: int, *, forget: bool = False) -> None:
    """Train the next release; `forget` what was kept, so that every record is opened."""
    if forget:
        with hospital.ward.store.begin() as unit:
            unit.connection.exec_driver_sql("DELETE FROM vault_derived")
    hospital.training.train(STUDY.reference.id, hospital.dictionary, hospital.parameters(rounds))


def _withdraw(hospital: _Hospital) -> None:
    """Stop some people's consents, as the log tells every process."""
    gone = [SubjectId(subject) for subject in hospital.people[:: PATIENTS // WITHDRAWALS]]
    consents = [entry for subject in gone for entry in hospital.training.book.entries(subject)]
    stops = [
        Entry(int(NOW.timestamp()), "patient", Action.STOP, "STOPPED", subject=s, consent=one.id)
        for s, one in zip(gone, consents, strict=True)
    ]
    with hospital.ward.store.begin() as unit:
        hospital.training.log.append(unit, stops)


def _plain_rows(hospital: _Hospital) -> list[Row]:
    """Read the same rows from the same resources, in plain and asking nobody."""
    rows = []
    with hospital.ward.store.reading() as unit:
        cursor = _cursor(unit.connection)
        for start in range(0, len(hospital.people), AT_ONCE):
            found: dict[str, dict[str, list[Any]]] = {}
            few = hospital.people[start : start + AT_ONCE]
            for subject, category, content in cursor.execute(_SELECT, [json.dumps(few)]):
                found.setdefault(subject, {}).setdefault(category, []).append(json.loads(content))
            rows += [hospital.dictionary.row(found[subject], _PERMITTED) for subject in few]
    return [row for row in rows if row is not None]


def _keep_plain(hospital: _Hospital, rows: list[Row]) -> None:
    with hospital.ward.store.begin() as unit:
        table = [(f"{number:032x}", row.to_bytes()) for number, row in enumerate(rows)]
        _cursor(unit.connection).executemany("INSERT INTO plain_rows VALUES (?, ?)", table)


def _kept_rows(hospital: _Hospital) -> list[Row]:
    with hospital.ward.store.reading() as unit:
        return [
            Row.from_bytes(content) for (content,) in _cursor(unit.connection).execute("SELECT content FROM plain_rows")
        ]


def _cursor(connection: Any) -> Any:  # noqa: ANN401  # the driver's own
    return connection.connection.cursor()


def _timed(act: Callable[[], Result]) -> tuple[Result, float]:
    """Time an act without looking for cycles, as a training reads: neither side makes any."""
    gc.collect()
    gc.disable()
    begun = time.perf_counter()
    result = act()
    seconds = time.perf_counter() - begun
    gc.enable()
    return result, seconds


@dataclass(slots=True)
class _Peak:
    """The most memory, in MiB, that this process and those it started held while it was watched."""

    before: float = 0
    most: float = 0
    children: float = 0
    _done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watched(self) -> Iterator[None]:
        gc.collect()
        self.before = _resident("self")
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._done.set()
            watcher.join()

    def figures(self) -> Iterator[Figure]:
        note = f"MiB, sampled while a whole release of {PATIENTS:,} people was trained cold"
        yield Figure(
            "analytics.peak_memory", round(self.most - self.before), "MiB", "-", f"growth of the worker; {note}"
        )
        yield Figure("analytics.peak_memory_child", round(self.children), "MiB", "-", f"the child that fits; {note}")

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.most = max(self.most, _resident("self"))
            self.children = max(self.children, sum(map(_resident, _started())))


def _resident(process: str) -> float:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * 4096 / _MIB


def _started() -> list[str]:
    tasks = Path("/proc/self/task").iterdir()
    return [child for task in tasks for child in _children(task)]


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text(encoding="ascii").split()
    except OSError:
        return []
