"""What is wrong with an installation, and what to do about it; of people it says their random ids at the most."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import migrations
from consent.adapters.log_archive import LogArchiveFile
from consent.adapters.sql import SqlStore
from consent.adapters.sql.conditions import SqlConditions
from consent.domain.erasure import Wait
from consent.domain.errors import ConsentError
from consent.domain.terms import SubjectId
from consent.services.health import Health, Limits
from consent.settings import Settings
from consent.wiring.clock import Clock, utc_now
from consent.wiring.making import both_databases
from consent.wiring.places import Places, is_absent, read_identity
from consent.wiring.rooms import Installation, opened
from vault import VaultError
from vault.sql import sqlite_path

TURN_SECONDS: Final = 3600
"""After so many seconds a turn that could have happened is overdue."""
NAMED: Final = 10
"""So many people are named, and the rest counted."""
_CURES: Final = {
    "database": "see that the records database runs and CONSENTRY_RECORDS leads to it",
    "ledger": "start `consentry ledger`; if it runs, its lines say what it waits for",
    "outbox": "look at the ledger's lines, and at the gas of its addresses",
    "jobs": "start `consentry worker`",
    "anchor": "look at the ledger's lines for `anchor refused`, and at the anchor's gas; then `consentry anchor`",
    "key": "put operator/root-key.json back",
    "records-schema": "stop every program and run `consentry upgrade`",
    "keys-schema": "stop every program and run `consentry upgrade`",
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong, and what to do about it."""

    what: str
    do: str


def complaints(settings: Settings, clock: Clock = utc_now) -> Iterator[Complaint]:
    """Yield what is wrong, the worst first: what keeps it from opening, then what will hurt later.

    Raises `InstallationError` where there is no installation.
    """
    places = Places(settings.home, settings.databases)
    read_identity(places.public)
    missing = [part for part in _PARTS if is_absent(part(places))]
    if missing == [_stops] and _is_older(places):  # it never had one: an upgrade begins it
        yield Complaint("records-schema: other", _CURES["records-schema"])
        return
    for part in missing:
        yield Complaint(f"{_named(part(places), places)} is missing", _PARTS[part])
    if missing:
        return
    yield from _conditions(places, settings, clock)
    try:
        with opened(settings, clock) as installation:
            yield from _inside(installation, settings, int(clock().timestamp()))
    except (ConsentError, VaultError) as error:
        yield Complaint(f"it does not open: {error}", "do what this says; docs/runbook.md has the cases")
    yield from _exposed(places, settings)


def _stops(places: Places) -> Path:
    return places.stops


_PARTS: Final[dict[Callable[[Places], Path | str], str]] = {
    lambda places: places.root_key: "nothing opens without it: put a copy back",
    lambda places: places.log_key: "put a copy back: without it nothing can be signed",
    lambda places: places.chain_keys: "put a copy back",
    _stops: "put its NEWEST copy back: without it nothing serves; never begin a new one",
    lambda places: places.records: "restore it: `consentry restore --records`",
    lambda places: places.keys: "restore it: `consentry restore --keys`",
}
"""What must be there, and what to do where it is not."""


def _is_older(places: Places) -> bool:
    with both_databases(places) as (records, _):
        return not migrations.at_head(records, "records")


def _named(part: Path | str, places: Places) -> str:
    """Return a file's path within the installation, or its name where it lies elsewhere."""
    path = sqlite_path(part) or Path()
    return str(path.relative_to(places.home)) if path.is_relative_to(places.home) else path.name


def _conditions(places: Places, settings: Settings, clock: Clock) -> Iterator[Complaint]:
    with both_databases(places) as (records, keys):
        schemas = {
            "records": partial(migrations.at_head, records, "records"),
            "keys": partial(migrations.at_head, keys, "keys"),
        }
        limits = Limits(head_age=settings.max_staleness, anchor=2 * settings.anchor_seconds)
        health = Health(SqlConditions(SqlStore(records)), clock, places.root_key, schemas, limits)
        for check in health.checks():
            if not check.ok and check.word != "unknown":
                yield Complaint(f"{check.name}: {check.word}", _CURES[check.name])
            if not check.ok and check.name == "database":
                return


