"""Models on the chain are as the log says: registered with the manifest of their training, and of the status told last.

    {"action": "train", "verdict": "TRAINED", "study", "facts": {"release", "model", "manifest", …}}

What became of a model then, `consent.domain.released_models` reads. An entry that the chain has a status comes after
the chain does, so one that is dated `clocks_differ` before the auditor's view is confirmed by it; of a later one the
view may know or not. The other way round, the log has `stop_within` to say what came on the chain: until its newest
entry here is so much younger than the view, that may show a model withdrawn, or one registered, of which nothing is
said yet. It may never show one active that the log withdrew; and a training is logged before its model is registered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from consent.domain.entry import Action
from consent.domain.released_models import (
    ACTIVE,
    RETIRED,
    SUSPENDED,
    Release,
    ReleasedModels,
    Turn,
    release_of,
    turn_of,
)
from consent.domain.telling import facts_of
from consent.verifier.chain_checks import NO_CHAIN
from consent.verifier.chain_view import ChainView, RegisteredModel
from consent.verifier.entries import ShownEntry
from consent.verifier.findings import Finding, Rule, number
from consent.verifier.policy import ChainTrust, Rules

NAME: Final = "chain.models"
_UNKNOWN: Final = 0
_WITHDRAWN: Final = frozenset({SUSPENDED, RETIRED})


@dataclass(frozen=True, slots=True)
class _Said:
    time: int
    turn: Turn


@dataclass(slots=True)
class ModelRules:
    """Takes up every entry, and holds what was said of models against the auditor's view.

    Attributes:
        models: which were released and not withdrawn, up to the entry that is taken up.
        trained: the SHA-256 of each release's manifest, as the entry of its training names it.
    """

    trust: ChainTrust | None
    rules: Rules
    models: ReleasedModels = field(default_factory=ReleasedModels)
    trained: dict[Release, str] = field(default_factory=dict)
    _manifests: dict[str, str] = field(default_factory=dict)
    _said: dict[str, list[_Said]] = field(default_factory=dict)
    _newest: int = 0
    _rule: Rule = field(default_factory=lambda: Rule(NAME))

    def take(self, entry: ShownEntry) -> None:
        """Take up what an entry says of a model."""
        self._newest = max(self._newest, entry.told["time"])
        if entry.told["action"] == Action.TRAIN:
            self._trained(entry)
        turn = turn_of(entry.told)
        if turn is not None:
            self._turned(entry, turn)

    def studies_of(self, model: str) -> set[str]:
        """Return the studies whose trainings made a model."""
        return {release.study for release in self.trained if release.model == model}

    def _trained(self, entry: ShownEntry) -> None:
        release = release_of(entry.told)
        if release is not None and entry.told.get("verdict") == "TRAINED":
            self.trained[release] = str(facts_of(entry.told).get("manifest", ""))

    def _turned(self, entry: ShownEntry, turn: Turn) -> None:
        release = turn.release
        self.models.take(turn)
        if (turn.status, turn.done) == (ACTIVE, True):
            if release not in self.trained:
                self._rule.fail(entry.item, "no entry before it tells of a training of this release")
            self._manifests.setdefault(release.model, self.trained.get(release, ""))
        self._said.setdefault(release.model, []).append(_Said(entry.told["time"], turn))

    def finding(self) -> Finding:
        """Return what came of it."""
        later = self._held_against(self.trust.view) if self.trust is not None else 0
        if self.trust is None:
            self._rule.why_open = f"{NO_CHAIN}, so nobody confirms which models are registered"
        newer = f"; of {number(later, 'one', 'ones')} the auditor saw a later status" if later else ""
        return self._rule.finding(f"{number(len(self._manifests), 'released model')} as the auditor saw it{newer}")

    def _held_against(self, view: ChainView) -> int:
        """Hold all models against what the auditor saw; return of how many that is newer than what the log says."""
        later = 0
        for model, manifest in self._manifests.items():
            seen, said = view.model(bytes.fromhex(model)), self._said[model]
            known, withdrawn = self._possible(said, view), self._withdrawn(said, view)
            later += seen.status not in known and seen.status in withdrawn
            if wrong := _wrong(seen, manifest, known | withdrawn):
                self._rule.fail(f"model {model}", wrong)
        for model in map(bytes.hex, view.models):
            if wrong := self._unsaid(model, view):
                self._rule.fail(f"model {model}", wrong)
        return later

    def _unsaid(self, model: str, view: ChainView) -> str:
        """Return what the log should have said by now of a model that the auditor saw registered."""
        if self._newest > view.block.time + self.rules.clocks_differ and not self.studies_of(model):
            return "it is registered on the chain, and the log tells of no training of it"
        if self._has_had_time(view) and model not in self._manifests:
            return "it is registered on the chain, and the log never said that it was released"
        return ""

    def _possible(self, said: Sequence[_Said], view: ChainView) -> set[int]:
        """Return which statuses the view may show by what the log says: what it must know, and what came after that."""
        last = view.block.time - self.rules.clocks_differ
        sure = max((at for at, one in enumerate(said) if one.turn.done and one.time <= last), default=-1)
        coming = set[int]()
        for one in said[: sure + 1]:
            (coming.discard if one.turn.done else coming.add)(one.turn.status)
        base = said[sure].turn.status if sure >= 0 else _UNKNOWN
        return {base, *coming, *(one.turn.status for one in said[sure + 1 :])}

    def _withdrawn(self, said: Sequence[_Said], view: ChainView) -> set[int]:
        """Return which statuses the view may show though the log, as far as it is shown, does not say so yet."""
        last = next(one.turn.status for one in reversed(said) if one.turn.done)
        return set() if last == RETIRED or self._has_had_time(view) else set(_WITHDRAWN)

    def _has_had_time(self, view: ChainView) -> bool:
        return self._newest > view.block.time + self.rules.stop_within


def _wrong(seen: RegisteredModel, manifest: str, possible: set[int]) -> str:
    if seen.status != _UNKNOWN and seen.manifest.hex() != manifest:
        return "the auditor saw it registered with another manifest than its training's"
    if seen.status in possible:
        return ""
    if seen.status == ACTIVE:
        return "the auditor saw it active, and the log does not say that: have a newer bundle made"
    return "the auditor saw another status of it than the log said last"
