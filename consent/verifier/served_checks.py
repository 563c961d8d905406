"""What is said to be in service is the newest that the log released and did not withdraw, and active on the chain.

Of each such study in the bundle's scope there is a line. It names no bytes where nothing of that is served any more,
for a release of after the checkpoint, or a withdrawal after it.
"""

from dataclasses import dataclass, field
from typing import Final

from consent.domain.bundle import Contents, Kind
from consent.domain.released_models import ACTIVE, Release
from consent.verifier.archive import Archive
from consent.verifier.chain_checks import NO_CHAIN
from consent.verifier.findings import Finding, NotSoundError, Rule, number
from consent.verifier.model_rules import ModelRules
from consent.verifier.reading import ServedLine, served

NAME: Final = "models.served"
_UNKNOWN: Final = 0


@dataclass(slots=True)
class ServedRules:
    """Holds what is served against what the log released, once all entries are taken up."""

    contents: Contents
    models: ModelRules
    _rule: Rule = field(default_factory=lambda: Rule(NAME))

    def finding(self, archive: Archive) -> Finding:
        """Return what came of it."""
        wanted, count, idle = self._wanted(), 0, 0
        try:
            for line in served(archive):
                idle += line.model is None
                count += line.model is not None
                if wrong := self._wrong(line, wanted.pop(line.study, None)):
                    self._rule.fail(_item(line.study), wrong)
        except NotSoundError as error:
            self._rule.fail(error.item, str(error))
        for study in sorted(wanted):
            self._rule.fail(_item(study), "the log has it in service, and the bundle does not say what is served")
        if self.models.trust is None and count:
            self._rule.why_open = f"{NO_CHAIN}, so nobody confirms which models are registered"
        ended = f"; nothing is served any more of {number(idle, 'study', 'studies')}" if idle else ""
        return self._rule.finding(
            f"{number(count, 'model')} in service, each the newest released and active on the chain{ended}"
        )

    def _wanted(self) -> dict[str, Release]:
        """Return what the log has in service, of the studies that the bundle's scope covers."""
        return {study: one for study, one in self.models.models.in_service().items() if self._is_covered(study)}

    def _is_covered(self, study: str) -> bool:
        kind, scope = self.contents.kind, self.contents.scope
        if kind is Kind.STUDY:
            return study == scope["study"]
        return kind is not Kind.MODEL or study in self.models.studies_of(str(scope["model"]))

    def _wrong(self, line: ServedLine, wanted: Release | None) -> str:
        if wanted is None:
            return "the log has nothing of it in service, or it is not of what this is evidence of"
        if line.release != wanted.release or line.model not in {None, wanted.model}:
            return "it is not the newest that the log released, or its bytes are others"
        return "" if line.model is None else self._unseen(line.model)

    def _unseen(self, model: str) -> str:
        if self.models.trust is None:
            return ""
        status = self.models.trust.view.model(bytes.fromhex(model)).status
        if status == _UNKNOWN:
            return "the auditor's view of the chain does not know it: make a newer view to confirm it"
        return "" if status == ACTIVE else "it is not active on the chain"


def _item(study: str) -> str:
    return f"the model served for {study}"
