"""The Merkle tree: known answers, a slow reference straight from RFC 6962, and above all proofs that must fail."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.domain.hashing import sha256
from consent.domain.merkle import (
    ConsistencyError,
    Frontier,
    InclusionError,
    InvalidLeafError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

Junk = Any  # what a stranger may send

VECTORS: Final = json.loads((Path(__file__).parents[1] / "vectors" / "merkle.json").read_text())
LEAVES: Final = [leaf_hash(bytes.fromhex(entry)) for entry in VECTORS["entries"]]
ROOT: Final = bytes.fromhex(VECTORS["roots"][-1])


def _name(vector: dict[str, Any]) -> str:
    return re.sub(r"\W+", "-", vector["name"])


def _bytes(hashes: list[str]) -> list[bytes]:
    return [bytes.fromhex(each) for each in hashes]


def _slow_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"")
    split = _slow_split(len(leaves))
    return sha256(b"\x01" + _slow_root(leaves[:split]) + _slow_root(leaves[split:]))


def _slow_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of section 2.1.1."""
    if len(leaves) == 1:
        return []
    split = _slow_split(len(leaves))
    left, right = leaves[:split], leaves[split:]
    if index < split:
        return [*_slow_path(index, left), _slow_root(right)]
    return [*_slow_path(index - split, right), _slow_root(left)]


