"""An installation's folder becomes its services.

One process runs the ledger (`opened_ledger`); any number of others do everything else beside it (`opened`).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from consent.adapters.sql import SqlStore, open_records
from consent.adapters.stop_file import StopFile
from consent.domain.entry import Action, Entry
from consent.domain.errors import LedgerMismatchError, LogForkError
from consent.domain.typed_data import SigningDomain
from consent.ports import Ledger
from consent.services.access import OwnRecords
from consent.services.anchoring import Anchoring, require_continued
from consent.services.authorising import Authorising
from consent.services.book import ConsentBook
from consent.services.desk.answers import Answering
from consent.services.epochs import Epochs
from consent.services.erasure import Erasures
from consent.services.evidence import EvidenceRoom
from consent.services.expiring import Expiring
from consent.services.following import LedgerFollower
from consent.services.granting import Granting
from consent.services.log import Log
from consent.services.notices import Noticing
from consent.services.operators import Operators
from consent.services.outbox import Outbox, require_renewal
from consent.services.portal.key_turning import KeyTurning
from consent.services.preferences import Preferences
from consent.services.projection import LedgerProjection, ProjectionSeal
from consent.services.records import Records
from consent.services.relayer import Relayer
from consent.services.renewal import Renewal
from consent.services.replaying import Replayed
from consent.services.sending import Sending
from consent.services.studies.aggregate_job import AGGREGATE, AggregateRunner
from consent.services.studies.aggregating import Aggregating
from consent.services.studies.count_budget import CountBudget
from consent.services.studies.counting import Counting
from consent.services.studies.exporting import Exporting
from consent.services.studies.predicting import Predicting
from consent.services.studies.registration import Registration
from consent.services.studies.release_facts import ReleaseRoom
from consent.services.studies.release_history import ReleaseHistory
from consent.services.studies.releasing import Releasing
from consent.services.studies.retraining import RETRAIN, RetrainingRunner
from consent.services.studies.reviewing import Reviewing
from consent.services.studies.training import Training
from consent.services.studies.training_job import TRAIN, TrainingRunner
from consent.services.studies.verifying import Verifying
from consent.services.working import Attempt, Runner, Worker
from consent.settings import FILES, Databases, Settings
from consent.wiring.clock import Clock, utc_now
from consent.wiring.occupancy import occupied
from consent.wiring.parts import PROJECTION, book_of, opened_parts, services_of
from consent.wiring.places import InstallationError, Places, is_absent, read_chain_keys
from vault import KeyTree, Vault


@dataclass(frozen=True, slots=True)
class Installation:
    """An open installation; its services share one consent book and one projection.

    `replayed` is what this opening had to tell a restored one.
    """

    places: Places
    store: SqlStore
    vault: Vault
    keys: KeyTree
    domain: SigningDomain
    book: ConsentBook
    projection: LedgerProjection
    log: Log
    stops: StopFile
    replayed: Replayed
    records: Records
    own_records: OwnRecords
    operators: Operators
    outbox: Outbox
    granting: Granting
    preferences: Preferences
    count_budget: CountBudget
    counting: Counting
    releasing: Releasing
    release_history: ReleaseHistory
    reviewing: Reviewing
    predicting: Predicting
    aggregating: Aggregating
    exporting: Exporting
    release_room: ReleaseRoom
    registration: Registration
    training: Training
    verifying: Verifying
    erasures: Erasures
    noticing: Noticing
    epochs: Epochs
    expiring: Expiring
    evidence: EvidenceRoom
    authorising: Authorising
    key_turning: KeyTurning
    answering: Answering


@dataclass(frozen=True, slots=True)
class LedgerRoom(Installation):
    """An open installation whose process runs the ledger too, and with it erasures and epochs."""

    ledger: Ledger
    follower: LedgerFollower
    relayer: Relayer
    anchoring: Anchoring

    def keep_house(self) -> int:
        """Turn the epoch when due, take erasures as far as they go, let new keys count, note what consents ran out.

        Returns how many steps those were.

        A turn waits, an hour at most, for the last letter to somebody whose key was deleted: its address dies with it.
        What could not be destroyed of an earlier epoch is destroyed now, or raises `EpochNotDestroyedError` again.
        """
        steps = int(self.epochs.note_unlogged())
        steps += self.erasures.step(self.anchored) + self.key_turning.step() + self.expiring.step()
        if self.epochs.due() and not self.noticing.keeps_epoch(self.erasures.clock()):
            self.epochs.turn()
        elif not self.epochs.settle():
            return steps
        return steps + 1 + self.erasures.step(self.anchored)

    def rebuild(self, now: datetime) -> None:
        """Take the chain as it is, though a block went that was final, for an operator who knows why; the log says so.

        What stood in blocks that are gone goes out again: the outbox is made anew.
        """
        self.follower.rebuild()
        self.follower.follow(now)
        second = int(now.timestamp())
        with self.store.begin() as unit:
            require_renewal(unit, second)
            self.log.append(unit, [Entry(second, "operator", Action.LEDGER, "REBUILT")])

    def anchored(self) -> int:
        """Return how many entries the anchored checkpoint covers, as of the newest final block."""
        return self.ledger.anchored().size


@contextmanager
def opened(settings: Settings, clock: Clock = utc_now) -> Iterator[Installation]:
    """Open an installation for everything but the ledger, beside any number of other processes.

    What it queues for the chain waits until the ledger's process runs; what the chain says it reads from the database.
    """
    with ExitStack() as stack:
        parts = opened_parts(settings, clock, stack)
        outbox = Outbox(parts.keys.epoch_seal)
        installation = Installation(**services_of(parts, settings, clock, book_of(parts), outbox))
        yield installation
        _sign(installation)


@contextmanager
def opened_ledger(settings: Settings, clock: Clock = utc_now) -> Iterator[LedgerRoom]:
    """Open an installation for everything, and be the one process that runs its ledger.

    Raises `LedgerLockedError` when another one does, `LedgerMismatchError` when the chain is not the one that this
    installation was made on, `LogForkError` when the chain holds more of the log than is here, and
    `LedgerUnavailableError` when a node does not answer.
    """
    from consent.wiring.chains import opened_chain  # noqa: PLC0415  # slow to load, and for this process only

    with ExitStack() as stack:
        parts = opened_parts(settings, clock, stack)
        ledger = stack.enter_context(opened_chain(settings, read_chain_keys(parts.places), clock))
        if ledger.domain != parts.domain:
            raise LedgerMismatchError(
                "the chain is not the one that this installation was made on: restore the right one"
            )
        _require_whole(parts.store, ledger)
        seal = ProjectionSeal(parts.keys.installation_key(PROJECTION))
        book, outbox = book_of(parts), Outbox(parts.keys.epoch_seal)
        follower = LedgerFollower(parts.store, ledger, seal, book, outbox)
        sending, renewal = Sending(parts.store, ledger), Renewal(outbox, book, settings.publication_window)
        room = LedgerRoom(
            **services_of(parts, settings, clock, book, outbox, follower.follow),
            ledger=ledger,
            follower=follower,
            relayer=Relayer(parts.store, follower, sending, book, parts.log, outbox, renewal),
            anchoring=Anchoring(parts.store, ledger, sending, parts.log),
        )
        follower.follow(clock())
        yield room
        _sign(room)


def _require_whole(store: SqlStore, ledger: Ledger) -> None:
    """Raise `LogForkError` when the chain's anchor covers entries that are lost here: an old copy of everything.

    As many entries do not make it the same log: a stop that is done again writes another one in the place of its own.
    """
    anchored = ledger.anchored()
    with store.reading() as unit:
        if anchored.size > unit.log.size():
            raise LogForkError(
                "the chain holds more of the log than is here: restore the newest copy of operator/log-archive"
            )
        require_continued(unit.log, anchored)


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

    training = installation.training
    kinds: dict[str, Runner] = {
        TRAIN: TrainingRunner(training),
        RETRAIN: RetrainingRunner(training),
        AGGREGATE: AggregateRunner(installation.aggregating),
    }
    return Worker(installation.store, clock, kinds, tell=settled, stopping=stopping)


@contextmanager
def opened_records(home: Path, databases: Databases = FILES) -> Iterator[SqlStore]:
    """Open the records database alone, without any key: to queue jobs and to see how they are.

    Raises `InstallationError` when it is missing.
    """
    places = Places(home, databases)
    if is_absent(places.records) or not places.public.is_file():
        raise InstallationError("no installation is in this folder: `consentry init` makes one")
    with occupied(places):
        store = SqlStore(open_records(places.records))
        try:
            yield store
        finally:
            store.engine.dispose()


def _sign(installation: Installation) -> None:
    """Leave no entry unsigned behind."""
    with installation.store.begin() as unit:
        if unit.log.size():
            installation.log.checkpoint(unit)
