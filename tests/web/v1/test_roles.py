"""Every route by every role: who may come in, and what everybody else is told instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from consent.services.portal.sessions import BrowserSessions, SessionKind
from consent.web.session import PORTAL_COOKIE
from consent.web.v1 import create_api
from tests.services.served import BEDSIDE
from tests.web.v1.place import DRAFT, EVERYBODY, OTHER, PERSON, TRAINING, Place, slug

ROLES: Final = ("nobody", "patient", "researcher", "drafting", "other researcher", "clinician", "auditor", "operator")
WHO: Final = {
    "researcher": ("lab", BEDSIDE),
    "drafting": ("lab", None),
    "other researcher": ("other-lab", OTHER),
    "clinician": ("ward-3", BEDSIDE),
    "auditor": ("auditor", None),
    "operator": ("operator", None),
}
"""Client or member of the staff, and the study of their token."""
OPEN: Final = dict.fromkeys(ROLES, 200)
_NOBODY: Final = {"nobody": 401, "patient": 401}


@dataclass(frozen=True)
class Route:
    """One route as it is asked, and the status that each role gets."""

    method: str
    rule: str
    cells: Mapping[str, int]
    body: Any = None
    path: str = ""
    form: bool = False


def cells(
    researcher: int, drafting: int, other: int, clinician: int, auditor: int, operator: int
) -> dict[str, int]:  # fmt: skip
    """Return a row of the matrix for a route that needs a token."""
    given = (researcher, drafting, other, clinician, auditor, operator)
    return _NOBODY | dict(zip(ROLES[2:], given, strict=True))


STUDY: Final = "/v1/studies/<name:study>"
COHORT: Final = {"title": "Everybody", "query": EVERYBODY}
APPROVAL: Final = {"ethics": "EC 2026/9", "definition": "0" * 64}
ROUTES: Final = (
    Route("GET", "/", OPEN),
    Route("GET", "/docs", OPEN),
    Route("GET", "/problems", OPEN),
    Route("GET", "/problems/<name:slug>", OPEN, path="/problems/budget-spent"),
    Route("GET", "/v1/openapi.json", OPEN),
    Route("POST", "/v1/token", dict.fromkeys(ROLES, 401), form=True),
    Route("GET", "/v1/me", cells(200, 200, 200, 200, 200, 200)),
    Route("GET", "/v1/tokens", cells(200, 200, 200, 403, 403, 403)),
    Route("POST", "/v1/tokens", cells(201, 201, 201, 403, 403, 403), {"seconds": 60}),
    Route("DELETE", "/v1/tokens/<id:token>", cells(404, 404, 404, 403, 403, 403), path=f"/v1/tokens/{'0' * 16}"),
    Route("GET", "/v1/studies", cells(200, 200, 200, 403, 200, 200)),
    Route("POST", "/v1/studies", cells(422, 422, 422, 403, 403, 403), {**DRAFT, "text": ""}),
    Route("GET", STUDY, cells(200, 200, 404, 403, 200, 200)),
    Route("PUT", STUDY, cells(404, 404, 404, 403, 403, 403), {**DRAFT, "id": BEDSIDE}),
    Route("POST", f"{STUDY}/submit", cells(404, 404, 404, 403, 403, 403)),
    Route("POST", f"{STUDY}/approve", cells(403, 403, 403, 403, 403, 404), APPROVAL),
    Route("POST", f"{STUDY}/refuse", cells(403, 403, 403, 403, 403, 404), {"reason": "No."}),
    Route("POST", f"{STUDY}/close", cells(404, 404, 404, 403, 403, 404), path="/v1/studies/never-heard-of/close"),
    Route("GET", f"{STUDY}/requests", cells(200, 403, 404, 403, 200, 200)),
    Route("POST", f"{STUDY}/requests", cells(409, 403, 404, 403, 403, 403)),
    Route("POST", f"{STUDY}/requests/<number:number>/answers", cells(200, 403, 404, 403, 403, 403),
          path=f"/v1/studies/{BEDSIDE}/requests/1/answers"),
    Route("POST", f"{STUDY}/cohorts/preview", cells(409, 403, 404, 403, 403, 403), {"query": EVERYBODY}),
    Route("GET", f"{STUDY}/cohorts", cells(200, 403, 404, 403, 403, 403)),
    Route("POST", f"{STUDY}/cohorts", cells(201, 403, 404, 403, 403, 403), COHORT),
    Route("GET", f"{STUDY}/cohorts/<id:cohort>", cells(404, 403, 404, 403, 403, 403),
          path=f"/v1/studies/{BEDSIDE}/cohorts/{'0' * 32}"),
    Route("DELETE", f"{STUDY}/cohorts/<id:cohort>", cells(404, 403, 404, 403, 403, 403),
          path=f"/v1/studies/{BEDSIDE}/cohorts/{'0' * 32}"),
    Route("POST", f"{STUDY}/trainings", cells(202, 403, 404, 403, 403, 403), TRAINING),
    Route("GET", f"{STUDY}/trainings", cells(200, 403, 404, 403, 403, 403)),
    Route("POST", f"{STUDY}/aggregates", cells(202, 403, 404, 403, 403, 403), {}),
    Route("GET", "/v1/jobs/<id:job>", cells(404, 403, 404, 403, 403, 403), path=f"/v1/jobs/{'0' * 32}"),
    Route("POST", "/v1/jobs/<id:job>/cancel", cells(404, 403, 404, 403, 403, 403), path=f"/v1/jobs/{'0' * 32}/cancel"),
    Route("GET", f"{STUDY}/models", cells(200, 403, 404, 200, 200, 200)),
    Route("GET", f"{STUDY}/releases", cells(200, 403, 404, 200, 200, 200)),
    Route("GET", f"{STUDY}/models/<number:release>", cells(200, 403, 404, 200, 200, 200)),
    Route("GET", f"{STUDY}/models/<number:release>/card", cells(200, 403, 404, 200, 200, 200)),
    Route("GET", f"{STUDY}/models/<number:release>/plots", cells(200, 403, 404, 200, 200, 200)),
    Route("GET", f"{STUDY}/models/<number:release>/plots/<name:plot>", cells(200, 403, 404, 200, 200, 200)),
    Route("GET", f"{STUDY}/models/<number:release>/manifest", cells(200, 403, 404, 200, 200, 200)),
    Route("POST", f"{STUDY}/predictions", cells(403, 403, 403, 200, 403, 403), {"identifier": PERSON}),
)  # fmt: skip
VALUES: Final = {"<name:study>": BEDSIDE, "<number:release>": "1", "<name:plot>": "calibration"}


def test_no_route_is_missing_from_the_matrix(shared_place: Place) -> None:
    routes = create_api(shared_place.room).url_map.iter_rules()
    rules = {(method, str(rule)) for rule in routes for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    named = {(route.method, route.rule) for route in ROUTES}
    assert rules - {("GET", "/static/<path:filename>")} == named


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.rule}")
def test_each_role_gets_what_the_matrix_says(shared_place: Place, route: Route, role: str) -> None:
    path = route.path or route.rule
    for name, value in VALUES.items():
        path = path.replace(name, value)
    answer = asked(shared_place, route, path, role)
    assert answer.status_code == route.cells[role], answer.get_data(as_text=True)[:300]
    if answer.status_code >= 400:
        assert slug(answer) in EXPECTED[answer.status_code], slug(answer)


EXPECTED: Final = {
    401: {"unauthenticated", "assertion-invalid"},
    403: {"not-allowed"},
    404: {"not-found"},
    409: {"conflict", "cohort-below-threshold"},
    422: {"malformed-request", "malformed-study"},
}


def asked(place: Place, route: Route, path: str, role: str) -> Any:
    """Send the request as somebody of a role."""
    who, study = WHO.get(role, ("", None))
    if route.form:
        form = {"grant_type": "client_credentials", "client_assertion": "x",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}  # fmt: skip
        headers = {"Authorization": f"Bearer {place.token(who, study)}"} if who else {}
        return place.client.post(path, base_url="http://api.localhost:8001", data=form, headers=headers)
    cookie = {"Cookie": f"{PORTAL_COOKIE}={patients_cookie(place)}"} if role == "patient" else {}
    return place.ask(route.method, path, who, study, route.body, **cookie)


def patients_cookie(place: Place) -> str:
    """Return the cookie of somebody who is signed in at the portal."""
    sessions, now = BrowserSessions(place.house.open.store), place.house.clock()
    session = sessions.begin(SessionKind.PATIENT, place.house.people[0], now)
    sessions.keep(session, now)
    return session.token
