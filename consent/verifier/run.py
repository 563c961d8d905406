"""All checks of a bundle, in their order.

    for finding in verify(path, Policy.read(Path("auditor.toml"))):
        print(finding.name, finding.holds, finding.seen)

The archive and its table of contents come first, then the log's checkpoint: without those nothing else is looked at.
The rules are checked in one pass over the entries. What rests on something that does not hold is open, not passed.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from consent.domain import bundle
from consent.domain.bundle import Contents, InvalidBundleError, Kind, is_hex
from consent.domain.note import SIGNATURE_BYTES
from consent.domain.receipt import Receipt
from consent.signatures import verifies
from consent.verifier import chain_checks, log_checks
from consent.verifier.archive import MOST_BYTES, Archive, opened
from consent.verifier.chain_checks import told_chain
from consent.verifier.consent_checks import SIGNED
from consent.verifier.findings import Finding, NotSoundError, number
from consent.verifier.log_checks import SignedLog, signed_log
from consent.verifier.model_rules import NAME as MODELS
from consent.verifier.policy import LogTrust, Policy
from consent.verifier.receipt_checks import ReceiptRules
from consent.verifier.rule_book import ENTRIES, RuleBook, shown_entries
from consent.verifier.story import Story

FORM: Final = "bundle.form"
SIGNED_BY: Final = "bundle.signed"
FILES: Final = "bundle.files"
CHECKPOINT: Final = "log.checkpoint"
_ORDER: Final = (
    bundle.CONTENTS, bundle.SIGNATURE, bundle.CHECKPOINT, bundle.CERTIFICATE, bundle.CONSISTENCY, bundle.CHAIN,
    bundle.EVENTS, bundle.CONSENTS, bundle.ENTRIES, bundle.MANIFESTS, "rows/", bundle.RECEIPTS, bundle.SERVED,
)  # fmt: skip


def verify(path: Path, policy: Policy, receipts: Iterable[Receipt] = ()) -> Iterator[Finding]:
    """Yield what is found of a bundle, check by check; `receipts` are the ones that patients handed in.

    Raises `UnreadableBundleError` where no file can be read, and `NodeError` where the policy's node says no more.
    """
    name = FORM
    try:
        with opened(path) as archive:
            contents = _contents(archive)
            yield Finding(FORM, holds=True, seen=_scope(contents))
            name = SIGNED_BY
            yield _signed(archive, contents, policy.log)
            name = FILES
            yield _files(archive, contents)
            name = CHECKPOINT
            log = signed_log(archive, contents, policy.log)
            size = number(log.checkpoint.size, "entry", "entries")
            yield Finding(CHECKPOINT, holds=True, seen=f"{policy.log.origin} signed {size}")
            yield from _of_log(archive, contents, log, policy, list(receipts))
    except NotSoundError as error:
        yield Finding.failed(name, error)


def _contents(archive: Archive) -> Contents:
    if bundle.CONTENTS not in archive.members:
        raise NotSoundError(bundle.CONTENTS, "the archive has no table of contents: it is no bundle")
    try:
        contents = Contents.from_bytes(archive.read(bundle.CONTENTS))
    except InvalidBundleError as error:
        raise NotSoundError(bundle.CONTENTS, str(error)) from error
    unlisted = {bundle.CONTENTS, bundle.SIGNATURE}
    sizes = {name: member.size for name, member in archive.members.items() if name not in unlisted}
    for name in [*contents.files, *sizes]:
        if sizes.get(name) != (contents.files[name].bytes if name in contents.files else None):
            raise NotSoundError(name, "archive and table of contents do not have the same files of the same lengths")
    if list(archive.members) != sorted(archive.members, key=_place) or sum(sizes.values()) > MOST_BYTES:
        raise NotSoundError("the archive", "its files do not stand in their order, or unpack to more than 16 GiB")
    return contents


def _place(name: str) -> tuple[int, int]:
    folder, _, rest = name.rpartition("/")
    return (_ORDER.index("rows/"), int(rest.split(".")[0])) if folder else (_ORDER.index(name), 0)


def _scope(contents: Contents) -> str:
    scope = contents.scope
    if contents.kind is Kind.PERIOD:
        return f"evidence of all entries from {scope['first']:,} up to but not including {scope['last']:,}"
    return f"evidence of the {contents.kind.value} {next(iter(scope.values()))}"


def _signed(archive: Archive, contents: Contents, trust: LogTrust) -> Finding:
    """Check that one of the log's keys signed the table of contents, and with it the hash of every file."""
    item = bundle.SIGNATURE
    if item not in archive.members:
        raise NotSoundError(item, "the table of contents is not signed: get the bundle again")
    written = archive.read(item)
    text = written[:-1].decode("ascii", errors="replace")
    if written[-1:] != b"\n" or not is_hex(text, 2 * SIGNATURE_BYTES):
        raise NotSoundError(item, "a signature is 128 hex digits and a line feed")
    message, signature = contents.signed_bytes(), bytes.fromhex(text)
    if not any(verifies(key, message, signature) for key in trust.keys):
        raise NotSoundError(item, "none of the log's keys signed this table of contents")
    return Finding(SIGNED_BY, holds=True, seen="the log key signed the table of contents")


