"""All rules over one bundle's entries, in one pass: each entry is held against what came before, then taken up."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from consent.domain.bundle import Contents, Kind
from consent.domain.entry import PERMIT, Action
from consent.domain.operators import Register
from consent.domain.receipt import Receipt
from consent.domain.terms import Operation
from consent.signatures import verifies
from consent.verifier.access_rules import AccessRules
from consent.verifier.archive import Archive
from consent.verifier.chain_checks import ToldChain
from consent.verifier.consent_checks import ConsentRules, read_consents
from consent.verifier.entries import ShownEntry, entries
from consent.verifier.erasure_rules import ErasureRules
from consent.verifier.findings import Finding, NotSoundError, number
from consent.verifier.key_rules import KeyRules, key_history
from consent.verifier.log_checks import SignedLog
from consent.verifier.model_rules import ModelRules
from consent.verifier.own_access_rules import OwnAccessRules
from consent.verifier.policy import Policy
from consent.verifier.prediction_rules import PredictionRules
from consent.verifier.receipt_checks import ReceiptRules
from consent.verifier.release_checks import ReleaseRules
from consent.verifier.requests import Requests
from consent.verifier.served_checks import ServedRules
from consent.verifier.stop_rules import StopRules
from consent.verifier.story import Story

ENTRIES: Final = "log.entries"


def shown_entries(
    archive: Archive, contents: Contents, log: SignedLog, rules: ReceiptRules, brought: list[Receipt]
) -> Iterator[ShownEntry]:
    """Take the receipts to look for; return the entries, each shown to be in the log."""
    rules.given(archive, contents.kind)
    rules.want(brought)
    return entries(archive, contents, log.checkpoint)


@dataclass(slots=True)
class RuleBook:
    """All rules over one bundle's entries."""

    archive: Archive
    contents: Contents
    log: SignedLog
    story: Story
    models: ModelRules
    keys: KeyRules
    consents: ConsentRules
    access: AccessRules
    own: OwnAccessRules
    predictions: PredictionRules
    stops: StopRules
    erasures: ErasureRules
    releases: ReleaseRules
    served: ServedRules
    receipts: ReceiptRules
    count: int = 0

    @classmethod
    def of(cls, archive: Archive, contents: Contents, log: SignedLog, policy: Policy, chain: ToldChain) -> "RuleBook":
        """Return the rules before the first entry, with the bundle's consents read."""
        story, rules, trust = Story(), policy.rules, policy.log
        known, rule = read_consents(archive, chain.domain)
        history, register = key_history(trust, chain.domain), Register(trust.origin, verifies)
        keys, consents = KeyRules(history, register, rules.clocks_differ), ConsentRules(known, rule, history)
        models = ModelRules(chain.trust, rules)
        access = AccessRules(consents, chain, story, rules.clocks_differ)
        requests = Requests(keys, trust.origin, chain.domain)
        releases = ReleaseRules(archive, contents, chain, known, story, rules.clocks_differ)
        return cls(
            archive, contents, log, story, models, keys, consents, access,
            own=OwnAccessRules(requests, story),
            predictions=PredictionRules(access, chain, models.models),
            stops=StopRules(consents, chain, rules.stop_within),
            erasures=ErasureRules(requests),
            releases=releases,
            served=ServedRules(contents, models),
            receipts=ReceiptRules(trust, rules, story, consents, chain),
        )  # fmt: skip

    def read(self, brought: list[Receipt]) -> Finding:
        """Take up every entry; return whether each is in the log and the scope is whole."""
        trust = self.receipts.trust
        self.releases.read_manifests(trust)
        try:
            for entry in shown_entries(self.archive, self.contents, self.log, self.receipts, brought):
                self.take(entry)
        except NotSoundError as error:
            return Finding.failed(ENTRIES, error)
        kind, count = self.contents.kind, number(self.count, "entry", "entries")
        rests = f"; that none about this {kind.value} is missing rests on the installation's word"
        if kind is Kind.PERIOD:
            before = "; that none before it bears on it rests on the installation's word" if self._begins() else ""
            rests = f", and none of the period is missing{before}"
        return Finding(ENTRIES, holds=True, seen=f"{count}, each in the signed log{rests}")

    def _begins(self) -> int:
        """Return the index of the first entry of a period."""
        return int(self.contents.scope["first"])

    def take(self, entry: ShownEntry) -> None:
        """Hold an entry against all that came before it, then take it up."""
        self.count += 1
        take = _TAKING.get(entry.told["action"])
        if take is not None:
            take(self, entry)
        self.models.take(entry)
        self.story.take(entry)
        self.keys.take(entry)
        self.receipts.take(entry)

    def read_entry(self, entry: ShownEntry) -> None:
        """Check a permitted access."""
        if entry.told.get("verdict") != PERMIT:
            return
        self.access.take(entry)
        operation = entry.told.get("operation")
        if operation == Operation.PREDICT:
            self.predictions.read(entry)
        elif operation == Operation.TRAIN:
            self.releases.read(entry)

    def grant_entry(self, entry: ShownEntry) -> None:
        """Check a grant."""
        self.consents.take(entry)
        self.consents.require_chain_later(entry, self.access.chain, self.access.clocks_differ)

    def stop_entry(self, entry: ShownEntry) -> None:
        """Check a stop."""
        self.consents.take(entry)
        self.stops.take(entry)

    def predict_entry(self, entry: ShownEntry) -> None:
        """Check a prediction that was made."""
        if entry.told.get("verdict") == "PREDICTED":
            self.predictions.predicted(entry)

    def findings(self) -> Iterator[Finding]:
        """Yield what came of the rules, in their order."""
        yield self.models.finding()
        yield self.consents.finding(frozenset(self.story.deleted))
        yield self.keys.finding()
        yield from self.access.findings()
        yield self.own.finding()
        yield self.predictions.finding()
        yield self.stops.finding()
        yield self.erasures.finding()
        yield from self.releases.findings()
        yield self.served.finding(self.archive)
        yield self.receipts.finding()


_TAKING: Final[dict[str, Callable[[RuleBook, ShownEntry], None]]] = {
    Action.READ: RuleBook.read_entry,
    Action.GRANT: RuleBook.grant_entry,
    Action.STOP: RuleBook.stop_entry,
    Action.PREDICT: RuleBook.predict_entry,
    Action.ACCESS: lambda book, entry: book.own.take(entry),
    Action.ERASE: lambda book, entry: book.erasures.take(entry),
    Action.TRAIN: lambda book, entry: book.releases.trained(entry),
    Action.RELEASE: lambda book, entry: book.releases.released(entry),
}
