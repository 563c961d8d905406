"""A hospital whose study serves predictions: fifty people allow them, and the first release is ACTIVE.

house = Served.copied(served, home)
explained = predict(house, house.people[0])
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from consent.domain.entry import PlacedEntry
from consent.domain.terms import Operation, StudyReference, SubjectId
from consent.services.studies.explaining import Explained
from consent.services.studies.predicting import PREDICTED, Predicting
from consent.services.studies.requesters import Requester, Treating
from tests.services.house import DICTIONARY, PARAMETERS, STUDY, House, Template

SERVED: Final = replace(
    STUDY,
    reference=StudyReference("bedside", "Kidneys at the bedside", "The Test Hospital"),
    operations=frozenset({Operation.TRAIN, Operation.PREDICT}),
    ethics="EC 2026/2",
)
BEDSIDE: Final = SERVED.reference.id
WARD: Final = Treating("ward-3")
ALLOWING: Final = 50
"""How many people allow the study; the last ten said nothing."""


def built(template: Template, home: Path) -> Template:
    """Build one."""
    with House.copied(template, home) as house:
        house.open.registration.approve(SERVED, house.clock())
        allow(house, *house.people[:ALLOWING])
        house.open.training.train(BEDSIDE, DICTIONARY, PARAMETERS)
        house.publish()
    return Template(home, template.wallets)


def allow(house: House, *subjects: SubjectId, **changed: object) -> None:
    """Let people allow the study what it asks, with some terms changed; the chain knows."""
    wanted: dict[str, Any] = {"study": SERVED.reference, "operations": SERVED.operations, **changed}
    house.grant(*subjects, **wanted)
    house.publish()


def predict(house: House, subject: SubjectId, requester: Requester = WARD, study: str = BEDSIDE) -> Explained:
    """Ask for a prediction."""
    return house.open.predicting.predict(study, subject, requester, house.clock())


def limited(house: House, an_hour: int) -> Predicting:
    """Return the service with another limit."""
    return replace(house.open.predicting, an_hour=an_hour)


def predictions(house: House) -> list[PlacedEntry]:
    """Return the entries that hold a prediction."""
    with house.open.store.reading() as unit:
        mark = f'"verdict":"{PREDICTED}"'.encode()
        return [entry for entry in unit.log.entries() if mark in entry.body]


def lately(house: House, before: int) -> list[tuple[str, str, str]]:
    """Return action, actor and verdict of each entry from index `before` on."""
    return [(entry["action"], entry["actor"], entry["verdict"]) for entry in house.log(before)]


def size(house: House) -> int:
    """Return how many entries the log has."""
    with house.open.store.reading() as unit:
        return unit.log.size()


def feature(explained: Explained, name: str) -> Mapping[str, Any]:
    """Return what a prediction says of one feature."""
    [found] = [one.to_json() for one in explained.contributions if one.name == name]
    return found
