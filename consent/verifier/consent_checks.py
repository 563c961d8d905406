"""The consents that a bundle's entries name: what was signed, by whose key, and that the log's entries mean just that.

A consent is read with what can be said of it alone: its sentences are rendered again from its terms, its signature is
the address's, its expiry that of the terms. Whether the address is the person's depends on which enrolment key counted
as the entry of the grant was written: `ConsentRules` finds that out as it takes the entries up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from consent.domain.details import DetailsMismatchError
from consent.domain.entry import PERMIT, Action, blinded
from consent.domain.grant import certificate_digest
from consent.domain.key_history import KeyHistory
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address, SigningDomain
from consent.signatures import recover
from consent.verifier.archive import Archive
from consent.verifier.chain_checks import ToldChain
from consent.verifier.entries import ShownEntry
from consent.verifier.findings import Finding, NotSoundError, Rule, number
from consent.verifier.reading import ConsentLine, consents

SIGNED: Final = "consents.signed"
UNDONE: Final = frozenset({"EXPIRED_UNPUBLISHED", "REJECTED_BY_LEDGER"})
"""Verdicts of grants that were acknowledged and never came on the ledger."""
STOPPED: Final = "STOPPED"


@dataclass(frozen=True, slots=True)
class KnownConsent:
    """A consent as the rules need it.

    Attributes:
        subject: whose records it is about.
        study: id of the study that it is for.
        operations: what may be done.
        categories: which kinds of record may be opened.
        expires: Unix seconds; from then on it covers nothing.
        key: address and commitment together, 52 bytes, as the chain knows it.
        certifier: the key that certified the address, None where nobody's did.
        entry_key: with which the log's entries name it.
    """

    subject: str
    study: str
    operations: frozenset[str]
    categories: frozenset[str]
    expires: int
    key: bytes
    certifier: Address | None
    entry_key: bytes

    @property
    def private(self) -> str:
        """What the log's entries say of its commitment and address."""
        return blinded(self.entry_key, self.key[20:], Address(self.key[:20]))


def read_consents(archive: Archive, domain: SigningDomain) -> tuple[dict[str, KnownConsent], Rule]:
    """Return the bundle's consents by id, and the rule that what was signed of each is what its terms say."""
    found: dict[str, KnownConsent] = {}
    kinds: dict[frozenset[str], frozenset[str]] = {}
    rule, before, signed = Rule(SIGNED), "", set[bytes]()
    try:
        for line in consents(archive):
            known = found[line.id] = _known(line, domain, kinds, before)
            if known.key in signed:
                rule.fail(f"consent {line.id}", "what was signed once stands under two ids: a stop ends one alone")
            signed.add(known.key)
            before = line.id
    except NotSoundError as error:
        rule.fail(error.item, str(error))
    return found, rule


def _known(
    line: ConsentLine, domain: SigningDomain, kinds: dict[frozenset[str], frozenset[str]], before: str
) -> KnownConsent:
    """Return a consent whose signatures hold and that stands behind another; equal sets are kept once, in `kinds`."""
    signed, terms, item = line.signed, line.signed.terms, f"consent {line.id}"
    if line.id <= before:
        raise NotSoundError(item, "consents stand in order of their ids, each once")
    try:
        grant = signed.grant
    except DetailsMismatchError as error:
        raise NotSoundError(item, str(error)) from error
    if recover(grant.digest(domain), signed.signature) != signed.patient:
        raise NotSoundError(item, "its address did not sign the sentences that its terms render, on this chain")
    if signed.expires != int(terms.expires.timestamp()):
        raise NotSoundError(item, "it ends at another time than its terms say")
    operations, categories = frozenset(map(str, terms.operations)), frozenset(map(str, terms.categories))
    return KnownConsent(
        subject=terms.subject,
        study=terms.study.id,
        operations=kinds.setdefault(operations, operations),
        categories=kinds.setdefault(categories, categories),
        expires=signed.expires,
        key=signed.patient + grant.commitment,
        certifier=recover(certificate_digest(domain, terms.subject, signed.patient), signed.certificate),
        entry_key=signed.entry_key,
    )


