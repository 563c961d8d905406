"""Terms: exactly what one patient agrees to, for one study.

The patient signs `Details` (`consent.domain.details`), which are a pure function of these terms. The canonical JSON
(RFC 8785) of `Terms.to_json()` is hashed with SHA-256 into `Details.terms`.

    {"version": 1, "subject": "<32 hex>", "study": {"id": "…", "institution": "…", "title": "…"},
     "data_use": {"diseases": ["…"], "general_use": false, …}, "operations": ["train"],
     "categories": ["demographics", "laboratory"], "window": {"start": null, "end": "1994-01-31"},
     "expires": "2027-07-01T00:00:00Z", "language": "en", "text_hash": "<64 hex>", "retention": false}

Version 2 has `"wording": "<64 hex>"` as well, the hash of the words that the sentences are made of
(`consent.domain.wording`), and so may be in another language than English.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final, NewType

from consent.domain.data_use import DataUse, InvalidDataUseError
from consent.domain.errors import InvalidTermsError
from consent.domain.hashing import Json, NotCanonicalError, canonical_json, sha256

SubjectId = NewType("SubjectId", str)
"""A patient's random name inside one installation: 32 lower-case hex digits, drawn at enrolment, never derived."""

VERSION: Final = 1
WORDED: Final = 2
"""The version of terms that name their wording."""
_MONTHS_A_YEAR: Final = 12
_TEXT_LIMIT: Final = 200


class Operation(StrEnum):
    """What may be done with permitted records."""

    TRAIN = "train"
    PREDICT = "predict"
    EXPORT = "export"


class Category(StrEnum):
    """A kind of record that a patient can allow or withhold by itself."""

    DEMOGRAPHICS = "demographics"
    VITAL_SIGNS = "vital-signs"
    LABORATORY = "laboratory"
    CONDITIONS = "conditions"
    MEDICATIONS = "medications"
    PROCEDURES = "procedures"
    IMAGING = "imaging"
    GENOMICS = "genomics"
    SOCIAL_HISTORY = "social-history"
    SURVEYS = "surveys"
    ASSESSMENTS = "assessments"
    OUTCOMES = "outcomes"
    NOTES = "notes"
    ENCOUNTERS = "encounters"
    CARE_PLANS = "care-plans"


@dataclass(frozen=True, slots=True)
class Window:
    """Days of records, both ends included; `None` leaves an end open."""

    start: date | None = None
    end: date | None = None

    def __post_init__(self) -> None:
        if self.start and self.end and self.start > self.end:
            raise InvalidTermsError("the window ends before it starts: swap or correct its days")

    def holds(self, day: date) -> bool:
        """Say whether a record of `day` lies in the window."""
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)

    def intersects(self, other: "Window") -> bool:
        """Say whether any day lies in both windows."""
        if other.start is None and other.end is None:  # as most studies ask, and this is asked for each person
            return True
        starts = [w.start for w in (self, other) if w.start]
        ends = [w.end for w in (self, other) if w.end]
        return not starts or not ends or max(starts) <= min(ends)


