"""What happened to a person's records, line by line: the log's own entries about them, and nothing that could differ.

Each access is one entry, written before a key is unwrapped (`consent.services.gate`); so each time that records were
opened is one line of kind OPENED, and each refusal one of kind REFUSED.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from consent.domain.entry import PERMIT, Action, PlacedEntry
from consent.domain.telling import said
from consent.domain.terms import Category, SubjectId
from consent.ports import EVERYTHING, Sieve, Store, Unit
from consent.services.acts import AUDITING
from consent.services.book import ConsentBook
from consent.services.portal.studies import ApprovedStudies


class LineKind(StrEnum):
    """What a line tells of."""

    OPENED = "opened"
    """Records were opened for a study, or to be counted."""
    REFUSED = "refused"
    """Somebody asked for records, or for a prediction, and got nothing."""
    PREDICTED = "predicted"
    """A prediction was given out."""
    LOOKED = "looked"
    """The person opened their own records."""
    AUDITED = "audited"
    """Somebody who audits looked at what the person had signed."""
    IMPORTED = "imported"
    """Records came in."""
    ENROLLED = "enrolled"
    """The person became known here, or a way in of theirs changed."""
    GRANTED = "granted"
    """They allowed something."""
    LAPSED = "lapsed"
    """What they allowed never came on the ledger."""
    STOPPED = "stopped"
    """A consent was stopped."""
    EXPIRED = "expired"
    """A consent ran out."""
    WISHED = "wished"
    """They said what they like to be asked."""
    REPORTED = "reported"
    """They said that a line looks wrong, or were answered."""
    HELD = "held"
    """A legal hold began or ended."""
    ERASED = "erased"
    """Their erasure took a step."""
    OTHER = "other"
    """Anything else that names them."""


class Shown(StrEnum):
    """Which lines somebody wants to see."""

    ALL = "all"
    USES = "uses"
    REFUSALS = "refusals"
    MINE = "mine"
    HOSPITAL = "hospital"


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the log, as the person whom it is about reads it.

    Attributes:
        index: the entry's place in the log.
        at: when.
        kind: what it tells of.
        actor: who did it, as the log calls them: `patient`, `operator`, `treating:<name>`, `study:<id>`.
        verdict: as in the log.
        study: the study's id, empty where there is none.
        title: its title, empty where the study is not known as it was approved.
        operation: what was to be done, empty where nothing was.
        categories: which kinds of record were opened.
        consent: the id of the consent that it rests on, empty where it rests on none.
        leaf: the entry's leaf hash, 32 bytes.
        about: the place of the line that was reported or answered, None where this tells of no report.
    """

    index: int
    at: datetime
    kind: LineKind
    actor: str
    verdict: str
    study: str
    title: str
    operation: str
    categories: Sequence[Category]
    consent: str
    leaf: bytes
    about: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines, the newest first; `older` is where the next page begins, None where there is none."""

    lines: Sequence[Line]
    older: int | None


@dataclass(frozen=True, slots=True)
class Activity:
    """Reads the log for one person at a time; nothing here opens a record."""

    store: Store
    book: ConsentBook
    studies: ApprovedStudies

    def page(self, subject: SubjectId, shown: Shown, before: int | None, size: int, language: str = "en") -> Page:
        """Return `size` lines of a person, the newest first, all with an index below `before` where one is given.

        Studies are named as they are in a language, or in English.
        """
        with self.store.reading() as unit:
            self.book.follow(unit)
            wanted = ((entry, body) for entry, body in _about(unit, subject, before, shown) if _WANTED[shown](body))
            found = list(islice(wanted, size + 1))
            lines = self._lines(unit, found[:size], language)
        return Page(lines, found[size - 1][0].index if len(found) > size else None)

    def line(self, subject: SubjectId, index: int, language: str = "en") -> Line | None:
        """Return one line of a person, None where the log has no such entry about them."""
        with self.store.reading() as unit:
            self.book.follow(unit)
            entry = unit.log.some([index]).get(index)
            body = (entry and said(entry)) or {}
            own = entry and body.get("subject") == subject
            return self._lines(unit, [(entry, body)], language)[0] if entry and own else None

    def _lines(
        self, unit: Unit, found: Collection[tuple[PlacedEntry, Mapping[str, Any]]], language: str
    ) -> list[Line]:  # fmt: skip
        studies = self.studies.all(unit, {str(body.get("study", "")) for _, body in found})
        titles = {name: (study.read_in(language) or study).reference.title for name, study in studies.items()}
        return [_line(entry, body, titles) for entry, body in found]


def _about(
    unit: Unit, subject: SubjectId, before: int | None, shown: Shown
) -> Iterator[tuple[PlacedEntry, Mapping[str, Any]]]:
    """Yield a person's entries that may be wanted; what only looks as if it named them is passed over."""
    for entry in unit.log.about(subject, before, SIEVES[shown]):
        body = said(entry)
        if body is not None and body.get("subject") == subject:
            yield entry, body


