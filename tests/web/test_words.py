"""The words that patients read: short, plain, and none from behind the scenes.

The messages come from the catalogue's own sources, so that a text that a study wrote is not judged here.
"""

import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import extract

import consent.web

WEB = Path(consent.web.__file__).parent
PAGES = sorted(
    page
    for page in (WEB / "templates").rglob("*.html")
    if page.parent.name in ("portal", "signing") and "_(" in page.read_text()
)
GRADE = 6.0
"""The school grade that the portal promises to stay at or below."""

FORBIDDEN = {"wallet", "gas", "hash", "signature", "contract", "chain", "blockchain", "token"}
TECHNICAL = re.compile(
    r"<details[^>]*>\s*<summary>\{\{ _\(\"Technical details\"\) \}\}</summary>.*?</details>", re.DOTALL
)
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")


def messages(source: str) -> list[str]:
    """Return the messages of a template, each form of a plural by itself."""
    found = extract("jinja2.ext:babel_extract", BytesIO(source.encode()), options={"encoding": "utf-8"})
    return list(_texts(message for _, message, _, _ in found))


def messages_in_code(path: Path) -> list[str]:
    """Return the messages of a module."""
    with path.open("rb") as file:
        return list(_texts(message for _, message, _, _ in extract("python", file)))


def _texts(found: Iterable[str | tuple[str, ...]]) -> Iterator[str]:
    for message in found:
        yield from (message,) if isinstance(message, str) else filter(None, message)


def sentences(texts: Iterable[str]) -> list[list[str]]:
    """Return the words of each sentence; a heading, or what stands on a button, is one."""
    parts = (part for text in texts for part in re.split(r"[.!?]+(?=\s|$)", PLACEHOLDER.sub("two", text)))
    return [words for part in parts if (words := re.findall(r"[A-Za-z']+", part))]


def syllables(word: str) -> int:
    """Count a word's syllables: groups of vowels, less a silent final e, es or ed, plus those that two vowels part."""
    plain = re.sub(r"[^a-z]", "", word.lower())
    groups = len(re.findall(r"[aeiouy]+", plain))
    if re.search(r"[^aeiouy]e$", plain) and not re.search(r"[^aeiouy]le$", plain):
        groups -= 1
    if re.search(r"[^aeioudt]ed$", plain) or re.search(r"[^aeiouycgsxz]es$", plain):
        groups -= 1
    groups += len(re.findall(r"ia|(?<!t)ien|io(?!n)|eo(?!p)|ua|ying", plain))
    return max(groups, 1)


def grade(texts: Iterable[str]) -> float:
    """Return the Flesch-Kincaid grade level of all texts together.

    0.39 words a sentence + 11.8 syllables a word - 15.59: Kincaid, Fishburne, Rogers and Chissom, "Derivation of new
    readability formulas for Navy enlisted personnel", 1975.
    """
    said = sentences(texts)
    words = [word for sentence in said for word in sentence]
    return 0.39 * len(words) / len(said) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_a_page_reads_at_grade_six_or_below(page: Path) -> None:
    said = messages(page.read_text())
    assert grade(said) <= GRADE
    whole = [text for text in said if text.endswith((".", "?", "!"))]
    assert not whole or grade(whole) <= GRADE, "headings and buttons alone keep the page's grade down"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_no_word_from_behind_the_scenes_stands_outside_the_technical_details(page: Path) -> None:
    assert _forbidden(messages(TECHNICAL.sub("", page.read_text()))) == []


def test_what_went_wrong_is_said_as_plainly() -> None:
    said = messages_in_code(WEB / "problems.py")
    assert len(said) > 10
    assert grade(said) <= GRADE
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
    assert syllables(word) == count


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
