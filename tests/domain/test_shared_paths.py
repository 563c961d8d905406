"""Proofs that share what was shown before are those of RFC 6962, and nothing else passes."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.domain.merkle import (
    Frontier,
    InclusionError,
    Subtree,
    Subtrees,
    consistency_of,
    consistency_proof,
    inclusion_of,
    inclusion_proof,
    root_of,
    tree_root,
    verify_inclusion,
)
from consent.domain.shared_paths import PathChecker, PathMaker

LEAVES = [hashlib.sha256(bytes([place])).digest() for place in range(70)]


def subtrees_of(leaves: Sequence[bytes]) -> Subtrees:
    def subtrees(wanted: Sequence[Subtree]) -> list[bytes]:
        assert all((place + 1) << level <= len(leaves) for level, place in wanted)
        return [tree_root(leaves[place << level : (place + 1) << level]) for level, place in wanted]

    return subtrees


sizes = st.integers(1, len(LEAVES))


@given(size=sizes, picked=st.sets(st.integers(0, len(LEAVES) - 1), min_size=1))
def test_any_leaves_in_order_are_shown_to_be_the_trees(size: int, picked: set[int]) -> None:
    leaves, indices = LEAVES[:size], sorted({index % size for index in picked})
    maker, checker = PathMaker(size, subtrees_of(leaves)), PathChecker(size, tree_root(leaves))
    proofs = list(PathMaker(size, subtrees_of(leaves)).proofs(indices))
    for index, proof in zip(indices, proofs, strict=True):
        assert maker.proof(index) == proof
        checker.check(index, leaves[index], proof)


@given(size=sizes)
def test_the_whole_log_costs_a_hash_for_each_entry_but_the_last(size: int) -> None:
    leaves = LEAVES[:size]
    assert sum(map(len, PathMaker(size, subtrees_of(leaves)).proofs(range(size)))) == size - 1


@given(size=sizes, data=st.data())
def test_the_first_proof_is_a_whole_path_of_rfc_6962(size: int, data: st.DataObject) -> None:
    leaves, index = LEAVES[:size], data.draw(st.integers(0, size - 1))
    proof = PathMaker(size, subtrees_of(leaves)).proof(index)
    assert proof == inclusion_proof(leaves, index) == inclusion_of(index, size, subtrees_of(leaves))
    verify_inclusion(index, size, leaves[index], proof, tree_root(leaves))


@given(size=sizes, data=st.data())
def test_an_altered_leaf_hash_or_proof_is_found_at_its_own_index(size: int, data: st.DataObject) -> None:
    leaves = LEAVES[:size]
    wrong, checker = data.draw(st.integers(0, size - 1)), PathChecker(size, tree_root(leaves))
    for index, proof in enumerate(PathMaker(size, subtrees_of(leaves)).proofs(range(size))):
        if index == wrong:
            with pytest.raises(InclusionError):
                checker.check(index, bytes(32), proof)
            for place in range(len(proof)):
                with pytest.raises(InclusionError):
                    checker.check(index, leaves[index], [*proof[:place], bytes(32), *proof[place + 1 :]])
            with pytest.raises(InclusionError):
                checker.check(index, leaves[index], [*proof, bytes(32)])
        checker.check(index, leaves[index], proof)


@pytest.mark.parametrize("indices", [(3, 3), (3, 2), (70,), (-1,), (True,)])
def test_indices_increase_and_lie_in_the_tree(indices: tuple[int, ...]) -> None:
    maker, checker = PathMaker(70, subtrees_of(LEAVES)), PathChecker(70, tree_root(LEAVES))
    for index in indices[:-1]:
        checker.check(index, LEAVES[index], maker.proof(index))
    with pytest.raises(InclusionError):
        maker.proof(indices[-1])
    with pytest.raises(InclusionError):
        checker.check(indices[-1], LEAVES[0], [])


@given(size=sizes, data=st.data())
def test_roots_and_consistency_come_from_whole_subtrees_alone(size: int, data: st.DataObject) -> None:
    leaves, old = LEAVES[:size], data.draw(st.integers(1, size))
    assert root_of(size, subtrees_of(leaves)) == tree_root(leaves)
    assert consistency_of(old, size, subtrees_of(leaves)) == consistency_proof(leaves, old)
    frontier = Frontier.of(old, subtrees_of(leaves))
    assert frontier.root() == tree_root(leaves[:old])
    for leaf in leaves[old:]:
        frontier.push(leaf)
    assert (frontier.size, frontier.root()) == (size, tree_root(leaves))
