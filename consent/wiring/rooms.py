"""An installation's folder becomes its services.

One process runs the ledger (`opened_ledger`); any number of others do everything else beside it (`opened`).
"""

import json
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
from consent.adapters.embedded_chain import EmbeddedChain
from consent.adapters.json_rpc import Node
from consent.adapters.node_chain import NodeChain, connected
from consent.adapters.registries import Registries
from consent.adapters.signing import LogKey, recover
from consent.adapters.sql import SqlStore, open_records
from consent.domain.errors import LedgerMismatchError
from consent.domain.identity import Identity
from consent.domain.typed_data import SigningDomain
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
from consent.wiring.places import (
    InstallationError,
    Places,
    read_chain_keys,
    read_deployment,
    read_identity,
    write_private,
)
from vault import KeyTree, PassphraseFile, Vault, open_keys

Clock = Callable[[], datetime]
IDENTIFIERS = "identifiers"
PROJECTION = "projection"


def utc_now() -> datetime:
    """Return the wall clock's time in UTC."""
    return datetime.now(UTC)


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
        ledger = stack.enter_context(opened_chain(settings, read_chain_keys(parts.places), clock))
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


@contextmanager
def opened_chain(settings: Settings, keys: ChainKeys, clock: Clock = utc_now) -> Iterator[Registries]:
    """Open the chain of an installation with these keys, as the one process that does."""
    places = Places(settings.home)
    if not places.deployment.exists():
        with EmbeddedChain.open(places.chain, keys, lambda: int(clock().timestamp())) as chain:
            yield chain
        return
    if not settings.rpc:
        raise SettingsError("this installation is on a node's chain: set CONSENTRY_RPC to the node's URL")
    with only_process(places.home / "ledger.lock"):
        node = Node(connected(settings.rpc), keys.chain_id, settings.confirmations)
        yield NodeChain(node, keys, read_deployment(places.deployment))


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
