"""Details: the four sentences that a patient sees and signs, rendered from the terms by a pure function.

Intake, gate and verifier each render them again and refuse any difference, so that nobody can show one thing and have
another signed. The chain learns only `commitment`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Final

from consent.domain.errors import ConsentError
from consent.domain.hashing import HASH_BYTES, Json
from consent.domain.terms import Category, Operation, Terms, Window
from consent.domain.typed_data import DETAILS_TYPE, hash_struct, hash_text


class DetailsMismatchError(ConsentError):
    """The signed sentences are not those that the terms render; show the patient the right ones and ask again."""


@dataclass(frozen=True)
class Details:
    """EIP-712 `Details(string who,string what,string why,string until,bytes32 terms,bytes32 salt)`.

    `terms` is the SHA-256 of the terms' canonical JSON; `salt` is 32 random bytes, without which a commitment could be
    guessed from a list of likely terms.
    """

    who: str
    what: str
    why: str
    until: str
    terms: bytes
    salt: bytes

    def __post_init__(self) -> None:
        if len(self.terms) != HASH_BYTES or len(self.salt) != HASH_BYTES:
            raise DetailsMismatchError("the hash of the terms and the salt are 32 bytes each")

    @cached_property
    def commitment(self) -> bytes:
        """The EIP-712 struct hash, 32 bytes."""
        sentences = (hash_text(text) for text in (self.who, self.what, self.why, self.until))
        return hash_struct(DETAILS_TYPE, *sentences, self.terms, self.salt)

    def to_json(self) -> dict[str, Json]:
        """Return the details as JSON values, bytes in hex."""
        return {
            "who": self.who,
            "what": self.what,
            "why": self.why,
            "until": self.until,
            "terms": self.terms.hex(),
            "salt": self.salt.hex(),
        }


def render(terms: Terms, salt: bytes) -> Details:
    """Return the only details that `terms` may be signed with, in English.

    Other languages come with the portal; terms in one that cannot be rendered raise `DetailsMismatchError`.
    """
    if terms.language != "en":
        raise DetailsMismatchError("consent texts exist in English (en) only: ask in English or add the language")
    return Details(
        who=f"{terms.study.institution}, for the study “{terms.study.title}”.",
        what=_what(terms),
        why=terms.data_use.sentence(),
        until=_until(terms.expires, retention=terms.retention),
        terms=terms.hash(),
        salt=salt,
    )


def require_rendered(terms: Terms, details: Details) -> None:
    """Raise `DetailsMismatchError` unless `details` are exactly what `terms` render with the same salt."""
    if render(terms, details.salt) != details:
        raise DetailsMismatchError(
            "the sentences differ from what the terms say: render them from the terms and sign again"
        )


def category_words(categories: Iterable[Category]) -> str:
    """Return what people read for categories, of which there is at least one."""
    return _listed(_CATEGORY_WORDS[category] for category in sorted(categories))


_CATEGORY_WORDS: Final = {
    Category.DEMOGRAPHICS: "age and sex",
    Category.VITAL_SIGNS: "vital signs",
    Category.LABORATORY: "laboratory results",
    Category.CONDITIONS: "diagnoses",
    Category.MEDICATIONS: "medicines",
    Category.PROCEDURES: "procedures",
    Category.IMAGING: "images",
    Category.GENOMICS: "genetic results",
    Category.SOCIAL_HISTORY: "social history",
    Category.SURVEYS: "questionnaires and scores",
    Category.ASSESSMENTS: "doctors' assessments",
    Category.OUTCOMES: "survival",
    Category.NOTES: "doctors' notes",
    Category.ENCOUNTERS: "visits and stays",
    Category.CARE_PLANS: "care plans",
}

# Not strftime's: a signed sentence must not depend on the locale of the machine that renders it.
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

_OPERATION_WORDS: Final = {
    Operation.TRAIN: "teach a risk model",
    Operation.PREDICT: "work out my own risk",
    Operation.EXPORT: "receive a copy",
}


def _what(terms: Terms) -> str:
    categories = category_words(terms.categories)
    operations = _listed(_OPERATION_WORDS[operation] for operation in Operation if operation in terms.operations)
    return f"They may use my {categories}{_window(terms.window)} to {operations}."


def _window(window: Window) -> str:
    if window.start and window.end:
        return f" from {_day(window.start)} to {_day(window.end)}"
    if window.start:
        return f" from {_day(window.start)} on"
    if window.end:
        return f" up to {_day(window.end)}"
    return ""


def _until(expires: datetime, *, retention: bool) -> str:
    last_day = expires.astimezone(UTC) - timedelta(days=1)
    kept = " The law makes them keep what they hold by then." if retention else ""
    return f"Until {_day(last_day)}, or until I stop it.{kept}"


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _listed(words: Iterable[str]) -> str:
    items = list(words)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
