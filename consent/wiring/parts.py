"""The parts of an open installation, and the services made of them."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from consent.adapters.fhir import supersedes
from consent.adapters.log_archive import LogArchiveFile
from consent.adapters.signing import LogKey
from consent.adapters.sql import SqlStore
from consent.adapters.sql.row_macs import RowMacs
from consent.adapters.stop_file import StopFile
from consent.domain.entry import Action, Entry
from consent.domain.key_history import KeyJudge
from consent.domain.typed_data import SigningDomain
from consent.services.access import OwnRecords
from consent.services.acts import Acts
from consent.services.authorising import Authorising
from consent.services.book import ConsentBook
from consent.services.desk.answers import Answering
from consent.services.epochs import Epochs
from consent.services.erasure import Erasures
from consent.services.erasure_register import ErasureRegister
from consent.services.evidence import EvidenceRoom
from consent.services.expiring import Expiring
from consent.services.granting import Granting
from consent.services.log import Log
from consent.services.notices import Noticing
from consent.services.operators import Operators
from consent.services.outbox import Outbox
from consent.services.portal.key_turning import KeyTurning
from consent.services.preferences import Preferences
from consent.services.projection import LedgerProjection, ProjectionSeal
from consent.services.records import Records
from consent.services.replaying import Replayed, Replaying
from consent.services.studies.aggregating import Aggregating
from consent.services.studies.count_budget import CountBudget, CountRules
from consent.services.studies.counting import Counting
from consent.services.studies.exporting import Exporting
from consent.services.studies.predicting import Predicting
from consent.services.studies.registration import Registration
from consent.services.studies.release_facts import ReleaseRoom
from consent.services.studies.release_history import ReleaseHistory
from consent.services.studies.releasing import ReleaseRules, Releasing
from consent.services.studies.reviewing import Reviewing
from consent.services.studies.training import Training
from consent.services.studies.verifying import Verifying
from consent.settings import Settings
from consent.signatures import recover, verifies
from consent.wiring.clock import Clock
from consent.wiring.making import both_databases
from consent.wiring.occupancy import occupied
from consent.wiring.places import InstallationError, Places, is_absent, read_identity, write_private
from vault import KeyTree, PassphraseFile, Vault

IDENTIFIERS: Final = "identifiers"
NOTICES: Final = "notices"
PROJECTION: Final = "projection"
ROWS: Final = "rows"


_ENROL: Final = b'{"action":"enrol"'
_ADOPTED: Final = b'"verdict":"ROWS_ADOPTED"'


@dataclass(frozen=True, slots=True)
class Parts:
    """What services are made of; whatever was restored has been told what it did not know."""

    places: Places
    store: SqlStore
    keys: KeyTree
    vault: Vault
    log: Log
    stops: StopFile
    domain: SigningDomain
    replayed: Replayed
    acts: Acts


def opened_parts(settings: Settings, clock: Clock, stack: ExitStack) -> Parts:
    """Open databases, keys and lists, and make log and stop list one; raises `InstallationError`, `StopListError`."""
    places = Places(settings.home, settings.databases)
    identity = read_identity(places.public)
    chain = places.deployment if places.deployment.exists() else places.chain
    for part in (places.records, places.keys, chain, places.root_key, places.chain_keys, places.log_key):
        if is_absent(part):
            raise InstallationError(
                f"{Path(part).name} is missing from this installation: restore it, nothing was changed"
            )
    stack.enter_context(occupied(places))
    records, keys_engine = stack.enter_context(both_databases(places))
    root = PassphraseFile.open(places.root_key, settings.passphrase)
    log_key = LogKey.open(places.log_key, root.unwrap)
    stops = StopFile(places.stops, identity.origin, log_key.public_key, log_key.sign)
    stops.state()
    keys = KeyTree.open(keys_engine, root, settings.replicas, identity.tenant)
    store, vault = SqlStore(records, RowMacs(keys.installation_key(ROWS))), Vault(identity.tenant, keys)
    log = Log(identity.origin, log_key, LogArchiveFile(places.log_archive))
    judge = KeyJudge(log.origin, log_key.public_key, identity.domain, recover, verifies)
    replayed, acts = Replaying(store, vault, log, stops, clock, judge).run()
    _mend(store, log)
    _adopt_rows(places, store, log, clock)
    return Parts(places, store, keys, vault, log, stops, identity.domain, replayed, acts)


def _mend(store: SqlStore, log: Log) -> None:
    """Make the tree's stored hashes anew where they lack something, as after a restore, or are not what was signed."""
    with store.reading() as unit:
        sound = log.has_sound_tree(unit)
    if not sound:
        with store.begin() as unit:
            unit.log.make_subtrees()


