"""The consents of an installation: which there are, what one of them says from each side, and how two differ."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from consent.domain.hashing import Json
from consent.domain.terms import Terms
from consent.ports import Store, Unit
from consent.services.book import BookEntry
from consent.services.console.chronicle import Given
from consent.services.console.looking import Looked, Looker, Looking
from consent.services.console.reconciling import Differing, Reconciling
from consent.services.console.sides import ConsentState, Sides, state_of
from consent.services.granting import UnknownConsentError


@dataclass(frozen=True, slots=True)
class Listed:
    """A consent as a line of the list, from what the log and the chain say of it."""

    given: Given
    state: ConsentState
    expires: int | None


@dataclass(frozen=True, slots=True)
class ListPage:
    """Some consents, the newest first; `older` is the index below which the next page begins, None where none does."""

    consents: Sequence[Listed]
    older: int | None
    total: int


@dataclass(frozen=True, slots=True)
class Changed:
    """One member of the terms in two consents; `same` where they agree."""

    name: str
    one: Json
    other: Json

    @property
    def same(self) -> bool:
        """Whether they agree."""
        return self.one == self.other


@dataclass(frozen=True, slots=True)
class Consents:
    """Reads consents."""

    store: Store
    sides: Reconciling
    looking: Looking
    clock: Callable[[], datetime]

    def page(self, search: str, study: str, before: int | None, size: int) -> ListPage:
        """Return consents whose id or person begins with `search`, of a study where one is named."""
        with self.store.reading() as unit:
            self.sides.follow(unit)
        given = self.sides.chronicle.given.values()
        wanted = [one for one in given if _wanted(one, search, study)]
        below = [one for one in reversed(wanted) if before is None or one.index < before]
        page, now = list(islice(below, size)), self.sides.now()
        older = page[-1].index if len(below) > size else None
        return ListPage([self._listed(one, now) for one in page], older, len(wanted))

    def look(self, who: Looker, *ids: str) -> list[Differing]:
        """Return consents from each side, having written that somebody looked; raise `UnknownConsentError`.

        What an erased person signed does not open, so nothing is written of them.
        """
        with self.store.begin() as unit:
            self.sides.follow(unit)
            looked = [self._looked(unit, one) for one in dict.fromkeys(ids)]
            living = [one for one in looked if one.subject not in self.sides.book.blocked]
            self.looking.note(unit, who, living, int(self.clock().timestamp()))
        with self.store.reading() as unit:
            self.sides.follow(unit)
            sides = {one.id: one for one in self.sides.of(unit, ids)}
        return [Differing(sides[one], self.sides.differences(sides[one])) for one in ids]

    def _looked(self, unit: Unit, consent: str) -> Looked:
        """Return whose consent this is, by the row that would be opened, else by the log."""
        row, given = next(iter(unit.consents.of_ids([consent])), None), self.sides.chronicle.given.get(consent)
        study = given.study if given else ""
        if row is not None:
            return Looked(consent, row.subject, study)
        if given is not None:
            return Looked(consent, given.subject, study)
        raise UnknownConsentError("there is no such consent: search for it by the beginning of its number")

    def _listed(self, given: Given, now: int) -> Listed:
        entry, sides = self._entry(given), self.sides
        chain = sides.projection.rows.get((entry.patient, entry.commitment)) if entry else None
        found = Sides(
            id=given.consent,
            given=given,
            stopped=sides.chronicle.stopped.get(given.consent),
            undone=sides.chronicle.undone.get(given.consent),
            chain=chain,
            gone=given.subject in sides.book.blocked,
            legible=entry is not None,
        )
        return Listed(given, state_of(found, now), chain.expires if chain else None)

    def _entry(self, given: Given) -> BookEntry | None:
        return next((one for one in self.sides.book.entries(given.subject) if one.id == given.consent), None)


def _wanted(given: Given, search: str, study: str) -> bool:
    named = given.consent.startswith(search) or given.subject.startswith(search)
    return named and (not study or given.study == study)


def compared(one: Terms, other: Terms) -> list[Changed]:
    """Return the members of two consents' terms side by side, in the order in which terms have them."""
    ours, theirs = dict(_members(one.to_json())), dict(_members(other.to_json()))
    return [Changed(name, ours.get(name), theirs.get(name)) for name in dict.fromkeys([*ours, *theirs])]


def _members(value: Mapping[str, Json], above: str = "") -> Iterator[tuple[str, Json]]:
    """Yield each member by its path; lists are members as they are."""
    for name, member in value.items():
        if isinstance(member, Mapping):
            yield from _members(member, f"{above}{name}.")
        else:
            yield f"{above}{name}", member
