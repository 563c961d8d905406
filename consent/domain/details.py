"""Details: the four sentences that a patient sees and signs, rendered from the terms by a pure function.

Intake, gate and verifier each render them again and refuse any difference, so that nobody can show one thing and have
another signed. The chain learns only `commitment`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import cached_property

from consent.domain.errors import ConsentError
from consent.domain.hashing import HASH_BYTES, Json
from consent.domain.terms import Category, Operation, Terms, Window
from consent.domain.typed_data import DETAILS_TYPE, hash_struct, hash_text
from consent.domain.wording import ENGLISH, WORDINGS, Wording


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
    """Return the only details that `terms` may be signed with, in the language and the wording that they name.

    Terms whose wording is not known, or is of another language, raise `DetailsMismatchError`.
    """
    wording = wording_of(terms)
    return Details(
        who=wording.who.format(institution=terms.study.institution, title=terms.study.title),
        what=_what(terms, wording),
        why=terms.data_use.sentence(wording),
        until=_until(terms, wording),
        terms=terms.hash(),
        salt=salt,
    )


def wording_of(terms: Terms) -> Wording:
    """Return the words that `terms` are said in; terms of version 1 are in `ENGLISH`."""
    wording = ENGLISH if terms.wording is None else WORDINGS.get(terms.wording)
    if wording is None:
        raise DetailsMismatchError("the wording of these terms is not known here: ask again in a wording that is")
    if wording.language != terms.language:
        raise DetailsMismatchError(f"these terms are worded in {wording.language}: ask in that language, or word anew")
    return wording


def require_rendered(terms: Terms, details: Details) -> None:
    """Raise `DetailsMismatchError` unless `details` are exactly what `terms` render with the same salt."""
    if render(terms, details.salt) != details:
        raise DetailsMismatchError(
            "the sentences differ from what the terms say: render them from the terms and sign again"
        )


def category_words(categories: Iterable[Category], wording: Wording = ENGLISH) -> str:
    """Return what people read for categories, of which there is at least one."""
    return wording.listed(wording.categories[category] for category in sorted(categories))


def _what(terms: Terms, wording: Wording) -> str:
    operations = [wording.operations[operation] for operation in Operation if operation in terms.operations]
    return wording.what.format(
        categories=category_words(terms.categories, wording),
        window=_window(terms.window, wording),
        operations=wording.listed(operations),
    )


def _window(window: Window, wording: Wording) -> str:
    if window.start and window.end:
        return wording.between.format(start=wording.day_of(window.start), end=wording.day_of(window.end))
    if window.start:
        return wording.since.format(start=wording.day_of(window.start))
    if window.end:
        return wording.up_to.format(end=wording.day_of(window.end))
    return ""


def _until(terms: Terms, wording: Wording) -> str:
    last_day = terms.expires.astimezone(UTC) - timedelta(days=1)
    return wording.until.format(day=wording.day_of(last_day)) + (wording.kept if terms.retention else "")
