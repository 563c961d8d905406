"""What a training set must be, worked out without the gate, the projection and the dictionary.

From what each wallet signed, what the chain itself says, who stopped or asked to be erased here, and how the invented
people were invented.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from analytics import Row
from consent.domain.history import Granted, Revoked
from consent.domain.terms import Category, Operation, SubjectId, Terms, Window
from consent.domain.typed_data import Address
from consent.services.studies.rows import TrainingRow
from tests.services.house import ALL, INDEX, STUDY, House

EXACTLY = dict[SubjectId, tuple[bytes, Row]]
"""The commitment and the row of everybody who belongs into the set."""


@dataclass(slots=True)
class Expectation:
    """What the test knows of one hospital: who is who, which level was measured last, who stopped and who is going."""

    numbers: dict[SubjectId, int]
    levels: dict[SubjectId, float] = field(default_factory=dict)
    stopped: set[bytes] = field(default_factory=set)
    blocked: set[SubjectId] = field(default_factory=set)

    @classmethod
    def of(cls, house: House) -> "Expectation":
        """Begin with people as they were invented."""
        return cls({subject: number for number, subject in enumerate(house.people)})

    def rows(self, house: House, now: datetime) -> EXACTLY:
        """Return the training set of the house as it is at `now`."""
        final, granted, revoked = house.open.ledger.final().number, {}, set()
        for event in house.open.ledger.events(0, house.open.ledger.head().number):
            if isinstance(event, Granted) and event.block <= final:
                granted[event.patient, event.commitment] = event.expires
            elif isinstance(event, Revoked):
                revoked.add((event.patient, event.commitment))
        expected = {}
        for subject in self.numbers.keys() - self.blocked:
            for entry in house.open.book.entries(subject):
                key = (entry.patient, entry.commitment)
                if self._in_force(entry.terms, key, granted, revoked, now):
                    row = self._row(subject, entry.terms)
                    if row is not None:
                        expected[subject] = (entry.commitment, row)
                    break
        return expected

    def _in_force(
        self,
        terms: Terms,
        key: tuple[Address, bytes],
        granted: dict[tuple[Address, bytes], int],
        revoked: Collection[tuple[Address, bytes]],
        now: datetime,
    ) -> bool:
        return (
            Operation.TRAIN in terms.operations
            and terms.study.id == STUDY.reference.id
            and terms.categories >= STUDY.required
            and key in granted
            and key not in revoked
            and key[1] not in self.stopped
            and now.timestamp() < granted[key]
        )

    def _row(self, subject: SubjectId, terms: Terms) -> Row | None:
        """Return the row as `patient_bundle` invented it, less what the terms withhold."""
        number = self.numbers[subject]
        years, level = 40 + number % 45, self.levels.get(subject, 0.6 + (number * 37 % 50) / 20)
        dead = (years - 40) / 45 + level / 4 + (number * 53 % 17) / 17 > 1.5
        if not terms.window.holds(INDEX + timedelta(days=30 if dead else 120)):
            return None
        born = date(INDEX.year - years, 1, 1 + number % 28)
        seen = Category.LABORATORY in terms.categories and terms.window.holds(INDEX)
        return Row(((INDEX - born).days / 365.25, round(level, 3) if seen else math.nan), int(dead))


def found(rows: Collection[TrainingRow]) -> dict[SubjectId, tuple[bytes, bytes]]:
    """Return who is in a training set, by which consent and with which bytes."""
    return {row.subject: (row.commitment, row.row.to_bytes()) for row in rows}


def exactly(expected: EXACTLY) -> dict[SubjectId, tuple[bytes, bytes]]:
    """Return an expectation in the form of `found`."""
    return {subject: (commitment, row.to_bytes()) for subject, (commitment, row) in expected.items()}


LIMITS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"categories": STUDY.required},
    {"categories": ALL - {Category.OUTCOMES}},
    {"window": Window(None, INDEX)},
    {"window": Window(INDEX + timedelta(days=1), None)},
    {"window": Window(INDEX - timedelta(days=1), INDEX + timedelta(days=60))},
)
"""What else people sign: fewer categories, days that leave out the outcome or the measurement."""
