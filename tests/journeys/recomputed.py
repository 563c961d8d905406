"""The rules of a whole log's bundle once more, in the plainest way and with other people's libraries.

`broken` says which do not hold. It shares nothing with the verifier but the sentences that terms render. Left to the
verifier's own tests: who changed an enrolment key, and who asked for an erasure or a copy of all records.
"""

import base64
import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from consent.domain.details import render
from consent.domain.receipt import Receipt
from consent.domain.terms import Terms
from consent.verifier.chain_view import ChainView

DAY: Final = 86_400
_WORDS: Final = {
    "EIP712Domain": "name string,version string,chainId uint256,verifyingContract address",
    "Details": "who string,what string,why string,until string,terms bytes32,salt bytes32",
    "Grant": "details Details,patient address,expires uint64,publish_by uint64",
    "AddressCertificate": "subject string,patient address",
}  # fmt: skip
Lines = list[dict[str, Any]]


def broken(path: Path, view: ChainView, key: bytes, receipts: Iterable[Receipt], differ: int) -> set[str]:
    """Return the names of the rules that a bundle of everything breaks.

    `key` is the log's public key, `differ` by how many seconds clocks may.
    """
    log = Log.read(path, view)
    found = {name for name, holds in [*log.foundations(), *log.releases(key)] if not holds}
    for index, entry in enumerate(log.entries):
        found |= set(log.judged(index, entry, differ))
    return found | {"receipts" for receipt in receipts if not log.fulfils(receipt)}


