"""Making an installation, and bringing an older one up to date."""

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine

import migrations
from consent.adapters.signing import LogKey
from consent.adapters.sql import SqlStore, engines, open_records
from consent.adapters.stop_file import StopFile
from consent.domain.identity import Identity
from consent.domain.stop_list import Mark, MarkKind
from consent.ports import Unit
from consent.services.acts import read_acts
from consent.services.studies.openings import blind
from consent.settings import Settings, SettingsError
from consent.wiring.clock import Clock, utc_now
from consent.wiring.occupancy import occupied
from consent.wiring.places import (
    InstallationError,
    Places,
    make_folders,
    read_identity,
    write_private,
)
from vault import KeyTree, PassphraseFile, Vault, open_keys
from vault.sql import is_postgresql, reading_keys, sqlite_path

SHORTEST_PASSPHRASE: Final = 12
"""In bytes. Argon2id makes each guess cost; a short one is guessed all the same."""


def create(settings: Settings, clock: Clock = utc_now) -> None:
    """Make a new installation in `settings.home`.

    Raises `InstallationError` when the folder holds one, and `SettingsError` for a passphrase that is too short.
    """
    from consent.wiring.chains import made_chain  # noqa: PLC0415  # slow to load

    places = Places(settings.home, settings.databases)
    _require_nothing_there(places)
    if len(settings.passphrase) < SHORTEST_PASSPHRASE:
        raise SettingsError(
            f"the passphrase guards every record: take at least {SHORTEST_PASSPHRASE} characters, such as four words "
            "drawn by lot; nothing was made"
        )
    make_folders(places)
    tenant = secrets.token_hex(16)
    root = PassphraseFile.create(places.root_key, settings.passphrase)
    log_key = LogKey.create(places.log_key, root.wrap)
    domain = made_chain(places, clock)
    _make_databases(places, root, settings.replicas, tenant)
    identity = Identity(tenant, log_key.public_key.hex(), domain.chain_id, domain.contract.hex())
    StopFile.create(places.stops, identity.origin, log_key, int(clock().timestamp()))
    write_private(places.rows_adopted, b"rows that let somebody in carry a MAC\n")
    write_private(places.public, json.dumps(identity.to_json(), indent=2).encode())


def upgrade(settings: Settings, clock: Clock = utc_now) -> None:
    """Bring both databases to the newest schema, blind what named people, and begin a stop list where there is none.

    The log's tree is computed for one that stored none.
    Nobody has the installation open meanwhile. It may be run again; raises `InstallationError`.
    """
    places = Places(settings.home, settings.databases)
    identity = read_identity(places.public)
    with occupied(places, alone=True), both_databases(places) as (records, keys):
        migrations.upgrade(keys, "keys")
        migrations.upgrade(records, "records")
        root = PassphraseFile.open(places.root_key, settings.passphrase)
        if not places.stops.exists():
            with SqlStore(records).reading() as unit:
                marks = _marks(unit, int(clock().timestamp()))
            log_key = LogKey.open(places.log_key, root.unwrap)
            stops = StopFile.create(places.stops, identity.origin, log_key, int(clock().timestamp()))
            stops.append(marks)
        with SqlStore(records).begin() as unit:
            if not unit.log.has_subtrees():
                unit.log.make_subtrees()
            if unit.studies.openings_in_clear():
                tree = KeyTree.open(keys, root, settings.replicas, identity.tenant)
                blind(unit, Vault(identity.tenant, tree))


def _marks(unit: Unit, now: int) -> list[Mark]:
    """Return what a log from before the stop list says of stops and erasures; identifiers apart from their subjects."""
    acts = read_acts(unit.log)
    stops = [Mark(MarkKind.STOP, now, acts.whose[consent], consent) for consent in sorted(acts.stopped)]
    blocks = [Mark(MarkKind.BLOCK, now, subject) for subject in sorted(acts.blocked)]
    shreds = [Mark(MarkKind.SHRED, now, subject) for subject in sorted(acts.shredded)]
    macs = sorted(mac for subject in acts.erased for mac in unit.patients.identifiers(subject))
    return [*stops, *blocks, *shreds, *(Mark(MarkKind.TOMBSTONE, now, identifier=mac.hex()) for mac in macs)]


def _require_nothing_there(places: Places) -> None:
    if places.public.exists():
        raise InstallationError("this folder holds an installation already: name another, or open this one")
    files = (sqlite_path(part) for part in (places.records, places.keys, places.chain, places.root_key))
    if any(file and file.exists() for file in files):
        raise InstallationError("this folder holds parts of an installation: restore installation.json, or empty it")
    with both_databases(places) as (records, keys):
        if is_postgresql(records):
            _require_empty(engines.reading(records))
        if is_postgresql(keys):
            _require_empty(reading_keys(keys))


def _make_databases(places: Places, root: PassphraseFile, replicas: Sequence[Path], tenant: str) -> None:
    with both_databases(places) as (records, keys):
        migrations.upgrade(records, "records")
        _require_empty(reading_keys(keys))  # two spellings may name one database, and a copy of records holds no key
        migrations.upgrade(keys, "keys")
        KeyTree.create(keys, root, replicas, tenant)


def _require_empty(reading: AbstractContextManager[Connection]) -> None:
    with reading as connection:
        if not migrations.is_empty(connection):
            raise InstallationError("a database holds tables already: name two new, empty ones")


@contextmanager
def both_databases(places: Places) -> Iterator[tuple[Engine, Engine]]:
    """Open the records database and the keys database, and let go of both at the end."""
    records, keys = open_records(places.records), open_keys(places.keys)
    try:
        yield records, keys
    finally:
        records.dispose()
        keys.dispose()
