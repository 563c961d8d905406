"""The auditor's replay: nothing is believed that can be computed again.

Each check yields `Finding`s by name. The chain is replayed from its first event and compared with the contract's own
history hash; the log from its first entry with the signed checkpoint; each release's rows with the consents that were
in force at its pinned block; each patient's receipt with all of them.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from consent.domain.checkpoint import Checkpoint
from consent.domain.dsse import MANIFEST_TYPE, EnvelopeError, open_envelope
from consent.domain.entry import Action
from consent.domain.errors import ConsentError
from consent.domain.grant import PUBLISH_WITHIN_SECONDS
from consent.domain.hashing import HASH_BYTES
from consent.domain.history import EMPTY_HISTORY, fold
from consent.domain.identity import Identity
from consent.domain.key_history import CHANGES
from consent.domain.manifest import InvalidManifestError, Manifest, Opening, rows_root
from consent.domain.merkle import leaf_hash, tree_root
from consent.domain.note import open_note
from consent.domain.receipt import Receipt
from consent.domain.registry_replay import Chain, Key
from consent.domain.telling import said
from consent.domain.typed_data import Address
from consent.ports import AuditLog, Errand, Ledger, OutboxRows, Patients, StoredRelease, Unit
from consent.services.acts import Acts

Verifier = Callable[[bytes, bytes], bool]
"""`verify(message, signature)`: whether the log key signed the message (Ed25519)."""
LogKey = tuple[bytes, Verifier]
"""The log's public key, 32 bytes, and what verifies its signatures."""
STOP_WITHIN: Final = 24 * 3600
"""Seconds within which a stop's revocation must be on the ledger."""
CLOCKS_DIFFER: Final = 3600
"""Seconds by which the clocks of an installation's processes, or one that was set right, may differ."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing checked: its name, whether it holds (None: it could not be checked), and what was seen."""

    name: str
    holds: bool | None
    seen: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """One release as it is kept: its manifest, and the opening of each leaf by leaf hash, None where it stays closed.

    One stays closed whose person was erased, or that nobody here may open; it is counted apart and never as passed.
    """

    manifest: Manifest
    openings: Mapping[bytes, Opening | None]
    envelope: bytes = b""


def audit_chain(ledger: Ledger) -> tuple[Chain, Finding]:
    """Replay the registry and compare the fold of its events with the contract's history hash."""
    head = ledger.head()
    chain = Chain.replayed(ledger.events(0, head.number))
    holds = fold(EMPTY_HISTORY, chain.events) == ledger.history(head.number)
    seen = f"{len(chain.events):,} events to block {head.number} fold to the contract's history"
    return chain, Finding("chain.history", holds, seen)


def audit_log(log: AuditLog, origin: str, public_key: bytes, verify: Verifier) -> Iterator[Finding]:
    """Recompute every leaf, the order, and the root of the newest signed checkpoint."""
    leaves: list[bytes] = []
    ordered = True
    for place, entry in enumerate(log.entries()):
        leaves.append(leaf_hash(entry.body))
        ordered &= entry.index == place and _index(entry.body) == place and leaves[-1] == entry.leaf
    yield Finding("log.entries", ordered, f"{len(leaves):,} entries, each at its place, each leaf recomputed")
    note = log.latest_checkpoint()
    if note is None:
        yield Finding("log.checkpoint", holds=None, seen="no checkpoint has been signed yet")
        return
    try:
        text, _ = open_note(note, {origin: (public_key, verify)})
        checkpoint = Checkpoint.from_text(text)
    except ConsentError as error:
        yield Finding("log.checkpoint", holds=False, seen=str(error))
        return
    true = checkpoint.origin == origin and checkpoint.size <= len(leaves)
    true = true and tree_root(leaves[: checkpoint.size]) == checkpoint.root
    yield Finding("log.checkpoint", true, f"signed over the first {checkpoint.size:,} entries, root recomputed")