def _line(entry: PlacedEntry, body: Mapping[str, Any], titles: Mapping[str, str]) -> Line:
    study = str(body.get("study", ""))
    return Line(
        index=entry.index,
        at=datetime.fromtimestamp(int(body.get("time", 0)), UTC),
        kind=_kind(body),
        actor=str(body.get("actor", "")),
        verdict=str(body.get("verdict", "")),
        study=study,
        title=titles.get(study, ""),
        operation=str(body.get("operation", "")),
        categories=_categories(body.get("categories", ())),
        consent=str(body.get("consent", "")),
        leaf=entry.leaf,
        about=_reported(body),
    )


def _reported(body: Mapping[str, Any]) -> int | None:
    facts = body.get("facts")
    place = facts.get("entry") if body.get("action") == Action.REPORT and isinstance(facts, dict) else None
    return place if isinstance(place, int) else None


def _categories(names: Iterable[object]) -> list[Category]:
    return [Category(name) for name in names if isinstance(name, str) and name in _CATEGORIES]


_CATEGORIES: Final = frozenset(Category)
_ALWAYS: Final[Mapping[str, LineKind]] = {
    Action.IMPORT: LineKind.IMPORTED,
    Action.ENROL: LineKind.ENROLLED,
    Action.STOP: LineKind.STOPPED,
    Action.EXPIRE: LineKind.EXPIRED,
    Action.PREFER: LineKind.WISHED,
    Action.REPORT: LineKind.REPORTED,
    Action.HOLD: LineKind.HELD,
    Action.ERASE: LineKind.ERASED,
    Action.EXPORT: LineKind.AUDITED,
}
_IF_PERMITTED: Final[Mapping[tuple[str, str], LineKind]] = {
    (Action.READ, PERMIT): LineKind.OPENED,
    (Action.ACCESS, PERMIT): LineKind.LOOKED,
    (Action.PREDICT, "PREDICTED"): LineKind.PREDICTED,
    (Action.GRANT, PERMIT): LineKind.GRANTED,
}
_OTHERWISE: Final[Mapping[str, LineKind]] = {
    Action.READ: LineKind.REFUSED,
    Action.ACCESS: LineKind.REFUSED,
    Action.PREDICT: LineKind.REFUSED,
    Action.GRANT: LineKind.LAPSED,
}


def _kind(body: Mapping[str, Any]) -> LineKind:
    action, verdict = str(body.get("action", "")), str(body.get("verdict", ""))
    if (action, body.get("operation")) == (Action.ACCESS, AUDITING):
        return LineKind.AUDITED
    found = _IF_PERMITTED.get((action, verdict)) or _OTHERWISE.get(action) or _ALWAYS.get(action)
    return found or LineKind.OTHER


_USES: Final = {LineKind.OPENED, LineKind.PREDICTED}
_WANTED: Final[Mapping[Shown, Callable[[Mapping[str, Any]], bool]]] = {
    Shown.ALL: lambda _: True,
    Shown.USES: lambda body: _kind(body) in _USES,
    Shown.REFUSALS: lambda body: _kind(body) is LineKind.REFUSED,
    Shown.MINE: lambda body: body.get("actor") == "patient",
    Shown.HOSPITAL: lambda body: body.get("actor") == "operator",
}
_PERMITTED: Final = (b'"verdict":"PERMIT","version":', b'"verdict":"PREDICTED","version":')
SIEVES: Final[Mapping[Shown, Sieve]] = {
    Shown.ALL: EVERYTHING,
    Shown.USES: Sieve(_PERMITTED, lacking=(b'{"action":"access","actor":', b'{"action":"grant","actor":')),
    Shown.REFUSALS: Sieve(
        having=(b'{"action":"read","actor":', b'{"action":"access","actor":', b'{"action":"predict","actor":'),
        lacking=_PERMITTED,
    ),
    Shown.MINE: Sieve(having=(b'"actor":"patient"',)),
    Shown.HOSPITAL: Sieve(having=(b'"actor":"operator"',)),
}
"""What the database looks for, no narrower than what is wanted; each has its index (migration 0013)."""
