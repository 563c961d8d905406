"""How hard the pages' words are to read: where they stand, and the formulas for English and for Spanish."""

import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.pofile import read_po

import consent.web
from consent.web.words import CATALOGUES

WEB: Final = Path(consent.web.__file__).parent
PAGES: Final = sorted(
    page
    for page in (WEB / "templates").rglob("*.html")
    if page.parent.name in ("portal", "signing") and "_(" in page.read_text()
)
"""The templates that patients read."""
GRADE: Final = 6.0
"""The school grade that the portal promises to stay at or below in English."""
EASE: Final = 65.0
"""INFLESZ calls a text of 65 or more quite easy to read, where English is at grade 6."""
ORDINARY: Final = 55.0
"""And one of 55 or more ordinary, as in newspapers."""
PLACEHOLDER: Final = re.compile(r"%\(\w+\)s|\{\w+\}")
SOURCE: Final = (CATALOGUES / "es" / "LC_MESSAGES" / "messages.po").read_bytes()
SPANISH: Final = [message for message in read_po(BytesIO(SOURCE), locale="es") if message.id]
"""The messages in Spanish."""
KEYWORDS: Final = {**DEFAULT_KEYWORDS, "_l": None}


def forms(message: Message) -> list[tuple[str, str]]:
    """Return each form of a message in English beside its Spanish."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    return list(zip(message.id, message.string or (), strict=True))


def in_spanish(texts: Iterable[str]) -> list[str]:
    """Return messages in Spanish."""
    known = dict(pair for message in SPANISH for pair in forms(message))
    return [known[text] for text in texts]


def whole(texts: Iterable[str]) -> list[str]:
    """Return those texts that are sentences: headings and buttons alone would make a page easy."""
    return [text for text in texts if text.rstrip().endswith((".", "?", "!"))]


def messages(source: str) -> list[str]:
    """Return the messages of a template, each form of a plural by itself."""
    found = extract("jinja2.ext:babel_extract", BytesIO(source.encode()), options={"encoding": "utf-8"})
    return list(_texts(message for _, message, _, _ in found))


def messages_on(page: Path) -> list[str]:
    """Return the messages of a page: of its template, of the one that it fills, and of those that it includes."""
    source = page.read_text()
    parts = re.findall(r"\{% (?:extends|include) \"([^\"]+)\" %\}", source)
    return [*messages(source), *(text for part in parts for text in messages_on(WEB / "templates" / part))]


def messages_in_code(path: Path) -> list[str]:
    """Return the messages of a module."""
    with path.open("rb") as file:
        return list(_texts(message for _, message, _, _ in extract("python", file, keywords=KEYWORDS)))


def _texts(found: Iterable[str | tuple[str, ...]]) -> Iterator[str]:
    for message in found:
        yield from (message,) if isinstance(message, str) else filter(None, message)


def sentences(texts: Iterable[str]) -> list[list[str]]:
    """Return the words of each sentence; a heading, or what stands on a button, is one."""
    parts = (part for text in texts for part in re.split(r"[.!?]+(?=\s|$)", PLACEHOLDER.sub("two", text)))
    return [words for part in parts if (words := re.findall(r"[A-Za-z']+", part))]


def english_syllables(word: str) -> int:
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
    return 0.39 * len(words) / len(said) + 11.8 * sum(map(english_syllables, words)) / len(words) - 15.59


def spanish_syllables(word: str) -> int:
    """Count a Spanish word's syllables: its vowels, less one for each diphthong; a weak vowel with an accent parts."""
    plain = re.sub(r"[^a-záéíóúüñ]", "", word.lower()).replace("qu", "q")
    plain = re.sub(r"gu(?=[eiéí])", "g", plain)
    plain = re.sub(r"y$", "i", plain)
    return max(len(re.findall(r"[iuü]?[aeoáéó][iuü]?|[íú]|[iuü]+", plain)), 1)


def ease(texts: Iterable[str]) -> float:
    """Return the ease of reading Spanish, 0 (hard) to 100.

    206.835 - 62.3 syllables a word - words a sentence: Szigriszt Pazos, "Sistemas predictivos de legibilidad del
    mensaje escrito: fórmula de perspicuidad", 1993; the scale is INFLESZ, Barrio-Cantalejo et al., 2008.
    """
    parts = [part for text in texts for part in re.split(r"[.!?]+(?=\s|$)", PLACEHOLDER.sub("dos", text))]
    sentences = [words for part in parts if (words := re.findall(r"[A-Za-záéíóúüñÁÉÍÓÚÑ]+", part))]
    words = [word for sentence in sentences for word in sentence]
    return 206.835 - 62.3 * sum(map(spanish_syllables, words)) / len(words) - len(words) / len(sentences)
