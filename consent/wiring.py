"""The one place where things meet: an installation's folder becomes its services.

home/
installation.json     tenant, log origin and public key, chain and registry: nothing secret
records.sqlite        sealed records, log, projection, outbox, consents, studies
keys.sqlite           wrapped patient keys
chain.sqlite          the embedded chain, or
deployment.json       where the contracts stand on the chain of a node
operator/             what only the operator holds: root key, chain keys, log key, epoch keys

One process runs the ledger (`opened_ledger`); any number of others do everything else beside it (`opened`).
"""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import migrations
from consent.adapters.chain_keys import ChainKeys
from consent.adapters.chain_store import only_process
from consent.adapters.deployments import deployment_from_json
from consent.adapters.embedded_chain import EmbeddedChain
from consent.adapters.json_rpc import Node
from consent.adapters.node_chain import NodeChain, connected
from consent.adapters.registries import Deployment
from consent.adapters.signing import LogKey, recover, verifies
from consent.adapters.sql import SqlStore, open_records
from consent.domain.errors import ConsentError, LedgerMismatchError
from consent.domain.identity import Identity, InvalidIdentityError
from consent.domain.typed_data import Address, SigningDomain
from consent.ports import Ledger
from consent.services.anchoring import Anchoring
from consent.services.book import ConsentBook
from consent.services.erasure import Erasure
from consent.services.evidence import EvidenceRoom
from consent.services.following import LedgerFollower
from consent.services.granting import Granting
from consent.services.log import Log
from consent.services.projection import LedgerProjection, ProjectionSeal
from consent.services.records import Records
from consent.services.relayer import Relayer
from consent.services.sending import Sending
from consent.services.studies.registration import Registration
from consent.services.studies.training import Training
from consent.services.studies.training_job import TRAIN, TrainingRunner
from consent.services.working import Attempt, Worker
from consent.settings import Settings, SettingsError
from vault import KeyTree, PassphraseFile, Vault, open_keys

Clock = Callable[[], datetime]
IDENTIFIERS = "identifiers"
PROJECTION = "projection"


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
    def deployment(self) -> Path:
        """Where the contracts stand, for a chain that a node serves."""
        return self.home / "deployment.json"

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
    domain: SigningDomain
    book: ConsentBook
    projection: LedgerProjection
    log: Log
    records: Records
    granting: Granting
    registration: Registration
    training: Training
    erasure: Erasure
    evidence: EvidenceRoom


@dataclass(frozen=True, slots=True)
class LedgerRoom(Installation):
    """An open installation whose process runs the ledger too."""

    ledger: Ledger
    follower: LedgerFollower
    relayer: Relayer
    anchoring: Anchoring


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
    domain = _chain_of(places, clock)
    migrations.upgrade(open_records(places.records), "records")
    keys = open_keys(places.keys)
    migrations.upgrade(keys, "keys")
    KeyTree.create(keys, root, settings.replicas, tenant)
    identity = Identity(tenant, log_key.public_key.hex(), domain.chain_id, domain.contract.hex())
    write_private(places.public, json.dumps(identity.to_json(), indent=2).encode(), mode=0o644)


def _chain_of(places: Places, clock: Clock) -> SigningDomain:
    """Return where signatures count: on the node's chain that was deployed to, or on an embedded one made now."""
    if places.deployment.exists():
        deployment = read_deployment(places.deployment)
        read_chain_keys(places)
        return SigningDomain(deployment.chain_id, deployment.registry.address)
    keys = ChainKeys.draw()
    write_private(places.chain_keys, json.dumps(keys.to_json()).encode())
    with EmbeddedChain.create(places.chain, keys, genesis_time=int(clock().timestamp())) as chain:
        return chain.domain


@contextmanager
def opened(settings: Settings, clock: Clock = utc_now) -> Iterator[Installation]:
    """Open an installation for everything but the ledger, beside any number of other processes.

    What it queues for the chain waits until the ledger's process runs; what the chain says it reads from the database.
    """
    with ExitStack() as stack:
        parts = _opened_parts(settings, stack)
        installation = Installation(**_services(parts, settings, clock))
        yield installation
        _sign(installation)


@contextmanager
def opened_ledger(settings: Settings, clock: Clock = utc_now) -> Iterator[LedgerRoom]:
    """Open an installation for everything, and be the one process that runs its ledger and finishes cut erasures.

    Raises `LedgerLockedError` when another one does, `LedgerMismatchError` when the chain is not the one that this
    installation was made on, `LedgerUnavailableError` when a node does not answer.
    """
    with ExitStack() as stack:
        parts = _opened_parts(settings, stack)
        ledger = _opened_chain(parts.places, settings, clock, stack)
        if ledger.domain != parts.domain:
            raise LedgerMismatchError(
                "the chain is not the one that this installation was made on: restore the right one"
            )
        seal = ProjectionSeal(parts.keys.installation_key(PROJECTION))
        follower = LedgerFollower(parts.store, ledger, seal)
        services = _services(parts, settings, clock, follower.follow)
        sending = Sending(parts.store, ledger)
        relayer = Relayer(parts.store, follower, sending, services["book"], parts.log)
        room = LedgerRoom(
            **services,
            ledger=ledger,
            follower=follower,
            relayer=relayer,
            anchoring=Anchoring(parts.store, ledger, sending, parts.log),
        )
        with room.store.begin() as unit:
            unit.projection.expect(room.book.keys())
        follower.follow(clock())
        room.erasure.resume()
        yield room
        _sign(room)


