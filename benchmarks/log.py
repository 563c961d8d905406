"""The log: appending to it, and proofs out of it at a million entries, against a tree that keeps its leaves alone."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import migrations
from benchmarks.figure import Figure
from consent.adapters.log_archive import LogArchiveFile
from consent.adapters.signing import LogKey
from consent.adapters.sql import SqlStore, open_records
from consent.domain.entry import PERMIT, Action, Entry, PlacedEntry
from consent.domain.merkle import inclusion_of, inclusion_proof, leaf_hash
from consent.domain.terms import SubjectId
from consent.services.log import Log
from consent.services.proving import newest, prove_inclusion

SIZE: Final = 1_000_000
PROOFS: Final = 300
PLAIN: Final = 3
BATCHES: Final = (1, 256)
_SECONDS: Final = 3.0
_AT_ONCE: Final = 20_000


def measure() -> Iterator[Figure]:
    """Append in one log, then prove in a long one."""
    with tempfile.TemporaryDirectory() as folder:
        with _log(Path(folder), "appends") as (store, log):
            yield from (_appends(store, log, batch) for batch in BATCHES)
        with _log(Path(folder), "proofs") as (store, log):
            yield _proofs(store, log)


@contextmanager
def _log(folder: Path, name: str) -> Iterator[tuple[SqlStore, Log]]:
    engine = open_records(folder / f"{name}.sqlite")
    migrations.upgrade(engine, "records")
    key = LogKey.create(folder / f"{name}.key", lambda _context, secret: secret)
    try:
        yield SqlStore(engine), Log("consentry/benchmark", key, LogArchiveFile(folder / f"{name}.archive"))
    finally:
        engine.dispose()


def _appends(store: SqlStore, log: Log, batch: int) -> Figure:
    """Append as the gate does: each batch a transaction that is on disk when it ends."""
    entries, done, started = _entries(), 0, perf_counter()
    while (seconds := perf_counter() - started) < _SECONDS:
        with store.begin() as unit:
            log.append(unit, list(islice(entries, batch)))
        done += batch
    return Figure(
        name="log.appends_per_second" if batch > 1 else "log.appends_per_second_single",
        value=round(done / seconds),
        unit="entries a second",
        compared_to="none: an access waits for its entry, so it bounds the gate's pace",
        note=f"SQLite, {batch} in a transaction, each synced to disk; with the tree's stored hashes",
    )


def _proofs(store: SqlStore, log: Log) -> Figure:
    """Prove random entries from the stored hashes, and a few of them from all leaves."""
    leaves = _fill(store)
    with store.begin() as unit:
        log.checkpoint(unit)
    pick = random.Random(1)
    indices = [pick.randrange(SIZE) for _ in range(PROOFS)]
    stored = [_stored(store, index) for index in indices]
    plain = [_plain(leaves, index) for index in indices[:PLAIN]]
    assert [proof for proof, _ in plain] == [proof for proof, _ in stored[:PLAIN]]
    microseconds = median(seconds for _, seconds in stored) * 1e6
    checked = round(median(_checked(store, index) for index in indices) * 1e6)
    ratio = median(seconds for _, seconds in plain) * 1e6 / microseconds
    return Figure(
        name="log.proof_us",
        value=round(microseconds),
        unit="microseconds a proof",
        compared_to=f"{ratio:,.0f} times as long from the leaves of a plain tree, in the same run",
        note=f"inclusion proof of a random entry of {SIZE:,}, SQLite, a transaction each; {checked:,} where it is held"
        " against the newest checkpoint before it is given out",
    )


def _fill(store: SqlStore) -> list[bytes]:
    leaves: list[bytes] = []
    while len(leaves) < SIZE:
        placed = [_placed(index) for index in range(len(leaves), min(SIZE, len(leaves) + _AT_ONCE))]
        with store.begin() as unit:
            unit.log.append(placed)
        leaves += [entry.leaf for entry in placed]
    return leaves


def _placed(index: int) -> PlacedEntry:
    body = f'{{"action":"read","actor":"study:a","index":{index},"subject":"{index % 5000:032x}","version":1}}'.encode()
    return PlacedEntry(index, body, leaf_hash(body))


def _stored(store: SqlStore, index: int) -> tuple[list[bytes], float]:
    started = perf_counter()
    with store.reading() as unit:
        proof = inclusion_of(index, SIZE, unit.log.subtrees)
    return proof, perf_counter() - started


def _plain(leaves: list[bytes], index: int) -> tuple[list[bytes], float]:
    started = perf_counter()
    return inclusion_proof(leaves, index), perf_counter() - started


def _checked(store: SqlStore, index: int) -> float:
    started = perf_counter()
    with store.reading() as unit:
        signed = newest(unit.log)
        assert signed is not None
        prove_inclusion(unit.log, index, signed)
    return perf_counter() - started


def _entries() -> Iterator[Entry]:
    """Yield entries as the gate writes them."""
    number = 0
    while True:
        subject = SubjectId(f"{number % 5000:032x}")
        yield Entry(
            1_800_000_000, "study:a", Action.READ, PERMIT, subject, "a", "train", ("demographics",), f"{number:032x}"
        )
        number += 1
