"""Which entries a bundle has: those of its scope, what the house decided, and what is told of whom they name.

An entry that names a consent brings that consent's grants, stops and end, one that names a person their keys, holds,
steps of erasure and word on being counted. A prediction brings the reading before it, a training the readings of its
rows. The log is read in its order and by its indexes; what is kept are bits, and a text for each person and consent.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from consent.domain.bundle import Kind
from consent.domain.entry import PERMIT, Action, PlacedEntry
from consent.domain.key_history import CHANGES
from consent.domain.telling import facts_of, said
from consent.domain.terms import Operation, SubjectId
from consent.ports import EVERYTHING, AuditLog, Sieve, Unit
from consent.services.acts import COUNTED, NOT_COUNTED
from consent.services.bundles.indices import Indices
from consent.services.bundles.scopes import NoEvidenceError, Scope

ALWAYS: Final = (
    Action.APPROVE, Action.KEYS, Action.LEDGER, Action.OPERATOR, Action.RELEASE, Action.RETIRE, Action.REVIEW,
    Action.TRAIN,
)  # fmt: skip
"""What the house decided; in every bundle but a receipt's."""
_PREDICTED: Final = "PREDICTED"
_BY_CONSENT: Final = frozenset({Action.GRANT, Action.STOP, Action.EXPIRE})
_STEPS: Final = frozenset({Action.ERASE, Action.HOLD})
_WORDS_ON_COUNTING: Final = frozenset({COUNTED, NOT_COUNTED})
_CLOSURE: Final = Sieve(
    having=tuple(
        f'{{"action":"{action}","actor":'.encode() for action in (*_BY_CONSENT, *_STEPS, Action.ENROL, Action.PREFER)
    )
)
_READS: Final = Sieve(having=(b'{"action":"read","actor":',))

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class ReleaseAt:
    """A release that is registered, and the index of the entry of its training."""

    study: str
    release: int
    trained: int


@dataclass(slots=True)
class Selection:
    """What belongs to a bundle.

    Attributes:
        size: of the checkpoint: nothing from there on belongs to it.
        indices: of the entries.
        consents: whose each consent is that an entry of the scope names.
        people: whom those entries name.
        deleted: those of them whose key was deleted.
        releases: whose manifests and rows belong to it.
        studies: of which it says what is served; None: of all.
    """

    size: int
    indices: Indices = field(init=False)
    consents: dict[str, SubjectId] = field(default_factory=dict)
    people: set[SubjectId] = field(default_factory=set)
    deleted: set[SubjectId] = field(default_factory=set)
    releases: list[ReleaseAt] = field(default_factory=list)
    studies: frozenset[str] | None = None

    def __post_init__(self) -> None:
        self.indices = Indices(self.size)

    def take(self, index: int, body: Body | None) -> None:
        """Take an entry in, with whom and what it names."""
        self.indices.add(index)
        subject, consent = SubjectId(str((body or {}).get("subject", ""))), str((body or {}).get("consent", ""))
        if subject:
            self.people.add(subject)
        if subject and consent:
            self.consents.setdefault(consent, subject)


def select(unit: Unit, scope: Scope, size: int) -> Selection:
    """Find what belongs to a scope below `size`; raise `NoEvidenceError` where the log says nothing of it."""
    selecting = _Selecting(unit, Selection(size), _Trainings.read(unit.log, size))
    _BY_KIND[scope.kind](selecting, scope)
    selecting.close()
    return selecting.found


@dataclass(frozen=True, slots=True)
class _Training:
    study: str
    release: int
    model: str
    index: int
    before: int
    """Index of the study's training before this one, -1 where there is none."""


@dataclass(frozen=True, slots=True)
class _Trainings:
    """The trainings that the log tells of, and which of them were registered."""

    made: tuple[_Training, ...]
    registered: frozenset[tuple[str, int]]

    @classmethod
    def read(cls, log: AuditLog, size: int) -> "_Trainings":
        made, newest, registered = list[_Training](), dict[str, int](), set[tuple[str, int]]()
        for entry, body in _bodies(log.saying((Action.TRAIN, Action.RELEASE)), size):
            study, facts = str(body.get("study", "")), facts_of(body)
            release, model = facts.get("release"), str(facts.get("model", ""))
            if type(release) is not int:
                continue
            told = body.get("action"), body.get("verdict")
            if told == (Action.TRAIN, "TRAINED"):
                made.append(_Training(study, release, model, entry.index, newest.get(study, -1)))
                newest[study] = entry.index
            elif told == (Action.RELEASE, "ACTIVE"):
                registered.add((study, release))
        return cls(tuple(made), frozenset(registered))

    def releases(self, wanted: Callable[[_Training], bool]) -> list[ReleaseAt]:
        """Return the registered releases among some trainings, in the order of their studies and numbers."""
        found = (one for one in self.made if wanted(one) and (one.study, one.release) in self.registered)
        return sorted(ReleaseAt(one.study, one.release, one.index) for one in found)


