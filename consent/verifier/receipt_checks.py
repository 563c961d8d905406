"""What an installation acknowledged to patients is in its log, and was done.

A receipt is signed by one of the policy's log keys, and its entry is in the log, with the very leaf that it names. Of a
grant, the chain has it, or it was stopped, or the log says that it never came there; of a stop, the chain has the
revocation in time; of an erasure, the person is blocked, or all is final. That nothing was read after a stop is
`access.stopped`, since the stop is in the log.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from consent.domain.bundle import RECEIPTS, Kind
from consent.domain.entry import PERMIT, Action
from consent.domain.errors import ConsentError
from consent.domain.grant import PUBLISH_WITHIN_SECONDS
from consent.domain.receipt import InvalidReceiptError, Receipt
from consent.signatures import verifies
from consent.verifier.archive import Archive
from consent.verifier.chain_checks import ToldChain
from consent.verifier.consent_checks import STOPPED, ConsentRules
from consent.verifier.entries import ShownEntry
from consent.verifier.fields import parsed_json, read_file
from consent.verifier.findings import Finding, NotSoundError, Rule, number
from consent.verifier.policy import LogTrust, Rules
from consent.verifier.reading import receipts
from consent.verifier.stop_rules import is_published
from consent.verifier.story import Story

NAME: Final = "receipts"


class ReceiptFileError(ConsentError):
    """The file with receipts cannot be read; name one with a receipt, as it was handed out, on each line."""


def read_receipts(path: Path) -> list[Receipt]:
    """Return the receipts of a file, one a line; a last line without its end was never handed out whole.

    Raises `ReceiptFileError`.
    """
    content = read_file(path, "the file with receipts", ReceiptFileError)
    try:
        lines = content.split(b"\n")[:-1]
        return [_receipt(line) for line in lines]
    except InvalidReceiptError as error:
        raise ReceiptFileError("a line is no receipt of version 1: use the file as it was handed out") from error


def _receipt(line: bytes) -> Receipt:
    value = parsed_json(line, "a receipt", ReceiptFileError)
    return Receipt.from_json(value if isinstance(value, dict) else None)


@dataclass(slots=True)
class ReceiptRules:
    """Looks for the entry of each receipt; without `chain` nothing is said of what came there."""

    trust: LogTrust
    rules: Rules
    story: Story
    consents: ConsentRules | None
    chain: ToldChain | None
    _wanted: dict[int, list[Receipt]] = field(default_factory=dict)
    _acted: list[tuple[Receipt, str]] = field(default_factory=list)
    _rule: Rule = field(default_factory=lambda: Rule(NAME))
    count: int = 0

    def given(self, archive: Archive, kind: Kind) -> None:
        """Take the receipts of a bundle to look for, in order of their entries; that of a receipt has just one."""
        before = -1
        try:
            for receipt in receipts(archive):
                self.want([receipt])
                if receipt.index <= before:
                    self._rule.fail(_item(receipt), "receipts stand in order of their entries, each once")
                before = receipt.index
        except NotSoundError as error:
            self._rule.fail(error.item, str(error))
        if kind is Kind.RECEIPT and self.count != 1:
            self._rule.fail(RECEIPTS, "the bundle of a receipt holds that receipt, and no other")

    def want(self, some: Iterable[Receipt]) -> None:
        """Take receipts to look for."""
        for receipt in some:
            self.count += 1
            signature = bytes.fromhex(receipt.signature)
            signed = any(verifies(key, receipt.signed_bytes(), signature) for key in self.trust.keys)
            if receipt.origin != self.trust.origin or not signed:
                self._rule.fail(_item(receipt), "none of the log's keys signed it")
            self._wanted.setdefault(receipt.index, []).append(receipt)

    def take(self, entry: ShownEntry) -> None:
        """Hold an entry against the receipts that name its place."""
        for receipt in self._wanted.pop(entry.index, ()):
            if entry.leaf.hex() != receipt.leaf or not _is_act(receipt, entry):
                self._rule.fail(_item(receipt), "the log has another entry in its place")
            self._acted.append((receipt, str(entry.told.get("consent", ""))))

    def finding(self) -> Finding:
        """Return what came of it."""
        for index in sorted(self._wanted):
            self._rule.fail(_item(self._wanted[index][0]), "its entry is not in this bundle")
        for receipt, consent in self._acted:
            if wrong := self._undone(receipt, consent):
                self._rule.fail(_item(receipt), wrong)
        if not self.count:
            self._rule.why_open = "no receipt was given; patients have them (--receipts)"
        confirmed = self.chain is not None and self.chain.trust is not None
        done = " and done" if confirmed else "; that it was done, nothing here confirms"
        return self._rule.finding(f"{number(self.count, 'receipt')}, each in the log{done}")

    def _undone(self, receipt: Receipt, consent: str) -> str:
        """Return what is missing of what a receipt acknowledges, empty where nothing is."""
        if self.chain is None or self.consents is None:
            return ""
        if receipt.action == "erase":
            reached = self.story.erased if receipt.attested else self.story.blocked
            return "" if receipt.subject in reached else "the person is not blocked, or the erasure is not final"
        known = self.consents.known.get(consent)
        if known is None and receipt.subject not in self.story.deleted:
            return "its entry names no consent of this bundle"
        key = bytes.fromhex(receipt.patient + receipt.commitment)
        if known is not None and known.key != key:
            return "it names another address or commitment than the consent has"
        if self.consents.never_came(consent, self.chain) or self.chain.trust is None:
            return ""
        return self._unpublished(receipt, key, self.chain)

    def _unpublished(self, receipt: Receipt, key: bytes, chain: ToldChain) -> str:
        if receipt.action == "stop":
            published = is_published(chain, key, receipt.time, self.rules.stop_within)
            return "its revocation did not come on the chain in time" if published is False else ""
        standing = chain.standing(key)
        waits = chain.seen_time <= receipt.time + PUBLISH_WITHIN_SECONDS
        return "" if standing is not None or waits else "its grant never came on the chain"


def _is_act(receipt: Receipt, entry: ShownEntry) -> bool:
    """Say whether an entry is the act that a receipt acknowledges; who asked for an erasure stands in another entry."""
    told, verdict = entry.told, entry.told.get("verdict")
    same = (told["action"], told.get("subject"), told["time"]) == (receipt.action, receipt.subject, receipt.time)
    if told["action"] == Action.ERASE:
        return same and verdict == ("FINAL" if receipt.attested else "BLOCKED")
    return same and told["actor"] == receipt.by and verdict == _VERDICTS.get(receipt.action)


def _item(receipt: Receipt) -> str:
    return f"receipt of the {receipt.action} at entry {receipt.index}" if receipt.action in _ACTS else "receipt"


_VERDICTS: Final = {"grant": PERMIT, "stop": STOPPED}
_ACTS: Final = frozenset({*_VERDICTS, "erase"})
