"""How the portal's pages are made, whatever they say: safe, equal, unticked, readable in both themes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from flask import Flask, render_template
from flask_wtf.csrf import CSRFProtect

import consent.web
from consent.web.headers import secure
from consent.web.words import speak
from tests.web.portal_samples import ODD, PAGES, TELEPHONE

WEB = Path(consent.web.__file__).parent
SHEET = (WEB / "static" / "portal.css").read_text()


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Return every page of the portal as it is sent."""
    app = Flask(__name__, template_folder=str(WEB / "templates"), static_folder=str(WEB / "static"))
    app.config.update(SECRET_KEY="for tests only")
    secure(app, scripts=True)
    speak(app)
    CSRFProtect(app)
    site = {"hospital": ODD, "telephone": TELEPHONE}
    with app.test_request_context():
        return {name: render_template(f"portal/{name}.html", **site, **given) for name, given in PAGES.items()}


def test_every_template_that_is_a_page_has_a_sample() -> None:
    parts = {"layout", "macros", "icons"}
    assert {path.stem for path in (WEB / "templates" / "portal").glob("*.html")} - parts == PAGES.keys()


@pytest.mark.parametrize("name", PAGES)
def test_what_others_write_is_shown_as_text(pages: dict[str, str], name: str) -> None:
    assert ODD not in pages[name]
    assert "&lt;script&gt;" in pages[name]


@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_script_or_a_style_that_the_policy_stops(pages: dict[str, str], name: str) -> None:
    scripts = re.findall(r"<script[^>]*>", pages[name])
    assert all("nonce=" in script and 'src="/static/' in script for script in scripts)
    assert len(scripts) == {"start": 1, "stopped": 1, "receipt": 1, "check_receipt": 1, "erasure": 2}.get(name, 0)
    assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:|https?://", pages[name])


@pytest.mark.parametrize("name", PAGES)
def test_every_form_that_changes_something_carries_a_token(pages: dict[str, str], name: str) -> None:
    changing = {"check_receipt"}  # anybody's, without a session: it changes nothing
    for form in re.findall(r"<form.*?</form>", pages[name], flags=re.DOTALL) if name not in changing else ():
        assert 'method="post"' in form
        assert re.search(r'<input type="hidden" name="csrf_token" value="[^"]{20,}">', form)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_one_heading_a_way_past_the_bar_and_a_telephone_number(pages: dict[str, str], name: str) -> None:
    assert pages[name].count("<h1") == 1
    assert '<a class="skip" href="#main">' in pages[name]
    assert 'href="tel:+493012345678"' in pages[name]
    assert ("Development only" in pages[name]) == (name == "demo")


@pytest.mark.parametrize("name", PAGES)
def test_no_two_things_of_a_page_have_one_id(pages: dict[str, str], name: str) -> None:
    ids = [found for found in re.findall(r'\sid="([^"]+)"', pages[name]) if not found.startswith(("card-", "ask-"))]
    assert len(ids) == len(set(ids))


CHOSEN_BEFORE: Final = {"wishes"}
"""These show what the person chose last."""


@pytest.mark.parametrize("name", sorted(PAGES.keys() - CHOSEN_BEFORE))
def test_nothing_is_ticked_or_chosen_beforehand(pages: dict[str, str], name: str) -> None:
    assert " checked" not in pages[name]
    assert "selected" not in pages[name]


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        ("requests", "See and decide"),
        ("request", "Choose what to allow"),
        ("choose", "Go on"),
        ("when", "Go on"),
        ("questions", "Go on"),
        ("check", "Allow"),
    ],
)
def test_say_no_is_made_like_the_other_answer_and_stands_beside_it(pages: dict[str, str], name: str, yes: str) -> None:
    choice = pages[name].split('<div class="actions choice">', 1)[1].split("</div>", 1)[0]
    answers = re.findall(r'<(?:a|button)[^>]* ?class="([^"]*)"[^>]*>([^<]+)<', choice)
    assert answers == [("button", yes), ("button", "Say no")]


@pytest.mark.parametrize("name", ["requests", "request", "check"])
def test_every_request_says_that_care_does_not_change(pages: dict[str, str], name: str) -> None:
    assert "Your care does not change" in pages[name]


def test_a_mailed_codes_page_names_no_study_and_leads_nowhere_but_to_stops(pages: dict[str, str]) -> None:
    page = pages["stop_only"].split("<main", 1)[1]
    assert "&lt;script&gt;" not in page
    assert set(re.findall(r'action="([^"]+)"', page)) == {"/stop/all", "/stop/one"}
    assert re.findall(r'<a [^>]*href="(?!tel:|\?lang=)([^"]+)"', page) == []


def test_the_sheet_is_small_and_brings_nothing_from_elsewhere() -> None:
    assert len(SHEET.encode()) < 24_000
    assert "url(" not in SHEET
    assert "@import" not in SHEET


TEXT = [
    ("ink", "ground"),
    ("ink", "panel"),
    ("ink", "tint"),
    ("ink", "soon-tint"),
    ("ink", "bad-tint"),
    ("quiet", "ground"),
    ("quiet", "panel"),
    ("quiet", "sunken"),
    ("quiet", "tint"),
    ("accent", "ground"),
    ("accent", "panel"),
    ("accent", "tint"),
    ("accent", "bad-tint"),
    ("accent-deep", "tint"),
    ("on-accent", "accent"),
    ("on-accent", "accent-deep"),
    ("on-hero", "hero-end"),
    ("hero-quiet", "hero-end"),
    ("hero", "on-hero"),
    ("soon", "soon-tint"),
    ("bad", "panel"),
    ("bad", "ground"),
    ("bad", "bad-tint"),
]
"""Colours of text, and what they stand on."""


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_and_borders_stand_out_in_both_themes(theme: int) -> None:
    """WCAG 2.2, 1.4.3 (text: 4.5) and 1.4.11 (what shows a field or a focus: 3)."""
    colours = _themes()[theme]
    thin = {pair: ratio for pair in TEXT if (ratio := _contrast(colours, *pair)) < 4.5}
    thin |= {
        pair: ratio
        for pair in [("edge", "panel"), ("edge", "ground"), ("accent", "ground")]
        if (ratio := _contrast(colours, *pair)) < 3
    }
    assert thin == {}


def _themes() -> list[dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", SHEET, flags=re.DOTALL)[:2]
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", block)) for block in blocks]


def _contrast(colours: dict[str, str], one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    dark, light = sorted(_luminance(colours[name]) for name in (one, other))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = _channels(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> Iterator[float]:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    for start in (0, 2, 4):
        share = int(digits[start : start + 2], 16) / 255
        yield share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
