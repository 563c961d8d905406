"""What sealing costs: deposits beside plain inserts, reads beside a plain select, and the death of keys."""

import random
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, text

import migrations
from benchmarks.databases import SUFFIXES, Fresh, databases
from benchmarks.figure import Figure
from benchmarks.gate import ACCESS, gate_over, save_projection
from consent.adapters.sql import SqlStore, open_records
from consent.services.projection import LedgerProjection
from vault import Cost, Deposit, KeyTree, PassphraseFile, Vault, open_keys
from vault.sql.records import SealedRecord, current_records

RECORDS: Final = 100_000
RECORD_BYTES: Final = 800
BATCH: Final = 1_000
PEOPLE: Final = 1_000
PATIENTS: Final = 100_000
"""How many keys an epoch holds when it is turned, and when one of them is shredded."""
ERASURES: Final = 41
READS: Final = 3
AT_ONCE: Final = 50
_SEALED_BYTES: Final = RECORD_BYTES + 73
_CATEGORIES: Final = ("demographics", "laboratory")
_INSERT: Final = {
    "sqlite": "INSERT INTO vault_records (subject, record_id, version, category, state, sealed)"
    " VALUES (?, ?, ?, ?, ?, ?)",
    "postgresql": "INSERT INTO vault_records (subject, record_id, version, category, state, sealed)"
    " VALUES (%s, %s, %s, %s, %s, %s)",
}
_DATABASE: Final = {"": "SQLite", "_postgresql": "PostgreSQL 16"}


def measure() -> Iterator[Figure]:
    """Yield every figure for SQLite, then for PostgreSQL."""
    for suffix in SUFFIXES:
        with databases(suffix) as fresh:
            yield from _deposits(suffix, fresh)
            yield from _keys(suffix, fresh)


@dataclass(frozen=True, slots=True)
class Ward:
    """A vault with its records database."""

    store: SqlStore
    vault: Vault
    folder: Path