def worker(
    installation: Installation,
    tell: Callable[[Attempt], object] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
    clock: Clock = utc_now,
) -> Worker:
    """Return a worker for all kinds of jobs; what a job wrote into the log is signed after it."""

    def settled(attempt: Attempt) -> None:
        tell(attempt)
        _sign(installation)

    kinds = {TRAIN: TrainingRunner(installation.training)}
    return Worker(installation.store, clock, kinds, tell=settled, stopping=stopping)


@contextmanager
def opened_records(home: Path) -> Iterator[SqlStore]:
    """Open the records database alone, without any key: to queue jobs and to see how they are.

    Raises `InstallationError` when it is missing.
    """
    path = Places(home).records
    if not path.is_file():
        raise InstallationError("no installation is in this folder: `consentry init` makes one")
    store = SqlStore(open_records(path))
    try:
        yield store
    finally:
        store.engine.dispose()


def _sign(installation: Installation) -> None:
    """Leave no entry unsigned behind."""
    with installation.store.begin() as unit:
        if unit.log.size():
            installation.log.checkpoint(unit)


def _opened_chain(places: Places, settings: Settings, clock: Clock, stack: ExitStack) -> Ledger:
    keys = read_chain_keys(places)
    if not places.deployment.exists():
        return stack.enter_context(EmbeddedChain.open(places.chain, keys, lambda: int(clock().timestamp())))
    if not settings.rpc:
        raise SettingsError("this installation is on a node's chain: set CONSENTRY_RPC to the node's URL")
    stack.enter_context(only_process(places.home / "ledger.lock"))
    node = Node(connected(settings.rpc), keys.chain_id, settings.confirmations)
    return NodeChain(node, keys, read_deployment(places.deployment))


def read_chain_keys(places: Places) -> ChainKeys:
    """Read the four roles' keys; raise `InstallationError` when they are missing or damaged."""
    try:
        return ChainKeys.from_json(json.loads(places.chain_keys.read_bytes()))
    except (OSError, ValueError) as error:
        raise InstallationError("the chain's keys are missing or damaged: restore operator/chain-keys.json") from error


@dataclass(frozen=True, slots=True)
class _Parts:
    places: Places
    store: SqlStore
    keys: KeyTree
    log: Log
    domain: SigningDomain


def _opened_parts(settings: Settings, stack: ExitStack) -> _Parts:
    places = Places(settings.home)
    identity = read_identity(places.public)
    chain = places.deployment if places.deployment.exists() else places.chain
    for part in (places.records, places.keys, chain, places.root_key, places.chain_keys, places.log_key):
        if not part.is_file():
            raise InstallationError(f"{part.name} is missing from this installation: restore it, nothing was changed")
    store, keys_engine = SqlStore(open_records(places.records)), open_keys(places.keys)
    stack.callback(store.engine.dispose)
    stack.callback(keys_engine.dispose)
    root = PassphraseFile.open(places.root_key, settings.passphrase)
    keys = KeyTree.open(keys_engine, root, settings.replicas, identity.tenant)
    log = Log(identity.origin, LogKey.open(places.log_key, root.unwrap))
    return _Parts(places, store, keys, log, identity.domain)


def _services(
    parts: _Parts, settings: Settings, clock: Clock, follow: Callable[[datetime], object] = lambda _: None
) -> dict[str, Any]:  # fmt: skip
    """Return the services by their names in `Installation`."""
    store, keys, log = parts.store, parts.keys, parts.log
    vault = Vault(keys.tenant, keys)
    book = ConsentBook(parts.domain, recover, vault)
    projection = LedgerProjection(ProjectionSeal(keys.installation_key(PROJECTION)))
    with store.reading() as unit:
        book.load(unit)
        projection.refresh(unit)
    granting = Granting(store, vault, book, log, settings.publication_window)
    return {
        "places": parts.places,
        "store": store,
        "vault": vault,
        "keys": keys,
        "domain": parts.domain,
        "book": book,
        "projection": projection,
        "log": log,
        "records": Records(store, vault, book, log, keys.installation_key(IDENTIFIERS)),
        "granting": granting,
        "registration": Registration(store, log),
        "training": Training(store, vault, book, projection, parts.domain, log, clock, settings.max_staleness, follow),
        "erasure": Erasure(store, vault, book, log, granting, clock),
        "evidence": EvidenceRoom(store, vault),
    }


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
def opened_for_audit(home: Path, rpc: str = "") -> Iterator[AuditRoom]:
    """Open an installation's folder to read and check it; raise `InstallationError` when it holds none.

    `rpc` is the URL of the auditor's own node, for an installation whose chain a node serves.
    """
    places = Places(home)
    identity = read_identity(places.public)
    chain = places.deployment if places.deployment.exists() else places.chain
    if not places.records.is_file() or not chain.is_file():
        raise InstallationError("the records or the chain of this installation are missing: restore their files")
    with ExitStack() as stack:
        ledger = _audited_chain(places, rpc, stack)
        store = SqlStore(open_records(places.records, read_only=True))
        stack.callback(store.engine.dispose)
        yield AuditRoom(places, store, ledger, identity)


def _audited_chain(places: Places, rpc: str, stack: ExitStack) -> Ledger:
    if not places.deployment.exists():
        return stack.enter_context(EmbeddedChain.read_only(places.chain))
    if not rpc:
        raise SettingsError("this installation is on a node's chain: name a node of your own with --rpc")
    deployment = read_deployment(places.deployment)
    return NodeChain(Node(connected(rpc), deployment.chain_id), None, deployment)


def read_deployment(path: Path) -> Deployment:
    """Read `deployment.json`; raise `InstallationError` on anything but what `consentry deploy` writes."""
    try:
        return deployment_from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, LedgerMismatchError) as error:
        raise InstallationError("deployment.json is damaged: restore it from a copy") from error


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
