"""Who may be read is not the vault's to know: it asks a `Gate`, once for a set of subjects, before any key is used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Access:
    """Who wants to read what: without all of `required` a subject is of no use; `optional` is taken where allowed."""

    actor: str
    study: str
    operation: str
    required: frozenset[str]
    optional: frozenset[str]


@dataclass(frozen=True, slots=True)
class Admitted:
    """One subject may be read: these categories, dates from `start` to `end` (None is open), by this commitment."""

    categories: frozenset[str]
    start: date | None
    end: date | None
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """One subject may not be read; `reason` is safe to show to anyone who asks."""

    reason: str


Admission = Mapping[str, Admitted | Refused]


class Gate(Protocol):
    """Whoever answers the vault. It writes its answer to the log before it gives it."""

    def admit(self, subjects: Sequence[str], access: Access) -> Admission:
        """Say which of `subjects` may be read for `access` now, and for each other one why not.

        A subject that is missing from the answer counts as refused.
        """