@dataclass(slots=True)
class _Selecting:
    """Finds what belongs to one scope, kind by kind."""

    unit: Unit
    found: Selection
    trainings: _Trainings
    _read: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def patient(self, scope: Scope) -> None:
        subject = SubjectId(str(scope.members["subject"]))
        for entry, body in self._about(subject):
            self.found.take(entry.index, body)
        if not self.found.people:
            raise NoEvidenceError("the log names no such person: check the SubjectId")

    def study(self, scope: Scope) -> None:
        study = str(scope.members["study"])
        for entry, body in self._naming(study, 0):
            self.found.take(entry.index, body)
        if not any(True for _ in self.found.indices):
            raise NoEvidenceError("the log names no such study: check its id")
        self.found.releases = self.trainings.releases(lambda one: one.study == study)
        self.found.studies = frozenset({study})

    def model(self, scope: Scope) -> None:
        model = str(scope.members["model"])
        made = next((one for one in self.trainings.made if one.model == model), None)
        if made is None:
            raise NoEvidenceError("the log tells of no training of this model: check its SHA-256")
        for entry, body in self._naming(made.study, made.before + 1):
            self._of_model(entry.index, body, made)
        self.found.releases = self.trainings.releases(lambda one: one == made)
        self.found.studies = frozenset({made.study})

    def _of_model(self, index: int, body: Body, made: _Training) -> None:
        """Take the readings of the model's training, and its predictions."""
        if _is_read(body, Operation.TRAIN) and index < made.index:
            self.found.take(index, body)
        elif body.get("action") == Action.PREDICT and facts_of(body).get("model") == made.model:
            self.found.take(index, body)
            self._bring_reading(index, body)
        self._notice_reading(index, body)

    def period(self, scope: Scope) -> None:
        first, last = int(scope.members["first"]), int(scope.members["last"])
        for entry in self.unit.log.entries(first, last):
            body = said(entry)
            self.found.take(entry.index, body)
            self._notice_reading(entry.index, body or {})
            self._bring_reading(entry.index, body or {})
        within = [one for one in self.trainings.made if first <= one.index < last]
        self._bring_rows([one for one in within if one.before + 1 < first], first)
        self.found.releases = self.trainings.releases(lambda one: one in within)

    def _bring_rows(self, made: Iterable[_Training], first: int) -> None:
        """Take the readings before `first` of trainings after it."""
        since = {one.study: one.before + 1 for one in sorted(made, key=lambda one: -one.index)}
        if not since:
            return
        for entry, body in _bodies(self.unit.log.entries(min(since.values()), first), first):
            study = str(body.get("study", ""))
            if _is_read(body, Operation.TRAIN) and entry.index >= since.get(study, first):
                self.found.take(entry.index, body)

    def _notice_reading(self, index: int, body: Body) -> None:
        if _is_read(body, Operation.PREDICT):
            self._read[_asked(body)] = index

    def _bring_reading(self, index: int, body: Body) -> None:
        """Take the reading that a prediction rests on, which another entry may stand behind."""
        if (body.get("action"), body.get("verdict")) != (Action.PREDICT, _PREDICTED):
            return
        at = self._read.get(_asked(body))
        if at is None:
            at = self._reading_before(index, body)
        if at is not None:
            self.found.take(at, body)

    def _reading_before(self, index: int, body: Body) -> int | None:
        before = self.unit.log.about(SubjectId(str(body.get("subject", ""))), index, _READS)
        bodies = _bodies(before, self.found.size)
        of_this = (e.index for e, b in bodies if _is_read(b, Operation.PREDICT) and _asked(b) == _asked(body))
        return next(of_this, None)

    def close(self) -> None:
        """Take what the house decided, and what is told of consents and people that are named."""
        for entry in self.unit.log.saying(ALWAYS):
            self.found.indices.add(entry.index)
        for subject in self.found.people:
            for entry, body in self._about(subject, _CLOSURE):
                if self._is_told(body):
                    self.found.indices.add(entry.index)
                if (body.get("action"), body.get("verdict")) == (Action.ERASE, "KEY_DELETED"):
                    self.found.deleted.add(subject)

    def _is_told(self, body: Body) -> bool:
        action, verdict = body.get("action"), body.get("verdict")
        if action in _BY_CONSENT:
            return body.get("consent") in self.found.consents
        if action == Action.ENROL:
            return verdict == "KEY" or verdict in CHANGES
        return action in _STEPS or (action == Action.PREFER and verdict in _WORDS_ON_COUNTING)

    def _about(self, subject: SubjectId, sieve: Sieve = EVERYTHING) -> Iterator[tuple[PlacedEntry, Body]]:
        found = _bodies(self.unit.log.about(subject, self.found.size, sieve), self.found.size)
        return ((entry, body) for entry, body in found if body.get("subject") == subject)

    def _naming(self, study: str, first: int) -> Iterator[tuple[PlacedEntry, Body]]:
        """Yield the entries of a study, in order."""
        mark = f'"study":"{study}"'.encode(errors="replace")
        marked = (entry for entry in self.unit.log.entries(first, self.found.size) if mark in entry.body)
        return ((entry, body) for entry, body in _bodies(marked, self.found.size) if body.get("study") == study)


_BY_KIND: Final[Mapping[Kind, Callable[[_Selecting, Scope], None]]] = {
    Kind.PATIENT: _Selecting.patient,
    Kind.STUDY: _Selecting.study,
    Kind.MODEL: _Selecting.model,
    Kind.PERIOD: _Selecting.period,
}


def _bodies(entries: Iterable[PlacedEntry], size: int) -> Iterator[tuple[PlacedEntry, Body]]:
    """Yield what entries below `size` say; what is no JSON object says nothing."""
    for entry in entries:
        body = said(entry) if entry.index < size else None
        if body is not None:
            yield entry, body


def _is_read(body: Body, operation: Operation) -> bool:
    told = body.get("action"), body.get("verdict"), body.get("operation")
    return told == (Action.READ, PERMIT, operation.value)


def _asked(body: Body) -> tuple[str, str, str]:
    """Return who asked for a reading or a prediction, of whom and for which study."""
    return str(body.get("actor", "")), str(body.get("subject", "")), str(body.get("study", ""))
