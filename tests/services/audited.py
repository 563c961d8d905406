"""A hospital with a past that an auditor asks about: consents, a model, stops, an erasure, over two weeks.

days after    0 forty people allow the study    1 a model    5 three stop    8 one is erased    14 now
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from consent.domain.terms import SubjectId
from tests.services.house import DICTIONARY, PARAMETERS, STUDY, House

AGREED = 40
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Past:
    """What happened, and when it began: at noon, so that no step is on another day than it says."""

    house: House
    began: datetime
    stopped: Sequence[SubjectId]
    erased: SubjectId

    def day(self, number: int) -> str:
        """Return the day so many days after the beginning, as a browser sends it."""
        return f"{self.began + number * DAY:%Y-%m-%d}"

    def second(self, number: int) -> int:
        """Return the last second of that day."""
        day = (self.began + (number + 1) * DAY).replace(hour=0, minute=0, second=0, microsecond=0)
        return int(day.timestamp()) - 1

    @property
    def standing(self) -> Sequence[SubjectId]:
        """Who allows the study still."""
        return self.house.people[4:AGREED]

    def consent_of(self, subject: SubjectId) -> str:
        """Return the id of somebody's consent, as the log has it."""
        named = (one for one in self.house.log() if (one["action"], one.get("subject")) == ("grant", subject))
        return str(next(named)["consent"])


def lived(house: House) -> Past:
    """Let two weeks pass in a house."""
    noon = (house.clock() + DAY).replace(hour=12, minute=0, second=0, microsecond=0)
    house.clock.ahead += noon - house.clock()
    house.follow()
    began = house.clock()
    house.grant(*house.people[:AGREED])
    house.anchor()
    pass_days(house, 1)
    house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS)
    house.anchor()
    pass_days(house, 4)
    for subject in house.people[:3]:
        house.stop(subject)
    house.anchor()
    pass_days(house, 3)
    house.erase(house.people[3])
    house.anchor()
    pass_days(house, 6)
    return Past(house, began, house.people[:3], house.people[3])


def pass_days(house: House, days: int) -> None:
    """Let days pass; the chain goes on with the clock."""
    house.clock.ahead += days * DAY
    house.follow()


def second_of(moment: datetime) -> int:
    """Return a moment in Unix seconds."""
    return int(moment.astimezone(UTC).timestamp())
