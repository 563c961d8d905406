"""Each page of docs/spec opens with the bytes of an example: here they are computed again."""

import hashlib
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.adapters.signing import WalletKey
from consent.domain.bundle import CHECKPOINT as CHECKPOINT_FILE
from consent.domain.bundle import CONSISTENCY, CONTENTS, RECEIPTS, SIGNATURE, Contents, FileFacts, Kind
from consent.domain.bundle import ENTRIES as ENTRIES_FILE
from consent.domain.checkpoint import Checkpoint
from consent.domain.data_use import DataUse
from consent.domain.details import render
from consent.domain.dsse import MANIFEST_TYPE
from consent.domain.dsse import sign as sign_envelope
from consent.domain.entry import PERMIT, Action, Entry, blinded
from consent.domain.grant import AddressCertificate, Grant
from consent.domain.hashing import Json, canonical_json
from consent.domain.history import EMPTY_HISTORY, Granted, Revoked, fold
from consent.domain.manifest import Manifest, Opening, rows_root
from consent.domain.merkle import inclusion_proof, tree_root
from consent.domain.note import sign as sign_note
from consent.domain.receipt import Receipt
from consent.domain.shared_paths import PathMaker
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, Terms, Window
from consent.domain.typed_data import Address, SigningDomain
from consent.ports import Anchored, Head
from consent.signatures import verifies
from consent.verifier.certificate import (
    AnchorContract,
    Certificate,
    Signer,
    aggregate,
    certificate_message,
    verify_certificate,
)
from consent.verifier.chain_view import CONTRACTS, ChainView
from consent.verifier.policy import LogTrust, Policy
from consent.verifier.run import verify
from vault import DecryptionError, cobblestone

SPEC: Final = Path("docs/spec")
DOMAIN: Final = SigningDomain(31337, Address(bytes.fromhex("c0" * 20)))
SALT: Final = bytes(range(32))
ANCHOR: Final = AnchorContract(DOMAIN.chain_id, Address(bytes.fromhex("a0" * 20)))
SIGNERS: Final = [Signer.from_seed(bytes([seed]) * 32) for seed in (7, 8)]
VIEW: Final = ChainView(
    DOMAIN.chain_id, DOMAIN.contract, Address(bytes.fromhex("b0" * 20)), ANCHOR.address,
    Head(40, b"\x02" * 32, 1_799_990_190), bytes(32), Anchored(0, hashlib.sha256(b"").digest()), {},
    dict.fromkeys(CONTRACTS, bytes(32)),
)  # fmt: skip
WALLET, ENROLMENT = WalletKey(b"\x01" * 32), WalletKey(b"\x02" * 32)
SUBJECT: Final = SubjectId("0123456789abcdef" * 2)
CONSENT: Final = "00112233445566778899aabbccddeeff"
TERMS: Final = Terms(
    subject=SUBJECT,
    study=StudyReference("sepsis-2027", "Who gets sepsis?", "General Hospital"),
    data_use=DataUse(health_research=True, non_profit_only=True),
    operations=frozenset({Operation.TRAIN}),
    categories=frozenset({Category.LABORATORY, Category.DEMOGRAPHICS}),
    window=Window(date(1990, 1, 1), date(1994, 1, 31)),
    expires=datetime(2028, 3, 1, tzinfo=UTC),
    language="en",
    text_hash="ab" * 32,
)
DETAILS: Final = render(TERMS, SALT)
GRANT: Final = Grant(DETAILS, WALLET.address, int(TERMS.expires.timestamp()), 1_800_000_000)
ORIGIN: Final = "consentry.example/log"
LOG_KEY: Final = Ed25519PrivateKey.from_private_bytes(b"\x03" * 32)
ENTRIES: Final = (
    Entry(1_799_990_000, "patient", Action.ENROL, "KEY", SUBJECT, facts={"key": ENROLMENT.address.hex()}),
    Entry(
        1_799_990_100,
        "patient",
        Action.GRANT,
        PERMIT,
        SUBJECT,
        "sepsis-2027",
        categories=("demographics", "laboratory"),
        consent=CONSENT,
        private=blinded(b"\x04" * 32, DETAILS.commitment, WALLET.address),
    ),
    Entry(
        1_799_990_200,
        "study:sepsis-2027",
        Action.READ,
        PERMIT,
        SUBJECT,
        "sepsis-2027",
        "train",
        ("demographics", "laboratory"),
        CONSENT,
    ),
)
PLACED: Final = [entry.placed(index) for index, entry in enumerate(ENTRIES)]
LEAVES: Final = [entry.leaf for entry in PLACED]
CHECKPOINT: Final = Checkpoint(ORIGIN, 3, tree_root(LEAVES))
OPENING: Final = Opening(b"\x05" * 32, b"\x06" * 32, WALLET.address, DETAILS.commitment)
MANIFEST: Final = Manifest(
    study="sepsis-2027",
    release=1,
    chain_id=DOMAIN.chain_id,
    registry=DOMAIN.contract.hex(),
    block=40,
    block_hash="02" * 32,
    block_time=1_799_990_190,
    rows=1,
    rows_root=rows_root([OPENING.leaf()]).hex(),
    dictionary="04" * 32,
    parameters={"seed": 0},
    code={"xgboost": "3.2.0"},
    model="05" * 32,
    cohort="06" * 32,
    evaluation="07" * 32,
    gate="08" * 32,
)


