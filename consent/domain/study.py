"""A study as the operator registers it: what it asks for, and what nobody may ask for."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from consent.domain.bounds import Bounds, InvalidBoundsError
from consent.domain.data_use import DataUse, InvalidDataUseError
from consent.domain.errors import ConsentError, InvalidTermsError
from consent.domain.hashing import Json, canonical_json, sha256
from consent.domain.terms import Category, Operation, StudyReference, Window


class InvalidStudyError(ConsentError):
    """The study cannot be registered as it stands; the message says which part to change."""


class StudyRefusedError(InvalidStudyError):
    """Nobody may have this studied here, or not in this way; the message says what is in the way."""


class StudyConflictError(StudyRefusedError):
    """The id is taken, or what is asked does not fit the study's state; look at the study, and ask for what does."""


FORBIDDEN_USES: Final = frozenset({"insurance", "employment", "advertising", "re-identification"})
"""Purposes that cannot be registered, whoever would agree to them."""
_FORBIDDEN_STEMS: Final = {
    "insurance": "insurance",
    "employment": "employment",
    "advertis": "advertising",
    "advertiz": "advertising",
    "reidentif": "re-identification",
}
"""What the letters of a forbidden purpose hold, however it is spelt."""
TEXT_LIMIT: Final = 4000
"""Characters of the plain text: some three pages, which is more than people read."""
_ETHICS_LIMIT: Final = 200


@dataclass(frozen=True, slots=True)
class Translation:
    """A study in another language than English: its title and plain text, as the operator checked them."""

    language: str
    title: str
    text: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z]{2,3}", self.language) or self.language == "en":
            raise InvalidStudyError("a translation is in another language than English, such as es")
        _require_text(self.text)

    @property
    def text_hash(self) -> str:
        """SHA-256 of the plain text, 64 hex digits."""
        return sha256(self.text.encode()).hex()


@dataclass(frozen=True, slots=True)
class Study:
    """What a study asks for.

    Attributes:
        reference: id, title and institution, as patients see them.
        text: the plain text that patients read; its SHA-256 is in their terms. Lines of printable characters, so that
            nothing in it can change how the rest looks.
        data_use: the purpose (GA4GH DUO); what needs a person's eye stands in `data_use.other`.
        operations: what it wants to do.
        required: categories without which a person's records are of no use to it.
        optional: categories that it uses where allowed.
        window: which days of records.
        ethics: the ethics reference under which the operator approved it.
        bounds: how good its model has to be, None where nobody said.
        protocols: which dictionaries on which cohorts it may train, by `protocol`; empty: any. Without them, whoever
            chooses cohorts can learn from two trainings what one person's record says.
        translations: the study in further languages, by language, none twice.
    """

    reference: StudyReference
    text: str
    data_use: DataUse
    operations: frozenset[Operation]
    required: frozenset[Category]
    optional: frozenset[Category]
    window: Window
    ethics: str
    bounds: Bounds | None = None
    protocols: frozenset[str] = frozenset()
    translations: tuple[Translation, ...] = ()

    def __post_init__(self) -> None:
        forbidden = forbidden_uses(self.data_use.other | self.data_use.diseases)
        if forbidden:
            raise StudyRefusedError(f"{min(forbidden)} is no purpose that a study can have here")
        if not self.text.strip() or not self.ethics.strip():
            raise InvalidStudyError("a study needs its plain text and its ethics reference")
        _require_text(self.text)
        languages = [each.language for each in self.translations]
        if languages != sorted(set(languages)):
            raise InvalidStudyError("a study's translations are sorted by language, none twice")
        for each in self.translations:
            replace(self.reference, title=each.title)  # a title is checked there
        if len(self.ethics) > _ETHICS_LIMIT or not self.ethics.isprintable():
            raise InvalidStudyError(f"an ethics reference is one line of 1 to {_ETHICS_LIMIT} printable characters")
        if not self.operations or not self.required or self.required & self.optional:
            raise InvalidStudyError(
                "a study names operations and required categories; a category is required or optional"
            )

    @property
    def text_hash(self) -> str:
        """SHA-256 of the plain text, 64 hex digits."""
        return sha256(self.text.encode()).hex()

    @property
    def texts(self) -> frozenset[str]:
        """SHA-256 of each text that patients may have read, 64 hex digits."""
        return frozenset({self.text_hash, *(each.text_hash for each in self.translations)})

    def read_in(self, language: str) -> "Study | None":
        """Return the study with the title and text that people read in a language; None where it is not in it."""
        if language == "en":
            return self
        found = next((each for each in self.translations if each.language == language), None)
        if found is None:
            return None
        return replace(self, reference=replace(self.reference, title=found.title), text=found.text)

    def hash(self) -> str:
        """Return the SHA-256 of the study's canonical JSON, 64 hex digits: what an approval commits to."""
        return sha256(canonical_json(self.to_json())).hex()

    def to_json(self) -> dict[str, Json]:
        """Return the study as JSON values, sets sorted; the last three where it has any, so that older hashes stand."""
        days = {"start": self.window.start, "end": self.window.end}
        return {
            "id": self.reference.id,
            "title": self.reference.title,
            "institution": self.reference.institution,
            "text": self.text,
            "data_use": self.data_use.to_json(),
            "operations": sorted(self.operations),
            "required": sorted(self.required),
            "optional": sorted(self.optional),
            "window": {name: day.isoformat() if day else None for name, day in days.items()},
            "ethics": self.ethics,
            **({"bounds": self.bounds.to_json()} if self.bounds else {}),
            **({"protocols": sorted(self.protocols)} if self.protocols else {}),
            **({"translations": self._translated()} if self.translations else {}),
        }

    def _translated(self) -> dict[str, Json]:
        return {each.language: {"title": each.title, "text": each.text} for each in self.translations}

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> "Study":
        """Read a study back; raise `InvalidStudyError` on anything but what `to_json` writes."""
        try:
            study = _study(value)
        except (KeyError, TypeError, ValueError, AttributeError, *_INVALID) as error:
            raise InvalidStudyError("this is not a study: a field is missing or of the wrong kind") from error
        if study.to_json() != value:
            raise InvalidStudyError("this study holds fields that are not known")
        return study


