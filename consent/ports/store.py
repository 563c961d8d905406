"""The records database, table by table, and the two halves of signing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from consent.domain.entry import Action, PlacedEntry
from consent.domain.merkle import Subtree
from consent.domain.study import Study
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.ports.accounts import Accounts, Sessions
from consent.ports.api import ApiTokens, Clients, StaffRows
from consent.ports.certificates import Certificates
from consent.ports.desk import AnswerRows, CohortRows
from consent.ports.drafts import Drafts
from consent.ports.jobs import Jobs
from consent.ports.log_sieve import EVERYTHING, Sieve
from consent.ports.notices import Notices
from consent.ports.outbox import ModelActs, OutboxRows, Transactions
from consent.ports.projection import Projection
from consent.ports.replacements import Replacements
from consent.ports.reports import Reports
from consent.ports.wishes import Wishes


class Signer(Protocol):
    """The log key: Ed25519 (RFC 8032)."""

    @property
    def public_key(self) -> bytes:
        """The 32-byte public key."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of `message`."""


@dataclass(frozen=True, slots=True)
class Patient:
    """One enrolled person: random id, address of the enrolment key, and whether they asked to be erased."""

    subject: SubjectId
    enrolment: Address | None
    blocked: bool = False


class Patients(Protocol):
    """Who is enrolled."""

    def add(self, patients: Sequence[Patient]) -> None:
        """Store new patients."""

    def everyone(self) -> Sequence[Patient]:
        """Return all patients in the order of their SubjectId, which says nothing about anyone."""

    def get(self, subject: SubjectId) -> Patient | None:
        """Return one patient, None when there is no such subject."""

    def identify(self, macs: Mapping[bytes, SubjectId]) -> None:
        """Store under which keyed HMACs of outside identifiers people are known."""

    def by_identifier(self, macs: Sequence[bytes]) -> Mapping[bytes, Patient]:
        """Return those already enrolled among these keyed HMACs."""

    def identifiers(self, subject: SubjectId) -> Sequence[bytes]:
        """Return the keyed HMACs of one patient's identifiers."""

    def set_enrolment(self, keys: Mapping[SubjectId, Address]) -> None:
        """Store the addresses of patients' enrolment keys."""

    def block(self, subject: SubjectId) -> None:
        """Mark that a subject asked to be erased."""

    def remove(self, subjects: Sequence[SubjectId]) -> None:
        """Delete patients and their identifiers."""


@dataclass(frozen=True, slots=True)
class AnchoredAt:
    """The chain holds a checkpoint of the first `size` entries, in the block of this number and time or before it."""

    size: int
    block: int
    time: int


class AuditLog(Protocol):
    """The entries, in one total order."""

    def size(self) -> int:
        """Return how many entries there are; the next one gets this index."""

    def append(self, entries: Sequence[PlacedEntry]) -> None:
        """Store entries at their indices; the first must be the log's size."""

    def entries(self, first: int = 0, last: int | None = None) -> Iterator[PlacedEntry]:
        """Yield entries `first` up to but not including `last`, in order."""

    def some(self, indices: Collection[int]) -> Mapping[int, PlacedEntry]:
        """Return the entries at these indices, those that are there."""

    def saying(self, actions: Collection[Action]) -> Iterator[PlacedEntry]:
        """Yield the entries of these actions, in order; those of `HOUSE` without reading the rest."""

    def about(self, subject: SubjectId, before: int | None = None, sieve: Sieve = EVERYTHING) -> Iterator[PlacedEntry]:
        """Yield the entries that name a subject and go through the sieve, the newest first.

        Those with an index below `before` where it is given.
        """

    def subtrees(self, wanted: Sequence[Subtree]) -> Sequence[bytes]:
        """Return the hash of each of these whole subtrees of the log, 32 bytes each; level 0 is an entry's leaf hash.

        They are as stored, and believed by nobody: what comes of them is held against what was signed. Raises
        `LogTreeError` for those that the log does not have.
        """

    def has_subtrees(self) -> bool:
        """Say whether as many hashes of subtrees are stored as the log's size asks for."""

    def make_subtrees(self) -> None:
        """Store the hashes of all subtrees anew, from the entries' bytes."""

    def save_checkpoint(self, size: int, note: str) -> None:
        """Store a signed checkpoint of the first `size` entries."""

    def latest_checkpoint(self) -> str | None:
        """Return the newest signed checkpoint."""

    def checkpoints(self) -> Sequence[tuple[int, str]]:
        """Return every signed checkpoint with its size, the oldest first."""

    def checkpoint_at(self, size: int) -> str | None:
        """Return the signed checkpoint of the first `size` entries, None where none was signed of just these."""

    def add_anchor(self, anchored: AnchoredAt) -> None:
        """Store that the chain holds a checkpoint for good; one of the same size stays as it is."""

    def anchors(self) -> Sequence[AnchoredAt]:
        """Return what the chain holds, or held before something larger, the smallest first."""

    def ask_for_anchor(self, now: int) -> None:
        """Store that somebody wants the log anchored now, in Unix seconds."""

    def anchor_asked(self) -> int | None:
        """Return when the newest wish for an anchor was stored, None while there is none."""

    def forget_anchor_wishes(self, until: int) -> None:
        """Delete the wishes of that second and those before: they are met."""


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """One consent at rest; `sealed`, and `revocation` where the patient signed one, open with the subject's key."""

    id: str
    subject: SubjectId
    sealed: bytes
    stopped: bool = False
    revocation: bytes | None = None