@contextmanager
def opened_ward(fresh: Fresh) -> Iterator[Ward]:
    """Make a vault with both its databases, of the kind that `fresh` makes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        records, keys = open_records(fresh()), open_keys(fresh())
        migrations.upgrade(records, "records")
        migrations.upgrade(keys, "keys")
        root = PassphraseFile.create(folder / "root.json", b"measured", Cost(1, 1, 8))
        tree = KeyTree.create(keys, root, [folder / "a", folder / "b"], "measured")
        yield Ward(SqlStore(records), Vault("measured", tree), folder)
        records.dispose()
        keys.dispose()


def _deposits(suffix: str, fresh: Fresh) -> Iterator[Figure]:
    on = _DATABASE[suffix]
    with opened_ward(fresh) as ward:
        ratio, per_second = _deposit_ratio(ward, fresh, _mixed(_people()))
        yield _deposited(f"vault.deposit_ratio{suffix}", ratio, f"persons mixed, no names, {on}")
        yield Figure(
            f"vault.deposits_per_second{suffix}",
            round(per_second),
            "records a second",
            "",
            "the same deposits: keys unwrapped, sealed, stored, committed",
        )
        yield from _reads(suffix, ward)
    with opened_ward(fresh) as ward:
        ratio, _ = _deposit_ratio(ward, fresh, _grouped(_people()))
        yield _deposited(f"vault.deposit_ratio_grouped{suffix}", ratio, f"person after person, no names, {on}")
    with opened_ward(fresh) as ward:
        ratio, _ = _deposit_ratio(ward, fresh, [_named(n, d) for n, d in enumerate(_grouped(_people()))])
        yield _deposited(f"vault.deposit_ratio_named{suffix}", ratio, f"person after person, names looked up, {on}")


def _deposited(name: str, ratio: float, how: str) -> Figure:
    return Figure(
        name,
        round(ratio, 2),
        "times as long",
        "goal at most 1.5",
        f"{how}: {RECORDS:,} records of {RECORD_BYTES} bytes of {PEOPLE:,} people in batches of {BATCH:,}, each"
        " committed, beside INSERTs of as many bytes by the bare driver into a table of the same shape, in turn",
    )


def _people() -> list[str]:
    return [f"{number:032x}" for number in range(PEOPLE)]


def _grouped(people: Sequence[str]) -> list[Deposit]:
    shuffled = random.Random(7).sample(people, len(people))
    each = RECORDS // len(people)
    return [
        Deposit(subject, _CATEGORIES[number % 2], secrets.token_bytes(RECORD_BYTES))
        for subject in shuffled
        for number in range(each)
    ]


def _mixed(people: Sequence[str]) -> list[Deposit]:
    deposits = _grouped(people)
    random.Random(8).shuffle(deposits)
    return deposits


def _named(number: int, deposit: Deposit) -> Deposit:
    return Deposit(deposit.subject, deposit.category, deposit.content, f"Observation/{number}")


def _deposit_ratio(ward: Ward, fresh: Fresh, deposits: Sequence[Deposit]) -> tuple[float, float]:
    """Return how much longer deposits take than inserts, and how many deposits are made in a second."""
    ward.vault.enrol(list({deposit.subject for deposit in deposits}))
    plain = open_records(fresh())
    migrations.upgrade(plain, "records")
    sealing = inserting = 0.0
    for start in range(0, len(deposits), BATCH):
        batch = deposits[start : start + BATCH]
        rows = [
            SealedRecord(d.subject, secrets.token_hex(16), 1, d.category, "current", secrets.token_bytes(_SEALED_BYTES))
            for d in batch
        ]
        begun = time.perf_counter()
        with ward.store.begin() as unit:
            ward.vault.deposit(unit.connection, batch)
        sealed = time.perf_counter()
        _insert(plain, rows)
        sealing += sealed - begun
        inserting += time.perf_counter() - sealed
    plain.dispose()
    return sealing / inserting, len(deposits) / sealing


def _insert(engine: Engine, rows: Sequence[SealedRecord]) -> None:
    with SqlStore(engine).begin() as unit:
        cursor: Any = unit.connection.connection.cursor()
        cursor.executemany(_INSERT[engine.dialect.name], rows)
        cursor.close()


def _reads(suffix: str, ward: Ward) -> Iterator[Figure]:
    _settle(ward)
    gate = gate_over(PEOPLE, ward.store, ward.vault, refused_one_in=0)
    save_projection(gate, ward.store, list(gate.projection.rows.values()))
    gate = replace(gate, projection=LedgerProjection(gate.projection.seal))
    people = list(gate.book.enrolments)
    opened, plain = [], []
    for _ in range(READS):
        begun = time.perf_counter()
        with ward.store.reading() as unit:
            openings = ward.vault.read(unit.connection, gate, ACCESS, people)
            count = sum(len(opening.records) for opening in openings)
        opened.append(time.perf_counter() - begun)
        assert count == RECORDS
        begun = time.perf_counter()
        with ward.store.reading() as unit:
            few = (people[start : start + AT_ONCE] for start in range(0, PEOPLE, AT_ONCE))
            count = sum(len(current_records(unit.connection, subjects, _CATEGORIES)) for subjects in few)
        plain.append(time.perf_counter() - begun)
        assert count == RECORDS
    seconds, bare = statistics.median(opened), statistics.median(plain)
    yield Figure(
        f"vault.read_records_per_second{suffix}",
        round(RECORDS / seconds),
        "records a second",
        "goal 60,000",
        f"{RECORDS:,} records of {RECORD_BYTES} bytes of {PEOPLE:,} people, all admitted by the consent gate with one"
        f" entry each in its log, from {_DATABASE[suffix]}; median of {READS}",
    )
    yield Figure(
        f"vault.read_ratio{suffix}",
        round(seconds / bare, 2),
        "times as long",
        "goal at most 6",
        "the same, beside the same SELECT of the same rows by the bare driver, nothing asked and nothing opened",
    )


def _settle(ward: Ward) -> None:
    """Let the database come to rest after so many writes, for both that are compared."""
    if ward.store.engine.dialect.name == "postgresql":
        with ward.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE vault_records"))
    ward.store.forget_order()


def _keys(suffix: str, fresh: Fresh) -> Iterator[Figure]:
    with opened_ward(fresh) as small, opened_ward(fresh) as large:
        victims = [secrets.token_hex(16) for _ in range(ERASURES)]
        small.vault.enrol([*victims, secrets.token_hex(16)])
        large.vault.enrol([*victims, *(secrets.token_hex(16) for _ in range(PATIENTS))])
        alone, among_many = [], []
        for victim in victims:  # in turn: the machine is the same for both
            alone.append(_shredding(small, victim))
            among_many.append(_shredding(large, victim))
        yield Figure(
            f"vault.erase_ratio_100k_to_1{suffix}",
            round(statistics.median(among_many) / statistics.median(alone), 2),
            "times as long",
            "goal at most 1.5",
            f"a key deleted and committed among {PATIENTS:,} in {_DATABASE[suffix]}, beside one among a few; medians of"
            f" {ERASURES}, in turn; the epoch turns later, for all at once",
        )
        seconds = min(_turning(large) for _ in range(2))
        yield Figure(
            f"vault.epoch_turn_us_per_patient{suffix}",
            round(seconds / PATIENTS * 1e6, 1),
            "microseconds",
            "goal at most 40",
            f"all {PATIENTS:,} keys wrapped anew, checked, backed up into a file from which each was opened, the old"
            f" epoch destroyed, in {_DATABASE[suffix]}; the better of two",
        )


def _shredding(ward: Ward, subject: str) -> float:
    begun = time.perf_counter()
    assert ward.vault.keys.shred([subject]) == 1
    return time.perf_counter() - begun


def _turning(ward: Ward) -> float:
    backups = ward.folder / "backups"
    backups.mkdir(exist_ok=True)
    begun = time.perf_counter()
    assert ward.vault.keys.turn(backup=backups).live_keys == PATIENTS
    return time.perf_counter() - begun
