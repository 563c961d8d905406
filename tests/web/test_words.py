"""The words that patients read: short, plain, and none from behind the scenes.

The messages come from the catalogue's own sources, so that a text that a study wrote is not judged here.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.web.reading import GRADE, PAGES, WEB, english_syllables, grade, messages, messages_in_code

FORBIDDEN = {"wallet", "gas", "hash", "signature", "contract", "chain", "blockchain", "token"}
TECHNICAL = re.compile(
    r"<details[^>]*>\s*<summary>\{\{ _\(\"Technical details\"\) \}\}</summary>.*?</details>", re.DOTALL
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_no_word_from_behind_the_scenes_stands_outside_the_technical_details(page: Path) -> None:
    assert _forbidden(messages(TECHNICAL.sub("", page.read_text()))) == []


def test_what_went_wrong_is_said_as_plainly() -> None:
    said = messages_in_code(WEB / "problems.py")
    assert len(said) > 10
    assert _forbidden(said) == []


def test_no_words_of_a_page_are_missing_from_the_catalogue() -> None:
    """What is left of a template without its tags, its expressions and its comments is no sentence of its own."""
    for page in PAGES:
        text = TECHNICAL.sub("", page.read_text())
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", text, flags=re.DOTALL)
        assert re.findall(r"[A-Za-z]{2,}", text.replace("Consentry", "")) == [], page.name


SPOKEN = {
    1: ["the", "use", "stopped", "choose", "asked"],
    2: ["records", "study", "studies", "people", "allowed", "changes", "wanted", "science", "paying", "receipt"],
    3: ["hospital", "medicine", "already"],
}


@pytest.mark.parametrize(("count", "word"), [(count, word) for count, words in SPOKEN.items() for word in words])
def test_syllables_are_counted_as_they_are_spoken(count: int, word: str) -> None:
    assert english_syllables(word) == count


def test_the_grade_tells_plain_words_from_hard_ones() -> None:
    assert grade(["The cat sat on the mat."]) == pytest.approx(0.39 * 6 + 11.8 - 15.59)
    assert grade(["Authorisation necessitates cryptographic verification of institutional identities."]) > 2 * GRADE


def test_the_technical_details_are_cut_out_and_nothing_else() -> None:
    inside = '<details><summary>{{ _("Technical details") }}</summary>{{ _("The hash") }}</details>{{ _("A token") }}'
    assert _forbidden(messages(TECHNICAL.sub("", inside))) == ["token"]


def _forbidden(texts: Iterable[str]) -> list[str]:
    """Return the forbidden words in `texts`, in the singular or the plural."""
    words = re.findall(r"[a-z]+", " ".join(texts).lower())
    return [word for word in words if {word, word.removesuffix("s"), word.removesuffix("es")} & FORBIDDEN]