class Consents(Protocol):
    """Signed consents, sealed."""

    def add(self, consents: Sequence[StoredConsent]) -> None:
        """Store new consents."""

    def everything(self) -> Iterator[StoredConsent]:
        """Yield every consent, in the order of random ids."""

    def of_ids(self, ids: Sequence[str]) -> Sequence[StoredConsent]:
        """Return those among these ids that are stored."""

    def of_subject(self, subject: SubjectId) -> Sequence[StoredConsent]:
        """Return a subject's consents."""

    def stop(self, ids: Sequence[str], revocations: Mapping[str, bytes]) -> None:
        """Mark consents as stopped, for ever; store the sealed revocation of those, by id, that have one."""

    def drop(self, subject: SubjectId) -> None:
        """Delete a subject's consents."""


@dataclass(frozen=True, slots=True)
class StoredRelease:
    """One trained model at rest.

    Attributes:
        model_hash: SHA-256 of `model`, 32 bytes.
        manifest: its canonical JSON.
        model: UBJSON.
        evaluation: canonical JSON of `analytics.Evaluation`.
        dictionary: its TOML text; empty in a release of a version before migration 0009, as are those below.
        cohort: canonical JSON of the `CohortQuery`; empty where everyone counts on the dictionary's day.
        gate: canonical JSON of `analytics.GateFigures`.
        envelope: the manifest, signed (DSSE).
    """

    study: str
    release: int
    model_hash: bytes
    manifest: bytes
    model: bytes
    evaluation: bytes
    dictionary: str = ""
    cohort: str = ""
    gate: bytes = b""
    envelope: bytes = b""


@dataclass(frozen=True, slots=True)
class StoredOpening:
    """What one leaf of a manifest stands for, sealed under its subject's key.

    `owner` is a MAC under that key, 32 bytes: the row names nobody.
    """

    leaf: bytes
    owner: bytes
    sealed: bytes


class Studies(Protocol):
    """Registered studies and their releases."""

    def add(self, study: Study) -> None:
        """Store an approved study."""

    def replace(self, study: Study) -> None:
        """Store a study in the place of what it was before."""

    def get(self, study: str) -> Study | None:
        """Return a study by its id."""

    def definitions(self, ids: Collection[str]) -> Mapping[str, bytes]:
        """Return the bytes of studies as they are stored, of those that are there."""

    def everything(self) -> Sequence[Study]:
        """Return all studies in the order of their ids."""

    def add_release(self, release: StoredRelease, openings: Sequence[StoredOpening]) -> None:
        """Store a model with its manifest and the sealed openings of its leaves."""

    def releases(self, study: str) -> Sequence[StoredRelease]:
        """Return a study's releases, oldest first."""

    def of_model(self, model: bytes) -> tuple[str, int] | None:
        """Return the study and the number of the release that has this model hash; the newest, if there are more."""

    def openings(self, study: str, release: int) -> Sequence[StoredOpening]:
        """Return a release's sealed openings in the order of their leaves."""

    def openings_in_clear(self) -> Sequence[tuple[str, int, bytes, bytes]]:
        """Return study, release, leaf and owner of what a version before stored with the SubjectId for an owner."""

    def give_owner(self, study: str, release: int, leaf: bytes, owner: bytes) -> None:
        """Write another owner into a row."""


class Unit(Protocol):
    """One transaction on the records database: all of it is kept, or none."""

    @property
    def connection(self) -> Any:  # noqa: ANN401  # what the vault takes; naming its type would import SQLAlchemy here
        """The database connection of this transaction, for the vault."""

    @property
    def patients(self) -> Patients:
        """Who is enrolled."""

    @property
    def log(self) -> AuditLog:
        """The log."""

    @property
    def certificates(self) -> Certificates:
        """Certificates of the log's checkpoints."""

    @property
    def consents(self) -> Consents:
        """The signed consents."""

    @property
    def outbox(self) -> OutboxRows:
        """What waits for the ledger."""

    @property
    def model_acts(self) -> ModelActs:
        """What the model registry is to be told."""

    @property
    def transactions(self) -> Transactions:
        """What was sent to the chain and is not final there."""

    @property
    def projection(self) -> Projection:
        """Our copy of the ledger."""

    @property
    def studies(self) -> Studies:
        """Studies and models."""

    @property
    def jobs(self) -> Jobs:
        """What waits for a worker."""

    @property
    def sessions(self) -> Sessions:
        """Who is signed in."""

    @property
    def accounts(self) -> Accounts:
        """What people sign in with."""

    @property
    def reports(self) -> Reports:
        """What people reported."""

    @property
    def notices(self) -> Notices:
        """Letters that wait."""

    @property
    def wishes(self) -> Wishes:
        """What people wish to be asked."""

    @property
    def replacements(self) -> Replacements:
        """New keys that wait."""

    @property
    def cohorts(self) -> CohortRows:
        """Cohorts that studies keep."""

    @property
    def answers(self) -> AnswerRows:
        """What was answered to requests with a key."""

    @property
    def clients(self) -> Clients:
        """Which programs may ask, with which keys and for which studies."""

    @property
    def api_tokens(self) -> ApiTokens:
        """What lets a program ask."""

    @property
    def staff(self) -> StaffRows:
        """Operators and auditors who sign in."""

    @property
    def drafts(self) -> Drafts:
        """Studies that nobody approved yet."""


class Store(Protocol):
    """The records database."""

    def begin(self) -> AbstractContextManager[Unit]:
        """Open a transaction that writes: alone until it ends, committed at the end, rolled back by an exception."""

    def reading(self) -> AbstractContextManager[Unit]:
        """Open a transaction that only reads."""

    def forget_order(self) -> None:
        """Let go of the order in which recent rows came, unless somebody is using the database right now.

        One transaction writes a person's entry and their outbox rows; a journal that keeps transactions tells whose.
        """
