"""Each member of the client asks the route that it is about, with nothing but what was given."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from consent.client import ApiError, Consentry, UsageError
from tests.client.speaking import Said, Speaker

Make = Callable[..., Consentry]
Ask = Callable[[Consentry], object]
STUDY: dict[str, Any] = {
    "id": "kidneys", "state": "draft", "review": "ready", "undecided": [], "reason": None, "created": 1, "hash": None,
    "definition": {"id": "kidneys", "title": "Kidneys"},
}  # fmt: skip
COHORT = {"id": "c", "title": "t", "english": "e", "question": "q", "query": {}, "created": 1}
ANSWERS = {"asked": 600, "allowed": None, "epsilon": 0.5, "left": 1.0}
PREDICTION = {
    "subject": "ab" * 16, "study": "kidneys", "release": 1, "model": "cd" * 32, "outcome": "Death", "horizon_days": 90,
    "index": "2020-01-01", "probability": 0.25, "log_odds": -1.1, "base": -1, "contributions": [
        {"name": "age", "title": "Age", "shown": "", "value": None, "log_odds": -0.1},
    ],
}  # fmt: skip
NEW = {"id": "ab" * 8, "token": "shown-once", "study": None, "scopes": ["counts"], "created": 1, "expires": 2}
FACTS = {
    "study": "kidneys", "release": 2, "status": "ACTIVE", "model": "ab", "manifest": "cd", "rows": None, "auroc": 0.8,
    "calibration_slope": 1, "cohort": "", "dictionary": "ef", "features": ["age"], "outcome": "Death",
    "horizon_days": 90, "flow": {"PERMIT": 120, "PURPOSE": None}, "evaluation": {"people": 120}, "gate": {},
}  # fmt: skip
SVG = Said(200, b"<svg/>", {"Content-Type": "image/svg+xml; charset=utf-8"})
AT = "/v1/studies/kidneys"

ROUTES: list[tuple[Ask, object, str, str, object]] = [
    (lambda api: api.study("kidneys"), STUDY, "GET", AT, None),
    (lambda api: api.studies.write({"id": "kidneys"}), STUDY, "POST", "/v1/studies", {"id": "kidneys"}),
    (lambda api: api.studies.change({"id": "kidneys"}), STUDY, "PUT", AT, {"id": "kidneys"}),
    (lambda api: api.studies.submit("kidneys"), STUDY, "POST", f"{AT}/submit", {}),
    (lambda api: api.studies.approve("kidneys", "EC 1"), STUDY, "POST", f"{AT}/approve", {"ethics": "EC 1"}),
    (
        lambda api: api.studies.approve("kidneys", "EC 1", reason="why"),
        STUDY, "POST", f"{AT}/approve", {"ethics": "EC 1", "reason": "why"},
    ),
    (lambda api: api.studies.refuse("kidneys", "why"), STUDY, "POST", f"{AT}/refuse", {"reason": "why"}),
    (lambda api: api.studies.close("kidneys"), STUDY, "POST", f"{AT}/close", {}),
    (lambda api: api.cohorts.save("t", {}), COHORT, "POST", f"{AT}/cohorts", {"title": "t", "query": {}}),
    (lambda api: api.cohorts.read("c"), COHORT, "GET", f"{AT}/cohorts/c", None),
    (lambda api: api.cohorts.forget("c"), {}, "DELETE", f"{AT}/cohorts/c", None),
    (lambda api: api.requests.ask(), {"number": 1, "since": 1, "text": "ab"}, "POST", f"{AT}/requests", {}),
    (lambda api: api.requests.answers(1), ANSWERS, "POST", f"{AT}/requests/1/answers", {}),
    (lambda api: api.models.read(2), FACTS, "GET", f"{AT}/models/2", None),
    (lambda api: api.models.plots(2), {"items": ["roc"]}, "GET", f"{AT}/models/2/plots", None),
    (lambda api: api.models.plot(2, "roc"), SVG, "GET", f"{AT}/models/2/plots/roc", None),
    (lambda api: api.models.due(), {"due": None, "why": []}, "GET", f"{AT}/releases?limit=1", None),
    (
        lambda api: api.predictions.of(identifier="urn:h|7"),
        PREDICTION, "POST", f"{AT}/predictions", {"identifier": "urn:h|7"},
    ),
    (
        lambda api: api.predictions.of(subject="ab" * 16),
        PREDICTION, "POST", f"{AT}/predictions", {"subject": "ab" * 16},
    ),
    (lambda api: api.tokens.draw(60, ["models", "counts"]), NEW, "POST", "/v1/tokens",
     {"seconds": 60, "scopes": ["counts", "models"]}),
    (lambda api: api.tokens.revoke("ab" * 8), {}, "DELETE", f"/v1/tokens/{'ab' * 8}", None),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "answer", "method", "path", "body"), ROUTES)
def test_a_member_asks_its_route(
    speaker: Speaker, client: Make, ask: Ask, answer: Any, method: str, path: str, body: object
) -> None:
    speaker.say(answer if isinstance(answer, Said) else Said.json(answer))
    ask(client())
    [asked] = speaker.asked
    assert (asked.method, asked.path) == (method, path)
    assert (json.loads(asked.body) if asked.body else None) == body
    assert ("Idempotency-Key" in asked.headers) == (method == "POST")


@pytest.mark.parametrize("media_type", ["text/html", "text/markdown"])
def test_a_card_comes_in_the_form_that_was_asked_for(speaker: Speaker, client: Make, media_type: str) -> None:
    speaker.say(Said(200, b"# Kidneys", {"Content-Type": f"{media_type}; charset=utf-8"}))
    assert client().models.card(2, media_type) == "# Kidneys"
    assert speaker.asked[0].headers["Accept"] == media_type


def test_another_form_than_was_asked_for_is_refused(speaker: Speaker, client: Make) -> None:
    speaker.say(Said(200, b"# Kidneys", {"Content-Type": "text/html"}))
    with pytest.raises(ApiError, match="another kind"):
        client().models.card(2, "text/markdown")


@pytest.mark.parametrize("who", [{}, {"identifier": "urn:h|7", "subject": "ab" * 16}])
def test_a_prediction_is_of_one_person_who_is_named_once(speaker: Speaker, client: Make, who: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        client().predictions.of(**who)
    assert not speaker.heard


def test_nothing_of_a_person_or_a_token_is_in_what_a_log_would_show(speaker: Speaker, client: Make) -> None:
    speaker.say(Said.json(PREDICTION))
    shown = repr(client().predictions.of(subject="ab" * 16))
    assert "abab" not in shown
    assert "0.25" not in shown
    speaker.say(Said.json(NEW))
    api = client()
    assert "shown-once" not in repr(api.tokens.draw(60))
    assert speaker.signed_in
    assert "a-token" not in repr(api.transport)
