"""What an installation must answer, in plain Python: a hospital's books, the vault's, and what outlasts a restore."""

import json
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from consent.domain.stop_list import StopState
from consent.domain.terms import Category, SubjectId
from consent.ports import Head
from consent.services.received import ReceivedResource
from tests.services.house import identifier_of, received
from vault import Outcome

NAMES: Final = {"Observation/a": Category.LABORATORY, "Observation/b": Category.OUTCOMES}
"""What the hospital corrects and withdraws, besides what everybody has from the beginning."""
Shown = frozenset[tuple[str, bytes]]
"""What somebody may read of one person: category and content of each resource."""


@dataclass(frozen=True, slots=True)
class Version:
    """A resource as the hospital had it at some time; `number` counts through all changes, 0 is the beginning."""

    number: int
    resource: ReceivedResource

    @classmethod
    def of(cls, person: int, name: str, number: int, *, withdrawn: bool) -> Self:
        """Return the resource that the hospital writes as its change `number`, in that second of a day."""
        value = {
            "resourceType": "Observation",
            "id": name.removeprefix("Observation/"),
            "meta": {"lastUpdated": f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"},
            "status": "entered-in-error" if withdrawn else "final",
            "valueInteger": number,
        }
        content = json.dumps(value).encode()
        return cls(number, ReceivedResource((identifier_of(person),), name, NAMES[name], content, withdrawn))


@dataclass(slots=True)
class Hospital:
    """Where resources come from: every version of every person's, the newest last. Nothing is ever lost here."""

    versions: dict[tuple[int, str], list[Version]] = field(default_factory=dict)
    changes: int = 0

    def admit(self, person: int) -> None:
        """Take in somebody, with what everybody has."""
        self.versions |= {(person, one.name): [Version(0, one)] for one in received(person)}

    def change(self, person: int, name: str, *, withdrawn: bool) -> Version:
        """Write a new version of one of a person's resources."""
        self.changes += 1
        new = Version.of(person, name, self.changes, withdrawn=withdrawn)
        self.versions.setdefault((person, name), []).append(new)
        return new

    def newest(self) -> list[tuple[int, Version]]:
        """Return everybody's resources as they are today."""
        return [(person, versions[-1]) for (person, _), versions in self.versions.items()]


@dataclass(slots=True)
class Held:
    """What the records database holds: what a restore puts back."""

    subjects: dict[int, SubjectId] = field(default_factory=dict)
    enrolled: set[SubjectId] = field(default_factory=set)
    resources: dict[SubjectId, dict[str, Version]] = field(default_factory=dict)
    consents: dict[str, SubjectId] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptCopy:
    """One backup, and what was in it; `keyed` are those whose key was in epoch `epoch`, `read` the last block read."""

    records: Path
    keys: Path
    chain: Path | None
    held: Held
    epoch: int
    keyed: frozenset[SubjectId]
    read: Head


@dataclass(slots=True)
class Model:
    """All of an installation. What lies apart from the databases only ever grows: `stopped`, `blocked`, `dead`."""

    hospital: Hospital = field(default_factory=Hospital)
    held: Held = field(default_factory=Held)
    keyed: set[SubjectId] = field(default_factory=set)
    epoch: int = 1
    commitments: dict[str, bytes] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    blocked: set[SubjectId] = field(default_factory=set)
    dead: set[SubjectId] = field(default_factory=set)
    buried: set[SubjectId] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)

    def copied(self) -> Held:
        """Return what a backup of the records holds now."""
        return deepcopy(self.held)

    def is_living(self, subject: SubjectId) -> bool:
        """Say whether somebody is here, with a key, and never asked to be erased."""
        return subject in self.held.enrolled and subject in self.keyed and subject not in self.blocked

    def living(self) -> list[SubjectId]:
        """Return who can say something about their consents."""
        return [subject for subject in self.held.subjects.values() if self.is_living(subject)]

    def keyless(self, person: int) -> bool:
        """Say whether the records know somebody whose key is not there: a restore parted the two."""
        subject = self.held.subjects.get(person)
        return subject is not None and subject not in self.keyed | self.blocked

    def is_refused(self, person: int) -> bool:
        """Say whether nothing is taken in of a person, who was erased or asked to be."""
        return person in self.refused or self.held.subjects.get(person) in self.blocked

    def lost(self) -> set[SubjectId]:
        """Return who is being erased and is known by no identifier since a restore."""
        return self.blocked - self.buried - set(self.held.subjects.values())

    def is_newcomer(self, person: int) -> bool:
        """Say whether somebody would be enrolled if something of theirs came in."""
        return person not in self.held.subjects and person not in self.refused

    def takes(self, person: int) -> bool:
        """Say whether anything is taken in of a person."""
        return not (self.is_refused(person) or self.keyless(person))

    def consents_of(self, subject: SubjectId) -> list[str]:
        """Return the consents of a subject that open."""
        return [one for one, whose in self.held.consents.items() if whose == subject and subject in self.keyed]

    def deposit(self, person: int, version: Version) -> Outcome:
        """Take in one resource of somebody who is here."""
        there = self.held.resources.setdefault(self.held.subjects[person], {})
        name, stored = version.resource.name, there.get(version.resource.name)
        if stored is not None and stored.number >= version.number:
            return Outcome.UNCHANGED if stored.number == version.number else Outcome.OUTDATED
        there[name] = version
        return Outcome.REPLACED if stored else Outcome.STORED

    def deposit_all(self, taken: list[tuple[int, Version]]) -> Counter[Outcome]:
        """Take in resources of people who are here; return what became of them."""
        return Counter(self.deposit(person, version) for person, version in taken)

    def verdict(self, subject: SubjectId, granted: set[bytes]) -> str:
        """Return what the gate must say while the chain has these commitments granted."""
        if subject in self.blocked:
            return "BLOCKED"
        theirs = self.consents_of(subject)
        running = [one for one in theirs if one not in self.stopped]
        if any(self.commitments[one] in granted for one in running):
            return "PERMIT"
        if len(running) < len(theirs):
            return "STOPPED"
        return "NOT_FINAL" if theirs else "NO_GRANT"

    def shown(self, subject: SubjectId) -> Shown:
        """Return what there is to read of a subject: the newest of each resource, unless that says it was a mistake."""
        newest = self.held.resources.get(subject, {}).values()
        return frozenset((v.resource.category.value, v.resource.content) for v in newest if not v.resource.withdrawn)

    def let_die(self, subject: SubjectId) -> None:
        """Take away a person's key, and all that lay under it."""
        self.dead.add(subject)
        self.blocked.add(subject)
        self.keyed.discard(subject)
        self.held.resources.pop(subject, None)
        self.held.consents = {one: whose for one, whose in self.held.consents.items() if whose != subject}

    def bury(self, subject: SubjectId) -> None:
        """Forget who a dead person was; of their identifiers a tombstone is left."""
        self.buried.add(subject)
        gone = [person for person, whose in self.held.subjects.items() if whose == subject]
        for person in gone:
            del self.held.subjects[person]
            self.refused.add(person)
        self.held.enrolled.discard(subject)

    def restored(self, records: KeptCopy | None, keys: KeptCopy | None) -> None:
        """Put back what backups held."""
        if records:
            self.held = deepcopy(records.held)
        if keys:
            self.keyed = set(keys.keyed)

    def replayed(self, state: StopState, buried: set[SubjectId]) -> None:
        """Do what an opening must do: all that was said apart from the databases holds, whatever was restored."""
        assert self.stopped <= state.stopped, "no acknowledged stop is forgotten"
        assert self.blocked <= state.blocked, "no acknowledged block is forgotten"
        assert self.dead <= state.shredded, "nobody's death is forgotten"
        self.stopped |= state.stopped
        self.blocked |= state.blocked
        for subject in state.shredded:
            self.let_die(subject)
        self.buried |= buried
        for subject in buried:
            self.held.enrolled.discard(subject)
            self.held.subjects = {person: whose for person, whose in self.held.subjects.items() if whose != subject}
