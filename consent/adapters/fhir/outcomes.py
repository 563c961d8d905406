"""What reading yields beside resources: what was not taken, and where it stood. Never contents, never file names."""

from dataclasses import dataclass

Person = tuple[str, ...]
"""The identifiers of one person, each `system|value`, as written; at least one."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was not taken; correct it and import again.

    Attributes:
        place: "file 2 of 3, line 14", "file 1 of 3, entry 7", "file 1 of 1, row 3, column sodium"; all count from 1.
        what: what is wrong: a type of resource and the field to look at.
    """

    place: str
    what: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many resources of one administrative type were not kept, such as Claim or Practitioner."""

    resource_type: str
    count: int


@dataclass(frozen=True, slots=True)
class Literal:
    """One resource as it was received, before anybody has read it.

    Attributes:
        place: where it stands, for problems.
        file: the number of its file, from 1.
        content: its bytes, on one line.
        full_url: the Bundle entry's fullUrl; empty without one.
        person: whose it is, where that is known without reading it.
    """

    place: str
    file: int
    content: bytes
    full_url: str = ""
    person: Person | None = None
