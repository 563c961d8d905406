"""What did not work: one sentence and a next step, and never what was sent."""

from http import HTTPStatus
from pathlib import Path

import pytest
from flask import Flask, abort, redirect, request
from flask.testing import FlaskClient
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response

import consent.web
from consent.web.headers import secure
from consent.web.problems import Refusal, explain
from consent.web.words import speak

WEB = Path(consent.web.__file__).parent
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ODD = "odd<script>alert(1)</script>"
STATUSES = [400, 401, 403, 404, 405, 413, 418, 429, 500, 503]


@pytest.fixture
def client() -> FlaskClient:
    """A site whose pages fail in every way, as in production: nothing is raised through."""
    app = Flask(__name__, template_folder=str(WEB / "templates"), static_folder=str(WEB / "static"))
    app.config.update(SECRET_KEY="for tests only", TRUSTED_HOSTS=["localhost"], MAX_CONTENT_LENGTH=1000)
    secure(app, scripts=True)
    speak(app)
    CSRFProtect(app)
    explain(app)
    _fail_everywhere(app)
    return app.test_client()


def _fail_everywhere(app: Flask) -> None:
    @app.get("/fails/<int:status>")
    def fails(status: int) -> Response:
        return abort(status, request.args.get("said"))

    @app.get("/breaks")
    def breaks() -> Response:
        raise ValueError(request.args["said"])

    @app.get("/refuses")
    def refuses() -> Response:
        raise Refusal(HTTPStatus.CONFLICT, "Somebody else was first. Load the page again.")

    @app.get("/moved")
    def moved() -> Response:
        abort(redirect("/elsewhere"))

    @app.post("/takes")
    def takes() -> str:
        return str(len(request.get_data()))


@pytest.mark.parametrize("status", STATUSES)
def test_a_browser_gets_a_page_with_a_next_step(client: FlaskClient, status: int) -> None:
    answer = client.get(f"/fails/{status}?said={ODD}", headers=PAGE)
    text = answer.get_data(as_text=True)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert 'href="/"' in text
    assert "odd" not in text


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("accept", ["application/json", "application/problem+json", "*/*"])
def test_a_program_gets_problem_json(client: FlaskClient, status: int, accept: str) -> None:
    answer = client.get(f"/fails/{status}?said={ODD}", headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.get_json().keys() == {"type", "title", "status", "detail"}
    assert answer.get_json()["status"] == status
    assert "odd" not in answer.get_data(as_text=True)


def test_who_sent_json_gets_json_whatever_else_it_takes(client: FlaskClient) -> None:
    assert client.post("/takes", json={"a": ODD}, headers=PAGE).mimetype == "application/problem+json"


@pytest.mark.parametrize("headers", [PAGE, {}])
def test_what_broke_is_not_told(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.get(f"/breaks?said={ODD}", headers=headers)
    assert answer.status_code == 500
    assert "odd" not in answer.get_data(as_text=True)
    assert "ValueError" not in answer.get_data(as_text=True)


def test_a_refusal_says_its_sentence(client: FlaskClient) -> None:
    assert "Somebody else was first." in client.get("/refuses", headers=PAGE).get_data(as_text=True)
    answer = client.get("/refuses")
    assert (answer.status_code, answer.get_json()["detail"]) == (409, "Somebody else was first. Load the page again.")


def test_a_page_that_is_too_old_says_so(client: FlaskClient) -> None:
    answer = client.post("/takes", data={"said": ODD}, headers=PAGE)
    assert answer.status_code == 400
    assert "This page is too old. Go back and try again." in answer.get_data(as_text=True)
    assert client.post("/takes", json={}).get_json()["detail"] == "This page is too old. Go back and try again."


@pytest.mark.parametrize("headers", [PAGE, {}])
def test_a_name_that_is_not_ours_is_refused_and_not_repeated(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.get("/nothing", headers={**headers, "Host": "odd.example"})
    assert answer.status_code == 400
    assert "odd" not in answer.get_data(as_text=True)


def test_an_unknown_page_is_not_repeated_and_a_wrong_verb_names_the_right_ones(client: FlaskClient) -> None:
    assert "odd" not in client.get("/odd", headers=PAGE).get_data(as_text=True)
    answer = client.delete("/takes", headers=PAGE)
    assert answer.status_code in (400, 405)
    assert "POST" in client.get("/takes", headers=PAGE).headers["Allow"]


def test_a_redirect_is_no_failure(client: FlaskClient) -> None:
    assert client.get("/moved", headers=PAGE).status_code == 302