def audit_identity(ledger: Ledger, identity: Identity, trusted: Identity | None) -> Iterator[Finding]:
    """Check that the chain is the one that the installation names, and the installation the one the auditor knows."""
    same = (ledger.domain.chain_id, ledger.domain.contract.hex()) == (identity.chain_id, identity.registry)
    yield Finding("chain.identity", same, f"chain {identity.chain_id}, registry 0x{identity.registry}")
    if trusted is None:
        yield Finding("installation", holds=None, seen="its own word only: bring your copy of it (--trusted)")
    else:
        yield Finding("installation", identity == trusted, "log key, chain and registry against the auditor's own copy")


def audit_known_checkpoint(log: AuditLog, note: str, origin: str, public_key: bytes, verify: Verifier) -> Finding:
    """Check that the log still begins with what a checkpoint that the auditor kept was signed over."""
    try:
        text, _ = open_note(note, {origin: (public_key, verify)})
        checkpoint = Checkpoint.from_text(text)
    except ConsentError as error:
        return Finding("log.known_checkpoint", holds=False, seen=str(error))
    leaves = [leaf_hash(entry.body) for entry in log.entries(0, checkpoint.size)]
    holds = checkpoint.size == len(leaves) and tree_root(leaves) == checkpoint.root
    return Finding("log.known_checkpoint", holds, f"the first {checkpoint.size:,} entries are those signed then")


def audit_acts(acts: Acts, patients: Patients) -> Iterator[Finding]:
    """Check the database against the log's acts: no key was put in quietly, no stop or block was read past."""
    differing = [p.subject for p in patients.everyone() if p.enrolment != acts.keys.get(p.subject)]
    ignored = acts.history.ignored
    seen = f"{len(acts.keys):,} enrolment keys, each as it was logged"
    forged = f"entry {ignored[0]} changes a key that nobody may change so" if ignored else seen
    wrong = f"{len(differing)} differ" if differing else forged
    yield Finding("log.enrolments", not differing and not ignored, wrong)
    seen = f"no read was permitted after any of {len(acts.stopped):,} stops and {len(acts.blocked):,} erasures"
    late = f"entry {acts.ignored[0]} permits a read of what was stopped or not to be counted" if acts.ignored else seen
    yield Finding("log.stops_obeyed", not acts.ignored, late)


def audit_key_times(log: AuditLog) -> Finding:
    """Check that no change of a key is dated before what came before it, or after what came after it.

    Whoever holds the log key could else write that somebody had asked three days ago, and let nobody wait.
    """
    latest, changed, wrong = 0, 0, list[int]()
    for entry in log.entries():
        body = said(entry) or {}
        time = body.get("time")
        if type(time) is not int:
            continue
        change = body.get("action") == Action.ENROL and body.get("verdict") in CHANGES
        if time < (latest if change else changed) - CLOCKS_DIFFER:
            wrong.append(entry.index)
        latest, changed = max(latest, time), max(changed, time) if change else changed
    seen = f"entry {wrong[0]} is dated before a change of a key, or is one that is dated back" if wrong else ""
    return Finding("log.key_times", not wrong, seen or "changes of keys are dated in the order in which they stand")


@dataclass(frozen=True, slots=True)
class Replayed:
    """What receipts are held against: the chain, the log's acts and leaves, what still waits, and the time now.

    `leaves` are those of the entries that receipts name, by index, recomputed (`leaves_of`).
    `waiting` counts outbox rows by the receipts' actions: an auditor has no key, so which ones they are is not seen.
    """

    chain: Chain
    acts: Acts
    leaves: Mapping[int, bytes]
    waiting: Mapping[str, int]
    now: int

    def fulfils(self, receipt: Receipt, key: Key, stopped: AbstractSet[Key]) -> bool:
        """Say whether what a receipt acknowledges is done.

        A grant that was stopped, or of which the log says that it never came on the ledger, needs no more. A stop must
        be on the ledger within a day.
        """
        if receipt.action == "grant":
            undone = self.acts.consents.get(receipt.index, "") in self.acts.undone
            on_chain = key in self.chain.grants or key in self.chain.revoked_block
            return on_chain or undone or key in stopped
        if receipt.action == "stop":
            return self.chain.revoked_time.get(key, receipt.time + STOP_WITHIN + 1) - receipt.time <= STOP_WITHIN
        reached = self.acts.erased if receipt.attested else self.acts.blocked
        return receipt.action == "erase" and receipt.subject in reached

    def awaited(self, receipt: Receipt, key: Key) -> str | None:
        """Return what may rightly be on its way to the chain for a receipt, a grant or a stop; None for nothing.

        Of a grant that the log says was stopped, the stop.
        """
        within = {"grant": PUBLISH_WITHIN_SECONDS, "stop": STOP_WITHIN}.get(receipt.action, 0)
        if self.now - receipt.time > within or key in self.chain.revoked_time:
            return None
        return "stop" if self.acts.consents.get(receipt.index, "") in self.acts.stopped else receipt.action


