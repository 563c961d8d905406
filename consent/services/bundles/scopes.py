"""What a bundle is to be evidence of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from consent.domain.bundle import Kind
from consent.domain.errors import ConsentError
from consent.domain.terms import SubjectId


class BundleError(ConsentError):
    """No bundle can be made of this now; the message says why, and what would help."""


class NoEvidenceError(BundleError):
    """The log says nothing of what a bundle was asked of; look at what was named."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A kind of bundle, and the members of its scope as `consent.domain.bundle.SCOPES` names them."""

    kind: Kind
    members: Mapping[str, int | str]

    @classmethod
    def patient(cls, subject: SubjectId) -> Self:
        """Return the scope of all that names one person."""
        return cls(Kind.PATIENT, {"subject": subject})

    @classmethod
    def study(cls, study: str) -> Self:
        """Return the scope of all that names one study."""
        return cls(Kind.STUDY, {"study": study})

    @classmethod
    def model(cls, model: str) -> Self:
        """Return the scope of one model, by the SHA-256 of its bytes in hex."""
        return cls(Kind.MODEL, {"model": model})

    @classmethod
    def period(cls, first: int, last: int) -> Self:
        """Return the scope of the entries from index `first` up to but not including `last`."""
        return cls(Kind.PERIOD, {"first": first, "last": last})

    @classmethod
    def everything(cls) -> Self:
        """Return the scope of the whole log, as far as the checkpoint goes."""
        return cls(Kind.PERIOD, {})

    def within(self, size: int) -> Self:
        """Return the scope over a log of this size; raise `NoEvidenceError` or `BundleError` where it does not fit."""
        if self.kind is not Kind.PERIOD:
            return self
        found = self.period(0, size) if not self.members else self
        first, last = int(found.members["first"]), int(found.members["last"])
        if not first < last:
            raise NoEvidenceError("nothing was logged in this period: name another")
        if last > size:
            raise BundleError("the checkpoint does not go as far as this period: take the newest, with --newest")
        return found
