"""What comes in from outside: resources, attachments, and in numbers what came of them."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from consent.domain.errors import ConsentError
from consent.domain.hashing import Json, canonical_json
from consent.domain.terms import Category, SubjectId
from vault import Outcome

Person = tuple[str, ...]
"""Who somebody is outside: identifiers as `system|value`, at least one."""
_TITLE_LIMIT: Final = 200
_IDENTIFIER_LIMIT: Final = 1000


class IdentifierError(ConsentError):
    """This is no identifier of a person; write `system|value`, as the records' Patient has both."""


class SourceError(ConsentError):
    """A source's name is not one; use a short code that stays the same."""


class AttachmentError(ConsentError):
    """An attachment's name, media type or title is not as FHIR has them; correct what the message names."""


def require_identifier(text: str) -> str:
    """Return an identifier that somebody typed; raise `IdentifierError`, which does not repeat it.

    One that no import can ever have stored would otherwise name nobody, and be taken for a person's only one.
    """
    spelled = re.fullmatch(r"[^\s|]+\|\S(.*\S)?", text) and text.isprintable()
    if not spelled or len(text) > _IDENTIFIER_LIMIT:
        raise IdentifierError(
            "a person's identifier is system|value on one line, as in https://hospital.example|1020: name both parts"
        )
    return text


@dataclass(frozen=True, slots=True)
class ReceivedResource:
    """One resource as received.

    Attributes:
        person: whose; the same tuple for all of one person's resources.
        name: what it is among theirs, such as `Observation/abc`, or `Observation/sha256:…` where it has no id and the
            same content alone is the same; an empty one stands by itself.
        category: under which it can be allowed.
        content: the very bytes, on one line.
        withdrawn: whether it says that it was entered in error.
        updated: when its source last changed it, as written (`meta.lastUpdated`); empty when it does not say.
    """

    person: Person
    name: str
    category: Category
    content: bytes
    withdrawn: bool = False
    updated: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A system that records come from again and again, by a short name: its ids then mean the same in every import.

    Raises `SourceError` for a name that is none.
    """

    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9-]{1,40}", self.name):
            raise SourceError("a source's name is 1 to 40 lower-case letters, digits and hyphens")

    def identifier(self, reference: str) -> str:
        """Return the identifier by which a reference of this source, such as `Patient/7`, is known here."""
        return f"urn:consentry:source:{self.name}|{reference}"

    def mark(self, resource: ReceivedResource) -> ReceivedResource:
        """Return a resource with its name under the source, and a Patient with its id there among its identifiers."""
        if not resource.name:
            return resource
        has_id = resource.name.startswith("Patient/") and ":" not in resource.name
        person = (*resource.person, self.identifier(resource.name)) if has_id else resource.person
        return replace(resource, person=person, name=f"{self.name}/{resource.name}")


@dataclass(frozen=True, slots=True)
class Attachment:
    """What is said of a file of any size: FHIR's id, media type (RFC 6838) and title. Raises `AttachmentError`."""

    name: str
    category: Category
    media_type: str
    title: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9.-]{1,64}", self.name):
            raise AttachmentError("an attachment's name is 1 to 64 letters, digits, points and hyphens")
        if not re.fullmatch(r"[a-z0-9!#$&^_.+-]{1,64}/[a-zA-Z0-9!#$&^_.+-]{1,64}", self.media_type):
            raise AttachmentError("a media type is written as application/dicom")
        if len(self.title) > _TITLE_LIMIT or not self.title.isprintable():
            raise AttachmentError("a title is one line of at most 200 printable characters")

    def header(self) -> bytes:
        """Return the FHIR R4 DocumentReference that stands for the file."""
        attachment: dict[str, Json] = {"contentType": self.media_type, "url": f"Binary/{self.name}"}
        if self.title:
            attachment["title"] = self.title
        content: Json = [{"attachment": attachment}]
        return canonical_json(
            {"resourceType": "DocumentReference", "id": self.name, "status": "current", "content": content}
        )


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import, in numbers of resources; `subjects` are the people whose resources were taken.

    Attributes:
        outcomes: how many were stored, replaced, unchanged, outdated.
        erased: of people who were erased or asked to be: refused until they enrol again.
        mixed: whose identifiers belong to two different people here: refused until the hospital has mended that.
        keyless: of people whose key is not here, since older keys were restored: refused until the newest are.
    """

    subjects: frozenset[SubjectId] = frozenset()
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    erased: int = 0
    mixed: int = 0
    keyless: int = 0

    def __add__(self, other: "Imported") -> "Imported":
        """Put two parts of an import together."""
        return Imported(
            self.subjects | other.subjects,
            self.outcomes + other.outcomes,
            self.erased + other.erased,
            self.mixed + other.mixed,
            self.keyless + other.keyless,
        )
