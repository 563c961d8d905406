"""What the client repeats, what it waits for, and what it makes of answers that it cannot use."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from consent.client import (
    ApiError,
    ClientKey,
    Consentry,
    NotFoundError,
    RefusedError,
    ServerError,
    SignInError,
    UsageError,
)
from consent.client import wire as wire_module
from tests.client.speaking import TOKEN, Said, Speaker, listed, token

Make = Callable[..., Consentry]
ME = Said.json(
    {
        "holder": "kidney-team",
        "role": "researcher",
        "study": "kidneys",
        "scopes": ["counts"],
        "expires": 9,
        "kind": "access",
    }
)
SECRET = "Maria Marchetti"
NO_KEY = {"key": None, "token": "drawn-for-a-notebook"}


def test_it_signs_in_once_and_asks_with_the_token(speaker: Speaker, client: Make) -> None:
    speaker.say(ME)
    api = client(scopes={"counts", "models"})
    assert [api.me().holder, api.me().study] == ["kidney-team", "kidneys"]
    [signed_in] = speaker.signed_in
    form = {name: value for name, [value] in parse_qs(signed_in.body.decode()).items()}
    assert form.pop("client_assertion").count(".") == 2
    assert form == {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "resource": "kidneys",
        "scope": "counts models",
    }
    first = speaker.asked[0].headers
    assert first["Authorization"] == f"Bearer {TOKEN}"
    assert first["Host"] == f"api.localhost:{speaker.port}"
    assert first["User-Agent"].startswith("consentry")


def test_a_token_that_ends_soon_is_renewed_before_it_is_used(speaker: Speaker, client: Make) -> None:
    speaker.say(ME)
    speaker.tokens = [token(seconds=30), token(text="the-second")]
    api = client()
    api.me()
    api.me()
    assert speaker.asked[1].headers["Authorization"] == "Bearer the-second"


def test_a_token_that_is_not_accepted_is_renewed_once(speaker: Speaker, client: Make) -> None:
    speaker.say(Said.problem("token-expired", 401), ME)
    assert client().me().holder == "kidney-team"
    assert len(speaker.signed_in) == 2
    speaker.say(Said.problem("unauthenticated", 401))
    with pytest.raises(SignInError):
        client().me()
    assert len(speaker.asked) == 4


def test_a_personal_token_is_sent_as_it_is_and_never_renewed(speaker: Speaker, client: Make) -> None:
    speaker.say(Said.problem("token-expired", 401))
    with pytest.raises(SignInError) as refused:
        client(**NO_KEY).me()
    assert not speaker.signed_in
    assert [one.headers["Authorization"] for one in speaker.asked] == ["Bearer drawn-for-a-notebook"]
    assert "drawn" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "two words\n", "ä", "x" * 501])
def test_what_cannot_be_a_token_is_not_sent(text: str) -> None:
    with pytest.raises(SignInError):
        Consentry("http://localhost", token=text)


@pytest.mark.parametrize("credentials", [{}, {"token": "t", "key": ClientKey.drawn("a", "http://localhost")}])
def test_one_signs_in_in_one_way(credentials: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Consentry("http://localhost", **credentials)  # type: ignore[arg-type]


def test_an_api_must_be_named() -> None:
    with pytest.raises(UsageError, match="no API"):
        Consentry(token="t")


@pytest.mark.parametrize(
    ("slug", "status", "kind"),
    [
        ("malformed-cohort", 422, UsageError),
        ("idempotency-key-reused", 422, UsageError),
        ("body-too-large", 413, UsageError),
        ("assertion-invalid", 401, SignInError),
        ("token-expired", 401, SignInError),
        ("not-allowed", 403, RefusedError),
        ("budget-spent", 409, RefusedError),
        ("consent-gone", 409, RefusedError),
        ("study-not-approved", 403, RefusedError),
        ("not-found", 404, NotFoundError),
        ("broken", 500, ServerError),
        ("something-newer", 418, UsageError),
        ("something-newer", 500, ServerError),
    ],
)
def test_each_problem_has_its_error(
    speaker: Speaker, client: Make, slug: str, status: int, kind: type[ApiError]
) -> None:
    speaker.say(Said.problem(slug, status))
    with pytest.raises(kind) as refused:
        client(patience=0, **NO_KEY).me()
    assert type(refused.value) is kind
    assert refused.value.problem is not None
    assert (refused.value.problem.slug, refused.value.problem.status) == (slug, status)
    assert slug in str(refused.value)
    assert "It is so" in str(refused.value)


def test_a_problem_says_what_exactly_was_wrong(speaker: Speaker, client: Make) -> None:
    document = {
        "type": "http://api.localhost/problems/malformed-request/", "detail": "Correct it.", "status": 422,
        "errors": [{"pointer": "/seconds", "detail": "is too large"}, {"pointer": 3}, "x"], "rule": "a rule",
        "left": 0.5, "until": 1767225600, "question": "q", "reason": ["no line"],
    }  # fmt: skip
    speaker.say(Said(422, json.dumps(document).encode(), {"Content-Type": "application/problem+json; charset=utf-8"}))
    with pytest.raises(UsageError) as refused:
        client().me()
    assert str(refused.value).endswith("malformed-request (422): Correct it. (a rule; /seconds is too large)")
    assert refused.value.problem is not None
    assert refused.value.problem.figures == {"left": 0.5, "until": 1767225600}


@pytest.mark.parametrize(
    "said",
    [
        Said(500, SECRET.encode(), {"Content-Type": "text/html"}),
        Said(400, SECRET.encode(), {"Content-Type": "application/problem+json"}),
        Said.json({"detail": SECRET, "title": SECRET}, 404),
        Said(403, b'{"detail": "\\u001b[31mMaria Marchetti"}', {"Content-Type": "application/problem+json"}),
        Said(200, SECRET.encode(), {"Content-Type": "text/html"}),
        Said(302, SECRET.encode(), {"Location": "http://127.0.0.1:9/"}),
        Said.json({"holder": SECRET}),
        Said.json([SECRET]),
        Said(200, b"[" * 100_000),
        Said(400, b"[" * 100_000, {"Content-Type": "application/problem+json"}),
    ],
)  # fmt: skip
def test_no_body_is_repeated_in_an_error(speaker: Speaker, client: Make, said: Said) -> None:
    speaker.say(said)
    with pytest.raises(ApiError) as refused:
        client(patience=0).me()
    assert SECRET not in f"{refused.value!r} {refused.value} {refused.value.problem}"


def test_no_redirect_is_followed(speaker: Speaker, client: Make) -> None:
    speaker.say(Said(307, b"", {"Location": f"{speaker.api}/v1/elsewhere"}), ME)
    with pytest.raises(ApiError):
        client().me()
    assert [one.path for one in speaker.asked] == ["/v1/me"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(
    speaker: Speaker, client: Make, paused: list[float], status: int
) -> None:
    speaker.say(Said.problem("unavailable", status, Retry_After="7"), Said.problem("unavailable", status), ME)
    assert client().me().holder == "kidney-team"
    assert paused == [7, 1.0]


def test_signing_in_waits_for_a_busy_server_too_with_an_assertion_of_its_own(
    speaker: Speaker, client: Make, paused: list[float]
) -> None:
    speaker.say(ME)
    speaker.tokens = [Said.problem("unavailable", 503, Retry_After="5"), token()]
    assert client().me().holder == "kidney-team"
    assert paused == [5]
    first, second = (parse_qs(one.body.decode())["client_assertion"] for one in speaker.signed_in)
    assert first != second


def test_signing_in_that_is_refused_is_not_tried_again(speaker: Speaker, client: Make, paused: list[float]) -> None:
    speaker.tokens = [Said.problem("assertion-invalid", 401)]
    with pytest.raises(SignInError):
        client().me()
    assert len(speaker.signed_in) == 1
    assert paused == []


def test_a_spent_budget_is_no_busy_server(speaker: Speaker, client: Make, paused: list[float]) -> None:
    """Its Retry-After is days away, and whoever asks again within patience would only wait for nothing."""
    speaker.say(Said.problem("budget-spent", 429, Retry_After="1"))
    with pytest.raises(RefusedError):
        client().me()
    assert paused == []


def test_patience_ends(speaker: Speaker, client: Make, paused: list[float]) -> None:
    speaker.say(Said.problem("unavailable", 503, Retry_After="25"))
    with pytest.raises(ServerError, match="again in 25 s") as refused:
        client(patience=60).me()
    assert refused.value.problem is not None
    assert paused == [25, 25]
    speaker.say(Said.problem("too-many-requests", 429, Retry_After="0"))
    with pytest.raises(ServerError):
        client(patience=60).me()
    assert sum(paused) <= 110


@pytest.mark.parametrize("said", ["-1", "soon", "1.5", "\u0661", "9" * 40])
def test_a_retry_after_that_makes_no_sense_is_none(
    speaker: Speaker, client: Make, paused: list[float], said: str
) -> None:
    speaker.say(Said(503, b"", {"Retry-After": said.encode().decode("latin-1")}), ME)
    client().me()
    assert paused == [0.5]


def test_a_post_is_repeated_under_one_key_and_two_posts_have_two(speaker: Speaker, client: Make) -> None:
    count = {"people": 415, "english": "Everybody", "epsilon": 0.5, "left": 2.5, "question": "0" * 64}
    speaker.say(
        Said.problem("unavailable", 503), Said.problem("request-in-flight", 409, Retry_After="1"), Said.json(count)
    )
    api = client()
    assert api.cohorts.preview({}).people == 415
    api.cohorts.preview({}, key="chosen")
    keys = [one.headers["Idempotency-Key"] for one in speaker.asked]
    assert len(set(keys[:3])) == 1
    assert keys[3] == "chosen"
    assert {one.body for one in speaker.asked} == {b'{"query": {}}'}


@pytest.mark.parametrize("key", ["x" * 129, "ä", "a\nb"])
def test_a_key_of_other_characters_is_not_sent(speaker: Speaker, client: Make, key: str) -> None:
    with pytest.raises(UsageError):
        client().cohorts.preview({}, key=key)
    assert not speaker.heard


def test_what_is_no_json_is_not_sent(speaker: Speaker, client: Make) -> None:
    with pytest.raises(UsageError):
        client().cohorts.preview({"range": float("nan")})
    assert not speaker.heard


def test_a_server_that_is_not_there_is_tried_a_few_times(speaker: Speaker, client: Make, paused: list[float]) -> None:
    with (
        Consentry("http://localhost:9", token="t", pause=paused.append) as api,
        pytest.raises(ServerError, match="run"),
    ):
        api.me()
    assert paused == [0.5, 1.0, 2.0, 4.0]


def test_an_endless_answer_is_cut_off(speaker: Speaker, client: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "LARGEST", 1000)
    speaker.say(Said(200, b"x" * 1001))
    with pytest.raises(ServerError, match="larger"):
        client().me()


def test_an_answer_is_not_unpacked(speaker: Speaker, client: Make) -> None:
    """What is small on the way can be endless here, and nothing packed was asked for."""
    speaker.say(Said(200, gzip.compress(ME.body), {"Content-Encoding": "gzip", "Content-Type": "application/json"}))
    with pytest.raises(ServerError):
        client().me()
    assert speaker.asked[0].headers["Accept-Encoding"] == "identity"


def test_pages_are_asked_for_one_after_another(speaker: Speaker, client: Make) -> None:
    cohort = {"id": "c", "title": "t", "english": "e", "question": "q", "query": {}, "created": 1}
    speaker.say(listed([cohort, cohort], "next+/="), listed([cohort]))
    saved = client().cohorts()
    assert not speaker.asked
    assert [one.id for one in saved] == ["c"] * 3
    assert [one.path for one in speaker.asked] == [
        "/v1/studies/kidneys/cohorts?limit=100",
        "/v1/studies/kidneys/cohorts?limit=100&cursor=next%2B%2F%3D",
    ]


def test_a_list_without_an_end_ends(speaker: Speaker, client: Make) -> None:
    speaker.say(listed([], "again"))
    with pytest.raises(ServerError, match="no end"):
        list(client().cohorts())


@pytest.mark.parametrize("study", [None, "", ".."])
def test_a_study_must_be_named(speaker: Speaker, client: Make, study: str | None) -> None:
    with pytest.raises(UsageError):
        client(study=study).cohorts.preview({})
    assert not speaker.heard


def test_names_cannot_leave_their_place_in_a_path(speaker: Speaker, client: Make) -> None:
    speaker.say(Said.problem("not-found", 404))
    with pytest.raises(NotFoundError):
        client().cohorts.read("../../models?x#y")
    assert speaker.asked[0].path == "/v1/studies/kidneys/cohorts/..%2F..%2Fmodels%3Fx%23y"


def test_a_proxy_of_the_environment_gets_nothing_that_is_for_this_machine(
    speaker: Speaker, client: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    speaker.say(ME)
    assert client().me().holder == "kidney-team"


def test_the_client_loads_nothing_of_an_installation() -> None:
    """It runs where there is none."""
    heavy = "{'numpy', 'flask', 'sqlalchemy', 'web3', 'xgboost', 'vault', 'analytics', 'typer', 'eth', 'authlib'}"
    asked = f"import sys, consent.client; sys.exit(' '.join({heavy} & {{name.split('.')[0] for name in sys.modules}}))"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert ran.stderr.strip() == ""
