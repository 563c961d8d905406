"""A line of Activity in words: what happened, and who did it, whichever study it was about."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest
from flask import Flask

from consent.services.portal.activity import Line, LineKind
from consent.web.lines import told
from consent.web.words import speak

LINE: Final = Line(
    index=7,
    at=datetime(2026, 5, 3, tzinfo=UTC),
    kind=LineKind.OPENED,
    actor="study:kidneys",
    verdict="PERMIT",
    study="kidneys",
    title="Kidneys",
    operation="train",
    categories=(),
    consent="c1",
    leaf=bytes(32),
)


@pytest.fixture(autouse=True)
def _spoken() -> Iterator[None]:
    app = Flask(__name__)
    speak(app)
    with app.test_request_context():
        yield


@pytest.mark.parametrize(
    ("actor", "who"),
    [
        ("patient", "You · Kidneys"),
        ("operator", "The hospital · Kidneys"),
        ("treating:Ada", "Ada, your care team · Kidneys"),
        ("study:kidneys", "Kidneys"),
        ("auditor:audrey", "An auditor · Kidneys"),
    ],
)
def test_who_did_it_is_named_before_the_study_that_it_was_about(actor: str, who: str) -> None:
    assert told(replace(LINE, actor=actor)).who == who


@pytest.mark.parametrize(
    ("actor", "who"),
    [("patient", "You"), ("operator", "The hospital"), ("study:gone", "gone"), ("treating:Ada", "Ada, your care team")],
)
def test_without_a_study_the_one_who_did_it_stands_alone(actor: str, who: str) -> None:
    assert told(replace(LINE, actor=actor, study="", title="")).who == who


def test_what_a_person_asked_for_themselves_is_not_told_as_if_somebody_else_had() -> None:
    refused = replace(LINE, kind=LineKind.REFUSED, verdict="RATE")
    assert told(LINE).what == "Your records were used"
    assert told(refused).what == "Someone asked, and got nothing"
    assert told(replace(LINE, actor="patient")).what == "Your records were used for you"
    assert told(replace(refused, actor="patient")).what == "You asked, and got nothing"


def test_an_invitation_to_make_a_new_key_is_told_as_one() -> None:
    invited = replace(LINE, kind=LineKind.ENROLLED, actor="operator", verdict="KEY_INVITED", study="", title="")
    assert (told(invited).what, told(invited).who) == ("The hospital let you make a new key", "The hospital")
