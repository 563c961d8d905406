"""What is refused has a type of its own, and leaves nothing half done."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest
from markupsafe import escape
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from consent.adapters.sql import api_tables as tables
from consent.adapters.sql.api_tables import drafts, idempotent
from consent.services.desk import cohorts, work
from consent.services.desk.callers import Role
from consent.services.desk.tokens import MOST_PERSONAL
from consent.services.desk.work import OPEN_JOBS
from consent.web.v1 import create_api
from consent.web.v1.problems import TYPES
from tests.services.served import ALLOWING, BEDSIDE
from tests.web.v1.place import DRAFT, EVERYBODY, OLDER, ORIGIN, OTHER, TRAINING, Place, slug

PREVIEW: Final = f"/v1/studies/{BEDSIDE}/cohorts/preview"
TRAININGS: Final = f"/v1/studies/{BEDSIDE}/trainings"
GRANT: Final = {
    "grant_type": "client_credentials",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
}
MEDICINES: Final = {
    "version": 1,
    "index": {"day": "2020-06-15"},
    "where": {"medication": {"system": "http://snomed.info/sct", "codes": ["387207008"]}},
}


def state(place: Place) -> tuple[int, int, int, int]:
    """Return what a refusal must leave as it is: log, jobs, cohorts, drafts."""
    with place.house.open.store.reading() as unit:
        drafts, cohorts = unit.drafts.everything(), unit.cohorts.of_study(BEDSIDE)
        return unit.log.size(), len(unit.jobs.everything()), len(cohorts), len(drafts)


def refused(place: Place, expected: str, status: int, answer: TestResponse, before: tuple[int, ...]) -> Any:
    """Assert which problem an answer is, that it resolves, and that nothing changed; return its document."""
    assert (answer.status_code, slug(answer)) == (status, expected), answer.get_data(as_text=True)
    assert state(place) == before
    document = answer.get_json()
    assert document["type"].startswith(ORIGIN)
    page = place.client.get(document["type"].removeprefix(ORIGIN), base_url=ORIGIN)
    assert page.status_code == 200
    shown = page.get_data(as_text=True)
    assert escape(document["title"]) in shown
    besides = document.keys() - {"type", "title", "status", "detail"}
    assert besides <= TYPES[expected].members.keys(), "the type's page says what its document tells besides"
    assert all(f"<code>{name}</code>" in shown for name in besides)
    return document


def token(place: Place, study: str = "", assertion: str = "") -> TestResponse:
    sent = GRANT | {"client_assertion": assertion or place.assertion("lab")} | ({"resource": study} if study else {})
    return place.client.post("/v1/token", base_url=ORIGIN, data=sent)


def test_a_token_for_a_study_that_is_not_approved(place: Place) -> None:
    place.ask("POST", "/v1/studies", study=None, body=DRAFT)
    place.ask("POST", "/v1/studies/sleep/submit", study=None)
    before = state(place)
    for name in ("sleep", "never-heard-of"):
        refused(place, "study-not-approved", 403, token(place, name), before)


def test_an_assertion_that_was_used_before(place: Place) -> None:
    assertion = place.assertion("lab")
    assert token(place, BEDSIDE, assertion).status_code == 200
    refused(place, "assertion-replayed", 401, token(place, BEDSIDE, assertion), state(place))


@pytest.mark.parametrize("altered", ["", "x.y.z", "eyJhbGciOiJub25lIn0.e30."])
def test_an_assertion_that_does_not_hold(place: Place, altered: str) -> None:
    assertion = altered or place.assertion("lab")[:-4] + "AAAA"
    refused(place, "assertion-invalid", 401, token(place, BEDSIDE, assertion), state(place))


def test_a_token_that_ran_out(place: Place) -> None:
    place.token("lab")
    place.house.clock.ahead += timedelta(minutes=15, seconds=1)
    before = state(place)
    answer = place.ask("GET", f"/v1/studies/{BEDSIDE}/models")
    refused(place, "token-expired", 401, answer, before)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_purpose_beyond_what_the_study_was_approved_for(place: Place) -> None:
    before = state(place)
    for purpose in ({"general_use": True}, {"health_research": True, "non_profit_only": False}, {"methods": True}):
        answer = place.ask("POST", TRAININGS, body={**TRAINING, "purpose": purpose})
        refused(place, "purpose-mismatch", 403, answer, before)
    narrower = place.ask("POST", TRAININGS, body={**TRAINING, "purpose": {"diseases": ["MONDO:0005148"]}})
    assert narrower.status_code == 202


def test_a_purpose_that_no_machine_decides(place: Place) -> None:
    answer = place.ask("POST", TRAININGS, body={**TRAINING, "purpose": {"health_research": True, "other": ["PUB"]}})
    refused(place, "purpose-needs-a-person", 409, answer, state(place))


def test_a_kind_of_record_that_the_study_never_asked_for(place: Place) -> None:
    place.ask("POST", PREVIEW, body={"query": OLDER})  # so that the snapshot is there
    before = state(place)
    refused(place, "category-not-asked", 403, place.ask("POST", PREVIEW, body={"query": MEDICINES}), before)
    kept = place.ask("POST", f"/v1/studies/{BEDSIDE}/cohorts", body={"query": MEDICINES, "title": "Aspirin"})
    refused(place, "category-not-asked", 403, kept, before)
    needs = TRAINING["dictionary"].replace('category = "laboratory"', 'category = "medications"')
    needs = needs.replace("required = false", "required = true")
    answer = place.ask("POST", TRAININGS, body={**TRAINING, "dictionary": needs})
    refused(place, "category-not-asked", 403, answer, before)


def test_a_cohort_that_is_too_small_to_be_told(place: Place) -> None:
    """The question was answered, so that it is in the log once, with what it cost; asked again it costs nothing."""
    answer = place.ask("POST", PREVIEW, body={"query": EVERYBODY})
    assert (answer.status_code, slug(answer)) == (409, "cohort-below-threshold")
    document = refused(place, "cohort-below-threshold", 409, place.ask("POST", PREVIEW, body={"query": EVERYBODY}),
                       state(place))  # fmt: skip
    assert document["left"] == answer.get_json()["left"] == 2.5


def test_a_budget_that_is_spent(place: Place) -> None:
    for years in range(50, 56):
        query = {**OLDER, "where": {"demographics": {"age": [years, None]}}}
        assert place.ask("POST", PREVIEW, body={"query": query}).status_code in {200, 409}
    query = {**OLDER, "where": {"demographics": {"age": [60, None]}}}
    document = refused(place, "budget-spent", 409, place.ask("POST", PREVIEW, body={"query": query}), state(place))
    assert document["until"] > place.house.clock().timestamp()


def test_consent_that_is_gone_since_the_preview(place: Place) -> None:
    assert place.ask("POST", PREVIEW, body={"query": OLDER}).status_code in {200, 409}
    for subject in place.house.people[: ALLOWING - 9]:
        place.house.stop(subject)
    document = refused(place, "consent-gone", 409, place.ask("POST", TRAININGS, body=TRAINING), state(place))
    assert set(document) == {"type", "title", "status", "detail"}, "how many are left is nobody's to know"


def test_a_ledger_that_was_not_read_lately(place: Place) -> None:
    place.token("lab"), place.token("ward-3")
    place.house.clock.ahead += timedelta(minutes=5)
    before = state(place)
    answer = place.ask("POST", TRAININGS, body=TRAINING)
    refused(place, "ledger-stale", 503, answer, before)
    assert int(answer.headers["Retry-After"]) > 0
    told = place.ask("POST", f"/v1/studies/{BEDSIDE}/predictions", "ward-3", body={"subject": place.house.people[3]})
    assert (told.status_code, slug(told)) == (503, "ledger-stale")


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ({}, "the query must be an object with index, version, where and nothing else"),
        ({**EVERYBODY, "where": {"secret-word": 1}}, "where must be an object with exactly one of"),
        ({**EVERYBODY, "version": 2}, "version must be 1"),
        ({**EVERYBODY, "index": {"day": "secret-word"}}, "index.day must be a day such as 1994-01-12"),
    ],
)
def test_a_malformed_cohort(place: Place, query: Any, rule: str) -> None:
    document = refused(place, "malformed-cohort", 422, place.ask("POST", PREVIEW, body={"query": query}), state(place))
    assert document["rule"].startswith(rule)
    assert "secret-word" not in str(document)


@pytest.mark.parametrize(
    "text", ["secret-word", 'name = "secret-word"', TRAINING["dictionary"].replace("last", "secret-word")]
)
def test_a_malformed_dictionary(place: Place, text: str) -> None:
    answer = place.ask("POST", TRAININGS, body={**TRAINING, "dictionary": text})
    assert "secret-word" not in str(refused(place, "malformed-dictionary", 422, answer, state(place)))


@pytest.mark.parametrize("parameters", [{"rounds": 0}, {"rounds": "many"}, {"secret-word": 1}, {"nthread": 0}])
def test_malformed_parameters(place: Place, parameters: Any) -> None:
    answer = place.ask("POST", TRAININGS, body={**TRAINING, "parameters": parameters})
    assert "secret-word" not in str(refused(place, "malformed-parameters", 422, answer, state(place)))


def test_a_body_over_the_limit(place: Place) -> None:
    answer = place.ask("POST", PREVIEW, body={"query": {"x": "y" * 70_000}})
    refused(place, "body-too-large", 413, answer, state(place))


def test_a_body_of_which_nobody_says_how_long_it_is(place: Place) -> None:
    headers = {"Authorization": f"Bearer {place.token('lab')}", "Transfer-Encoding": "chunked"}
    answer = place.client.post(PREVIEW, base_url=ORIGIN, data=b"{}", headers=headers)
    refused(place, "body-too-large", 413, answer, state(place))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_another_media_type(place: Place, kind: str) -> None:
    headers = {"Authorization": f"Bearer {place.token('lab')}", "Content-Type": kind}
    answer = place.client.post(PREVIEW, base_url=ORIGIN, data=b"{}", headers=headers)
    refused(place, "unsupported-media-type", 415, answer, state(place))


@pytest.mark.parametrize(
    "body", [b"{", b"", b"\xff", b'{"query": NaN}', b'{"query": {}, "query": {}}', b"[" * 60_000, b'{"a":' * 9000]
)
def test_a_body_that_is_no_json(place: Place, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {place.token('lab')}", "Content-Type": "application/json"}
    answer = place.client.post(PREVIEW, base_url=ORIGIN, data=body, headers=headers)
    refused(place, "bad-request", 400, answer, state(place))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/query"), ({"query": 1}, "/query"), ({"query": {}, "secret-word": 1}, ""), ([], ""), ("secret-word", "")],
)
def test_a_body_that_breaks_its_schema_names_the_place_and_repeats_nothing(
    place: Place, body: Any, pointer: str
) -> None:
    document = refused(place, "malformed-request", 422, place.ask("POST", PREVIEW, body=body), state(place))
    assert document["errors"][0]["pointer"] == pointer
    assert "secret-word" not in str(document)


def test_a_study_for_what_nobody_may_study_here(place: Place) -> None:
    before = state(place)
    for use in ("insurance", "Re-Identification", "ADVERTISING", "employment"):
        body = {**DRAFT, "data_use": {"health_research": True, "other": [use]}}
        refused(place, "study-refused", 422, place.ask("POST", "/v1/studies", study=None, body=body), before)


def _asked_of(place: Place) -> list[tuple[int, str, Any]]:
    """Ask for predictions of somebody who said nothing, and of two who are nobody; each makes as many entries."""
    told: list[tuple[int, str, object]] = []
    for who in (
        {"subject": place.house.people[-1]},
        {"subject": "f" * 32},
        {"identifier": "https://hospital.example|no-such-person"},
    ):
        before = state(place)[0]
        answer = place.ask("POST", f"/v1/studies/{BEDSIDE}/predictions", "ward-3", body=who)
        told.append((answer.status_code, slug(answer), (answer.get_json(), state(place)[0] - before)))
    return told


def test_a_prediction_for_somebody_who_did_not_consent_and_for_nobody_look_alike(place: Place) -> None:
    silent, nobody, unknown = _asked_of(place)
    assert silent == nobody == unknown
    assert silent[:2] == (403, "prediction-refused")
    assert "NO_GRANT" in str(silent)


def test_they_look_alike_also_where_the_ledger_is_stale_or_no_model_is_served(place: Place) -> None:
    place.token("ward-3")
    place.house.clock.ahead += timedelta(minutes=5)
    silent, nobody, unknown = _asked_of(place)
    assert silent == nobody == unknown
    assert silent[1] == "ledger-stale"


def test_they_look_alike_also_once_the_hour_is_used_up(place: Place) -> None:
    few = replace(place.room, predicting=replace(place.room.predicting, an_hour=4))
    place.app = create_api(few)
    assert [slug for _, slug, _ in _asked_of(place)] == ["prediction-refused"] * 3
    assert "NO_GRANT" in str(_asked_of(place)[0]), "the fourth"
    silent, nobody, unknown = _asked_of(place)
    assert silent == nobody == unknown
    assert "RATE" in str(silent)


def test_a_study_that_was_closed(place: Place) -> None:
    place.token("lab")
    place.house.open.registration.close(BEDSIDE, place.house.clock())
    before = state(place)
    answer = place.ask("POST", TRAININGS, body=TRAINING)
    assert answer.status_code == 401
    refused(place, "study-not-approved", 403, token(place, BEDSIDE), before)


def test_too_many_requests_say_when_to_come_back(place: Place) -> None:
    app = create_api(replace(place.room, limited=True))
    answers = [app.test_client().get("/v1/me", base_url=ORIGIN) for _ in range(61)]
    assert {answer.status_code for answer in answers[:60]} == {401}
    assert (answers[60].status_code, slug(answers[60])) == (429, "too-many-requests")
    assert int(answers[60].headers["Retry-After"]) > 0


def test_a_client_or_a_key_that_was_revoked_lets_nobody_in_at_once(place: Place) -> None:
    from consent import wiring

    place.register("second-lab", Role.RESEARCHER, BEDSIDE)
    clients = wiring.clients_of(place.house.open, place.house.clock)
    for name in ("lab", "second-lab"):
        assert place.ask("GET", "/v1/me", name).status_code == 200
    clients.revoke_key("lab", place.keys["lab"].kid)
    clients.revoke("second-lab")
    for name in ("lab", "second-lab"):
        answer = place.ask("GET", "/v1/me", name)
        assert (answer.status_code, slug(answer)) == (401, "unauthenticated")


def test_a_prediction_that_is_asked_for_again_with_its_key_rests_on_the_consent_of_now(place: Place) -> None:
    at, who = f"/v1/studies/{BEDSIDE}/predictions", place.house.people[3]

    def ask(subject: str = who) -> TestResponse:
        return place.ask("POST", at, "ward-3", body={"subject": subject}, Idempotency_Key="the-same")

    first, before = ask(), state(place)[0]
    assert ask().get_json() == first.get_json()
    assert state(place)[0] > before, "it was given out twice, and the log says so"
    assert slug(ask(place.house.people[4])) == "idempotency-key-reused"
    place.house.stop(who)
    assert (ask().status_code, slug(ask())) == (403, "prediction-refused")
    with place.house.open.store.reading() as unit:
        kept = unit.connection.execute(select(idempotent.c.answer)).scalars().all()
    assert kept == [b"-"], "no prediction lies there"


def test_what_was_answered_for_one_study_is_not_repeated_for_another(place: Place) -> None:
    place.register("two-labs", Role.RESEARCHER, BEDSIDE, OTHER)
    job = place.ask("POST", TRAININGS, "two-labs", body=TRAINING).get_json()["id"]
    cancel = partial(place.ask, "POST", f"/v1/jobs/{job}/cancel", "two-labs", Idempotency_Key="the-same")
    assert cancel(study=BEDSIDE).status_code == 200
    assert (cancel(study=OTHER).status_code, cancel(study=BEDSIDE).status_code) == (404, 200)


@pytest.mark.parametrize("host", ["evil.example", "api.localhost:99999", "", 'api.localhost:80"><b', "localhost"])
def test_a_host_that_is_not_ours_is_answered_with_a_problem_of_ours(shared_place: Place, host: str) -> None:
    answer = shared_place.client.get("/v1/me", base_url=ORIGIN, headers={"Host": host})
    assert (answer.status_code, slug(answer)) == (400, "bad-request")
    assert answer.get_json()["type"] == f"{ORIGIN}/problems/bad-request"


@pytest.mark.parametrize("hidden", ["\x00", "\x1b", "\x9b", "\u202e", "\u2028", "\u200b", "\ud800"])
def test_a_title_has_no_character_that_nobody_sees(shared_place: Place, hidden: str) -> None:
    """A database may take none, and a terminal may obey it."""
    for title in (hidden, f"Older{hidden}", f"{hidden}Older", f"Ol{hidden}der"):
        body = {"query": OLDER, "title": title}
        answer = shared_place.ask("POST", f"/v1/studies/{BEDSIDE}/cohorts", body=body)
        assert (answer.status_code, slug(answer)) == (422, "malformed-request")


def test_one_study_does_not_fill_the_workers_queue(place: Place) -> None:
    asked = [place.ask("POST", TRAININGS, body=TRAINING) for _ in range(OPEN_JOBS)]
    assert {answer.status_code for answer in asked} == {202}
    refused(place, "conflict", 409, place.ask("POST", TRAININGS, body=TRAINING), state(place))
    refused(place, "conflict", 409, place.ask("POST", f"/v1/studies/{BEDSIDE}/aggregates", body={}), state(place))
    for answer in asked:
        assert place.ask("POST", f"/v1/jobs/{answer.get_json()['id']}/cancel").status_code == 200
    assert place.ask("POST", TRAININGS, body=TRAINING).status_code == 202


def test_jobs_that_were_cancelled_count_for_the_day(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "JOBS_A_DAY", 3)
    for _ in range(3):
        queued = place.ask("POST", TRAININGS, body=TRAINING).get_json()
        place.ask("POST", f"/v1/jobs/{queued['id']}/cancel")
    refused(place, "conflict", 409, place.ask("POST", TRAININGS, body=TRAINING), state(place))


def test_one_study_keeps_so_many_cohorts_and_no_more(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohorts, "KEPT_COHORTS", 2)
    at = f"/v1/studies/{BEDSIDE}/cohorts"
    for title in ("One", "Two"):
        assert place.ask("POST", at, body={"query": OLDER, "title": title}).status_code == 201
    refused(place, "conflict", 409, place.ask("POST", at, body={"query": OLDER, "title": "Three"}), state(place))
    assert place.ask("POST", at, body={"query": OLDER, "title": "Two"}).status_code == 201, "it is there already"


def test_whoever_sends_anything_as_a_token_may_not_ask_more_often_for_what_needs_none(place: Place) -> None:
    client = create_api(replace(place.room, limited=True)).test_client()
    anything = {"Authorization": "Bearer x"}
    for number in range(60):
        at = ("/problems", "/docs", "/v1/openapi.json", "/")[number % 4]
        assert client.get(at, base_url=ORIGIN, headers=anything).status_code == 200
    answers = [client.get(at, base_url=ORIGIN, headers=anything) for at in ("/docs", "/problems/broken")]
    answers.append(client.post("/v1/token", base_url=ORIGIN, headers=anything, data={}))
    assert [slug(answer) for answer in answers] == ["too-many-requests"] * 3
    assert client.get("/v1/me", base_url=ORIGIN, headers=anything).status_code == 401, "that is another limit"


def test_a_draft_that_was_given_to_another_client_in_the_database_is_not_there_to_be_approved(place: Place) -> None:
    drafted = place.ask("POST", "/v1/studies", study=None, body=DRAFT).get_json()
    place.ask("POST", "/v1/studies/sleep/submit", study=None)
    with place.house.open.store.begin() as unit:
        unit.connection.execute(update(drafts).values(client="other-lab"))
    approval = {"ethics": "EC 1", "definition": drafted["hash"]}
    answer = place.ask("POST", "/v1/studies/sleep/approve", "operator", None, body=approval)
    assert (answer.status_code, slug(answer)) == (404, "not-found")


@pytest.mark.parametrize("query", [b"\xff", b"{}", b'{"index":{"day":"2020-06-15"},"version":1,"where":{"all":[]}}'])
def test_a_cohort_that_was_altered_in_the_database_is_not_there(place: Place, query: bytes) -> None:
    at = f"/v1/studies/{BEDSIDE}/cohorts"
    kept = place.ask("POST", at, body={"query": OLDER, "title": "Older"}).get_json()
    with place.house.open.store.begin() as unit:
        unit.connection.execute(update(tables.cohorts).values(query=query))
    assert slug(place.ask("GET", f"{at}/{kept['id']}")) == "not-found"
    assert slug(place.ask("POST", TRAININGS, body={**TRAINING, "cohort": kept["id"]})) == "not-found"
    assert place.ask("GET", at).get_json()["items"] == []


def test_a_personal_token_that_may_not_be(place: Place) -> None:
    drawn = [place.ask("POST", "/v1/tokens", body={"seconds": 60}) for _ in range(MOST_PERSONAL)]
    assert {one.status_code for one in drawn} == {201}
    before = state(place)
    refused(place, "conflict", 409, place.ask("POST", "/v1/tokens", body={"seconds": 60}), before)
    more = place.ask("POST", "/v1/tokens", body={"seconds": 60, "scopes": ["operate"]}, study=None)
    refused(place, "scope-not-allowed", 403, more, state(place))
    headers = {"Authorization": f"Bearer {drawn[0].get_json()['token']}"}
    of_one = place.client.post("/v1/tokens", base_url=ORIGIN, json={"seconds": 60}, headers=headers)
    refused(place, "not-allowed", 403, of_one, state(place))
    too_long = place.ask("POST", "/v1/tokens", body={"seconds": 8 * 3600 + 1})
    refused(place, "malformed-request", 422, too_long, state(place))
