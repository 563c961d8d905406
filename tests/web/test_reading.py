"""Every page, every letter and what modules say needs little schooling to read, in each language by its own formula."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from consent.services.notices import Notice
from consent.web.letters import Letters
from tests.web.reading import (
    EASE,
    GRADE,
    ORDINARY,
    PAGES,
    WEB,
    ease,
    grade,
    in_spanish,
    messages,
    messages_in_code,
    messages_on,
    whole,
)

PARTS: Final = {"layout", "macros", "said", "ways", "ways_in", "apps"}
"""Templates that are read only as a part of others."""
WHOLE_PAGES: Final = [*(page for page in PAGES if page.stem not in PARTS), WEB / "templates" / "letter.html"]
MODULES: Final = [path for path in sorted(WEB.glob("*.py")) if messages_in_code(path)]
LETTERS: Final = Letters("https://consent.example.org", "020 7946 0123")
IS_PLAIN: Final[dict[str, Callable[[Sequence[str]], bool]]] = {
    "en": lambda texts: grade(texts) <= GRADE,
    "es": lambda texts: ease(texts) >= EASE,
}
"""Says whether texts of a language need no more than six years of school."""


@pytest.mark.parametrize("page", WHOLE_PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_a_page_needs_six_years_of_school_in_both_languages(page: Path) -> None:
    english = messages_on(page)
    for language, texts in (("en", english), ("es", in_spanish(english))):
        assert IS_PLAIN[language](texts), language
        assert IS_PLAIN[language](whole(texts)), f"{language}: headings and buttons alone make the page easy"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_a_template_by_itself_reads_at_grade_six_or_below(page: Path) -> None:
    said = messages(page.read_text())
    assert grade(said) <= GRADE
    assert not whole(said) or grade(whole(said)) <= GRADE


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_what_modules_say_is_as_plain(module: Path) -> None:
    """Names of things, such as kinds of record, may be ordinary words; sentences are plain."""
    english = messages_in_code(module)
    spanish = in_spanish(english)
    assert grade(english) <= GRADE
    assert ease(spanish) >= ORDINARY
    assert not whole(english) or (IS_PLAIN["en"](whole(english)) and IS_PLAIN["es"](whole(spanish)))


@pytest.mark.parametrize("language", IS_PLAIN)
@pytest.mark.parametrize("kind", Notice)
def test_a_letter_is_as_plain(kind: Notice, language: str) -> None:
    _subject, text = LETTERS(kind, language)
    said = [re.sub(r"https?:\S+|[0-9 ]{9,}", "", part) for part in text.splitlines() if part]
    assert IS_PLAIN[language](said)
    assert IS_PLAIN[language](whole(said))


def test_a_hard_page_is_found_in_either_language() -> None:
    assert not IS_PLAIN["en"](["Authorisation necessitates cryptographic verification of institutional identities."])
    assert not IS_PLAIN["es"](["La autorización requiere verificación criptográfica de identidades institucionales."])
