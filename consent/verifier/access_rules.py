"""Each access that was permitted had a consent in force, of nobody who is being erased.

An access is an entry of action `read` with the verdict `PERMIT`. Its own clock and the chain's may differ by the
policy's `clocks_differ` seconds:

    consented   an entry before it grants the consent that it names, of this person and study; the terms allow the
                operation and every category; the chain has the grant, confirmed by the auditor's view, at most
                `clocks_differ` after the access; the study was approved before it and not closed.
                Counting rests on no consent: the person's newest word before it is that they may be counted.
    expired     it is dated before the second in which the consent ends
    stopped     no entry before it stops the consent; the chain has no revocation more than `clocks_differ` before it
    blocked     no entry before it blocks the person

An entry stands behind those before it: one that is dated back counts as of `clocks_differ` before the latest of them.

What an erased person had signed is gone: of theirs the log's own order is checked, and the rest counted apart.
"""

from dataclasses import dataclass, field
from typing import Final

from consent.verifier.chain_checks import NO_CHAIN, Standing, ToldChain
from consent.verifier.consent_checks import ConsentRules, KnownConsent
from consent.verifier.entries import ShownEntry
from consent.verifier.findings import Finding, Rule, number
from consent.verifier.story import COUNTING, Story

CONSENTED: Final = "access.consented"
EXPIRED: Final = "access.expired"
STOPPED: Final = "access.stopped"
BLOCKED: Final = "access.blocked"


@dataclass(slots=True)
class AccessRules:
    """Holds permitted accesses against all that came before them; `clocks_differ` in seconds.

    Attributes:
        accesses: how many there were.
        counts: how many of them counted.
        uncheckable: how many of them rest on what an erased person had signed.
    """

    consents: ConsentRules
    chain: ToldChain
    story: Story
    clocks_differ: int
    accesses: int = 0
    counts: int = 0
    uncheckable: int = 0
    _consented: Rule = field(default_factory=lambda: Rule(CONSENTED))
    _expired: Rule = field(default_factory=lambda: Rule(EXPIRED))
    _stopped: Rule = field(default_factory=lambda: Rule(STOPPED))
    _blocked: Rule = field(default_factory=lambda: Rule(BLOCKED))

    def take(self, entry: ShownEntry) -> None:
        """Check a permitted access."""
        told = entry.told
        subject, consent = str(told.get("subject", "")), str(told.get("consent", ""))
        self.accesses += 1
        if subject in self.story.blocked:
            self._blocked.fail(entry.item, f"entry {self.story.blocked[subject]} had blocked this person")
        if not subject:
            self._consented.fail(entry.item, "it names nobody whose records were read")
        if not self.story.is_open(str(told.get("study", ""))):
            self._consented.fail(entry.item, "its study was not approved before it, or was closed")
        if told.get("operation") == COUNTING:
            self.counts += 1
            if subject not in self.story.counted:
                self._consented.fail(entry.item, "it counts somebody who had not allowed that")
            return
        if consent in self.story.stopped:
            self._stopped.fail(entry.item, f"entry {self.story.stopped[consent]} had stopped its consent")
        wrong = self.refusal(entry)
        if wrong:
            self._consented.fail(entry.item, wrong)
            return
        known = self.consents.known.get(consent)
        if known is None:
            self.uncheckable += 1
        else:
            self._check_times(entry, known, self.chain.standing(known.key))

    def refusal(self, entry: ShownEntry) -> str:
        """Return why no consent covers what an entry says was done, but for its dates; empty where one does."""
        told = entry.told
        consent = str(told.get("consent", ""))
        granted = self.consents.granted.get(consent)
        if granted is None:
            return "no entry before it grants the consent that it rests on"
        if granted != (told.get("subject"), told.get("study")):
            return "its consent is another person's, or for another study"
        known = self.consents.known.get(consent)
        if known is None:
            return ""
        if told.get("operation") not in known.operations:
            return "its consent does not allow this operation"
        if not told.get("categories") or not known.categories.issuperset(told["categories"]):
            return "its consent does not allow all of these categories, or it names none"
        return self._off_chain(known, self.chain.standing(known.key), told["time"])

    def _off_chain(self, known: KnownConsent, standing: Standing | None, time: int) -> str:
        if standing is None or not standing.granted_block:
            return "its consent was never granted on the chain"
        if standing.granted_block > self.chain.seen:
            return "its consent was granted on the chain behind the auditor's view: make a newer view to confirm it"
        if standing.granted > time + self.clocks_differ:
            return "its consent was granted on the chain only later"
        return "" if standing.expires == known.expires else "its consent ends at another time on the chain"

    def _check_times(self, entry: ShownEntry, known: KnownConsent, standing: Standing | None) -> None:
        time = self.time_of(entry)
        if time >= known.expires:
            self._expired.fail(entry.item, "its consent had run out")
        if was_revoked(standing, time - self.clocks_differ):
            self._stopped.fail(entry.item, "its consent had been revoked on the chain")

    def time_of(self, entry: ShownEntry) -> int:
        """Return when an entry was written at the earliest, by its date and by those of the entries before it."""
        return max(int(entry.told["time"]), self.story.latest - self.clocks_differ)

    def findings(self) -> tuple[Finding, ...]:
        """Return what came of it, one finding for each of the four rules."""
        if self.chain.trust is None:
            self._consented.why_open = f"{NO_CHAIN}, so nobody confirms that consents were granted there"
            self._stopped.why_open = f"{NO_CHAIN}, so nobody confirms that no revocation there was left out"
        gone = f"; {self.uncheckable:,} of erased people are no longer checkable" if self.uncheckable else ""
        checked = number(self.accesses - self.counts - self.uncheckable, "access", "accesses")
        counted = f"; {number(self.counts, 'counting', 'countings')} allowed" if self.counts else ""
        stops, blocked = len(self.story.stopped), len(self.story.blocked)
        return (
            self._consented.finding(f"{checked}, each with a consent that covers it{counted}{gone}"),
            self._expired.finding(f"{checked}, none after its consent had run out"),
            self._stopped.finding(f"none after {number(stops, 'stop')}, or a revocation on the chain"),
            self._blocked.finding(f"none of {number(blocked, 'person', 'people')} after they were blocked"),
        )


def was_revoked(standing: Standing | None, time: int) -> bool:
    """Say whether the chain tells of a revocation before `time`, confirmed or not."""
    return standing is not None and standing.revoked_block > 0 and standing.revoked < time
