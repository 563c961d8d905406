"""Which models the log released, and which of them it withdrew since: read entry by entry, in the log's order.

    {"action": "release", "verdict": "ACTIVE", …}                    the chain has it as active: registered, or again
    {"action": "retire",  "verdict": "RETIRED" or "SUSPENDED", …}    the chain has it so
    {"action": "retire",  "verdict": "TOO_FEW_ROWS", …}              decided; the chain is told
    {"action": "review",  "verdict": "RETIRED" or "ACTIVATED", …}    decided; the chain is told

Each names the study and, as facts, the release's number and the SHA-256 of its model. A model is in service from the
entry that the chain has it as active until the first that withdraws it, done or decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from consent.domain.bundle import is_hex
from consent.domain.entry import Action
from consent.domain.telling import facts_of

ACTIVE, SUSPENDED, RETIRED = 1, 2, 3
"""As the model registry numbers them."""
_TURNS: Final[Mapping[tuple[str, str], tuple[int, bool]]] = {
    (Action.RELEASE, "ACTIVE"): (ACTIVE, True),
    (Action.RETIRE, "SUSPENDED"): (SUSPENDED, True),
    (Action.RETIRE, "RETIRED"): (RETIRED, True),
    (Action.RETIRE, "TOO_FEW_ROWS"): (RETIRED, False),
    (Action.REVIEW, "RETIRED"): (RETIRED, False),
    (Action.REVIEW, "ACTIVATED"): (ACTIVE, False),
}
TELLING: Final = (Action.RELEASE, Action.RETIRE, Action.REVIEW)
"""Actions of the entries that say what became of a model."""


class Release(NamedTuple):
    """A study, the number of a release, and the SHA-256 of its model in hex."""

    study: str
    release: int
    model: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What an entry says of a model: its status, and whether the chain has it so already or is only told."""

    release: Release
    status: int
    done: bool


def release_of(told: Mapping[str, Any]) -> Release | None:
    """Return the release that an entry names, None where it names none as the house does."""
    facts = facts_of(told)
    number, model = facts.get("release"), facts.get("model")
    if type(number) is not int or not is_hex(model, 64):
        return None
    return Release(str(told.get("study", "")), number, str(model))


def turn_of(told: Mapping[str, Any]) -> Turn | None:
    """Return what an entry says of a model, None where it says nothing of any."""
    release = release_of(told)
    turn = _TURNS.get((str(told.get("action")), str(told.get("verdict"))))
    return Turn(release, *turn) if release is not None and turn is not None else None


@dataclass(slots=True)
class ReleasedModels:
    """Takes up one entry after the other."""

    _newest: dict[str, Release] = field(default_factory=dict)
    _active: dict[str, set[Release]] = field(default_factory=dict)

    def take(self, turn: Turn) -> None:
        """Take up what an entry says of a model."""
        release = turn.release
        if turn.status != ACTIVE:
            self._active.pop(release.model, None)
        elif turn.done:
            self._active.setdefault(release.model, set()).add(release)
            self._newest[release.study] = max(self._newest.get(release.study, release), release)

    def is_active(self, release: Release) -> bool:
        """Say whether a release was called active, and not withdrawn since."""
        return release in self._active.get(release.model, ())

    def in_service(self) -> dict[str, Release]:
        """Return each study's newest release, where that was not withdrawn since."""
        return {study: newest for study, newest in self._newest.items() if study and self.is_active(newest)}