def _inside(installation: Installation, settings: Settings, now: int) -> Iterator[Complaint]:
    for folder in installation.keys.missing_replicas:
        yield Complaint(f"the epoch key's copy in {folder} is missing", "copy it there from another replica folder")
    for epoch in installation.keys.undestroyed:
        yield Complaint(
            f"the key of the dead epoch {epoch} may still lie in a replica folder",
            "make every folder of CONSENTRY_REPLICAS available and run `consentry epoch turn`",
        )
    yield from _people(installation)
    yield from _waiting(installation, settings, now)
    with installation.store.reading() as unit:
        signed = LogArchiveFile(installation.places.log_archive).size()
        if signed == 0 < unit.log.size():
            yield Complaint("the log archive is empty", "it fills as the log is signed; was it full, put its copy back")
    if installation.book.unreadable:
        yield Complaint(
            f"stored consents that do not open, and permit nothing: {len(installation.book.unreadable)}",
            "restore the records database, or ask these patients again",
        )
    yield from _backups(installation, settings.backups or settings.home / "backups")


def _backups(installation: Installation, folder: Path) -> Iterator[Complaint]:
    keys = folder / "keys" / f"keys-epoch-{installation.keys.epoch}.sqlite"
    where = "set CONSENTRY_BACKUPS to where backups go, best on another machine"
    if not any((folder / "records").glob("records-*.sqlite")):
        yield Complaint(f"there is no backup in {folder}", f"{where}, and run `consentry backup`")
    elif not keys.is_file():
        yield Complaint(
            f"there is no backup of the live epoch's keys in {folder}",
            f"run `consentry backup`: older ones open nothing; or {where}",
        )


def _people(installation: Installation) -> Iterator[Complaint]:
    keyed = set(installation.keys.subjects())
    with installation.store.reading() as unit:
        people = {patient.subject for patient in unit.patients.everyone()}
        forgotten = installation.records.lost(unit)
    for subject in forgotten:
        yield Complaint(
            f"{subject} is being erased, and a restore forgot who that is: nobody new is enrolled till then",
            f"`consentry identify --subject {subject} --identifier 'system|value'`, from the request that was made",
        )
    if lost := installation.epochs.keyless():
        yield Complaint(
            f"people without a key, of whom nothing opens: {_names(lost)}",
            f"look for the newest keys backup of epoch {installation.keys.epoch} before the next turn, which makes it"
            " useless: `consentry restore --keys`; is there none, ask for their erasure, then `consentry enrol`",
        )
    if left := len(keyed - people):
        yield Complaint(
            f"keys of nobody here, but of people who came after the backup that was restored: {left}",
            "restore newer records, or, once you are sure, `consentry epoch turn --patients-only`",
        )


def _names(people: Sequence[SubjectId]) -> str:
    """Return a few of these people's random ids, and how many more there are."""
    more = len(people) - NAMED
    return ", ".join(people[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _waiting(installation: Installation, settings: Settings, now: int) -> Iterator[Complaint]:
    overdue = now - settings.epoch_every - TURN_SECONDS
    for erasure, comes in installation.erasures.standing():
        if comes is Wait.REQUEST:
            yield Complaint(
                "somebody's erasure lost its request in a restore", "`consentry erasures`; ask for it again"
            )
        if comes is Wait.TURN and erasure.since < overdue:
            yield Complaint(
                "an erasure waits for a turn of the epoch that is overdue",
                "run `consentry epoch turn`: it turns, or says what is in the way",
            )
        if comes is Wait.REPLICA:
            yield Complaint(
                "an erasure waits for a replica folder", "make every folder of CONSENTRY_REPLICAS available"
            )


def _exposed(places: Places, settings: Settings) -> Iterator[Complaint]:
    """Name what lies where it should not."""
    if places.operator.stat().st_mode & 0o077:
        yield Complaint("others can read the operator's folder", f"chmod 700 {places.operator}")
    databases = [path.parent for place in (places.records, places.keys) if (path := sqlite_path(place))]
    devices = {folder.stat().st_dev for folder in settings.replicas if folder.exists()}
    if len(devices) == 1:
        yield Complaint("all replicas of the epoch key lie on one disk", "put one of CONSENTRY_REPLICAS on another")
    if any(folder.stat().st_dev in devices for folder in databases):
        yield Complaint(
            "a database and an epoch key lie on one disk: a snapshot of it holds both",
            "put CONSENTRY_REPLICAS where no snapshot reaches",
        )