def _files(archive: Archive, contents: Contents) -> Finding:
    for name, facts in contents.files.items():
        if archive.digest(name) != facts.sha256:
            raise NotSoundError(name, "its SHA-256 is another than the table of contents says")
    return Finding(FILES, holds=True, seen=f"{number(len(contents.files), 'file')}, each with its SHA-256")


def _of_log(
    archive: Archive, contents: Contents, log: SignedLog, policy: Policy, brought: list[Receipt]
) -> Iterator[Finding]:
    yield log_checks.certificate(archive, log, policy)
    yield log_checks.known(log, policy.log)
    yield log_checks.anchored(log, policy)
    if contents.kind is Kind.RECEIPT:
        yield from _of_receipt(archive, contents, log, policy, brought)
    else:
        yield from _of_rules(archive, contents, log, policy, brought)


def _of_receipt(
    archive: Archive, contents: Contents, log: SignedLog, policy: Policy, brought: list[Receipt]
) -> Iterator[Finding]:
    rules = ReceiptRules(policy.log, policy.rules, Story(), None, None)
    try:
        for entry in shown_entries(archive, contents, log, rules, brought):
            rules.take(entry)
    except NotSoundError as error:
        yield Finding.failed(ENTRIES, error)
        yield _resting("receipts", ENTRIES)
        return
    yield Finding(ENTRIES, holds=True, seen="the receipt's entry is in the log")
    yield rules.finding()


def _of_rules(
    archive: Archive, contents: Contents, log: SignedLog, policy: Policy, brought: list[Receipt]
) -> Iterator[Finding]:
    """Check the rules; the log's entries are reported before the chain, though they are read after it."""
    try:
        chain = told_chain(archive, policy.chain)
    except NotSoundError as error:
        yield Finding.failed(chain_checks.IDENTITY, error)
        return
    read = [chain_checks.identity(chain), chain_checks.read_events(archive, chain), chain_checks.history(chain)]
    book = RuleBook.of(archive, contents, log, policy, chain)
    shown = book.read(brought)
    yield shown
    yield from read
    broken = next((one.name for one in [shown, *read] if one.holds is False), "")
    if shown.holds is False or read[1].holds is False:
        yield from (_resting(name, broken) for name in _RULES)
        return
    for finding in book.findings():
        yield _resting(finding.name, broken) if broken and finding.holds else finding


def _resting(name: str, broken: str) -> Finding:
    return Finding.open(name, f"rests on {broken}, which does not hold")


_RULES: Final = (
    MODELS, SIGNED, "keys.history", "access.consented", "access.expired", "access.stopped", "access.blocked",
    "access.own", "predictions", "stops.published", "erasures", "releases", "models.served", "receipts",
)  # fmt: skip
