"""The words of pages in the language of a test's browser: what is pressed is called so there.

said = Tongue("es")
page.get_by_role("button", name=said("Go on")).click()
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from babel.messages.pofile import read_po

from consent.domain.study import Study
from consent.web.words import CATALOGUES

LOCALES: Final = {"en": "en-GB", "es": "es-ES"}
"""What a browser prefers whose reader reads a language."""


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language that pages are in."""

    language: str = "en"

    def __call__(self, english: str, **values: object) -> str:
        """Return what stands on a page for a message; raise `KeyError` where the catalogue has none."""
        words = english if self.language == "en" else spoken(self.language)[english]
        return words % values if values else words

    def like(self, *parts: str) -> re.Pattern[str]:
        """Return a pattern of a name in which these messages follow one another; what is no message stays."""
        known = {} if self.language == "en" else spoken(self.language)
        return re.compile(".*".join(re.escape(known.get(part, part)) for part in parts), re.DOTALL)

    def title(self, study: Study) -> str:
        """Return the title under which a study asks."""
        return (study.read_in(self.language) or study).reference.title


ENGLISH: Final = Tongue()


@cache
def spoken(language: str) -> Mapping[str, str]:
    """Return the words of a language by their English; of a plural, the first form by its first."""
    with (CATALOGUES / language / "LC_MESSAGES" / "messages.po").open("rb") as source:
        found = [(message.id, message.string) for message in read_po(source, locale=language) if message.id]
    return {_first(english): _first(words) for english, words in found}


def _first(words: object) -> str:
    return str(words[0]) if isinstance(words, (tuple, list)) else str(words)
