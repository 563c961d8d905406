"""What a researcher does over HTTP from a draft to a close, and what an operator decides of it on the way."""

from typing import Any, Final

from consent.services.desk.callers import Role
from tests.services.served import BEDSIDE
from tests.web.v1.place import DRAFT, OTHER, TRAINING, Place, slug

SLEEP: Final = "/v1/studies/sleep"
OTHERWISE: Final = {**DRAFT, "data_use": {"health_research": True, "other": ["COL"]}}
"""A purpose that no machine decides."""


def drafting(place: Place, method: str, path: str, body: Any = None) -> Any:
    return place.ask(method, path, study=None, body=body)


def submitted(place: Place, draft: Any) -> str:
    """Write a draft and hand it in; return its hash."""
    assert drafting(place, "POST", "/v1/studies", draft).status_code == 201
    answer = drafting(place, "POST", f"{SLEEP}/submit")
    assert answer.get_json()["state"] == "submitted"
    return str(answer.get_json()["hash"])


def decide(place: Place, what: str, **body: Any) -> Any:
    return place.ask("POST", f"{SLEEP}/{what}", "operator", None, body)


def test_a_study_from_its_draft_to_its_close(place: Place) -> None:
    draft = drafting(place, "POST", "/v1/studies", DRAFT)
    assert (draft.status_code, draft.get_json()["state"], draft.headers["Location"]) == (201, "draft", SLEEP)
    changed = drafting(place, "PUT", SLEEP, {**DRAFT, "title": "Sleep at home"}).get_json()
    told = drafting(place, "POST", f"{SLEEP}/submit").get_json()
    assert (told["state"], told["review"], told["hash"]) == ("submitted", "ready", changed["hash"])
    assert slug(decide(place, "approve", ethics="EC 2026/9", definition=draft.get_json()["hash"])) == "conflict"
    approved = decide(place, "approve", ethics="EC 2026/9", definition=told["hash"]).get_json()
    assert (approved["state"], approved["definition"]["ethics"]) == ("approved", "EC 2026/9")
    first = f"{SLEEP}/requests/1/answers"
    assert slug(place.ask("POST", first, study="sleep")) == "not-recruiting"
    sent = place.ask("POST", f"{SLEEP}/requests", study="sleep")
    assert (sent.status_code, sent.get_json()["number"]) == (201, 1)
    assert slug(place.ask("POST", f"{SLEEP}/requests", study="sleep")) == "conflict"
    assert place.ask("GET", SLEEP, study="sleep").get_json()["state"] == "recruiting"
    answers = place.ask("POST", first, study="sleep").get_json()
    assert set(answers) == {"asked", "allowed", "epsilon", "left"}
    assert answers["allowed"] is None, "nobody has answered, and nobody is told so"
    assert place.ask("POST", f"{SLEEP}/close", study="sleep").get_json()["state"] == "closed"


def test_who_may_see_a_draft(place: Place) -> None:
    drafting(place, "POST", "/v1/studies", DRAFT)
    for who in ("auditor", "operator"):
        assert place.ask("GET", SLEEP, who, None).get_json()["state"] == "draft"
    for method, path in (("GET", SLEEP), ("PUT", SLEEP), ("POST", f"{SLEEP}/submit"), ("POST", f"{SLEEP}/close")):
        answer = place.ask(method, path, "other-lab", None, DRAFT if method == "PUT" else None)
        assert (answer.status_code, slug(answer)) == (404, "not-found")
    assert "sleep" not in place.ask("GET", "/v1/studies", "other-lab", None).get_data(as_text=True)
    assert slug(place.ask("POST", "/v1/studies", "other-lab", None, DRAFT)) == "conflict"


def test_where_no_rule_decides_a_person_does_and_the_log_has_their_reason(place: Place) -> None:
    definition, seen = submitted(place, OTHERWISE), place.ask("GET", SLEEP, "operator", None).get_json()
    assert (seen["review"], seen["undecided"]) == ("needs-a-person", ["COL"])
    before = place.house.state().entries
    answer = decide(place, "approve", ethics="EC 2026/9", definition=definition)
    assert (answer.status_code, slug(answer)) == (409, "purpose-needs-a-person")
    assert place.house.state().entries == before
    approved = decide(place, "approve", ethics="EC 2026/9", definition=definition, reason="They are partners.")
    assert approved.get_json()["state"] == "approved"
    resolved, entry, *_ = [one for one in place.house.log(before) if one["action"] == "approve"]
    assert (resolved["verdict"], resolved["facts"]["reason"]) == ("RESOLVED", "They are partners.")
    assert (resolved["facts"]["names"], entry["verdict"]) == (["COL"], "APPROVED")


