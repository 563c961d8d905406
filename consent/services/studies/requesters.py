"""Who asks for a prediction: somebody who treats the person, the person, or a study's researcher.

A researcher is told about groups only: whoever knows the rows of some people and may ask for more learns other people's
values from their contributions.
"""

import re
from dataclasses import dataclass
from typing import Final

from consent.domain.errors import ConsentError

_NAME: Final = r"[a-z0-9][a-z0-9-]{0,62}"
_TREATING: Final = "treating:"


class RequesterError(ConsentError):
    """Nobody is called so here; say `patient`, or `treating:` and a role of lower-case letters, digits and hyphens."""


@dataclass(frozen=True, slots=True)
class Treating:
    """Who treats the person, by the name of a role or an account, which stays in the log; raises `RequesterError`."""

    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(_NAME, self.name):
            raise RequesterError("who treats is named by up to 63 lower-case letters, digits and hyphens")

    @property
    def actor(self) -> str:
        """What the log calls them."""
        return _TREATING + self.name


@dataclass(frozen=True, slots=True)
class Themselves:
    """The person whom the prediction is about."""

    @property
    def actor(self) -> str:
        """What the log calls them."""
        return "patient"


@dataclass(frozen=True, slots=True)
class Researcher:
    """A researcher of a study, by the study's id."""

    study: str

    @property
    def actor(self) -> str:
        """What the log calls them."""
        return f"study:{self.study}"


Requester = Treating | Themselves | Researcher


def requester_of(text: str) -> Requester:
    """Read what `Requester.actor` gives; raise `RequesterError` for anything else."""
    kind, _, name = text.partition(":")
    if text == "patient":
        return Themselves()
    if kind == "treating":
        return Treating(name)
    if kind == "study" and re.fullmatch(_NAME, name):
        return Researcher(name)
    raise RequesterError("a prediction is for `patient` or for `treating:` and a role: say which")