def _slow_subproof(size: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of section 2.1.2."""
    if size == len(leaves):
        return [] if whole else [_slow_root(leaves)]
    split = _slow_split(len(leaves))
    left, right = leaves[:split], leaves[split:]
    if size <= split:
        return [*_slow_subproof(size, left, whole=whole), _slow_root(right)]
    return [*_slow_subproof(size - split, right, whole=False), _slow_root(left)]


def _slow_split(count: int) -> int:
    return max(1 << power for power in range(count.bit_length()) if 1 << power < count)


def test_the_roots_are_those_that_certificate_transparency_publishes() -> None:
    assert [tree_root(LEAVES[:size]).hex() for size in range(1, 9)] == VECTORS["roots"]


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert tree_root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=_name)
def test_an_inclusion_proof_holds_exactly_where_it_should(vector: dict[str, Any]) -> None:
    leaf, root = bytes.fromhex(vector["leaf"]), bytes.fromhex(vector["root"])
    arguments = (vector["index"], vector["size"], leaf, _bytes(vector["proof"]), root)
    if vector["holds"]:
        verify_inclusion(*arguments)
        return
    with pytest.raises(InclusionError):
        verify_inclusion(*arguments)


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=_name)
def test_a_consistency_proof_holds_exactly_where_it_should(vector: dict[str, Any]) -> None:
    old_root, new_root = bytes.fromhex(vector["old_root"]), bytes.fromhex(vector["new_root"])
    arguments = (vector["old_size"], vector["new_size"], _bytes(vector["proof"]), old_root, new_root)
    if vector["holds"]:
        verify_consistency(*arguments)
        return
    with pytest.raises(ConsistencyError):
        verify_consistency(*arguments)


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65, 100])
def test_every_proof_of_a_tree_is_the_reference_s_and_verifies(size: int) -> None:
    leaves = [leaf_hash(bytes([place])) for place in range(size)]
    root = tree_root(leaves)
    assert root == _slow_root(leaves)
    for index in range(size):
        proof = inclusion_proof(leaves, index)
        assert proof == _slow_path(index, leaves)
        verify_inclusion(index, size, leaves[index], proof, root)
    for old_size in range(1, size + 1):
        proof = consistency_proof(leaves, old_size)
        assert proof == _slow_subproof(old_size, leaves, whole=True)
        verify_consistency(old_size, size, proof, tree_root(leaves[:old_size]), root)


@given(st.integers(1, 40), st.integers(0, 39), st.integers(1, 40), st.integers(0, 39))
@settings(max_examples=300, deadline=None)
def test_a_proof_holds_for_no_other_leaf_index_or_tree(
    size: int, index: int, other_size: int, other_index: int
) -> None:
    leaves = [leaf_hash(bytes([place])) for place in range(40)]
    index, other_index = index % size, other_index % other_size
    proof, root = inclusion_proof(leaves[:size], index), tree_root(leaves[:size])
    if (index, size) == (other_index, other_size):
        verify_inclusion(index, size, leaves[index], proof, root)
        return
    with pytest.raises(InclusionError):
        verify_inclusion(other_index, other_size, leaves[other_index], proof, tree_root(leaves[:other_size]))
    if index != other_index:
        with pytest.raises(InclusionError):
            verify_inclusion(index, size, leaves[other_index], proof, root)


@given(st.integers(2, 40), st.integers(1, 39), st.integers(0, 5), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_a_bit_flipped_anywhere_in_a_consistency_proof_is_found(size: int, old_size: int, place: int, bit: int) -> None:
    leaves = [leaf_hash(bytes([each])) for each in range(size)]
    old_size = 1 + old_size % (size - 1)
    proof = consistency_proof(leaves, old_size)
    place %= len(proof)
    flipped = int.from_bytes(proof[place], "big") ^ 1 << bit
    proof[place] = flipped.to_bytes(32, "big")
    with pytest.raises(ConsistencyError):
        verify_consistency(old_size, size, proof, tree_root(leaves[:old_size]), tree_root(leaves))


def test_an_entry_that_looks_like_two_leaves_is_no_node() -> None:
    """The prefixes 00 and 01 keep leaves and nodes apart."""
    assert leaf_hash(LEAVES[0] + LEAVES[1]) != tree_root(LEAVES[:2])


JUNK: Final = [None, "0", 1.0, True, False, -1, 1 << 400, b"\x00", ...]


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_a_size_or_index_that_is_no_whole_number_is_the_module_s_own_error(junk: Junk) -> None:
    with pytest.raises(InclusionError):
        verify_inclusion(junk, 8, LEAVES[1], inclusion_proof(LEAVES, 1), ROOT)
    with pytest.raises(InclusionError):
        verify_inclusion(0, junk, LEAVES[0], inclusion_proof(LEAVES, 0), ROOT)
    with pytest.raises(InclusionError):
        inclusion_proof(LEAVES, junk)
    with pytest.raises(ConsistencyError):
        verify_consistency(junk, 8, consistency_proof(LEAVES, 1), LEAVES[0], ROOT)
    with pytest.raises(ConsistencyError):
        verify_consistency(1, junk, consistency_proof(LEAVES, 1), LEAVES[0], ROOT)
    with pytest.raises(ConsistencyError):
        consistency_proof(LEAVES, junk)


@pytest.mark.parametrize("junk", [None, "00" * 32, b"", bytes(31), bytes(33), 0, [0] * 32, bytearray(32)], ids=repr)
def test_a_hash_that_is_not_32_bytes_is_the_module_s_own_error(junk: Junk) -> None:
    with pytest.raises(InvalidLeafError):
        tree_root([*LEAVES, junk])
    with pytest.raises(InclusionError):
        inclusion_proof([junk], 0)
    with pytest.raises(InclusionError):
        verify_inclusion(0, 8, junk, inclusion_proof(LEAVES, 0), ROOT)
    with pytest.raises(InclusionError):
        verify_inclusion(0, 8, LEAVES[0], [*inclusion_proof(LEAVES, 0)[:2], junk], ROOT)
    with pytest.raises(InclusionError):
        verify_inclusion(0, 8, LEAVES[0], inclusion_proof(LEAVES, 0), junk)
    with pytest.raises(ConsistencyError):
        consistency_proof([junk], 1)
    with pytest.raises(ConsistencyError):
        verify_consistency(8, 8, [], junk, junk)
    with pytest.raises(ConsistencyError):
        verify_consistency(4, 8, [junk], tree_root(LEAVES[:4]), ROOT)


@pytest.mark.parametrize(
    "junk", [None, 7, bytes(32), "0" * 64, iter([bytes(32)])], ids=lambda junk: type(junk).__name__
)
def test_a_proof_that_is_no_sequence_of_hashes_is_the_module_s_own_error(junk: Junk) -> None:
    with pytest.raises(InclusionError):
        verify_inclusion(0, 2, LEAVES[0], junk, tree_root(LEAVES[:2]))
    with pytest.raises(ConsistencyError):
        verify_consistency(1, 2, junk, LEAVES[0], tree_root(LEAVES[:2]))
    with pytest.raises(InvalidLeafError):
        tree_root(junk)


@pytest.mark.parametrize("junk", [None, "text", 1, bytearray(b"entry")], ids=repr)
def test_only_bytes_are_entries(junk: Junk) -> None:
    with pytest.raises(InvalidLeafError):
        leaf_hash(junk)


def test_a_tree_without_leaves_has_no_proofs() -> None:
    with pytest.raises(InclusionError):
        inclusion_proof([], 0)
    with pytest.raises(ConsistencyError):
        consistency_proof([], 0)


def test_a_frontier_takes_no_hashes_of_other_lengths() -> None:
    """Two neighbours that share their bytes anew give the same root, and would grow into another tree."""
    left, right = leaf_hash(b"left"), leaf_hash(b"right")
    shared = {(1, 0): left[:31], (0, 2): left[31:] + right}
    with pytest.raises(InvalidLeafError):
        Frontier.of(3, lambda wanted: [shared[one] for one in wanted])