def test_a_refused_study_says_why_and_may_be_handed_in_again(place: Place) -> None:
    submitted(place, DRAFT)
    assert decide(place, "refuse", reason="The text does not say who asks.").get_json()["state"] == "refused"
    told = drafting(place, "GET", SLEEP).get_json()
    assert (told["state"], told["reason"]) == ("refused", "The text does not say who asks.")
    assert slug(drafting(place, "POST", f"{SLEEP}/submit")) == "conflict"
    assert drafting(place, "PUT", SLEEP, {**DRAFT, "text": "The ward asks how you sleep."}).status_code == 200
    assert drafting(place, "POST", f"{SLEEP}/submit").get_json()["state"] == "submitted"


def test_an_approved_study_is_its_researchers_and_nobody_elses(place: Place) -> None:
    definition = submitted(place, DRAFT)
    decide(place, "approve", ethics="EC 2026/9", definition=definition)
    assert place.ask("GET", f"{SLEEP}/cohorts", study="sleep").status_code == 200
    place.register("third-lab", Role.RESEARCHER, OTHER)
    assert place.ask("GET", SLEEP, "third-lab", OTHER).status_code == 404


def test_a_job_is_there_for_its_study_alone(place: Place) -> None:
    queued = place.ask("POST", f"/v1/studies/{BEDSIDE}/trainings", body=TRAINING)
    at = queued.headers["Location"]
    assert (queued.status_code, at, queued.headers["Retry-After"]) == (202, f"/v1/jobs/{queued.get_json()['id']}", "1")
    assert queued.get_json()["progress"] == {"step": "", "done": 0, "total": 0}
    for method, path in (("GET", at), ("POST", f"{at}/cancel")):
        answer = place.ask(method, path, "other-lab", OTHER)
        assert (answer.status_code, slug(answer)) == (404, "not-found")
    running = place.ask("GET", at)
    assert (running.get_json()["state"], running.headers["Retry-After"]) == ("waiting", "1")
    assert place.ask("POST", f"{at}/cancel").get_json()["state"] == "cancelled"
    assert "Retry-After" not in place.ask("GET", at).headers


def test_a_walk_over_a_list_sees_it_as_it_was(place: Place) -> None:
    at, query = f"/v1/studies/{BEDSIDE}/trainings", "?limit=2"
    ids = {place.ask("POST", at, body=TRAINING).get_json()["id"] for _ in range(3)}
    first = place.ask("GET", f"{at}{query}").get_json()
    place.ask("POST", at, body=TRAINING)
    rest = place.ask("GET", f"{at}{query}&cursor={first['next']}").get_json()
    walked = [one["id"] for one in [*first["items"], *rest["items"]] if one["kind"] == "train"]
    assert ids <= set(walked)
    assert (len(set(walked)), rest["next"]) == (len(walked), None)
    assert len(place.ask("GET", f"{at}?limit=100").get_json()["items"]) == len(walked) + 1
    place.register("second-lab", Role.RESEARCHER, BEDSIDE)
    stolen = place.ask("GET", f"{at}{query}&cursor={first['next']}", "second-lab")
    assert (stolen.status_code, slug(stolen)) == (422, "malformed-request")


def test_a_card_comes_in_the_form_that_is_asked_for(place: Place) -> None:
    at = f"/v1/studies/{BEDSIDE}/models/1/card"
    for wanted, given in (("text/markdown", "text/markdown"), ("text/html", "text/html"), ("*/*", "text/html")):
        answer = place.ask("GET", at, Accept=wanted)
        assert (answer.status_code, answer.mimetype) == (200, given)
        policy = answer.headers["Content-Security-Policy"]
        assert ("script-src" in policy, "style-src 'unsafe-inline'" in policy) == (False, True), "a card styles itself"
    refused = place.ask("GET", at, Accept="application/pdf")
    assert (refused.status_code, slug(refused)) == (406, "not-acceptable")


def test_a_model_tells_of_people_in_fives(place: Place) -> None:
    told = place.ask("GET", f"/v1/studies/{BEDSIDE}/models/1").get_json()
    counts = [told["rows"], told["evaluation"]["people"], told["evaluation"]["events"]]
    assert [count % 5 for count in counts] == [0, 0, 0]


def test_another_method_is_told_which_ones_there_are(place: Place) -> None:
    answer = place.ask("DELETE", "/v1/me")
    assert (answer.status_code, slug(answer)) == (405, "method-not-allowed")
    assert "GET" in answer.headers["Allow"]
