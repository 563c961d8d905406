"""The model in service is the newest that was released, with the manifest that is registered for it, and active."""

from dataclasses import dataclass, field
from typing import Final

from consent.domain.telling import facts_of
from consent.verifier.archive import Archive
from consent.verifier.chain_checks import ACTIVE, NO_CHAIN, ToldChain
from consent.verifier.entries import ShownEntry
from consent.verifier.findings import Finding, NotSoundError, Rule, number
from consent.verifier.reading import ServedLine, served

NAME: Final = "models.served"


@dataclass(slots=True)
class ServedRules:
    """Takes up releases, and holds what is served against the newest one of each study."""

    chain: ToldChain
    _newest: dict[str, tuple[int, str]] = field(default_factory=dict)

    def released(self, entry: ShownEntry) -> None:
        """Take up that the log released a model."""
        facts, study = facts_of(entry.told), str(entry.told.get("study", ""))
        release = facts.get("release")
        if entry.told.get("verdict") == "ACTIVE" and type(release) is int:
            self._newest[study] = max(self._newest.get(study, (-1, "")), (release, str(facts.get("model", ""))))

    def finding(self, archive: Archive) -> Finding:
        """Return what came of it."""
        rule, count = Rule(NAME), 0
        try:
            for line in served(archive):
                count += 1
                if wrong := self._wrong(line):
                    rule.fail(f"the model served for {line.study}", wrong)
        except NotSoundError as error:
            rule.fail(error.item, str(error))
        if self.chain.trust is None and count:
            rule.why_open = f"{NO_CHAIN}, so nobody confirms which models are registered"
        others = len(self._newest) - count
        idle = f"; nothing is served of {number(others, 'more study', 'more studies')}" if others > 0 else ""
        return rule.finding(
            f"{number(count, 'model')} in service, each the newest released and active on the chain{idle}"
        )

    def _wrong(self, line: ServedLine) -> str:
        if self._newest.get(line.study) != (line.release, line.model):
            return "it is not the newest that the log released, or its bytes are others"
        story = self.chain.models.get(line.model)
        if story is None or not story.at(self.chain.seen):
            return "the auditor's view of the chain does not know it"
        return "" if story.at(self.chain.seen) == ACTIVE else "it is not active on the chain"
