"""The one place where things meet: an installation's folder becomes its services.

home/
installation.json     tenant, log origin and public key: nothing secret
records.sqlite        sealed records, log, projection, outbox, consents, studies
keys.sqlite           wrapped patient keys
chain.sqlite          the embedded chain
operator/             what only the operator holds: root key, chain keys, log key, epoch keys
"""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import migrations
from consent.adapters.chain_keys import ChainKeys
from consent.adapters.embedded_chain import EmbeddedChain
from consent.adapters.signing import LogKey, recover, verifies
from consent.adapters.sql import SqlStore, open_records
from consent.domain.errors import ConsentError
from consent.domain.identity import Identity, InvalidIdentityError
from consent.domain.typed_data import Address
from consent.ports import Ledger
from consent.services.book import ConsentBook
from consent.services.erasure import Erasure
from consent.services.evidence import EvidenceRoom
from consent.services.granting import Granting
from consent.services.log import Log
from consent.services.projection import LedgerProjection
from consent.services.records import Records
from consent.services.relayer import Relayer
from consent.services.studies.registration import Registration
from consent.services.studies.training import Training
from consent.settings import Settings
from vault import KeyTree, PassphraseFile, Vault, open_keys

Clock = Callable[[], datetime]
IDENTIFIERS = "identifiers"


class InstallationError(ConsentError):
    """The folder is not what was asked for: make an installation first, or name another folder."""


def utc_now() -> datetime:
    """Return the wall clock's time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of an installation lie."""

    home: Path

    @property
    def public(self) -> Path:
        """What anyone may know of the installation."""
        return self.home / "installation.json"

    @property
    def records(self) -> Path:
        """The records database."""
        return self.home / "records.sqlite"

    @property
    def keys(self) -> Path:
        """The keys database."""
        return self.home / "keys.sqlite"

    @property
    def chain(self) -> Path:
        """The embedded chain."""
        return self.home / "chain.sqlite"

    @property
    def operator(self) -> Path:
        """The operator's own folder."""
        return self.home / "operator"

    @property
    def root_key(self) -> Path:
        """R, under the passphrase."""
        return self.operator / "root-key.json"

    @property
    def chain_keys(self) -> Path:
        """The chain's keys."""
        return self.operator / "chain-keys.json"

    @property
    def log_key(self) -> Path:
        """The log's signing key, under the passphrase."""
        return self.operator / "log-key"


@dataclass(frozen=True, slots=True)
class Installation:
    """An open installation; its services share one consent book and one projection."""

    places: Places
    store: SqlStore
    vault: Vault
    keys: KeyTree
    ledger: Ledger
    book: ConsentBook
    projection: LedgerProjection
    log: Log
    records: Records
    granting: Granting
    relayer: Relayer
    registration: Registration
    training: Training
    erasure: Erasure
    evidence: EvidenceRoom


def create(settings: Settings, clock: Clock = utc_now) -> None:
    """Make a new installation in `settings.home`; raise `InstallationError` when the folder holds one."""
    places = Places(settings.home)
    if places.public.exists():
        raise InstallationError("this folder holds an installation already: name another, or open this one")
    if any(part.exists() for part in (places.records, places.keys, places.chain, places.root_key)):
        raise InstallationError("this folder holds parts of an installation: restore installation.json, or empty it")
    places.operator.mkdir(parents=True, exist_ok=True)
    places.operator.chmod(0o700)
    tenant = secrets.token_hex(16)
    root = PassphraseFile.create(places.root_key, settings.passphrase)
    log_key = LogKey.create(places.log_key, root.wrap)
    chain_keys = ChainKeys.draw()
    write_private(places.chain_keys, json.dumps(chain_keys.to_json()).encode())
    migrations.upgrade(open_records(places.records), "records")
    keys = open_keys(places.keys)
    migrations.upgrade(keys, "keys")
    KeyTree.create(keys, root, settings.replicas, tenant)
    with EmbeddedChain.create(places.chain, chain_keys, genesis_time=int(clock().timestamp())) as chain:
        identity = Identity(tenant, log_key.public_key.hex(), chain.domain.chain_id, chain.domain.contract.hex())
    write_private(places.public, json.dumps(identity.to_json(), indent=2).encode(), mode=0o644)


