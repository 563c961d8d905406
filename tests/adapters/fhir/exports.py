"""What hospitals export, small and invented."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from consent.adapters.fhir import LeftOut, Problem, read
from consent.adapters.fhir.splitting import Source
from consent.services.received import ReceivedResource

Resource = dict[str, Any]
SECRET = "Wilhelmina-Quackenbush"
SYSTEM = "https://hospital.example"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def patient(own: str = "p1", value: str = "17", **rest: object) -> Resource:
    return {
        "resourceType": "Patient",
        "id": own,
        "identifier": [{"system": SYSTEM, "value": value}],
        "name": [{"family": SECRET}],
        **rest,
    }


def observation(
    own: str = "o1", subject: object = "Patient/p1", category: str = "laboratory", **rest: object
) -> Resource:
    return {
        "resourceType": "Observation",
        "id": own,
        "status": "final",
        "category": [{"coding": [{"system": OBSERVATION_CATEGORY, "code": category}]}],
        "code": {"text": SECRET},
        "subject": {"reference": subject} if isinstance(subject, str) else subject,
        **rest,
    }


def condition(own: str = "c1", subject: str = "Patient/p1", **rest: object) -> Resource:
    return {"resourceType": "Condition", "id": own, "subject": {"reference": subject}, **rest}


ENTRIES = [
    patient(),
    observation(),
    condition(),
    patient("p2", "18"),
    observation("o2", "Patient/p2", category="vital-signs", valueString='{"]\\" é \n'),
    {"resourceType": "Organization", "name": SECRET},
]


def bundle(*resources: object, urls: Sequence[str] = (), **layout: Any) -> bytes:
    entries: list[Resource] = [{"resource": resource} for resource in resources]
    for entry, url in zip(entries, urls, strict=False):
        entry["fullUrl"] = url
    whole = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return json.dumps(whole, ensure_ascii=False, **layout).encode()


def ndjson(*resources: object) -> bytes:
    return b"".join(json.dumps(resource, ensure_ascii=False).encode() + b"\n" for resource in resources)


class Taken(NamedTuple):
    """What was read, sorted by kind."""

    resources: list[ReceivedResource]
    problems: list[Problem]
    left_out: list[LeftOut]

    @property
    def said(self) -> set[tuple[tuple[str, ...], str, str, bytes]]:
        """What matters of the resources, whatever their order and layout."""
        return {
            (found.person, found.name, found.category, json.dumps(json.loads(found.content), sort_keys=True).encode())
            for found in self.resources
        }


def taken(*files: Source, processes: int = 1, known: Callable[[str], tuple[str, ...] | None] | None = None) -> Taken:
    return sorted_out(read(files, processes, known))


def sorted_out(found: Iterable[ReceivedResource | Problem | LeftOut]) -> Taken:
    everything = list(found)
    return Taken(
        [each for each in everything if isinstance(each, ReceivedResource)],
        [each for each in everything if isinstance(each, Problem)],
        [each for each in everything if isinstance(each, LeftOut)],
    )


def only(resource: Resource, *others: Resource) -> ReceivedResource:
    """The received form of one resource of patient p1, which is expected to be sound."""
    found = taken(bundle(patient(), *others, resource))
    assert not found.problems
    return found.resources[-1]
