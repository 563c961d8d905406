"""Everything that the OpenAPI document allows and forbids, asked of the API: it answers as it says that it does."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Err
from schemathesis.engine import from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.services.served import BEDSIDE
from tests.web.v1.place import ORIGIN, Place

WHO: Final = (("lab", BEDSIDE), ("lab", None), ("ward-3", BEDSIDE), ("auditor", None), ("operator", None))
"""Everybody who may do anything, so that each route is reached behind its door."""
_FEW, _MANY = 5, 300


@pytest.fixture
def document(shared_place: Place) -> BaseSchema:
    """The API's own document."""
    config = schemathesis.Config.from_dict(
        {"checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "4xx", "503"]}}}
    )
    return schemathesis.openapi.from_wsgi("/v1/openapi.json", shared_place.app, config=config, base_url=ORIGIN)


def asked(case: Any, place: Place, who: tuple[str, str | None]) -> None:
    """Send a case, and hold the answer against the document with every check that there is."""
    # A case whose only fault is that it lacks a token, or says it in another way, has none once it has a good one.
    header = case.meta.components.get(ParameterLocation.HEADER)
    mended = [negative_data_rejection] if header and header.mode is GenerationMode.NEGATIVE else []
    answer = case.call_and_validate(
        base_url=ORIGIN, headers={"Authorization": f"Bearer {place.token(*who)}"}, excluded_checks=mended
    )
    if answer.status_code >= 400:
        told = answer.json()
        assert answer.headers["content-type"][0].startswith("application/problem+json")
        assert told["status"] == answer.status_code
        assert told["type"].startswith(f"{ORIGIN}/problems/")


def everything(document: BaseSchema, place: Place, mode: GenerationMode, examples: int) -> None:
    """Ask each operation as everybody, with what the document allows, or with what it forbids."""
    for result in document.get_all_operations():
        assert not isinstance(result, Err), "the document has an operation that cannot be read"
        strategy = result.ok().as_strategy(generation_mode=mode)

        @given(case=strategy)
        @settings(max_examples=examples, suppress_health_check=list(HealthCheck), deadline=None)
        def as_everybody(case: Any) -> None:
            for who in WHO:
                asked(case, place, who)

        as_everybody()


@pytest.mark.parametrize("mode", GenerationMode)
def test_what_the_document_says_holds(document: BaseSchema, shared_place: Place, mode: GenerationMode) -> None:
    everything(document, shared_place, mode, _FEW)


@pytest.mark.soak
@pytest.mark.parametrize("mode", GenerationMode)
def test_it_holds_for_long(document: BaseSchema, shared_place: Place, mode: GenerationMode) -> None:
    everything(document, shared_place, mode, _MANY)


@contextmanager
def listening(place: Place) -> Iterator[str]:
    """Serve the door on a port of this machine, under its own name whatever it is called there; yield the address."""

    def under_its_name(environ: dict[str, Any], start_response: Any) -> Any:
        return place.app({**environ, "HTTP_HOST": ORIGIN.removeprefix("http://")}, start_response)

    server = make_server("127.0.0.1", 0, under_its_name, request_handler=_Silent)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


class _Silent(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing: pytest keeps what a test prints."""


def faults(place: Place, who: tuple[str, str | None], *phases: str) -> list[str]:
    """Let schemathesis work through some of its phases as somebody; return what it finds."""
    enabled = {name: {"enabled": name in phases} for name in ("examples", "coverage", "fuzzing", "stateful")}
    with listening(place) as address:
        config = schemathesis.Config.from_dict(
            {
                "base-url": address,
                "headers": {"Authorization": f"Bearer {place.token(*who)}"},
                "phases": enabled,
                "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "4xx", "503"]}},
            }
        )
        read = schemathesis.openapi.from_url(f"{address}/v1/openapi.json", config=config)
        found, scenarios = [], 0
        for event in from_schema(read).execute():
            if isinstance(event, NonFatalError | FatalError):
                found.append(str(event))
            elif isinstance(event, ScenarioFinished):
                scenarios += 1
                failed = [check.failure_info for some in event.recorder.checks.values() for check in some]
                found += [f"{event.recorder.label}: {one.failure}" for one in failed if one]
    assert scenarios > _OPERATIONS
    return found


_OPERATIONS: Final = 30
"""There are a few more in the document."""


def test_each_edge_of_the_document_is_answered_as_it_says(place: Place) -> None:
    """Values at and beyond each bound, members and headers that are missing, methods that are not named."""
    assert faults(place, ("lab", BEDSIDE), "coverage") == []


@pytest.mark.soak
@pytest.mark.parametrize("who", WHO, ids=lambda who: f"{who[0]} of {who[1]}")
def test_so_it_is_for_everybody_and_for_one_request_after_another(place: Place, who: tuple[str, str | None]) -> None:
    assert faults(place, who, "coverage", "stateful") == []
