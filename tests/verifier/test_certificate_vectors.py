"""Certificates as data: each vector changes some members of one that holds, and says where the result must fail.

`form`: certificate.json is not read. `policy`: the auditor's own file is refused. `quorum`: too few or the wrong ones
signed, which takes no pairing to see. `signature`: the signature is of something or somebody else.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from py_ecc.bls import G2ProofOfPossession as Bls

from consent.domain.checkpoint import Checkpoint
from consent.domain.typed_data import Address
from consent.verifier.certificate import (
    AnchorContract,
    Certificate,
    CertificateError,
    InvalidPolicyError,
    InvalidSignerError,
    RegisteredSigner,
    SignerPolicy,
    certificate_message,
    verify_certificate,
)

FILE: Final = json.loads((Path(__file__).parents[1] / "vectors" / "certificates.json").read_text())
SIGNERS: Final = {signer["name"]: signer for signer in FILE["signers"]}
VECTORS: Final = [FILE["base"] | vector for vector in FILE["vectors"]]
SPOILT: Final = "the signature is not that of these signers"


@cache
def registered(name: str, group: str, key: str, proof: str, *, revoked: bool) -> RegisteredSigner:
    """Return a signer, whose proof is checked once in all vectors: that takes 0.2 s."""
    return RegisteredSigner(name, group, bytes.fromhex(key), bytes.fromhex(proof), revoked)


def policy_of(vector: dict[str, Any]) -> SignerPolicy:
    whole = [SIGNERS[each] if isinstance(each, str) else each for each in vector["policy"]["signers"]]
    signers = tuple(registered(**each) for each in whole)
    return SignerPolicy(vector["policy"]["version"], signers, vector["policy"]["groups"])


def checkpoint_of(vector: dict[str, Any]) -> Checkpoint:
    checkpoint = vector["checkpoint"]
    return Checkpoint(checkpoint["origin"], checkpoint["size"], bytes.fromhex(checkpoint["root"]))


def anchor_of(vector: dict[str, Any]) -> AnchorContract:
    return AnchorContract(vector["chain_id"], Address(bytes.fromhex(vector["anchor"])))


def failed_at(vector: dict[str, Any]) -> str | None:
    """Return where a vector fails, `None` where it holds."""
    try:
        certificate = Certificate.from_json(vector["certificate"])
    except CertificateError:
        return "form"
    try:
        policy = policy_of(vector)
    except (InvalidPolicyError, InvalidSignerError):
        return "policy"
    try:
        verify_certificate(certificate, checkpoint_of(vector), anchor_of(vector), policy)
    except CertificateError as error:
        return "signature" if SPOILT in str(error) else "quorum"
    return None


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: re.sub(r"\W+", "-", vector["name"]))
def test_a_certificate_fails_exactly_where_it_should(vector: dict[str, Any]) -> None:
    assert failed_at(vector) == vector["fails_at"]


def test_nine_in_ten_must_fail() -> None:
    holding = sum(vector["fails_at"] is None for vector in VECTORS)
    assert 0 < holding * 10 <= len(VECTORS)
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS)


def test_the_rogue_key_would_make_a_quorum_of_its_own_if_nobody_asked_for_possession() -> None:
    rogue = next(vector for vector in VECTORS if vector["name"].startswith("a rogue key"))
    signers = [SIGNERS[each] if isinstance(each, str) else each for each in rogue["policy"]["signers"]]
    bits = int.from_bytes(bytes.fromhex(rogue["certificate"]["bitmap"]), "little")
    keys = [bytes.fromhex(signer["key"]) for place, signer in enumerate(signers) if bits >> place & 1]
    message = certificate_message(checkpoint_of(rogue), anchor_of(rogue))
    assert len(keys) == 5
    assert Bls.FastAggregateVerify(keys, message, bytes.fromhex(rogue["certificate"]["signature"]))