def leaves_of(log: AuditLog, receipts: Iterable[Receipt]) -> dict[int, bytes]:
    """Return the leaf hash of each entry that a receipt names, from the entry's bytes, by index; of those there are."""
    named = {receipt.index for receipt in receipts}
    return {index: leaf_hash(entry.body) for index, entry in log.some(named).items()}


def audit_receipts(receipts: Iterable[Receipt], replayed: Replayed, verify: Verifier) -> Iterator[Finding]:
    """Find what each receipt acknowledges: its entry in the log, its act on the chain or on its way there."""
    stopped: set[Key] = set()
    counted = Counter({"grant": 0, "stop": 0, "erase": 0})
    waiting: dict[str, set[Key]] = {"grant": set(), "stop": set()}
    lost: list[str] = []
    for receipt in sorted(receipts, key=lambda receipt: receipt.index, reverse=True):
        key = (Address(bytes.fromhex(receipt.patient)), bytes.fromhex(receipt.commitment))
        if receipt.action == "stop":
            stopped.add(key)
        logged = replayed.leaves.get(receipt.index, b"").hex() == receipt.leaf
        signed = verify(receipt.signed_bytes(), bytes.fromhex(receipt.signature))
        counted[receipt.action] += 1
        fulfilled = replayed.fulfils(receipt, key, stopped)
        if not fulfilled and (act := replayed.awaited(receipt, key)):
            waiting[act].add(key)
            fulfilled = len(waiting[act]) <= replayed.waiting[act]
        if not (fulfilled and logged and signed):
            lost.append(f"{receipt.action} at entry {receipt.index}")
    seen = f"{counted['grant']:,} grants, {counted['stop']:,} stops, {counted['erase']:,} erasures found"
    on_their_way = sum(map(len, waiting.values()))
    seen += f", {on_their_way:,} of them on their way to the chain" if on_their_way else ""
    yield Finding("receipts", not lost, f"not found: {lost[0]}, {len(lost)} in all" if lost else seen)


def waiting_acts(outbox: OutboxRows) -> Mapping[str, int]:
    """Return how many grants and stops wait in the outbox, by the action of their receipts."""
    waiting = outbox.waiting()
    return {"grant": waiting[Errand.GRANT], "stop": waiting[Errand.STOP] + waiting[Errand.REVOKE]}


def audit_kept(unit: Unit, releases: Iterable[tuple[str, int]], ledger: Ledger, log_key: LogKey) -> Iterator[Finding]:
    """Check what is kept of each release that became active; whose consent each row rests on, a bundle shows."""
    for study, number in dict.fromkeys(releases):
        kept = next((one for one in unit.studies.releases(study) if one.release == number), None)
        evidence = kept and _kept(unit, kept)
        if not evidence:
            yield Finding(f"release.{number}.kept", holds=False, seen=f"what is kept of it for {study} is not whole")
            continue
        yield audit_envelope(evidence, *log_key)
        yield from audit_lineage(evidence, ledger)
        seen = "a bundle shows them: `consentry bundle` makes one"
        yield Finding(f"release.{number}.consents", holds=None, seen=seen)


