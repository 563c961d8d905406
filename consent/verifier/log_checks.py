"""The log that a bundle stands on: its signed checkpoint, who co-signed it, and that it continues what was seen before.

`checkpoint` raises; the others yield findings, which also say what the auditor's policy leaves open.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from consent.domain import bundle
from consent.domain.bundle import Contents
from consent.domain.checkpoint import Checkpoint
from consent.domain.errors import ConsentError
from consent.domain.merkle import ConsistencyError, tree_root, verify_consistency
from consent.signatures import verifies
from consent.verifier.archive import Archive
from consent.verifier.certificate import Certificate, CertificateError, verify_certificate
from consent.verifier.findings import Finding, NotSoundError, number
from consent.verifier.policy import LogTrust, Policy
from consent.verifier.reading import canonical, consistency

CERTIFICATE: Final = "log.certificate"
KNOWN: Final = "log.known"
ANCHORED: Final = "log.anchored"
_EMPTY: Final = tree_root([])


@dataclass(frozen=True, slots=True)
class SignedLog:
    """The log as a bundle shows it: a checkpoint that one of the policy's keys signed, and ways to other sizes."""

    checkpoint: Checkpoint
    proofs: Mapping[tuple[int, int], list[bytes]]

    def leads_to(self, size: int) -> bool:
        """Say whether the bundle shows a way between its own size and another, whatever that proves."""
        here = self.checkpoint.size
        return size in {0, here} or (min(size, here), max(size, here)) in self.proofs

    def require_continues(self, size: int, root: bytes, item: str) -> None:
        """Raise `NotSoundError` unless this log and one of `size` entries with this root begin alike."""
        here = self.checkpoint
        if size in {0, here.size}:
            if root != (here.root if size else _EMPTY):
                raise NotSoundError(item, "it is of this size and has another root: the log was rewritten")
            return
        if not self.leads_to(size):
            raise NotSoundError(item, _unproven([size]))
        (old, first), (new, second) = sorted([(size, root), (here.size, here.root)])
        try:
            verify_consistency(old, new, self.proofs[old, new], first, second)
        except ConsistencyError as error:
            raise NotSoundError(item, "the log does not continue it: it was rewritten") from error


def signed_log(archive: Archive, contents: Contents, trust: LogTrust) -> SignedLog:
    """Return the log that the bundle's checkpoint shows; raise `NotSoundError` unless the policy's log signed it."""
    item = bundle.CHECKPOINT
    note = archive.read(item)
    checkpoint = _opened(note, trust, item)
    if note.rpartition(b"\n\n")[2].count(b"\n") != 1:
        raise NotSoundError(item, "the checkpoint of a bundle has the signature of the log's key and no other line")
    if (contents.origin, contents.size) != (checkpoint.origin, checkpoint.size):
        raise NotSoundError(item, "bundle.json names another log, or another size of it")
    return SignedLog(checkpoint, _proofs(archive, checkpoint.size))


def _proofs(archive: Archive, size: int) -> Mapping[tuple[int, int], list[bytes]]:
    proofs: dict[tuple[int, int], list[bytes]] = {}
    before = (0, 0)
    for old, new, proof in consistency(archive):
        if size not in {old, new} or not 0 < old < new or (old, new) <= before:
            wrong = "each proof leads between the checkpoint and another size, in order of sizes, each once"
            raise NotSoundError(bundle.CONSISTENCY, wrong)
        before = old, new
        proofs[before] = proof
    return proofs


def _opened(note: bytes, trust: LogTrust, item: str) -> Checkpoint:
    try:
        return trust.open(note.decode(), verifies)
    except (ConsentError, UnicodeDecodeError) as error:
        wrong = str(error) if isinstance(error, ConsentError) else "a note is UTF-8"
        raise NotSoundError(item, wrong) from error