@contextmanager
def opened(settings: Settings, clock: Clock = utc_now) -> Iterator[Installation]:
    """Open an installation for everything; one process at a time, for the chain's file has one writer."""
    places = Places(settings.home)
    identity = read_identity(places.public)
    for part in (places.records, places.keys, places.chain, places.root_key, places.chain_keys, places.log_key):
        if not part.is_file():
            raise InstallationError(f"{part.name} is missing from this installation: restore it, nothing was changed")
    with ExitStack() as stack:
        ledger = stack.enter_context(
            EmbeddedChain.open(places.chain, _chain_keys(places), lambda: int(clock().timestamp()))
        )
        store, keys_engine = SqlStore(open_records(places.records)), open_keys(places.keys)
        stack.callback(store.engine.dispose)
        stack.callback(keys_engine.dispose)
        root = PassphraseFile.open(places.root_key, settings.passphrase)
        keys = KeyTree.open(keys_engine, root, settings.replicas, identity.tenant)
        log = Log(identity.origin, LogKey.open(places.log_key, root.unwrap))
        installation = _wired(places, store, keys, ledger, log, settings, clock)
        installation.projection.follow(clock())
        installation.erasure.resume()
        yield installation
        _sign(installation)


def _sign(installation: Installation) -> None:
    """Leave no entry unsigned behind."""
    with installation.store.begin() as unit:
        if unit.log.size():
            installation.log.checkpoint(unit)


def _chain_keys(places: Places) -> ChainKeys:
    try:
        return ChainKeys.from_json(json.loads(places.chain_keys.read_bytes()))
    except (OSError, ValueError) as error:
        raise InstallationError("the chain's keys are missing or damaged: restore operator/chain-keys.json") from error


def _wired(
    places: Places, store: SqlStore, keys: KeyTree, ledger: Ledger, log: Log, settings: Settings, clock: Clock
) -> Installation:  # fmt: skip
    vault = Vault(keys.tenant, keys)
    book = ConsentBook(ledger.domain, recover)
    projection = LedgerProjection(store, ledger, book)
    with store.reading() as unit:
        book.load(unit, vault)
        projection.load(unit)
    granting = Granting(store, vault, book, log)
    return Installation(
        places=places,
        store=store,
        vault=vault,
        keys=keys,
        ledger=ledger,
        book=book,
        projection=projection,
        log=log,
        records=Records(store, vault, book, log, keys.installation_key(IDENTIFIERS)),
        granting=granting,
        relayer=Relayer(store, ledger, projection, log),
        registration=Registration(store, log),
        training=Training(store, vault, book, projection, ledger, log, clock, settings.max_staleness),
        erasure=Erasure(store, vault, book, log, granting, clock),
        evidence=EvidenceRoom(store, vault),
    )


@dataclass(frozen=True, slots=True)
class AuditRoom:
    """What an auditor opens: no key, no passphrase, nothing that writes."""

    places: Places
    store: SqlStore
    ledger: Ledger
    identity: Identity

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.identity.origin

    @property
    def public_key(self) -> bytes:
        """The log's Ed25519 public key, 32 bytes."""
        return self.identity.public_key

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Say whether the log key signed a message."""
        return verifies(self.public_key, message, signature)

    def recover(self, digest: bytes, signature: bytes) -> Address | None:
        """Return who signed a digest with a compact signature."""
        return recover(digest, signature)


@contextmanager
def opened_for_audit(home: Path) -> Iterator[AuditRoom]:
    """Open an installation's folder to read and check it; raise `InstallationError` when it holds none."""
    places = Places(home)
    identity = read_identity(places.public)
    if not places.records.is_file() or not places.chain.is_file():
        raise InstallationError("the records or the chain of this installation are missing: restore their files")
    with ExitStack() as stack:
        ledger = stack.enter_context(EmbeddedChain.read_only(places.chain))
        store = SqlStore(open_records(places.records, read_only=True))
        stack.callback(store.engine.dispose)
        yield AuditRoom(places, store, ledger, identity)


def read_identity(path: Path) -> Identity:
    """Read `installation.json`, an installation's own or an auditor's copy; raise `InstallationError`."""
    try:
        return Identity.from_json(json.loads(path.read_bytes()))
    except OSError as error:
        raise InstallationError(
            "no installation is in this folder: `consentry init` or `make demo` makes one"
        ) from error
    except (ValueError, InvalidIdentityError) as error:
        raise InstallationError("installation.json is damaged: restore it from a copy") from error


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a new file for its owner's eyes, whole and on disk before it has its name."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