def _kept(unit: Unit, release: StoredRelease) -> Evidence | None:
    """Return a release with all its rows closed, None where manifest or leaves are malformed."""
    leaves = [opening.leaf for opening in unit.studies.openings(release.study, release.release)]
    try:
        manifest = Manifest.from_json(json.loads(release.manifest))
    except (ValueError, RecursionError, InvalidManifestError):
        return None
    whole = all(len(leaf) == HASH_BYTES for leaf in leaves)
    return Evidence(manifest, dict.fromkeys(leaves, None), release.envelope) if whole else None


def audit_release(evidence: Evidence, chain: Chain, ledger: Ledger, erased: int = 0) -> Iterator[Finding]:
    """Confirm for every row of a release that a consent was in force at its pinned block.

    Rows that nobody can open any more are allowed for as many people as were `erased`, and never count as passed.
    """
    yield from audit_lineage(evidence, ledger)
    yield _rows_finding(f"release.{evidence.manifest.release}", evidence, chain, erased)


def audit_lineage(evidence: Evidence, ledger: Ledger) -> Iterator[Finding]:
    """Check that a release is pinned to a block, that it is registered, and that its leaves give its root."""
    manifest, name = evidence.manifest, f"release.{evidence.manifest.release}"
    yield Finding(f"{name}.block", _is_pinned(manifest, ledger), f"pinned to block {manifest.block} of this chain")
    registered = ledger.registered_manifest(bytes.fromhex(manifest.model)) == manifest.hash()
    yield Finding(f"{name}.registered", registered, "model and manifest hashes stand on chain")
    leaves = list(evidence.openings)
    whole = len(leaves) == manifest.rows and rows_root(leaves).hex() == manifest.rows_root
    yield Finding(f"{name}.rows", whole, f"{len(leaves):,} leaves give the manifest's root")


def audit_envelope(evidence: Evidence, public_key: bytes, verify: Verifier) -> Finding:
    """Check that the log key signed the manifest; one of version 1 had no signature of its own."""
    manifest, name = evidence.manifest, f"release.{evidence.manifest.release}.signed"
    if not evidence.envelope and manifest.version == 1:
        return Finding(name, holds=None, seen="a manifest of version 1 stands on chain, and was not signed")
    try:
        signed = open_envelope(evidence.envelope, MANIFEST_TYPE, public_key, verify)
    except EnvelopeError as error:
        return Finding(name, holds=False, seen=str(error))
    return Finding(name, signed == manifest.to_bytes(), "the log key signed this manifest")


def _is_pinned(manifest: Manifest, ledger: Ledger) -> bool:
    """Say whether the manifest's block is one of this chain."""
    if (manifest.chain_id, manifest.registry) != (ledger.domain.chain_id, ledger.domain.contract.hex()):
        return False
    if manifest.block > ledger.head().number:
        return False
    block = ledger.block(manifest.block)
    return (block.hash.hex(), block.time) == (manifest.block_hash, manifest.block_time)


def rows_without_consent(evidence: Evidence, chain: Chain) -> int:
    """Count the rows whose opening is not its leaf's, or whose consent was not in force at the pinned block."""
    manifest, seen = evidence.manifest, set[Key]()
    wrong = 0
    for leaf, opening in evidence.openings.items():
        if opening is None:
            continue
        key = (opening.patient, opening.commitment)
        in_force = chain.in_force(key, manifest.block, manifest.block_time)
        wrong += opening.leaf() != leaf or key in seen or not in_force
        seen.add(key)
    return wrong


def _rows_finding(name: str, evidence: Evidence, chain: Chain, erased: int) -> Finding:
    closed = sum(opening is None for opening in evidence.openings.values())
    wrong = rows_without_consent(evidence, chain)
    seen = f"{len(evidence.openings) - closed:,} rows replayed, {wrong} without a consent in force"
    checkable = f", {closed} no longer checkable ({erased} people erased)" if closed else ""
    return Finding(f"{name}.consents", wrong == 0 and closed <= erased, seen + checkable)


def _index(body: bytes) -> int:
    try:
        return int(json.loads(body)["index"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return -1
