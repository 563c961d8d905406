"""What can go wrong for a program that asks the API, by what to do about it; each has an exit code in the CLI.

Problem details are RFC 9457. What a server sends is shown only where it is one printable line of a problem document.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from consent.domain.errors import ConsentError

_LINE: Final = 400


@dataclass(frozen=True, slots=True)
class Problem:
    """What the API said was wrong.

    Attributes:
        slug: the last part of the problem's type, such as `budget-spent`; empty where the answer was no problem.
        status: the answer's HTTP status.
        said: the API's own sentence, one printable line, or nothing.
        rules: what exactly was wrong, a line each, where it said so.
        figures: numbers that came with it, such as `left` of a budget or `until` in Unix seconds.
        retry_after: seconds after which the same may be asked again, where it said so.
    """

    slug: str
    status: int
    said: str = ""
    rules: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    retry_after: float | None = None


class ApiError(ConsentError):
    """The API did not do what was asked; `problem` says why, where the API answered at all."""

    def __init__(self, message: str, problem: Problem | None = None) -> None:
        super().__init__(message)
        self.problem = problem


class UsageError(ApiError):
    """What was sent, or a file that was named, is not as it should be; correct it. Asking again changes nothing."""


class SignInError(ApiError):
    """The key or the token is not accepted (any more); sign in again, or ask the operator whether the key stands."""


class RefusedError(ApiError):
    """Consent, purpose, role or budget do not allow it; the sentence says which. Asking again changes nothing."""


class NotFoundError(ApiError):
    """It does not exist, or not for this client and study; look at what the lists name."""


class NotVerifiedError(ApiError):
    """A signature or a hash does not fit: do not use what was sent, and tell the operator and the auditor."""


class ServerError(ApiError):
    """The API cannot be reached, is busy or broken, or of another version; nothing is known to be done, try later."""


def as_line(value: object) -> str:
    """Return a text if it is one printable line of moderate length, else nothing: it may go to a terminal."""
    return value if isinstance(value, str) and len(value) <= _LINE and value.isprintable() else ""