def forbidden_uses(names: Iterable[str]) -> frozenset[str]:
    """Return which of `FORBIDDEN_USES` are among these names, whatever their case, marks, spaces, prefix or ending.

    A name that only holds one of them is one too: what is refused wrongly can be called by another name.
    """
    letters = [_letters(name).replace("unemployment", "") for name in names]
    return frozenset(use for stem, use in _FORBIDDEN_STEMS.items() if any(stem in each for each in letters))


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", name).casefold()))


def protocol(dictionary: str, cohort: str) -> str:
    """Return the name of training with a dictionary on a cohort: SHA-256 of both SHA-256s' canonical JSON, all hex."""
    return sha256(canonical_json({"dictionary": dictionary, "cohort": cohort})).hex()


_INVALID: Final = (InvalidTermsError, InvalidDataUseError, InvalidBoundsError)


def _study(value: Mapping[str, Any]) -> Study:
    days = {name: day and date.fromisoformat(day) for name, day in value["window"].items()}
    return Study(
        reference=StudyReference(value["id"], value["title"], value["institution"]),
        text=value["text"],
        data_use=DataUse.from_json(value["data_use"]),
        operations=frozenset(map(Operation, value["operations"])),
        required=frozenset(map(Category, value["required"])),
        optional=frozenset(map(Category, value["optional"])),
        window=Window(**days),
        ethics=value["ethics"],
        bounds=Bounds.from_json(value["bounds"]) if "bounds" in value else None,
        protocols=frozenset(value.get("protocols", ())),
        translations=_translations(value.get("translations", {})),
    )


def _translations(value: Mapping[str, Any]) -> tuple[Translation, ...]:
    """Read translations by language; a field that is missing or not known raises `TypeError`."""
    return tuple(Translation(language, **value[language]) for language in sorted(value))


def _require_text(text: str) -> None:
    if not text.strip() or len(text) > TEXT_LIMIT or not all(line.isprintable() for line in text.split("\n")):
        raise InvalidStudyError(
            f"a study's text is at most {TEXT_LIMIT:,} printable characters in lines: "
            "no tabs, and no marks that turn the direction of writing"
        )
