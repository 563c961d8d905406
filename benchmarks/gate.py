"""How many decisions a second the gate makes: from memory, and from rows that it reads from SQL as it goes."""

import gc
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import migrations
from benchmarks.figure import Figure
from consent.adapters.sql import SqlStore, open_records
from consent.domain.data_use import DataUse
from consent.domain.decision import Permit
from consent.domain.study import Study
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, Terms, Window
from consent.domain.typed_data import Address, SigningDomain
from consent.ports import Head, ProjectedGrant, ProjectionHead, Store
from consent.services.book import BookEntry, ConsentBook
from consent.services.gate import ConsentGate
from consent.services.log import Log
from consent.services.projection import LedgerProjection, ProjectionSeal
from vault import Access, Vault

CONSENTS: Final = 1_000_000
FROM_SQL: Final = 200_000
NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
_UNTIL: Final = datetime(2027, 1, 1, tzinfo=UTC)
_STUDY: Final = Study(
    reference=StudyReference("hearts", "Hearts and the year after", "A hospital"),
    text="A text.",
    data_use=DataUse(health_research=True),
    operations=frozenset({Operation.TRAIN}),
    required=frozenset({Category.DEMOGRAPHICS}),
    optional=frozenset({Category.LABORATORY, Category.CONDITIONS}),
    window=Window(),
    ethics="none",
)
ACCESS: Final = Access("study:hearts", "hearts", "train", frozenset({"demographics"}), frozenset({"laboratory"}))
_PERMIT_NINE_IN: Final = 10
"""Of ten people nine permit; the tenth stopped."""


def measure() -> Iterator[Figure]:
    """Yield decisions a second over a million consents in memory, and over rows fresh from SQL."""
    gate = gate_over(CONSENTS)
    subjects = list(gate.book.enrolments)
    yield Figure(
        "gate.decisions_per_second",
        round(CONSENTS / _seconds(gate, subjects)),
        "decisions a second",
        "goal 100,000",
        f"{CONSENTS:,} people with one consent each, all decided on for one access, book and projection in memory",
    )
    rows = list(gate.projection.rows.values())[:FROM_SQL]
    with tempfile.TemporaryDirectory() as folder:
        yield _from_sql(gate, subjects[:FROM_SQL], rows, Path(folder) / "records.sqlite")


def gate_over(
    people: int,
    store: Store | None = None,
    vault: Vault | None = None,
    *,
    refused_one_in: int = _PERMIT_NINE_IN,
    study: Study = _STUDY,
) -> ConsentGate:
    """Return a gate over invented people; their consents are put straight into the book, which opens none.

    Of `refused_one_in` people one has stopped; 0 is nobody. Everybody allows all that `study` asks for.
    """
    domain = SigningDomain(1, Address(bytes(20)))
    book = ConsentBook(domain, lambda _digest, _signature: None, vault)  # type: ignore[arg-type]  # nothing is unsealed
    book.approved[study.reference.id] = study.hash()
    projection = LedgerProjection(ProjectionSeal(bytes(32)))
    for number in range(people):
        _add(book, projection, study, number, stopped=refused_one_in > 0 and number % refused_one_in == 0)
    projection.head = ProjectionHead(_HEAD, _HEAD, bytes(32), matches=True, read_at=_HEAD.time)
    gc.freeze()
    log = Log("bench", None, None)  # type: ignore[arg-type]  # nothing is signed
    return ConsentGate(store, log, book, projection, study, lambda: NOW, 10**9)  # type: ignore[arg-type]  # or no store


def _add(book: ConsentBook, projection: LedgerProjection, study: Study, number: int, *, stopped: bool) -> None:
    subject, commitment = SubjectId(f"{number:032x}"), number.to_bytes(32)
    patient = Address(commitment[-20:])
    terms = Terms(
        subject=subject,
        study=study.reference,
        data_use=DataUse(health_research=True),
        operations=study.operations,
        categories=study.required | study.optional,
        window=Window(),
        expires=_UNTIL,
        language="en",
        text_hash=study.text_hash,
    )
    book.enrolments[subject] = patient
    entry = BookEntry(
        f"{number:032x}", terms, commitment, patient, certified=True, entry_key=bytes(32), stopped=stopped
    )
    book.place(subject, entry)
    until = int(_UNTIL.timestamp())
    projection.rows[patient, commitment] = ProjectedGrant(patient, commitment, until, granted_block=5)


def _from_sql(gate: ConsentGate, subjects: list[SubjectId], rows: list[ProjectedGrant], path: Path) -> Figure:
    engine = open_records(path)
    migrations.upgrade(engine, "records")
    store = SqlStore(engine)
    save_projection(gate, store, rows)
    start = time.perf_counter()
    fresh = replace(gate, projection=LedgerProjection(gate.projection.seal))
    with store.reading() as unit:
        fresh.projection.refresh(unit)
    seconds = time.perf_counter() - start + _seconds(fresh, subjects)
    engine.dispose()
    return Figure(
        "gate.decisions_per_second_from_sql",
        round(len(subjects) / seconds),
        "decisions a second",
        "goal 60,000",
        f"{len(subjects):,} rows read from SQLite with their MACs checked, then decided on as above",
    )


def save_projection(gate: ConsentGate, store: Store, rows: Sequence[ProjectedGrant]) -> None:
    """Store rows of a gate's projection as the ledger's process does, with their MACs."""
    seal = gate.projection.seal
    head = ProjectionHead(_HEAD, _HEAD, bytes(32), matches=True, read_at=_HEAD.time, generation=1)
    with store.begin() as unit:
        unit.projection.save(seal.sealed(head, sum(map(seal.of_grant, rows))), rows, [])


def _seconds(gate: ConsentGate, subjects: list[SubjectId]) -> float:
    assert gate.projection.reading().matches
    start = time.perf_counter()
    decisions = gate.decisions(subjects, ACCESS, NOW)
    seconds = time.perf_counter() - start
    permitted = sum(isinstance(decision, Permit) for decision in decisions.values())
    assert permitted == len(subjects) * (_PERMIT_NINE_IN - 1) // _PERMIT_NINE_IN
    return seconds


_HEAD: Final = Head(9, bytes(32), int(NOW.timestamp()))
