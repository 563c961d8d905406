"""What is wrong with an installation, and what to do about it, without a word about anybody."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import migrations
from consent.adapters.log_archive import LogArchiveFile
from consent.adapters.sql import SqlStore
from consent.adapters.sql.conditions import SqlConditions
from consent.domain.erasure import Wait
from consent.domain.errors import ConsentError
from consent.services.health import Health, Limits
from consent.settings import Settings
from consent.wiring.clock import Clock, utc_now
from consent.wiring.making import both_databases
from consent.wiring.places import Places, is_absent, read_identity
from consent.wiring.rooms import Installation, opened
from vault import VaultError
from vault.sql import sqlite_path

_CURES = {
    "database": "see that the records database runs and CONSENTRY_RECORDS leads to it",
    "ledger": "start `consentry ledger`; if it runs, its lines say what it waits for",
    "outbox": "look at the ledger's lines, and at the gas of its addresses",
    "jobs": "start `consentry worker`",
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
    """Yield what is wrong, the worst first: what keeps it from opening, then what will hurt later."""
    places = Places(settings.home, settings.databases)
    missing = list(_missing(places))
    yield from missing
    if missing:
        return
    yield from _conditions(places, settings, clock)
    try:
        with opened(settings, clock) as installation:
            yield from _inside(installation, settings)
    except (ConsentError, VaultError) as error:
        yield Complaint(f"it does not open: {error}", "do what this says; docs/runbook.md has the cases")
    yield from _exposed(places, settings)


def _missing(places: Places) -> Iterator[Complaint]:
    read_identity(places.public)
    for part, cure in (
        (places.root_key, "nothing opens without it: put a copy back"),
        (places.log_key, "put a copy back: without it nothing can be signed"),
        (places.chain_keys, "put a copy back"),
        (places.stops, "put its NEWEST copy back: without it nothing serves; never begin a new one"),
        (places.records, "restore it: `consentry restore`"),
        (places.keys, "restore it: `consentry restore --keys`"),
    ):
        if is_absent(part):
            yield Complaint(f"{Path(part).name} is missing", cure)


def _conditions(places: Places, settings: Settings, clock: Clock) -> Iterator[Complaint]:
    with both_databases(places) as (records, keys):
        schemas = {
            "records": partial(migrations.at_head, records, "records"),
            "keys": partial(migrations.at_head, keys, "keys"),
        }
        limits = Limits(head_age=settings.max_staleness)
        health = Health(SqlConditions(SqlStore(records)), clock, places.root_key, schemas, limits)
        for check in health.checks():
            if not check.ok:
                yield Complaint(f"{check.name}: {check.word}", _CURES[check.name])


def _inside(installation: Installation, settings: Settings) -> Iterator[Complaint]:
    for folder in installation.keys.missing_replicas:
        yield Complaint(f"the epoch key's copy in {folder} is missing", "copy it there from another replica folder")
    for epoch in installation.keys.undestroyed:
        yield Complaint(
            f"the key of the dead epoch {epoch} may still lie in a replica folder",
            "make every folder of CONSENTRY_REPLICAS available and run `consentry epoch turn`",
        )
    yield from _people(installation)
    yield from _waiting(installation)
    with installation.store.reading() as unit:
        signed = LogArchiveFile(installation.places.log_archive).size()
        if signed == 0 < unit.log.size():
            yield Complaint("the log archive is empty", "it fills as the log is signed; was it full, put its copy back")
    if installation.book.unreadable:
        yield Complaint(
            f"{len(installation.book.unreadable)} stored consents do not open, and permit nothing",
            "restore the records database, or ask these patients again",
        )
    backups = settings.backups
    if backups is None or not any((backups / "records").glob("records-*.sqlite")):
        yield Complaint("there is no backup", "run `consentry backup`, best to another machine (CONSENTRY_BACKUPS)")


def _people(installation: Installation) -> Iterator[Complaint]:
    keyed = set(installation.keys.subjects())
    with installation.store.reading() as unit:
        people = {patient.subject for patient in unit.patients.everyone()}
    shredded = installation.stops.state().shredded
    if lost := len(people - keyed - shredded):
        yield Complaint(
            f"{lost} patients have no key, so that nothing of theirs opens",
            "restore the keys backup that belongs to these records; it must be of the live epoch",
        )
    if left := len(keyed - people):
        yield Complaint(
            f"{left} keys belong to nobody here: people who came after the backup that was restored",
            "restore newer records, or, once you are sure, `consentry epoch turn --patients-only`",
        )


def _waiting(installation: Installation) -> Iterator[Complaint]:
    for _, comes in installation.erasures.standing():
        if comes is Wait.REQUEST:
            yield Complaint(
                "somebody's erasure lost its request in a restore", "`consentry erasures`; ask for it again"
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
