"""Manifests and openings: hashed as published, read strictly."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.domain.hashing import Json, sha256
from consent.domain.manifest import InvalidManifestError, Manifest, Opening, rows_root
from consent.domain.merkle import leaf_hash, tree_root
from consent.domain.typed_data import Address

MANIFEST = Manifest(
    study="kidneys",
    release=1,
    chain_id=271_828,
    registry="01" * 20,
    block=40,
    block_hash="02" * 32,
    block_time=1_800_000_000,
    rows=50,
    rows_root="03" * 32,
    dictionary="04" * 32,
    parameters={"seed": 0, "features": ["age"]},
    code={"xgboost": "3.2.0"},
    model="05" * 32,
    cohort="06" * 32,
    evaluation="07" * 32,
    gate="08" * 32,
)
FIRST_VERSION = replace(MANIFEST, cohort="", evaluation="", gate="")
OPENING = Opening(b"\x01" * 32, b"\x02" * 32, Address(b"\x03" * 20), b"\x04" * 32)


def test_the_hash_is_that_of_the_canonical_json() -> None:
    plain = json.dumps(MANIFEST.to_json(), sort_keys=True, separators=(",", ":")).encode()
    assert MANIFEST.to_bytes() == plain
    assert MANIFEST.hash() == sha256(plain)


def test_a_manifest_goes_round() -> None:
    assert Manifest.from_json(json.loads(MANIFEST.to_bytes())) == MANIFEST


def test_a_manifest_of_the_first_version_keeps_its_hash() -> None:
    """What stands on chain of releases that a version before made."""
    assert FIRST_VERSION.hash().hex() == "8b4add264c18aefdb5bbc441cdcbcdcd8cab15d20eb469fb7f34cada1df0c130"
    assert Manifest.from_json(json.loads(FIRST_VERSION.to_bytes())) == FIRST_VERSION


@pytest.mark.parametrize("name", Manifest.__slots__)
def test_every_field_is_hashed(name: str) -> None:
    assert replace(MANIFEST, **{name: "other"}).hash() != MANIFEST.hash()  # type: ignore[arg-type]  # whatever differs


WRONG: dict[str, Json] = {
    "no object": [],
    "another version": MANIFEST.to_json() | {"version": 3},
    "a version that is no number": MANIFEST.to_json() | {"version": True},
    "the first version's number on the second's fields": MANIFEST.to_json() | {"version": 1},
    "the second version's number on the first's fields": FIRST_VERSION.to_json() | {"version": 2},
    "no version": {k: v for k, v in MANIFEST.to_json().items() if k != "version"},
    "a cohort without evaluation": {k: v for k, v in MANIFEST.to_json().items() if k != "evaluation"},
    "a cohort that is no hash": MANIFEST.to_json() | {"cohort": ""},
    "an evaluation cut short": MANIFEST.to_json() | {"evaluation": "07" * 31},
    "a field missing": {k: v for k, v in MANIFEST.to_json().items() if k != "rows"},
    "a field too many": MANIFEST.to_json() | {"note": "x"},
    "a number as text": MANIFEST.to_json() | {"block": "40"},
    "a truth as number": MANIFEST.to_json() | {"release": True},
    "a block before the first": MANIFEST.to_json() | {"block": -1},
    "a number beyond JSON's": MANIFEST.to_json() | {"block": 2**70},
    "a model that is no hash": MANIFEST.to_json() | {"model": "zz" * 32},
    "a model that is no text": MANIFEST.to_json() | {"model": 5},
    "a root cut short": MANIFEST.to_json() | {"rows_root": "03" * 31},
    "parameters that are no object": MANIFEST.to_json() | {"parameters": []},
    "a study that is no text": MANIFEST.to_json() | {"study": None},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_manifest_is_refused(name: str) -> None:
    with pytest.raises(InvalidManifestError):
        Manifest.from_json(WRONG[name])


def test_an_opening_is_116_bytes_and_goes_round() -> None:
    assert OPENING.to_bytes() == b"\x01" * 32 + b"\x02" * 32 + b"\x03" * 20 + b"\x04" * 32
    assert Opening.from_bytes(OPENING.to_bytes()) == OPENING
    assert OPENING.leaf() == leaf_hash(OPENING.to_bytes())


@pytest.mark.parametrize("length", [0, 115, 117])
def test_an_opening_of_any_other_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidManifestError):
        Opening.from_bytes(bytes(length))


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=9, unique=True), st.randoms())
def test_the_order_of_rows_says_nothing(leaves: list[bytes], chance: object) -> None:
    shuffled = leaves.copy()
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' Random
    assert rows_root(shuffled) == rows_root(leaves) == tree_root(sorted(leaves))
