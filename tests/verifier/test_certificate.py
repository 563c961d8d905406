"""Certificates of co-signers: what makes a quorum, and all that does not. A pairing takes 0.3 s: few get that far."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from consent.domain.checkpoint import Checkpoint
from consent.domain.typed_data import Address
from consent.verifier.certificate import (
    AnchorContract,
    Certificate,
    CertificateError,
    InvalidPolicyError,
    InvalidSignerError,
    RegisteredSigner,
    Signer,
    SignerPolicy,
    aggregate,
    certificate_message,
    verify_certificate,
)

Junk = Any  # what a stranger may send

VECTORS: Final = json.loads((Path(__file__).parents[1] / "vectors" / "certificate.json").read_text())
CHECKPOINT: Final = Checkpoint.from_text(VECTORS["checkpoint"])
ANCHOR: Final = AnchorContract(VECTORS["chain_id"], Address(bytes.fromhex(VECTORS["contract"])))
IDENTITY: Final = bytes.fromhex("c0" + "00" * 47)
OUTSIDE_THE_SUBGROUP: Final = bytes.fromhex("80" + "00" * 46 + "04")
"""x = 4 is on the curve, but not of the prime order."""


def _registered(fields: dict[str, Any]) -> RegisteredSigner:
    key, proof = bytes.fromhex(fields["public_key"]), bytes.fromhex(fields["proof"])
    return RegisteredSigner(fields["name"], fields["group"], key, proof, fields["revoked"])


@pytest.fixture(scope="module")
def policy() -> SignerPolicy:
    """The auditor's: two hospitals of which one is needed, a patients' league, and a clinic that was revoked."""
    signers = tuple(_registered(fields) for fields in VECTORS["signers"])
    return SignerPolicy(VECTORS["version"], signers, VECTORS["quorum"])


def _certificate(vector: dict[str, Any]) -> Certificate:
    return Certificate(vector["registry_version"], bytes.fromhex(vector["bitmap"]), bytes.fromhex(vector["signature"]))


@pytest.mark.parametrize("vector", VECTORS["certificates"], ids=lambda vector: re.sub(r"\W+", "-", vector["name"]))
def test_a_certificate_holds_exactly_where_it_should(vector: dict[str, Any], policy: SignerPolicy) -> None:
    if vector["holds"]:
        signers = verify_certificate(_certificate(vector), CHECKPOINT, ANCHOR, policy)
        assert policy.bitmap(signer.name for signer in signers).hex() == vector["bitmap"]
        return
    with pytest.raises(CertificateError):
        verify_certificate(_certificate(vector), CHECKPOINT, ANCHOR, policy)


def test_the_message_is_the_published_one() -> None:
    assert certificate_message(CHECKPOINT, ANCHOR).hex() == VECTORS["message"]


def test_a_certificate_of_one_checkpoint_is_none_of_another(policy: SignerPolicy) -> None:
    others = [
        (replace(CHECKPOINT, size=CHECKPOINT.size + 1), ANCHOR),
        (replace(CHECKPOINT, root=bytes(32)), ANCHOR),
        (replace(CHECKPOINT, origin="consentry.example/lo"), ANCHOR),
        (CHECKPOINT, replace(ANCHOR, chain_id=1)),
        (CHECKPOINT, replace(ANCHOR, address=Address(bytes(20)))),
    ]
    assert len({certificate_message(*other) for other in others} | {certificate_message(CHECKPOINT, ANCHOR)}) == 6
    with pytest.raises(CertificateError):
        verify_certificate(_certificate(VECTORS["certificates"][0]), *others[0], policy)


def test_a_signer_of_today_signs_what_verifies(policy: SignerPolicy) -> None:
    signer = Signer.from_seed(bytes(range(32)))
    newcomer = RegisteredSigner("newcomer", "witnesses", signer.public_key, signer.prove_possession())
    alone = SignerPolicy(4, (*policy.signers, newcomer), {**policy.quorum, "witnesses": 1})
    signature = aggregate([signer.sign(CHECKPOINT, ANCHOR), bytes.fromhex(VECTORS["certificates"][0]["signature"])])
    certificate = Certificate(4, alone.bitmap(["newcomer", "north", "kidney league"]), signature)
    assert newcomer in verify_certificate(certificate, CHECKPOINT, ANCHOR, alone)


def test_a_signer_s_secret_is_not_in_its_text() -> None:
    assert repr(Signer.from_seed(bytes(32))) == "Signer()"


def test_a_short_seed_makes_no_signer() -> None:
    with pytest.raises(InvalidSignerError):
        Signer.from_seed(bytes(31))


@pytest.mark.parametrize(
    "key",
    [b"", bytes(48), IDENTITY, OUTSIDE_THE_SUBGROUP, b"\xff" * 48, bytes(47), bytes(49), None, "a" * 48],
    ids=lambda key: repr(key)[:20],
)
def test_a_key_that_is_no_point_of_the_group_is_not_registered(key: Junk, policy: SignerPolicy) -> None:
    with pytest.raises(InvalidSignerError):
        RegisteredSigner("rogue", "hospitals", key, policy.signers[0].proof)


def test_a_key_is_not_registered_with_the_proof_of_another(policy: SignerPolicy) -> None:
    north, south, *_ = policy.signers
    with pytest.raises(InvalidSignerError):
        replace(north, proof=south.proof)


@pytest.mark.parametrize(
    "proof", [b"", bytes(96), b"\xc0" + bytes(95), bytes(95), None], ids=lambda proof: repr(proof)[:20]
)
def test_a_malformed_proof_registers_nobody(proof: Junk, policy: SignerPolicy) -> None:
    with pytest.raises(InvalidSignerError):
        RegisteredSigner("rogue", "hospitals", policy.signers[0].public_key, proof)


def test_a_signature_of_a_checkpoint_is_no_proof_of_possession(policy: SignerPolicy) -> None:
    signer = Signer.from_seed(b"\x01" * 32)
    with pytest.raises(InvalidSignerError):
        RegisteredSigner("rogue", "hospitals", policy.signers[0].public_key, signer.sign(CHECKPOINT, ANCHOR))


@pytest.mark.parametrize(
    "quorum",
    [
        {},
        {"hospitals": 1},
        {"hospitals": 1, "patients": 0},
        {"hospitals": -1, "patients": 1},
        {"hospitals": 3, "patients": 1},
        {"hospitals": 1, "patients": 1, "witnesses": 1},
        {"hospital": 1, "patients": 1},
    ],
    ids=repr,
)
def test_a_quorum_asks_every_group_for_what_it_can_give(quorum: dict[str, int], policy: SignerPolicy) -> None:
    with pytest.raises(InvalidPolicyError):
        SignerPolicy(3, policy.signers, quorum)


def test_a_policy_without_signers_is_none() -> None:
    with pytest.raises(InvalidPolicyError):
        SignerPolicy(3, (), {})


def test_nobody_is_registered_twice_under_one_key_or_name(policy: SignerPolicy) -> None:
    signers = list(policy.signers)
    with pytest.raises(InvalidPolicyError):
        SignerPolicy(3, (*signers, signers[0]), policy.quorum)
    signers[1] = policy.signers[0]
    with pytest.raises(InvalidPolicyError):
        SignerPolicy(3, tuple(signers), policy.quorum)


def test_only_registered_signers_have_a_bit(policy: SignerPolicy) -> None:
    with pytest.raises(CertificateError):
        policy.bitmap(["north", "stranger"])


@pytest.mark.parametrize(
    ("version", "bitmap", "signature"),
    [
        ("3", b"\x05", bytes(96)),
        (True, b"\x05", bytes(96)),
        (3, 5, bytes(96)),
        (3, b"\x05", "0" * 96),
        (3, b"\x05", None),
    ],
    ids=repr,
)
def test_a_certificate_of_other_kinds_is_none(version: Junk, bitmap: Junk, signature: Junk) -> None:
    with pytest.raises(CertificateError):
        Certificate(version, bitmap, signature)


@pytest.mark.parametrize(
    "signatures", [[], [b""], [bytes(96)], [b"\xff" * 96], [bytes(95)], [None]], ids=lambda each: repr(each)[:20]
)
def test_what_is_no_signature_is_not_aggregated(signatures: Junk) -> None:
    with pytest.raises(CertificateError):
        aggregate(signatures)


@pytest.mark.parametrize(
    ("chain_id", "address"), [(-1, bytes(20)), (2**64, bytes(20)), (1, bytes(19)), (1, "0" * 20)], ids=repr
)
def test_an_anchor_is_a_chain_and_a_contract(chain_id: int, address: Junk) -> None:
    with pytest.raises(InvalidPolicyError):
        AnchorContract(chain_id, address)
