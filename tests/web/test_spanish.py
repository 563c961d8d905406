"""Spanish: every word of the pages has a translation that is as plain, and people choose the language they read."""

from datetime import UTC, datetime
from typing import Final

import pytest
from babel.messages.extract import extract_from_dir
from flask import Flask, render_template_string

from consent.web.words import COOKIE, in_language, read_catalogue, speak
from tests.web.reading import PLACEHOLDER, SPANISH, WEB, ease, forms, spanish_syllables, whole

PLAIN: Final = 80
"""INFLESZ calls a text of 80 or more very easy: that of a primary school, up to its sixth year."""


def said() -> set[str]:
    """Return the messages of all pages and modules, of a plural the first form."""
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    found = extract_from_dir(str(WEB), methods, keywords={"_": None, "_l": None, "gettext": None, "ngettext": (1, 2)})
    return {text[0] if isinstance(text, tuple) else text for _, _, text, _, _ in found}


def test_no_message_is_without_a_translation() -> None:
    known = {message.id if isinstance(message.id, str) else message.id[0] for message in SPANISH}
    assert said() - known == set()
    assert [message.id for message in SPANISH if not all(spanish for _, spanish in forms(message))] == []


def test_no_translation_is_fuzzy() -> None:
    assert [message.id for message in SPANISH if message.fuzzy] == []


def test_every_translation_has_the_placeholders_of_its_message() -> None:
    for message in SPANISH:
        for english, spanish in forms(message):
            assert sorted(PLACEHOLDER.findall(spanish)) == sorted(PLACEHOLDER.findall(english)), english


def test_spanish_reads_as_a_text_for_primary_school() -> None:
    texts = [spanish for message in SPANISH for _, spanish in forms(message)]
    assert ease(whole(texts)) >= PLAIN


@pytest.mark.parametrize(("count", "word"), [(1, "que"), (2, "puede"), (2, "datos"), (3, "estudio"), (2, "día")])
def test_syllables_are_counted_as_they_are_spoken(count: int, word: str) -> None:
    assert spanish_syllables(word) == count


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    speak(app, onward="https://sign.example")

    @app.get("/<path:page>")
    def _page(page: str) -> str:
        return render_template_string('{{ _("Sign out") }} {{ page }}', page=page)

    return app


def test_the_browsers_language_counts_until_somebody_chooses(app: Flask) -> None:
    spanish = {"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"}
    client = app.test_client()
    assert client.get("/a").text == "Sign out a"
    assert client.get("/a", headers=spanish).text == "Salir a"
    assert client.get("/a", headers={"Accept-Language": "fr"}).text == "Sign out a"
    assert client.get("/a?lang=en", headers=spanish).text == "Sign out a"


def test_a_choice_is_kept_in_a_cookie_and_only_a_choice(app: Flask) -> None:
    client = app.test_client()
    assert "Set-Cookie" not in client.get("/a").headers
    assert "Set-Cookie" not in client.get("/a?lang=xx").headers
    kept = client.get("/a?lang=es").headers["Set-Cookie"]
    assert kept.startswith(f"{COOKIE}=es;")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(kept.split("; "))


def test_the_public_page_keeps_nothing(app: Flask) -> None:
    answer = app.test_client().get("/check?lang=es")
    assert answer.text == "Salir check"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("asked", ["", "?lang=en", "?lang=en&lang=es"])
def test_a_link_to_another_language_leads_to_the_same_page(app: Flask, asked: str) -> None:
    assert app.test_client().get(f"/a{asked}").text == "Sign out a"
    with app.test_request_context(f"/a{asked}"):
        assert in_language("es") == "?lang=es"


def test_a_link_to_another_language_keeps_which_part_was_asked_for_and_repeats_nothing_else(app: Flask) -> None:
    with app.test_request_context("/activity?show=mine&before=17&lang=en&page=%3Ci%3E&x=a%26b%22&x=%3Ci%3E"):
        assert in_language("es") == "?lang=es&show=mine&before=17"


def test_where_a_page_came_of_a_form_alone_the_link_leads_to_the_start() -> None:
    app = Flask(__name__)
    app.add_url_rule("/wrong", "_wrong", lambda: "", methods=["POST"])
    app.add_url_rule("/choose", "_choose", lambda: "", methods=["GET", "POST"])
    for path, leads in (("/wrong", "/?lang=es"), ("/choose", "?lang=es")):
        with app.test_request_context(path, method="POST"):
            assert in_language("es") == leads


@pytest.mark.parametrize(
    ("language", "words"), [("en", "26 November 2026, 00:30"), ("es", "26 de noviembre de 2026, 00:30")]
)
def test_a_time_is_written_as_people_write_it_where_the_hospital_is(language: str, words: str) -> None:
    app, at = Flask(__name__), datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
    speak(app, "Europe/Madrid")
    with app.test_request_context(f"/?lang={language}"):
        assert render_template_string("{{ at | datetimeformat }}", at=at) == words


def test_plurals_are_chosen_as_spanish_does() -> None:
    catalogue = read_catalogue("es")
    one, many = "%(num)s request waits for you", "%(num)s requests wait for you"
    assert [catalogue.ungettext(one, many, n) for n in (1, 2)] == [
        "%(num)s petición le espera",
        "%(num)s peticiones le esperan",
    ]