def registry() -> str:
    granted = Granted(WALLET.address, GRANT.commitment, GRANT.expires, 7, 1_799_990_150)
    revoked = Revoked(WALLET.address, GRANT.commitment, WALLET.address, 9, 1_799_999_000)
    return lines(
        ("domain separator", DOMAIN.separator.hex()),
        ("commitment", GRANT.commitment.hex()),
        ("patient", WALLET.address.hex()),
        ("digest of the grant", GRANT.digest(DOMAIN).hex()),
        ("signature", WALLET.sign(GRANT.digest(DOMAIN)).hex()),
        ("history after it, block 7", fold(EMPTY_HISTORY, [granted]).hex()),
        ("and its revocation, block 9", fold(EMPTY_HISTORY, [granted, revoked]).hex()),
    )


def terms() -> str:
    certificate = AddressCertificate(SUBJECT, WALLET.address, b"")
    return lines(
        ("terms", json.dumps(TERMS.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)),
        ("SHA-256", TERMS.hash().hex()),
        ("who", DETAILS.who),
        ("what", DETAILS.what),
        ("why", DETAILS.why),
        ("until", DETAILS.until),
        ("salt", SALT.hex()),
        ("commitment", DETAILS.commitment.hex()),
        ("address certificate", ENROLMENT.sign(certificate.digest(DOMAIN)).hex()),
    )


def log() -> str:
    proof = inclusion_proof(LEAVES, 2)
    shared = PathMaker(3, lambda wanted: [tree_root(LEAVES[p << level : (p + 1) << level]) for level, p in wanted])
    return lines(
        *((f"entry {entry.index}", entry.body.decode()) for entry in PLACED),
        *((f"leaf {entry.index}", entry.leaf.hex()) for entry in PLACED),
        ("root", CHECKPOINT.root.hex()),
        ("inclusion of 2", " ".join(one.hex() for one in proof)),
        *(
            (f"shared path of {index}", " ".join(one.hex() for one in path) or "(nothing)")
            for index, path in enumerate(shared.proofs(range(3)))
        ),
    )


def checkpoint() -> str:
    return sign_note(CHECKPOINT.to_text(), ORIGIN, LOG_KEY.public_key().public_bytes_raw(), LOG_KEY.sign)


def certificate() -> str:
    return lines(
        ("message", certificate_message(CHECKPOINT, ANCHOR).hex()),
        *((f"key {place}", signer.public_key.hex()) for place, signer in enumerate(SIGNERS)),
        ("certificate", _certificate(aggregate([signer.sign(CHECKPOINT, ANCHOR) for signer in SIGNERS]))),
    )


def _certificate(signature: bytes) -> str:
    value = {"bitmap": "03", "registry_version": 1, "signature": signature.hex(), "version": 1}
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def manifest() -> str:
    envelope = sign_envelope(MANIFEST.to_bytes(), MANIFEST_TYPE, LOG_KEY.public_key().public_bytes_raw(), LOG_KEY.sign)
    return lines(
        ("opening", OPENING.to_bytes().hex()),
        ("leaf", OPENING.leaf().hex()),
        ("manifest", MANIFEST.to_bytes().decode()),
        ("SHA-256, on chain", MANIFEST.hash().hex()),
        ("envelope", envelope.decode()),
    )


def lines(*pairs: tuple[str, str]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in pairs)


RECEIPT: Final = Receipt(
    ORIGIN,
    "grant",
    SUBJECT,
    DETAILS.commitment.hex(),
    WALLET.address.hex(),
    "patient",
    1_799_990_100,
    1,
    LEAVES[1].hex(),
)


