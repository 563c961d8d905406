"""A bundle's lines, each read strictly: canonical JSON (RFC 8785) with exactly the members that its file has."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from consent.domain import bundle
from consent.domain.bundle import is_count, is_hex
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json, NotCanonicalError, canonical_json
from consent.domain.history import Event, Granted, Revoked
from consent.domain.manifest import InvalidManifestError, Manifest
from consent.domain.receipt import InvalidReceiptError, Receipt
from consent.domain.signed_consent import SignedConsent
from consent.domain.typed_data import Address
from consent.verifier.archive import Archive
from consent.verifier.findings import NotSoundError

STUDY: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
DEEPEST: Final = 32
_TEXTS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A text without an end goes to the end: looked for anew from each of its quotes, it would take hours."""
_BRACKETS: Final = re.compile(rb"[\[\]{}]")
_EVENT: Final = {"kind", "patient", "commitment", "block", "time"}
_NAMES: Final = {"version", "chain_id", "registry", "model_registry", "log_anchor"}


@dataclass(frozen=True, slots=True)
class ChainName:
    """Of which chain a bundle tells; contracts by address."""

    chain_id: int
    registry: Address
    model_registry: Address
    log_anchor: Address


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """A release's manifest, and its envelope, which is empty for one of version 1."""

    study: str
    release: int
    manifest: Mapping[str, Any] | None
    envelope: bytes

    @property
    def item(self) -> str:
        """What findings call it."""
        return f"release {self.study}/{self.release}"


@dataclass(frozen=True, slots=True)
class RowLine:
    """A training row's leaf, what it stands for and the consent's id; None where its person was erased."""

    leaf: bytes
    opening: bytes | None
    consent: str | None


@dataclass(frozen=True, slots=True)
class ServedLine:
    """What an installation serves of a study: the release's number and the SHA-256 of its bytes, hex; or None now."""

    study: str
    release: int
    model: str | None


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """One signed consent by its id."""

    id: str
    signed: SignedConsent


def is_deep(content: bytes) -> bool:
    """Say whether JSON nests deeper than any file of a bundle does: who reads on must not run out of stack."""
    if content.count(b"[") + content.count(b"{") <= DEEPEST:
        return False
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_TEXTS.sub(b"", content)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest > DEEPEST


def canonical(content: bytes, item: str) -> Any:  # noqa: ANN401  # what it is, the caller finds out
    """Return the value of canonical JSON; raise `NotSoundError` for anything else."""
    if is_deep(content):
        raise NotSoundError(item, "it nests deeper than anything that belongs here")
    try:
        value = json.loads(content.decode())
        exact = canonical_json(value) == content
    except (ValueError, RecursionError, NotCanonicalError) as error:
        raise NotSoundError(item, "this is no JSON as RFC 8785 writes it") from error
    if not exact:
        raise NotSoundError(item, "this is no JSON as RFC 8785 writes it")
    return value


def members(value: object, names: Collection[str], item: str) -> Mapping[str, Any]:
    """Return an object with exactly these members."""
    if not isinstance(value, dict) or value.keys() != set(names):
        raise NotSoundError(item, "it has not exactly the members that belong here")
    return value


def require(sound: object, item: str) -> None:
    """Raise `NotSoundError` unless every member is of its kind."""
    if not sound:
        raise NotSoundError(item, "a member is of another kind than belongs here")


def objects(archive: Archive, name: str) -> Iterator[tuple[str, Any]]:
    """Yield where each line of a file stands, and its value."""
    for number, line in enumerate(archive.lines(name), 1):
        item = f"{name} line {number}"
        yield item, canonical(line, item)


def chain_name(archive: Archive) -> ChainName:
    """Read chain.json."""
    item = bundle.CHAIN
    value = members(canonical(archive.read(item), item), _NAMES, item)
    addresses = [value[name] for name in ("registry", "model_registry", "log_anchor")]
    require(value["version"] == 1 and all(is_hex(address, 40) for address in addresses), item)
    require(is_count(value["version"]) and is_count(value["chain_id"]), item)
    return ChainName(value["chain_id"], *(Address(bytes.fromhex(each)) for each in addresses))


def consistency(archive: Archive) -> Iterator[tuple[int, int, list[bytes]]]:
    """Yield consistency.ndjson: an old size, a new one, and the proof between them."""
    for item, value in objects(archive, bundle.CONSISTENCY):
        line = members(value, {"old", "new", "proof"}, item)
        require(is_count(line["old"]) and is_count(line["new"]), item)
        yield line["old"], line["new"], hashes(line["proof"], item)


def hashes(value: object, item: str) -> list[bytes]:
    """Return a list of hashes, 32 bytes each."""
    require(isinstance(value, list) and len(value) <= 128, item)  # noqa: PLR2004  # two paths of 64 levels
    assert isinstance(value, list)  # noqa: S101  # as required above
    require(all(is_hex(one, 64) for one in value), item)
    return [bytes.fromhex(one) for one in value]


