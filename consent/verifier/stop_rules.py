"""Each stop comes on the chain within the policy's `stop_within` seconds, as far as the auditor's view goes.

A grant that was acknowledged and never came on the chain needs no revocation there.
"""

from dataclasses import dataclass, field
from typing import Final

from consent.verifier.chain_checks import NO_CHAIN, ToldChain
from consent.verifier.consent_checks import ConsentRules
from consent.verifier.entries import ShownEntry
from consent.verifier.findings import Finding, Rule, number

NAME: Final = "stops.published"


def is_published(chain: ToldChain, key: bytes, time: int, within: int) -> bool | None:
    """Say whether a revocation of `key` is confirmed in time for a stop at `time`; None while it need not be."""
    standing = chain.standing(key)
    if standing is not None and 0 < standing.revoked_block <= chain.seen and standing.revoked <= time + within:
        return True
    return False if chain.seen_time > time + within else None


@dataclass(slots=True)
class StopRules:
    """Holds stops against the chain; `within` in seconds."""

    consents: ConsentRules
    chain: ToldChain
    within: int
    published: int = 0
    coming: int = 0
    uncheckable: int = 0
    _missing: dict[str, int] = field(default_factory=dict)

    def take(self, entry: ShownEntry) -> None:
        """Take up an entry of action `stop`."""
        consent = str(entry.told.get("consent", ""))
        known = self.consents.known.get(consent)
        if known is None:
            self.uncheckable += 1
            return
        found = is_published(self.chain, known.key, entry.told["time"], self.within)
        self.published += found is True
        self.coming += found is None
        if found is False:
            self._missing.setdefault(consent, entry.index)

    def finding(self) -> Finding:
        """Return what came of it."""
        rule = Rule(NAME)
        late = [
            (index, consent)
            for consent, index in self._missing.items()
            if not self.consents.never_came(consent, self.chain)
        ]
        if late:
            index, consent = min(late)
            rule.fail(f"entry {index}", f"consent {consent} is not revoked on the chain within {self.within:,} s")
        if self.chain.trust is None:
            rule = Rule(NAME, why_open=f"{NO_CHAIN}, so nobody confirms what is revoked there")
        coming = f", {self.coming:,} with time left" if self.coming else ""
        gone = f"; {self.uncheckable:,} of erased people are no longer checkable" if self.uncheckable else ""
        return rule.finding(f"{number(self.published, 'stop')} on the chain in time{coming}{gone}")