def bundle() -> str:
    """Return a receipt's bundle, file by file."""
    return "".join(f"== {name}\n{content.decode()}" for name, content in bundle_files().items())


def bundle_files() -> dict[str, bytes]:
    signed = replace(RECEIPT, signature=LOG_KEY.sign(RECEIPT.signed_bytes()).hex())
    maker = PathMaker(3, lambda wanted: [tree_root(LEAVES[p << level : (p + 1) << level]) for level, p in wanted])
    proof: list[Json] = [one.hex() for one in maker.proof(1)]
    shown: dict[str, Json] = {"index": 1, "entry": PLACED[1].body.decode(), "proof": proof}
    files = {
        CHECKPOINT_FILE: checkpoint().encode(),
        CONSISTENCY: b"",
        ENTRIES_FILE: canonical_json(shown) + b"\n",
        RECEIPTS: canonical_json(signed.to_json()) + b"\n",
    }
    facts = {name: FileFacts(len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()}
    contents = Contents(Kind.RECEIPT, {"index": 1}, ORIGIN, 1_800_000_000, 3, facts)
    signature = LOG_KEY.sign(contents.signed_bytes()).hex().encode() + b"\n"
    return {CONTENTS: contents.to_bytes() + b"\n", SIGNATURE: signature, **files}


EXAMPLES: Final[dict[str, Callable[[], str]]] = {
    "registry": registry,
    "terms": terms,
    "log": log,
    "checkpoint": checkpoint,
    "certificate": certificate,
    "manifest": manifest,
    "bundle": bundle,
}


def example(page: str) -> str:
    text = (SPEC / f"{page}.md").read_text()
    opening = re.match(r"# [^\n]+\n\n```[a-z]*\n(.*?)```\n", text, re.DOTALL)
    assert opening, f"docs/spec/{page}.md opens with its example"
    return opening[1]


@pytest.mark.parametrize("page", EXAMPLES)
def test_a_page_opens_with_the_bytes_of_an_example(page: str) -> None:
    assert example(page) == EXAMPLES[page]()


def test_the_record_of_the_page_opens_with_the_key_that_stands_there_and_no_other() -> None:
    told = dict(line.split(": ", 1) for line in example("record").splitlines())
    sealed, context = bytes.fromhex(told["sealed"]), bytes.fromhex(told["context"])
    assert sealed[0] == 1
    assert cobblestone.decrypt(bytes.fromhex(told["key"]), sealed[1:], context).decode() == told["plaintext"]
    with pytest.raises(DecryptionError):
        cobblestone.decrypt(hashlib.sha256(b"another").digest(), sealed[1:], context)


def test_the_bundle_of_the_page_holds_for_whoever_trusts_the_key_of_the_checkpoints_page(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in bundle_files().items():
            member = zipfile.ZipInfo(name)
            member.compress_type, member.create_system, member.external_attr = zipfile.ZIP_DEFLATED, 3, 0o600 << 16
            archive.writestr(member, content.rstrip(b"\n") if name == CONTENTS else content)
    policy = Policy(LogTrust(ORIGIN, (LOG_KEY.public_key().public_bytes_raw(),)))
    found = list(verify(path, policy))
    assert [one.name for one in found if one.holds is False] == []
    assert {one.name for one in found if one.holds} >= {"bundle.files", "log.entries", "receipts"}


def test_the_policy_of_the_page_reads_and_names_what_the_other_pages_show(tmp_path: Path) -> None:
    (tmp_path / "auditor.toml").write_text(example("policy"))
    (tmp_path / "chain-view.json").write_bytes(VIEW.to_bytes())
    (tmp_path / "checkpoint-3.txt").write_text(checkpoint())
    policy = Policy.read(tmp_path / "auditor.toml")
    assert policy.log.keys == (LOG_KEY.public_key().public_bytes_raw(),)
    assert policy.log.open(policy.log.checkpoints[0], verifies) == CHECKPOINT
    assert policy.chain is not None
    assert policy.chain.contract == ANCHOR
    told = json.loads(example("certificate").split("certificate: ")[1])
    assert policy.signers is not None
    certificate = Certificate(told["registry_version"], bytes.fromhex(told["bitmap"]), bytes.fromhex(told["signature"]))
    assert len(verify_certificate(certificate, CHECKPOINT, ANCHOR, policy.signers)) == len(SIGNERS)


def test_every_page_has_an_example_that_is_checked() -> None:
    pages = {page.stem for page in SPEC.glob("*.md")} - {"README"}
    assert pages == {*EXAMPLES, "record", "policy"}