def events(archive: Archive) -> Iterator[tuple[str, Event]]:
    """Yield events.ndjson, each event with where it stands."""
    for item, value in objects(archive, bundle.EVENTS):
        yield item, _event(value, item)


def _event(value: object, item: str) -> Event:
    kind = value.get("kind") if isinstance(value, dict) else None
    detail = {"granted": "expires", "revoked": "by"}.get(str(kind), "")
    line = members(value, _EVENT | {detail}, item)
    require(is_hex(line["patient"], 40) and is_hex(line["commitment"], 64), item)
    require(is_count(line["block"]) and is_count(line["time"]), item)
    key = Address(bytes.fromhex(line["patient"])), bytes.fromhex(line["commitment"])
    if kind == "granted":
        return Granted(*key, _expires(line[detail], item), line["block"], line["time"])
    require(is_hex(line[detail], 40), item)
    return Revoked(*key, Address(bytes.fromhex(line[detail])), line["block"], line["time"])


def _expires(value: object, item: str) -> int:
    """Return a grant's end; strangers may publish one that JSON's numbers do not hold, which is decimal text."""
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{15,19}", value) and 2**53 <= int(value) < 2**64:
        return int(value)
    require(is_count(value), item)
    assert isinstance(value, int)  # noqa: S101  # as required above
    return value


def consents(archive: Archive) -> Iterator[ConsentLine]:
    """Yield consents.ndjson; a consent that cannot be read is named by its line."""
    for item, value in objects(archive, bundle.CONSENTS):
        line = members(value, {"consent", "signed"}, item)
        require(is_hex(line["consent"], 32), item)
        signed = _signed(line["signed"], f"consent {line['consent']}")
        yield ConsentLine(line["consent"], signed)


def _signed(value: Json, item: str) -> SignedConsent:
    try:
        content = canonical_json(value)
        signed = SignedConsent.from_bytes(content)
        exact = signed.to_bytes() == content
    except (ConsentError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise NotSoundError(item, "its terms, or what was signed of them, cannot be read") from error
    lengths = [len(part) for part in (signed.salt, signed.patient, signed.signature, signed.certificate)]
    times = is_count(signed.expires) and is_count(signed.publish_by)
    if not exact or [*lengths, len(signed.entry_key)] != [32, 20, 64, 64, 32] or not times:
        raise NotSoundError(item, "its terms, or what was signed of them, are not as they are written")
    return signed


def manifests(archive: Archive) -> Iterator[ManifestLine]:
    """Yield manifests.ndjson; who signed an envelope, and whether it holds its manifest, is not looked at here."""
    for item, value in objects(archive, bundle.MANIFESTS):
        content = "manifest" if isinstance(value, dict) and "manifest" in value else "envelope"
        line = members(value, {"study", "release", content}, item)
        require(_is_study(line["study"]) and is_count(line["release"]) and isinstance(line[content], dict), item)
        envelope = canonical_json(line[content]) if content == "envelope" else b""
        yield ManifestLine(line["study"], line["release"], None if envelope else line[content], envelope)


def manifest_of(content: bytes, item: str) -> Manifest:
    """Return the manifest that bytes spell; raise `NotSoundError` unless it writes them again."""
    try:
        return Manifest.from_json(canonical(content, item))
    except InvalidManifestError as error:
        raise NotSoundError(item, str(error)) from error


def rows(archive: Archive, place: int) -> Iterator[tuple[str, RowLine]]:
    """Yield the rows of the manifest on line `place`, counted from 0."""
    for item, value in objects(archive, bundle.rows_of(place)):
        line = members(value, {"leaf", "opening", "consent"}, item)
        opening, consent = line["opening"], line["consent"]
        require(is_hex(line["leaf"], 64) and (opening is None or is_hex(opening, 232)), item)
        require(consent is None or (opening is not None and is_hex(consent, 32)), item)
        yield item, RowLine(bytes.fromhex(line["leaf"]), None if opening is None else bytes.fromhex(opening), consent)


def receipts(archive: Archive) -> Iterator[Receipt]:
    """Yield receipts.ndjson."""
    for item, value in objects(archive, bundle.RECEIPTS):
        try:
            yield Receipt.from_json(value)
        except InvalidReceiptError as error:
            raise NotSoundError(item, str(error)) from error


def served(archive: Archive) -> Iterator[ServedLine]:
    """Yield served.ndjson, sorted by study."""
    before = ""
    for item, value in objects(archive, bundle.SERVED):
        line = members(value, {"study", "release", "model"}, item)
        require(_is_study(line["study"]) and is_count(line["release"]), item)
        require(line["model"] is None or is_hex(line["model"], 64), item)
        require(line["study"] > before, item)
        before = line["study"]
        yield ServedLine(**line)


def _is_study(value: object) -> bool:
    return isinstance(value, str) and STUDY.fullmatch(value) is not None
