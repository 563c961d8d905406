"""What every answer of a site says to the browser."""

import re
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient

import consent.web
from consent.web.headers import SECURITY_HEADERS, secure

WEB = Path(consent.web.__file__).parent
SIGNING = "https://sign.example"


def site(*, scripts: bool = True, passkeys: bool = False) -> FlaskClient:
    app = Flask(__name__, static_folder=str(WEB / "static"))
    secure(app, form_targets=[SIGNING], scripts=scripts, passkeys=passkeys)

    @app.get("/")
    def page() -> str:
        return render_template_string("<script nonce='{{ nonce }}' src='{{ asset('start.js') }}'></script>")

    return app.test_client()


def policy(client: FlaskClient, path: str = "/") -> dict[str, str]:
    with client.get(path) as answer:
        parts = answer.headers["Content-Security-Policy"].split("; ")
    return dict(part.split(" ", 1) for part in parts)


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/portal.css"])
def test_every_answer_carries_every_header(path: str) -> None:
    with site().get(path) as answer:
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert "camera=()" in answer.headers["Permissions-Policy"]
    assert policy(site(), path)["frame-ancestors"] == "'none'"


def test_the_policy_lets_in_nothing_from_elsewhere_and_no_word_that_weakens_it() -> None:
    told = policy(site())
    assert told.pop("script-src").startswith("'nonce-")
    assert told == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": f"'self' {SIGNING}",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }


def test_the_nonce_of_a_page_is_that_of_its_policy_and_of_no_other_answer() -> None:
    client = site()
    first, second = client.get("/"), client.get("/")
    for answer in (first, second):
        found = re.search(r"nonce='([\w-]{22})'", answer.get_data(as_text=True))
        assert found
        assert f"script-src 'nonce-{found[1]}';" in answer.headers["Content-Security-Policy"]
    assert first.headers["Content-Security-Policy"] != second.headers["Content-Security-Policy"]


def test_a_site_without_scripts_runs_none() -> None:
    assert policy(site(scripts=False))["script-src"] == "'none'"


def test_only_a_site_with_passkeys_may_ask_for_them() -> None:
    for passkeys, allowed in ((True, "(self)"), (False, "()")):
        told = site(passkeys=passkeys).get("/").headers["Permissions-Policy"]
        assert f"publickey-credentials-get={allowed}" in told
        assert f"publickey-credentials-create={allowed}" in told


def test_a_page_is_kept_nowhere_and_a_file_only_under_the_hash_of_its_bytes() -> None:
    client = site()
    page = client.get("/")
    assert page.headers["Cache-Control"] == "no-store"
    address = re.search(r"src='([^']+)'", page.get_data(as_text=True))
    assert address
    with client.get(address[1]) as kept:
        assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for path in ("/static/start.js", "/static/start.js?v=0123456789abcdef", "/static/nothing.js?v=0"):
        with client.get(path) as answer:
            assert answer.headers["Cache-Control"] == "no-store"


def test_a_browser_is_bound_to_https_where_it_came_by_https() -> None:
    client = site()
    assert "Strict-Transport-Security" not in client.get("/").headers
    assert client.get("/", base_url="https://localhost").headers["Strict-Transport-Security"] == "max-age=31536000"
