"""What stands in every record comes out of no route, and what somebody sends comes back in no error."""

import copy
from collections.abc import Iterator
from typing import Any, Final

import pytest
from prometheus_client import generate_latest

from tests.canaries import found_in
from tests.services.house import CANARY_NAME
from tests.services.served import BEDSIDE
from tests.web.v1.place import DRAFT, EVERYBODY, ORIGIN, PERSON, TRAINING, Place
from tests.web.v1.test_roles import ROLES, ROUTES, VALUES, Route, asked

SENT: Final = CANARY_NAME
"""What is sent in this module looks like nothing else."""
BODIES: Final = {
    "/v1/tokens": {"seconds": 60, "scopes": ["counts"]},
    "/v1/studies": {**DRAFT, "window": {"start": None, "end": None}, "translations": {}, "ethics": "EC 1"},
    f"/v1/studies/{BEDSIDE}/cohorts/preview": {"query": EVERYBODY},
    f"/v1/studies/{BEDSIDE}/cohorts": {"query": EVERYBODY, "title": "All"},
    f"/v1/studies/{BEDSIDE}/trainings": {**TRAINING, "purpose": {"health_research": True}, "cohort": "0" * 32},
    f"/v1/studies/{BEDSIDE}/aggregates": {"cohort": "0" * 32},
    f"/v1/studies/{BEDSIDE}/predictions": {"identifier": PERSON},
}


def path_of(route: Route) -> str:
    path = route.path or route.rule
    for name, value in VALUES.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.rule}")
def test_no_route_tells_anybody_what_stands_in_a_record(shared_place: Place, route: Route) -> None:
    for role in ROLES:
        answer = asked(shared_place, route, path_of(route), role)
        assert not found_in(answer.get_data()), role
        assert not found_in(str(answer.headers)), role


def test_the_search_would_find_it(shared_place: Place) -> None:
    """The records themselves have it, as their owner sees them."""
    house = shared_place.house
    [line] = [record for record in _records(house) if b"Patient" in record][:1]
    assert found_in(line)


def _records(house: Any) -> Iterator[bytes]:
    from vault import Access, Admitted

    class Everything:
        def admit(self, subjects: Any, access: Any) -> Any:
            return {subject: Admitted(frozenset({"demographics"}), None, None, b"") for subject in subjects}

    access = Access("operator", "", "access", frozenset(), frozenset({"demographics"}))
    with house.open.store.reading() as unit:
        for opened in house.open.vault.read(unit.connection, Everything(), access, house.people[:2]):
            yield from (record.content for record in opened.records)


def test_metrics_tell_nothing_of_it(shared_place: Place) -> None:
    assert not found_in(generate_latest())


def altered(value: Any) -> Iterator[Any]:
    """Yield a body with one value after the other replaced, and with a member more, all the way down."""
    if isinstance(value, dict):
        yield {**value, SENT: SENT}
        for name, inner in value.items():
            yield {**value, name: SENT}
            for other in altered(inner):
                yield {**value, name: other}
    elif isinstance(value, list) and value:
        for other in altered(value[0]):
            yield [other, *value[1:]]
        yield [SENT, *value[1:]]


@pytest.mark.parametrize("path", BODIES)
def test_no_error_repeats_what_stood_in_the_body(place: Place, path: str) -> None:
    who = "ward-3" if path.endswith("predictions") else "lab"
    study = None if path == "/v1/studies" else BEDSIDE
    bodies = [SENT, [SENT], *altered(copy.deepcopy(BODIES[path]))]
    for body in bodies:
        answer = place.ask("POST", path, who, study, body)
        if answer.status_code >= 400:
            assert not found_in(answer.get_data()), body
    assert len(bodies) > 3


@pytest.mark.parametrize(
    "path",
    [
        f"/{SENT}",
        f"/v1/{SENT}",
        f"/problems/{SENT}",
        f"/v1/studies/{SENT}",
        f"/v1/studies/{SENT.lower()}",
        f"/v1/studies/{SENT}%00",
        f"/v1/studies/{BEDSIDE}/models/{SENT}",
        f"/v1/studies/{BEDSIDE}/models/1/plots/{SENT.lower()}",
        f"/v1/studies/{BEDSIDE}/models?limit={SENT}",
        f"/v1/studies/{BEDSIDE}/models?cursor={SENT}",
        f"/v1/studies/{BEDSIDE}/models?{SENT}=1",
        f"/v1/jobs/{SENT}",
    ],
)
def test_no_error_repeats_what_stood_in_the_address(shared_place: Place, path: str) -> None:
    answer = shared_place.ask("GET", path)
    assert answer.status_code >= 400
    assert not found_in(answer.get_data())
    assert not found_in(str(answer.headers))


def test_no_error_repeats_a_header(shared_place: Place) -> None:
    headers = {"Authorization": f"Bearer {SENT}", "Idempotency-Key": SENT, "Content-Type": SENT, "Accept": SENT}
    for method in ("GET", "POST", "PUT", "DELETE", SENT.upper()):
        answer = shared_place.client.open(
            f"/v1/studies/{BEDSIDE}/cohorts", method=method, base_url=ORIGIN, headers=headers
        )
        assert answer.status_code >= 400
        assert not found_in(answer.get_data())