def certificate(archive: Archive, log: SignedLog, policy: Policy) -> Finding:
    """Check that a quorum of the policy's signers co-signed this very checkpoint."""
    if policy.signers is None or policy.chain is None:
        return Finding.open(CERTIFICATE, "the policy names no signers who would have co-signed the checkpoint")
    try:
        given = _certificate(archive)
        signers = verify_certificate(given, log.checkpoint, policy.chain.contract, policy.signers)
    except CertificateError as error:
        return Finding.failed(CERTIFICATE, NotSoundError(bundle.CERTIFICATE, str(error)))
    except NotSoundError as error:
        return Finding.failed(CERTIFICATE, error)
    names = ", ".join(signer.name for signer in signers)
    return Finding(
        CERTIFICATE, holds=True, seen=f"co-signed by {number(len(signers), 'signer')} of the policy: {names}"
    )


def _certificate(archive: Archive) -> Certificate:
    if bundle.CERTIFICATE not in archive.members:
        raise NotSoundError(bundle.CERTIFICATE, "the policy names signers, and nobody co-signed this checkpoint")
    return Certificate.from_json(canonical(archive.read(bundle.CERTIFICATE), bundle.CERTIFICATE))


def known(log: SignedLog, trust: LogTrust) -> Finding:
    """Check that the log still begins with each checkpoint that the auditor kept; a fork is named before what lacks."""
    if not trust.checkpoints:
        return Finding.open(KNOWN, "the policy names no checkpoint that was kept before")
    try:
        kept = dict(_kept(trust))
        for item, one in kept.items():
            if log.leads_to(one.size):
                log.require_continues(one.size, one.root, item)
    except NotSoundError as error:
        return Finding.failed(KNOWN, error)
    lacking = {item: one.size for item, one in kept.items() if not log.leads_to(one.size)}
    if lacking:
        return Finding.failed(KNOWN, NotSoundError(next(iter(lacking)), _unproven(lacking.values())))
    return Finding(KNOWN, holds=True, seen=_continued([one.size for one in kept.values()]))


def _kept(trust: LogTrust) -> Iterator[tuple[str, Checkpoint]]:
    """Yield the auditor's checkpoints, each with what findings call it; raise `NotSoundError` for one that is none."""
    for place, note in enumerate(trust.checkpoints, 1):
        item = f"kept checkpoint {place}"
        checkpoint = _opened(note.encode(errors="replace"), trust, item)
        yield f"{item}, of {checkpoint.size:,} entries", checkpoint


def _unproven(sizes: Iterable[int]) -> str:
    """Say that the bundle shows no way to logs of these sizes, and how it is to be made."""
    lacking = sorted(set(sizes))
    wanted = " ".join(f"--since {size}" for size in lacking)
    which = "a log of this size" if len(lacking) == 1 else "logs of these sizes"
    return f"the bundle does not show how {which} and its own go together: have it made with {wanted}"


def anchored(log: SignedLog, policy: Policy) -> Finding:
    """Check that the log goes together with what the auditor saw anchored on the chain."""
    if policy.chain is None:
        return Finding.open(ANCHORED, "the policy names no chain on which the log would be anchored")
    on_chain = policy.chain.view.anchored
    if on_chain.size == 0:
        return Finding.open(ANCHORED, "nothing is anchored yet in the auditor's view of the chain")
    try:
        log.require_continues(on_chain.size, on_chain.root, f"the anchor of {on_chain.size:,} entries")
    except NotSoundError as error:
        return Finding.failed(ANCHORED, error)
    covered = min(on_chain.size, log.checkpoint.size)
    rest = log.checkpoint.size - covered
    behind = f"; {rest:,} newer ones rest on the log's key alone" if rest else ""
    return Finding(ANCHORED, holds=True, seen=f"the first {covered:,} entries are those anchored on the chain{behind}")


def _continued(sizes: Sequence[int]) -> str:
    if len(sizes) == 1:
        return f"continues the checkpoint of {sizes[0]:,} entries that the auditor kept"
    return f"continues {len(sizes):,} checkpoints of {min(sizes):,} to {max(sizes):,} entries that the auditor kept"