def _adopt_rows(places: Places, store: SqlStore, log: Log, clock: Clock) -> None:
    """Give rows of an earlier version their MACs, once: the log says so, and a file says that it was done.

    Whoever writes to the database reaches neither the file nor what is signed of the log.
    """
    if places.rows_adopted.exists():
        return
    with store.begin() as unit:
        told = [one.index for one in unit.log.entries() if one.body.startswith(_ENROL) and _ADOPTED in one.body]
        rows = 0 if told else store.macs.adopt(unit.connection)
        if rows:
            entry = Entry(int(clock().timestamp()), "operator", Action.ENROL, "ROWS_ADOPTED", facts={"rows": rows})
            log.append(unit, [entry])
    write_private(places.rows_adopted, b"rows that let somebody in carry a MAC\n")


def book_of(parts: Parts) -> ConsentBook:
    """Return the book of all consents."""
    book = ConsentBook(parts.domain, recover, parts.vault)
    with parts.store.reading() as unit:
        book.load(unit, parts.acts)
        book.follow(unit)
    return book


def services_of(
    parts: Parts,
    settings: Settings,
    clock: Clock,
    book: ConsentBook,
    outbox: Outbox,
    follow: Callable[[datetime], object] = lambda _: None,
) -> dict[str, Any]:
    """Return the services by their names in `Installation`."""
    store, keys, log, vault, stops = parts.store, parts.keys, parts.log, parts.vault, parts.stops
    projection = LedgerProjection(ProjectionSeal(keys.installation_key(PROJECTION)))
    with store.reading() as unit:
        projection.refresh(unit)
    granting = Granting(store, vault, book, log, outbox, stops, settings.publication_window)
    training = Training(store, vault, book, projection, parts.domain, log, clock, settings.max_staleness, follow)
    evidence = EvidenceRoom(store, vault)
    authorising = Authorising(log.origin, parts.domain, recover, verifies, log.signer.public_key)
    register = ErasureRegister(stops)
    noticing = Noticing(store, vault, book, projection, keys.epoch_seal, keys.installation_key(NOTICES))
    identifier_key = keys.installation_key(IDENTIFIERS)
    backups = settings.backups / "keys" if settings.backups else None
    preferences = Preferences(store, book, log)
    count_rules = CountRules(settings.count_epsilon, settings.count_budget, settings.count_period)
    count_budget = CountBudget(log, count_rules)
    serving = (store, vault, book, projection, log)
    return {
        "places": parts.places,
        "store": store,
        "vault": vault,
        "keys": keys,
        "domain": parts.domain,
        "book": book,
        "projection": projection,
        "log": log,
        "stops": stops,
        "replayed": parts.replayed,
        "records": Records(store, vault, book, log, stops, identifier_key, supersedes),
        "own_records": OwnRecords(store, vault, book, log, authorising, clock),
        "operators": Operators(store, log, verifies),
        "outbox": outbox,
        "granting": granting,
        "preferences": preferences,
        "count_budget": count_budget,
        "counting": Counting(store, vault, book, log, preferences, count_budget, clock),
        "releasing": Releasing(
            store,
            vault,
            book,
            projection,
            log,
            clock,
            settings.max_staleness,
            ReleaseRules(settings.release_changes, settings.release_days),
        ),
        "release_history": ReleaseHistory(store, vault, projection),
        "reviewing": Reviewing(store, projection, log, clock),
        "predicting": Predicting(*serving, settings.max_staleness, settings.predictions_an_hour),
        "release_room": ReleaseRoom(store, projection),
        "exporting": Exporting(store, projection, log, settings.max_staleness),
        "aggregating": Aggregating(*serving, count_budget, settings.max_staleness),
        "registration": Registration(store, projection, log),
        "training": training,
        "verifying": Verifying(training, evidence, partial(verifies, log.signer.public_key)),
        "erasures": Erasures(
            store,
            vault,
            book,
            log,
            granting,
            outbox,
            stops,
            authorising,
            register,
            clock,
            settings.replica_delay,
            noticing.farewell,
        ),
        "noticing": noticing,
        "epochs": Epochs(store, keys, log, register, stops, clock, settings.epoch_every, backups),
        "expiring": Expiring(store, book, log, clock),
        "evidence": evidence,
        "authorising": authorising,
        "key_turning": KeyTurning(store, vault, book, log, clock),
        "answering": Answering(store, book, projection, log, preferences, count_budget, settings.max_staleness),
    }