@dataclass(frozen=True)
class Log:
    """A bundle's files as values."""

    files: Mapping[str, bytes]
    entries: Lines
    bodies: list[bytes]
    consents: dict[str, dict[str, Any]]
    granted: dict[tuple[str, str], tuple[int, int]]
    revoked: dict[tuple[str, str], int]
    blocks: dict[tuple[str, str, str], int]
    view: ChainView

    @classmethod
    def read(cls, path: Path, view: ChainView) -> "Log":
        """Read a bundle."""
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        bodies = [line["entry"].encode() for line in _lines(files["entries.ndjson"])]
        granted: dict[tuple[str, str], tuple[int, int]] = {}
        revoked: dict[tuple[str, str], int] = {}
        blocks: dict[tuple[str, str, str], int] = {}
        for event in _lines(files["events.ndjson"]):
            key = event["patient"], event["commitment"]
            blocks.setdefault((event["kind"], *key), event["block"])
            if event["kind"] == "granted":
                granted.setdefault(key, (event["time"], event["expires"]))
            else:
                revoked.setdefault(key, event["time"])
        consents = {line["consent"]: line["signed"] for line in _lines(files["consents.ndjson"])}
        return cls(files, [json.loads(body) for body in bodies], bodies, consents, granted, revoked, blocks, view)

    def foundations(self) -> Iterator[tuple[str, bool]]:
        """Yield whether log, chain, signatures and stops are what they should be."""
        root = _root([hashlib.sha256(b"\0" + body).digest() for body in self.bodies])
        size, told = self.files["checkpoint.txt"].decode().split("\n")[1:3]
        yield "log.entries", int(size) == len(self.bodies) and base64.b64decode(told) == root
        yield "chain.history", self._history() == self.view.history
        yield "consents.signed", all(self._signed(name, told) for name, told in self.consents.items())
        yield "stops.published", all(self._published(i, e) for i, e in enumerate(self.entries) if e["action"] == "stop")

    def releases(self, key: bytes) -> Iterator[tuple[str, bool]]:
        """Yield whether each release is signed, registered and made of rows that a consent allowed, and is served."""
        made = [e for e in self.entries if self._is(e, "train", "TRAINED")]
        trained = {(e["study"], e["facts"]["release"]): e["index"] for e in made}
        for place, line in enumerate(_lines(self.files["manifests.ndjson"])):
            name, index = f"release.{line['study']}.{line['release']}", trained[line["study"], line["release"]]
            content = base64.b64decode(line["envelope"]["payload"])
            manifest, rows = json.loads(content), _lines(self.files[f"rows/{place}.ndjson"])
            model = self.view.models[bytes.fromhex(manifest["model"])]
            yield f"{name}.signed", _is_signed(line["envelope"], content, key)
            yield f"{name}.registered", self._names(self.entries[index], manifest, hashlib.sha256(content).hexdigest())
            yield f"{name}.registered", model.manifest == hashlib.sha256(content).digest()
            yield f"{name}.rows", _root([bytes.fromhex(row["leaf"]) for row in rows]).hex() == manifest["rows_root"]
            yield f"{name}.rows", all(_is_leaf(row) for row in rows) and len(rows) == manifest["rows"]
            yield f"{name}.consents", self._allowed(index, manifest, rows)
        active = [e for e in self.entries if self._is(e, "release", "ACTIVE")]
        for entry in active:
            study, release = entry["study"], entry["facts"]["release"]
            yield "chain.models", (study, release) in trained
            yield "chain.models", bytes.fromhex(entry["facts"]["model"]) in self.view.models
        newest = {e["study"]: e["facts"] for e in sorted(active, key=lambda e: e["facts"]["release"])}
        for line in _lines(self.files["served.ndjson"]):
            told = newest[line["study"]]
            yield "models.served", told["release"] == line["release"] and line["model"] in {told["model"], None}
            if line["model"] is not None:
                yield "models.served", int(self.view.models[bytes.fromhex(line["model"])].status) == 1

    @staticmethod
    def _names(training: Mapping[str, Any], manifest: Mapping[str, Any], manifest_hash: str) -> bool:
        told = {name: manifest[name] for name in ("model", "rows", "block")} | {"manifest": manifest_hash}
        return bool(told.items() <= training["facts"].items())

    def _allowed(self, index: int, manifest: Mapping[str, Any], rows: Lines) -> bool:
        """Say whether each row is of a consent of its own that was read for this training and stood at its block."""
        study, block = manifest["study"], manifest["block"]
        trainings = [i for i, e in enumerate(self.entries[:index]) if e["action"] == "train" and e["study"] == study]
        since = self.entries[max(trainings, default=-1) + 1 : index]
        read = {
            e["consent"]
            for e in since
            if self._is(e, "read", "PERMIT") and (e["operation"], e["study"]) == ("train", study)
        }
        opened = [row for row in rows if row["opening"]]
        named = [row["consent"] for row in opened]
        closed = len(rows) - len(opened) <= len(read - self.consents.keys())
        if not closed or len({*named}) != len(named) or not read >= {*named}:
            return False
        for row in opened:
            key, terms = self._key(row["consent"]), self.consents[row["consent"]]["terms"]
            stood = self.blocks["granted", *key] <= block < self.blocks.get(("revoked", *key), block + 1)
            stood = stood and self.granted[key][1] > manifest["block_time"]
            covers = terms["study"]["id"] == study and "train" in terms["operations"]
            if (row["opening"][128:168], row["opening"][168:]) != key or not (stood and covers):
                return False
        return True

    def _history(self) -> bytes:
        history = bytes(32)
        for event in _lines(self.files["events.ndjson"]):
            kind, detail = (1, event["expires"]) if event["kind"] == "granted" else (2, int(event["by"], 16))
            numbers = (
                kind,
                int(event["patient"], 16),
                int(event["commitment"], 16),
                detail,
                event["block"],
                event["time"],
            )
            history = keccak(history + b"".join(number.to_bytes(32, "big") for number in numbers))
        return history

    def _signed(self, consent: str, told: Mapping[str, Any]) -> bool:
        terms = Terms.from_json(told["terms"])
        details = render(terms, bytes.fromhex(told["salt"]))
        sentences = {"who": details.who, "what": details.what, "why": details.why, "until": details.until}
        hashes = {"terms": hashlib.sha256(_canonical(told["terms"])).digest(), "salt": bytes.fromhex(told["salt"])}
        times = {"expires": told["expires"], "publish_by": told["publish_by"]}
        grant = {"details": sentences | hashes, "patient": "0x" + told["patient"], **times}
        certificate = {"subject": terms.subject, "patient": "0x" + told["patient"]}
        index = next(i for i, e in enumerate(self.entries) if e["action"] == "grant" and e["consent"] == consent)
        enrolled = [e for e in self.entries[:index] if self._is(e, "enrol", "KEY") and e["subject"] == terms.subject]
        granted = self._who("Grant", grant, told["signature"]) == told["patient"]
        certified = self._who("AddressCertificate", certificate, told["certificate"]) == enrolled[0]["facts"]["key"]
        return bool(granted and certified and terms.subject == self.entries[index]["subject"])

    def _who(self, kind: str, message: Mapping[str, Any], compact: str) -> str:
        r, s = int(compact[:64], 16), int(compact[64:], 16)
        place = {"chainId": self.view.chain_id, "verifyingContract": "0x" + self.view.registry.hex()}
        needed = {"EIP712Domain", kind} | ({"Details"} if kind == "Grant" else set())
        types = {name: _members(_WORDS[name]) for name in needed}
        domain = {"name": "Consentry", "version": "1", **place}
        typed = {"types": types, "primaryType": kind, "domain": domain, "message": message}
        vrs = 27 + (s >> 255), r, s & ~(1 << 255)
        return str(Account.recover_message(encode_typed_data(full_message=typed), vrs=vrs))[2:].lower()

    def _key(self, consent: str) -> tuple[str, str]:
        told = self.consents[consent]
        return told["patient"], render(Terms.from_json(told["terms"]), bytes.fromhex(told["salt"])).commitment.hex()

    def _published(self, index: int, stop: Mapping[str, Any]) -> bool:
        if stop["consent"] not in self.consents:
            return True
        key, undone = self._key(stop["consent"]), {"EXPIRED_UNPUBLISHED", "REJECTED_BY_LEDGER"}
        if any(
            e["action"] == "grant" and e["consent"] == stop["consent"] and e["verdict"] in undone for e in self.entries
        ):
            return True
        late = self.view.block.time > stop["time"] + DAY
        return self.revoked[key] - stop["time"] <= DAY if key in self.revoked else not late

    def judged(self, index: int, entry: Mapping[str, Any], differ: int) -> Iterator[str]:
        """Yield the rules that one entry breaks."""
        if entry["action"] == "read" and entry["verdict"] == "PERMIT":
            yield from (
                self._counted(index, entry) if entry["operation"] == "count" else self._read(index, entry, differ)
            )
            if any(self._is(e, "erase", "BLOCKED") and e["subject"] == entry["subject"] for e in self.entries[:index]):
                yield "access.blocked"
        elif entry["action"] == "predict" and entry["verdict"] == "PREDICTED" and not self._rests(index, entry):
            yield "predictions"

    def _counted(self, index: int, entry: Mapping[str, Any]) -> Iterator[str]:
        said = [
            e["verdict"] for e in self.entries[:index] if e["action"] == "prefer" and e["subject"] == entry["subject"]
        ]
        if said[-1:] != ["COUNTED"]:
            yield "access.consented"

    def _read(self, index: int, entry: Mapping[str, Any], differ: int) -> Iterator[str]:
        before, time = self.entries[:index], entry["time"]
        if any(e["action"] == "stop" and e["consent"] == entry["consent"] for e in before):
            yield "access.stopped"
        approved = [e["verdict"] for e in before if e["action"] == "approve" and e.get("study") == entry["study"]]
        granted = [e for e in before if self._is(e, "grant", "PERMIT") and e["consent"] == entry["consent"]]
        covered = "APPROVED" in approved and "CLOSED" not in approved and bool(granted)
        told = self.consents.get(entry["consent"])
        if told is None:
            if not any(self._is(e, "erase", "KEY_DELETED") and e["subject"] == entry["subject"] for e in self.entries):
                covered = False
        else:
            terms, key = told["terms"], self._key(entry["consent"])
            covered = covered and terms["subject"] == entry["subject"] and terms["study"]["id"] == entry["study"]
            covered = (
                covered
                and entry["operation"] in terms["operations"]
                and set(entry["categories"]) <= set(terms["categories"])
            )
            covered = covered and key in self.granted and self.granted[key][0] <= time + differ
            if told["expires"] <= time:
                yield "access.expired"
            if key in self.revoked and self.revoked[key] < time - differ:
                yield "access.stopped"
        if not covered:
            yield "access.consented"

    def _rests(self, index: int, entry: Mapping[str, Any]) -> bool:
        same = ("actor", "subject", "study", "consent")
        reads = [e for e in self.entries[:index] if self._is(e, "read", "PERMIT") and e["operation"] == "predict"]
        told = [e for e in self.entries[:index] if self._is(e, "predict", "PREDICTED")]
        asked = sum(all(e[name] == entry[name] for name in same) for e in reads)
        answered = sum(all(e[name] == entry[name] for name in same) for e in told)
        facts = entry["facts"]["release"], entry["facts"]["model"]
        released = [
            e for e in self.entries[:index] if self._is(e, "release", "ACTIVE") and e["study"] == entry["study"]
        ]
        return asked > answered and any((e["facts"]["release"], e["facts"]["model"]) == facts for e in released)

    def fulfils(self, receipt: Receipt) -> bool:
        """Say whether what a receipt acknowledges is in the log, and was kept."""
        if receipt.index >= len(self.bodies):
            return False
        entry = self.entries[receipt.index]
        leaf = hashlib.sha256(b"\0" + self.bodies[receipt.index]).hexdigest()
        same = leaf == receipt.leaf and (entry["action"], entry["subject"]) == (receipt.action, receipt.subject)
        if receipt.action == "erase":
            return same and entry["verdict"] in {"BLOCKED", "FINAL"}
        key, late = (receipt.patient, receipt.commitment), self.view.block.time > receipt.time + DAY
        if receipt.action == "stop":
            return same and (self.revoked[key] - receipt.time <= DAY if key in self.revoked else not late)
        return same

    @staticmethod
    def _is(entry: Mapping[str, Any], action: str, verdict: str) -> bool:
        return (entry["action"], entry.get("verdict")) == (action, verdict)


def _members(words: str) -> list[dict[str, str]]:
    return [{"name": word.split()[0], "type": word.split()[1]} for word in words.split(",")]


def _is_signed(envelope: Mapping[str, Any], content: bytes, key: bytes) -> bool:
    kind = envelope["payloadType"].encode()
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(content), content)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(envelope["signatures"][0]["sig"]), message)
    except InvalidSignature:
        return False
    return True


def _is_leaf(row: Mapping[str, Any]) -> bool:
    told = row["opening"]
    return told is None or hashlib.sha256(b"\0" + bytes.fromhex(told)).hexdigest() == row["leaf"]


def _lines(content: bytes) -> Lines:
    return [json.loads(line) for line in content.splitlines()]


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + _root(leaves[:split]) + _root(leaves[split:])).digest()
