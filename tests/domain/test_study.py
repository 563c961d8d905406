"""What a study may say and for what: nothing that misleads, and nothing that no patient could agree to."""

from dataclasses import replace

import pytest

from consent.domain.data_use import DataUse
from consent.domain.study import TEXT_LIMIT, InvalidStudyError, Study, StudyRefusedError
from tests.services.house import STUDY


def test_a_text_has_lines_and_everyday_marks() -> None:
    text = "Können Ärzte früher helfen?\n\n“Yes”: <b>perhaps</b>, says §7; 10 €."
    assert Study.from_json(replace(STUDY, text=text).to_json()).text == text
    assert replace(STUDY, text="x" * TEXT_LIMIT).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "x" * (TEXT_LIMIT + 1),
        "a\x1b[2Jb",
        "a\x00b",
        "a\tb",
        "a\rb",
        "a\x85b",
        "allowed\u202edewolla",
        "a\u2066b",
        "a\u200fb",
        "a\u200bb",
        "a\u2028b",
        "a\ufeffb",
        "\ud800",
    ],
    ids=ascii,
)
def test_a_text_that_would_change_how_it_looks_is_refused(text: str) -> None:
    with pytest.raises(InvalidStudyError, match="text"):
        replace(STUDY, text=text)


@pytest.mark.parametrize("ethics", ["", " ", "EC\n2026", "EC\u202e", "x" * 201], ids=ascii)
def test_an_ethics_reference_is_one_line(ethics: str) -> None:
    with pytest.raises(InvalidStudyError, match="ethics"):
        replace(STUDY, ethics=ethics)


@pytest.mark.parametrize("use", ["insurance", "Employment", "advertising", "Re-Identification"])
def test_some_purposes_cannot_be_registered_at_all(use: str) -> None:
    with pytest.raises(StudyRefusedError, match=use.lower()):
        replace(STUDY, data_use=DataUse(health_research=True, other=frozenset({use})))