@dataclass(slots=True)
class ConsentRules:
    """Takes up grants and stops, and holds each against what was signed.

    Attributes:
        known: the bundle's consents by id.
        rule: that they are signed, and logged as they were signed.
        keys: which enrolment key counts, up to the entry that is taken up.
        granted: whose each consent is, and for which study, as its grant's entry says.
        undone: consents that never came on the ledger.
        unsigned: the first entry that grants a consent of each person whose signature is not here.
    """

    known: Mapping[str, KnownConsent]
    rule: Rule
    keys: KeyHistory
    granted: dict[str, tuple[str, str]] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    unsigned: dict[str, int] = field(default_factory=dict)

    def take(self, entry: ShownEntry) -> None:
        """Take up an entry of action `grant` or `stop`."""
        told = entry.told
        consent, verdict = str(told.get("consent", "")), told.get("verdict")
        if told["action"] == Action.GRANT and verdict in UNDONE:
            self.undone.add(consent)
        elif told["action"] == Action.GRANT and verdict == PERMIT:
            self._granted(entry, consent)
        elif told["action"] == Action.STOP:
            self._stopped(entry, consent)

    def _granted(self, entry: ShownEntry, consent: str) -> None:
        told = entry.told
        subject, study = str(told.get("subject", "")), str(told.get("study", ""))
        if not (consent and subject and study) or consent in self.granted:
            self.rule.fail(entry.item, "it grants nothing of anybody's, or what was granted before")
            return
        self.granted[consent] = subject, study
        known = self.known.get(consent)
        if known is None:
            self.unsigned.setdefault(subject, entry.index)
            return
        self._require_same(entry, known, told.get("private", ""))
        if (known.study, sorted(known.categories)) != (study, told.get("categories", [])):
            self.rule.fail(entry.item, "the log names another study or other categories than the terms")
        if known.certifier is None or known.certifier != self.keys.newest(SubjectId(subject)):
            self.rule.fail(f"consent {consent}", "the enrolment key that counted then did not certify its address")

    def _stopped(self, entry: ShownEntry, consent: str) -> None:
        told = entry.told
        granted = self.granted.get(consent)
        if told.get("verdict") != STOPPED or granted is None or granted[0] != told.get("subject"):
            self.rule.fail(entry.item, "it stops no consent that an entry before it grants to this person")
        elif consent in self.known:
            self._require_same(entry, self.known[consent], told.get("private", "") or self._replayed(told, consent))

    def require_chain_later(self, entry: ShownEntry, chain: ToldChain, clocks_differ: int) -> None:
        """Hold a grant's date against the chain's: a log whose clock is put forward lets nobody wait for a new key."""
        known = self.known.get(str(entry.told.get("consent", "")))
        standing = chain.standing(known.key) if known and entry.told.get("verdict") == PERMIT else None
        if standing and standing.granted_block and standing.granted < entry.told["time"] - clocks_differ:
            self.rule.fail(entry.item, "the chain had it before the day on which the log says that it was given")

    def never_came(self, consent: str, chain: ToldChain) -> bool:
        """Say whether a grant was given up and never came on the chain, where its stop is to be nowhere then."""
        known = self.known.get(consent)
        standing = chain.standing(known.key) if known else None
        return consent in self.undone and (standing is None or not standing.granted_block)

    def _require_same(self, entry: ShownEntry, known: KnownConsent, private: str) -> None:
        if entry.told.get("subject") != known.subject:
            self.rule.fail(entry.item, "the log says that it is another person's than the terms")
        if private != known.private:
            self.rule.fail(entry.item, "the log means another address or commitment than was signed")

    def _replayed(self, told: Mapping[str, Any], consent: str) -> str:
        """A stop that a restored installation wrote again from its stop list names the consent by its id alone."""
        facts = told.get("facts")
        replayed = isinstance(facts, dict) and facts.get("replayed") == 1
        return self.known[consent].private if replayed else ""

    def finding(self, erased: frozenset[str]) -> Finding:
        """Return what came of it; only of people who were `erased` may what they signed be missing."""
        ungranted = next((consent for consent in self.known if consent not in self.granted), "")
        if ungranted:
            self.rule.fail(f"consent {ungranted}", "no entry grants it")
        missing = min(((at, subject) for subject, at in self.unsigned.items() if subject not in erased), default=None)
        if missing is not None:
            self.rule.fail(f"entry {missing[0]}", "what was signed of its consent is not in the bundle")
        gone = len(self.unsigned)
        uncheckable = (
            f"; those of {number(gone, 'erased person', 'erased people')} are no longer checkable" if gone else ""
        )
        return self.rule.finding(f"{number(len(self.known), 'consent')} signed, certified and logged{uncheckable}")


def person(subject: str) -> str:
    """Return how findings call a person."""
    return f"person {subject}"
