"""Cosignatures: which of them make a certificate, and which one is to blame where they do not."""

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from consent.domain.checkpoint import Checkpoint
from consent.domain.typed_data import Address
from consent.verifier.certificate import (
    AnchorContract,
    CertificateError,
    RegisteredSigner,
    Signer,
    SignerPolicy,
    verify_certificate,
)
from consent.verifier.cosignature import Cosignature, CosignatureError, certificate_of

CHECKPOINT: Final = Checkpoint("consentry.example/log", 41918, b"\x05" * 32)
CONTRACT: Final = AnchorContract(4137, Address(b"\x07" * 20))
KEYS: Final = {name: Signer.from_seed(bytes([number]) * 32) for number, name in enumerate(("north", "ward", "closed"))}

GROUPS: Final = {"north": "hospitals", "ward": "patients", "closed": "hospitals"}


@pytest.fixture(scope="module")
def policy() -> SignerPolicy:
    """A hospital and a ward's patients, of each group one; a clinic was revoked."""
    signers = tuple(
        RegisteredSigner(
            name,
            "patients" if name == "ward" else "hospitals",
            key.public_key,
            key.prove_possession(),
            name == "closed",
        )
        for name, key in KEYS.items()
    )
    return SignerPolicy(5, signers, {"hospitals": 1, "patients": 1})


def cosigned(name: str, checkpoint: Checkpoint = CHECKPOINT) -> Cosignature:
    return Cosignature(name, KEYS[name].public_key, checkpoint, CONTRACT, KEYS[name].sign(checkpoint, CONTRACT))


@pytest.fixture(scope="module")
def given() -> list[Cosignature]:
    """A quorum, in another order than the registry's."""
    return [cosigned("ward"), cosigned("north")]


def test_a_quorum_makes_a_certificate(policy: SignerPolicy, given: list[Cosignature]) -> None:
    certificate = certificate_of(given, CHECKPOINT, CONTRACT, policy)
    assert [signer.name for signer in verify_certificate(certificate, CHECKPOINT, CONTRACT, policy)] == [
        "north",
        "ward",
    ]


def test_a_cosignature_goes_round(given: list[Cosignature]) -> None:
    assert Cosignature.from_json(json.loads(json.dumps(given[0].to_json()))) == given[0]


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "stranger"},
        {"name": "north"},
        {"key": KEYS["north"].public_key},
        {"checkpoint": replace(CHECKPOINT, size=41919)},
        {"checkpoint": replace(CHECKPOINT, root=bytes(32))},
        {"checkpoint": replace(CHECKPOINT, origin="consentry.example/other")},
        {"contract": replace(CONTRACT, chain_id=1)},
        {"contract": replace(CONTRACT, address=Address(bytes(20)))},
        {"signature": b"\xff" * 96},
    ],
    ids=str,
)
def test_the_cosignature_to_blame_is_counted(
    policy: SignerPolicy, given: list[Cosignature], changed: dict[str, Any]
) -> None:
    ward, north = given
    with pytest.raises(CosignatureError, match="cosignature 2"):
        certificate_of([north, replace(ward, **changed)], CHECKPOINT, CONTRACT, policy)


def test_a_signature_of_another_checkpoint_is_counted(policy: SignerPolicy, given: list[Cosignature]) -> None:
    other = cosigned("ward", replace(CHECKPOINT, size=1))
    with pytest.raises(CosignatureError, match="cosignature 2"):
        certificate_of([given[1], replace(other, checkpoint=CHECKPOINT)], CHECKPOINT, CONTRACT, policy)


def test_no_cosignature_is_given_twice_or_by_a_revoked_signer(policy: SignerPolicy, given: list[Cosignature]) -> None:
    with pytest.raises(CosignatureError, match="twice"):
        certificate_of([*given, given[0]], CHECKPOINT, CONTRACT, policy)
    with pytest.raises(CosignatureError, match="cosignature 3"):
        certificate_of([*given, cosigned("closed")], CHECKPOINT, CONTRACT, policy)


def test_too_few_make_no_certificate(policy: SignerPolicy, given: list[Cosignature]) -> None:
    for few in ([], given[:1]):
        with pytest.raises(CertificateError):
            certificate_of(few, CHECKPOINT, CONTRACT, policy)


TEXTS: Final = {"name", "origin"}
WRONG: Final = [None, True, -1, 1.5, "", "a b\n", [7], {"a": 1}]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("field", sorted(cosigned("north").to_json()))
def test_a_field_of_another_kind_makes_no_cosignature(field: str, wrong: Any, given: list[Cosignature]) -> None:
    with pytest.raises(CosignatureError):
        Cosignature.from_json({**given[0].to_json(), field: wrong})


@pytest.mark.parametrize("wrong", ["zz", "AB" * 48, "0x" + "ab" * 20, "ab"])
@pytest.mark.parametrize("field", sorted(set(cosigned("north").to_json()) - TEXTS))
def test_hex_of_another_length_or_spelling_makes_no_cosignature(
    field: str, wrong: str, given: list[Cosignature]
) -> None:
    with pytest.raises(CosignatureError):
        Cosignature.from_json({**given[0].to_json(), field: wrong})


@pytest.mark.parametrize("value", [None, [], "{}", {}, {"version": 1}], ids=repr)
def test_what_has_other_fields_is_no_cosignature(value: Any, given: list[Cosignature]) -> None:
    with pytest.raises(CosignatureError):
        Cosignature.from_json(value)
    with pytest.raises(CosignatureError):
        Cosignature.from_json({**given[0].to_json(), "more": 1})
