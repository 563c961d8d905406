"""A manifest is believed when its fields, its hash and the log key's signature fit together, and not otherwise."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.client import Consentry, NotVerifiedError, UsageError
from consent.domain.dsse import MANIFEST_TYPE, sign
from consent.domain.manifest import Manifest
from tests.client.speaking import Said, Speaker

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
MANIFEST = Manifest(
    "kidneys", 2, 1337, "ab" * 20, 7, "cd" * 32, 1_700_000_000, 120, "ef" * 32, "01" * 32, {"seed": 1},
    {"xgboost": "3.2"}, "23" * 32, "45" * 32, "67" * 32, "89" * 32,
)  # fmt: skip
Make = Callable[..., Consentry]


def signed(manifest: Manifest = MANIFEST, key: Ed25519PrivateKey = KEY) -> dict[str, Any]:
    public = key.public_key().public_bytes_raw()
    envelope = json.loads(sign(manifest.to_bytes(), MANIFEST_TYPE, public, key.sign))
    return {
        "manifest": manifest.to_json(),
        "hash": manifest.hash().hex(),
        "envelope": envelope,
        "log_key": public.hex(),
    }


def listed(**more: str) -> Said:
    facts = {
        "study": "kidneys", "release": 2, "status": "ACTIVE", "model": MANIFEST.model,
        "manifest": MANIFEST.hash().hex(), "rows": 120, "auroc": 0.8, "calibration_slope": None,
        "cohort": "", "dictionary": "", "features": [],
        "outcome": "Death", "horizon_days": 90, "flow": {}, "evaluation": {}, "gate": {},
    }  # fmt: skip
    return Said.json(facts | more)


def test_a_manifest_that_holds_is_returned(speaker: Speaker, client: Make) -> None:
    for log_key in (None, PUBLIC):
        speaker.say(Said.json(signed()), listed())
        assert client().models.manifest(2, log_key) == MANIFEST


@pytest.mark.parametrize("named", [{"model": "00" * 32}, {"manifest": "00" * 32}])
def test_a_model_that_names_another_manifest_is_refused(speaker: Speaker, client: Make, named: dict[str, str]) -> None:
    speaker.say(Said.json(signed()), listed(**named))
    with pytest.raises(NotVerifiedError, match="that the model names"):
        client().models.manifest(2)


def other_signature() -> dict[str, Any]:
    stranger = signed(key=Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
    return signed() | {"envelope": stranger["envelope"]}


def signed_otherwise(signature: bytes) -> dict[str, Any]:
    """Return what the log key is said to have signed, by its id, with another signature."""
    answer = signed()
    [named] = answer["envelope"]["signatures"]
    altered = {**named, "sig": base64.b64encode(signature).decode()}
    return answer | {"envelope": {**answer["envelope"], "signatures": [altered]}}


def signature_of(answer: dict[str, Any]) -> bytes:
    return base64.b64decode(answer["envelope"]["signatures"][0]["sig"])


@pytest.mark.parametrize(
    "answer",
    [
        signed() | {"manifest": MANIFEST.to_json() | {"rows": 121}},
        signed() | {"manifest": {}},
        signed() | {"manifest": MANIFEST.to_json() | {"seed": float(2**60)}},
        signed() | {"hash": "00" * 32},
        signed() | {"log_key": "zz"},
        signed() | {"log_key": "00" * 31},
        signed() | {"log_key": "01" * 32},
        signed() | {"envelope": {}},
        signed() | {"envelope": {"payload": 1.5e300}},
        other_signature(),
        signed_otherwise(signature_of(other_signature())),
        signed_otherwise(bytes([signature_of(signed())[0] ^ 1]) + signature_of(signed())[1:]),
        signed_otherwise(bytes(64)),
    ],
)
def test_one_altered_part_is_enough_to_refuse_it(speaker: Speaker, client: Make, answer: dict[str, Any]) -> None:
    speaker.say(Said.json(answer))
    with pytest.raises(NotVerifiedError):
        client().models.manifest(2)


@pytest.mark.parametrize("release", [1, 3])
def test_another_releases_manifest_is_refused(speaker: Speaker, client: Make, release: int) -> None:
    speaker.say(Said.json(signed()))
    with pytest.raises(NotVerifiedError, match="another study or release"):
        client().models.manifest(release)


def test_another_studys_manifest_is_refused(speaker: Speaker, client: Make) -> None:
    speaker.say(Said.json(signed()))
    with pytest.raises(NotVerifiedError, match="another study or release"):
        client(study="hearts").models.manifest(2)


def test_a_server_that_signs_with_a_key_of_its_own_is_found_out_by_who_has_the_log_key(
    speaker: Speaker, client: Make
) -> None:
    speaker.say(Said.json(signed(key=Ed25519PrivateKey.from_private_bytes(b"\1" * 32))))
    with pytest.raises(NotVerifiedError, match="another log key"):
        client().models.manifest(2, PUBLIC)


def test_a_log_key_has_32_bytes(speaker: Speaker, client: Make) -> None:
    speaker.say(Said.json(signed()))
    with pytest.raises(UsageError):
        client().models.manifest(2, PUBLIC[:31])