@dataclass(frozen=True, slots=True)
class StudyReference:
    """The study as the patient sees it: `id` for programs, `title` and `institution` for the sentences."""

    id: str
    title: str
    institution: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", self.id):
            raise InvalidTermsError("a study's id is 1 to 63 lower-case letters, digits and hyphens")
        for text in (self.title, self.institution):
            if not (0 < len(text) <= _TEXT_LIMIT and text.isprintable() and text == text.strip()):
                raise InvalidTermsError("a study's title and institution are one line of 1 to 200 printable characters")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a patient agrees to. Every field is checked; a wrong one raises `InvalidTermsError`.

    Attributes:
        subject: whose records; must be the record's own subject at every access.
        study: which study; only its id counts in a decision, the rest is in the sentences.
        data_use: what purpose is permitted (GA4GH DUO).
        operations: what may be done; at least one.
        categories: which kinds of record; at least one.
        window: which days of records.
        expires: the first instant that is no longer covered: the first of a month at 00:00 UTC.
        language: BCP 47 tag of the text that was read.
        text_hash: SHA-256 of the study's plain text that was read, 64 hex digits.
        retention: whether the patient was shown that a law obliges the study to keep what it holds.
        version: of this form: 1, or 2 with a wording.
        wording: SHA-256 of the wording of the sentences, 64 hex digits; None in version 1, which has but one.
    """

    subject: SubjectId
    study: StudyReference
    data_use: DataUse
    operations: frozenset[Operation]
    categories: frozenset[Category]
    window: Window
    expires: datetime
    language: str
    text_hash: str
    retention: bool = False
    version: int = VERSION
    wording: str | None = None

    def __post_init__(self) -> None:
        if self.version not in {VERSION, WORDED}:
            raise InvalidTermsError("only versions 1 and 2 of the terms are known")
        if (self.version == WORDED) != (self.wording is not None):
            raise InvalidTermsError("terms of version 2 name the hash of their wording, and no others do")
        if self.wording is not None and not re.fullmatch(r"[0-9a-f]{64}", self.wording):
            raise InvalidTermsError("a wording's hash is 64 lower-case hex digits")
        if not re.fullmatch(r"[0-9a-f]{32}", self.subject):
            raise InvalidTermsError("a subject is 32 lower-case hex digits")
        if not self.operations or not self.categories:
            raise InvalidTermsError("terms name at least one operation and one category")
        if not is_month_start(self.expires):
            raise InvalidTermsError("terms expire at the end of a UTC month: give the first of the next one, 00:00 UTC")
        if not re.fullmatch(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*", self.language):
            raise InvalidTermsError("the language is a BCP 47 tag such as en or es-MX")
        if not re.fullmatch(r"[0-9a-f]{64}", self.text_hash):
            raise InvalidTermsError("the text's hash is 64 lower-case hex digits")

    def to_json(self) -> dict[str, Json]:
        """Return the terms as JSON values, sets sorted."""
        return {
            "version": self.version,
            "subject": self.subject,
            "study": {"id": self.study.id, "institution": self.study.institution, "title": self.study.title},
            "data_use": self.data_use.to_json(),
            "operations": sorted(self.operations),
            "categories": sorted(self.categories),
            "window": {"start": _day_text(self.window.start), "end": _day_text(self.window.end)},
            "expires": self.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "language": self.language,
            "text_hash": self.text_hash,
            "retention": self.retention,
            **({} if self.wording is None else {"wording": self.wording}),
        }

    @classmethod
    def from_json(cls, value: Json) -> "Terms":
        """Read terms back; raise `InvalidTermsError` on anything but what `to_json` writes, unknown fields included."""
        try:
            terms = _terms(_object(value))
            exact = canonical_json(terms.to_json()) == canonical_json(value)
        except (KeyError, TypeError, ValueError, InvalidDataUseError, NotCanonicalError) as error:
            raise InvalidTermsError(
                "these are not terms of a known version: a field is missing or of the wrong kind"
            ) from error
        if not exact:
            raise InvalidTermsError("these terms hold fields or spellings that their version does not have")
        return terms

    def hash(self) -> bytes:
        """Return the SHA-256 of the terms' canonical JSON: the `terms` field of Details, 32 bytes."""
        return sha256(canonical_json(self.to_json()))


def is_month_start(instant: datetime) -> bool:
    """Say whether `instant` is the first of a month at 00:00 UTC."""
    return instant.tzinfo is UTC and instant == instant.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_end_after(instant: datetime, months: int) -> datetime:
    """Return the end of the UTC month `months` after that of `instant`, as the first instant of the month behind it."""
    now = instant.astimezone(UTC)
    index = now.year * _MONTHS_A_YEAR + now.month + months
    return datetime(index // _MONTHS_A_YEAR, index % _MONTHS_A_YEAR + 1, 1, tzinfo=UTC)


def _terms(value: Mapping[str, Json]) -> Terms:
    study, window = _object(value["study"]), _object(value["window"])
    return Terms(
        version=_integer(value["version"]),
        subject=SubjectId(_string(value["subject"])),
        study=StudyReference(_string(study["id"]), _string(study["title"]), _string(study["institution"])),
        data_use=DataUse.from_json(value["data_use"]),
        operations=frozenset(Operation(_string(name)) for name in _array(value["operations"])),
        categories=frozenset(Category(_string(name)) for name in _array(value["categories"])),
        window=Window(_day(window["start"]), _day(window["end"])),
        expires=datetime.strptime(_string(value["expires"]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
        language=_string(value["language"]),
        text_hash=_string(value["text_hash"]),
        retention=_boolean(value["retention"]),
        wording=_string(value["wording"]) if "wording" in value else None,
    )


def _day_text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _day(value: Json) -> date | None:
    return None if value is None else date.fromisoformat(_string(value))


def _object(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise TypeError
    return value


def _array(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _string(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


def _boolean(value: Json) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value
