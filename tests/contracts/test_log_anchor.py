"""The log anchor: each tree continues the one before, or is not taken."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.domain.errors import LedgerRejectedError
from consent.domain.hashing import keccak, sha256
from consent.domain.held_role import ZERO, HeldRole
from consent.domain.log_anchor import PROOF_LIMIT, LogAnchor
from consent.domain.merkle import consistency_proof, leaf_hash, tree_root
from consent.domain.typed_data import word
from tests.chains import Stage, refusal
from tests.wallets import Wallet

LARGEST: Final = 4_000
LEAVES: Final = [leaf_hash(b"entry %d" % number) for number in range(LARGEST)]
OTHERS: Final = [leaf_hash(b"other %d" % number) for number in range(LARGEST)]
PAIRS: Final = ((1, 2), (1, 7), (2, 3), (3, 4), (4, 7), (5, 6), (6, 7), (6, 8), (7, 8), (8, 21), (12, 21), (1023, 4000))


@cache
def root_of(size: int) -> bytes:
    return tree_root(LEAVES[:size])


def parent(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def kept(anchor: Stage) -> tuple[int, bytes]:
    answer = anchor.ask("anchored")
    return int.from_bytes(answer[:32]), answer[32:]


def anchored_at(size: int) -> Stage:
    anchor = Stage("log_anchor")
    anchor.send(anchor.holder, "anchor", size, root_of(size), [])
    return anchor


# ----------------------------------------------------------------------------------------------------------- success


def test_a_new_anchor_keeps_the_tree_of_no_leaves(anchor: Stage) -> None:
    assert kept(anchor) == (0, sha256(b""))
    assert anchor.ask("anchorer") == word(anchor.holder.address)


@pytest.mark.parametrize("size", [1, 2, 3, LARGEST, 2**64 - 1])
def test_the_first_tree_may_have_any_size(anchor: Stage, size: int) -> None:
    anchor.send(anchor.holder, "anchor", size, LEAVES[0], [])
    assert kept(anchor) == (size, LEAVES[0])
    assert anchor.logs()[-1].topics == (keccak(b"Anchored(uint64,bytes32)"), word(size), LEAVES[0])
    assert anchor.logs()[-1].words == b""


def test_a_log_that_grows_is_anchored_again_and_again(anchor: Stage) -> None:
    earlier = 0
    for size in (1, 2, 3, 4, 6, 7, 11, 64, 65, 127, 128, 1000, 2048, 3999, LARGEST):
        proof = consistency_proof(LEAVES[:size], earlier) if earlier else []
        anchor.send(anchor.holder, "anchor", size, root_of(size), proof)
        assert kept(anchor) == (size, root_of(size))
        earlier = size


def test_every_pair_of_small_trees_is_anchored() -> None:
    for old in range(1, 17):
        for new in range(old + 1, 18):
            anchor = anchored_at(old)
            anchor.send(anchor.holder, "anchor", new, root_of(new), consistency_proof(LEAVES[:new], old))
            assert kept(anchor) == (new, root_of(new))


# ----------------------------------------------------------------------------------------------------------- failure


@pytest.mark.parametrize("who", ["stranger", "deployer", "patient"])
def test_only_the_anchorer_anchors(anchor: Stage, who: str) -> None:
    with pytest.raises(LedgerRejectedError, match=r"^anchor: caller is not the anchorer$"):
        anchor.send(getattr(anchor, who), "anchor", 1, root_of(1), [])


@pytest.mark.parametrize("size", [0, 1, 6, 7])
def test_a_size_that_does_not_grow_is_refused(size: int) -> None:
    anchor = anchored_at(7)
    for proof in ([], [root_of(7)]):
        with pytest.raises(LedgerRejectedError, match=r"^anchor: size does not grow$"):
            anchor.send(anchor.holder, "anchor", size, root_of(7), proof)
    assert kept(anchor) == (7, root_of(7))


def test_the_first_tree_has_leaves_and_no_proof(anchor: Stage) -> None:
    with pytest.raises(LedgerRejectedError, match=r"^anchor: size does not grow$"):
        anchor.send(anchor.holder, "anchor", 0, tree_root([]), [])
    with pytest.raises(LedgerRejectedError, match=r"^anchor: first proof is not empty$"):
        anchor.send(anchor.holder, "anchor", 1, root_of(1), [root_of(1)])


Mutants = Callable[[list[bytes]], Sequence[list[bytes]]]
MUTANTS: Final[dict[str, Mutants]] = {
    "a flipped bit": lambda proof: [
        [*proof[:at], bytes([sibling[0] ^ 0x80]) + sibling[1:], *proof[at + 1 :]] for at, sibling in enumerate(proof)
    ],
    "a dropped sibling": lambda proof: [[*proof[:at], *proof[at + 1 :]] for at in range(len(proof))],
    "an added sibling": lambda proof: [[*proof[:at], LEAVES[0], *proof[at:]] for at in range(len(proof) + 1)],
    "a repeated sibling": lambda proof: [[*proof[:at], proof[at], *proof[at:]] for at in range(len(proof))],
    "swapped siblings": lambda proof: [
        [*proof[:at], proof[at + 1], proof[at], *proof[at + 2 :]] for at in range(len(proof) - 1)
    ],
    "no sibling": lambda _: [[]],
    "as many as fit": lambda proof: [(proof * PROOF_LIMIT)[:PROOF_LIMIT], [bytes(32)] * PROOF_LIMIT],
}


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_a_proof_that_was_changed_anywhere_is_refused(old: int, new: int) -> None:
    anchor, proof = anchored_at(old), consistency_proof(LEAVES[:new], old)
    for mutants in MUTANTS.values():
        for mutant in mutants(proof):
            with pytest.raises(LedgerRejectedError, match=r"^anchor: not a continuation$"):
                anchor.send(anchor.holder, "anchor", new, root_of(new), mutant)
    assert kept(anchor) == (old, root_of(old))
    anchor.send(anchor.holder, "anchor", new, root_of(new), proof)


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_a_rewritten_log_cannot_be_anchored(old: int, new: int) -> None:
    """One leaf changed among the old ones, another log altogether, or the root of another size."""
    anchor = anchored_at(old)
    rewritten = [*OTHERS[:1], *LEAVES[1:new]]
    for leaves in (rewritten, OTHERS[:new]):
        for proof in (consistency_proof(leaves, old), consistency_proof(LEAVES[:new], old)):
            with pytest.raises(LedgerRejectedError, match=r"^anchor: not a continuation$"):
                anchor.send(anchor.holder, "anchor", new, tree_root(leaves), proof)
    for root in (root_of(old), root_of(new - 1), bytes(32)):
        with pytest.raises(LedgerRejectedError, match=r"^anchor: not a continuation$"):
            anchor.send(anchor.holder, "anchor", new, root, consistency_proof(LEAVES[:new], old))


def test_a_proof_for_other_sizes_is_refused() -> None:
    anchor = anchored_at(6)
    for old, new in ((5, 13), (7, 13), (4, 13), (6, 12), (6, 14), (6, 29)):
        with pytest.raises(LedgerRejectedError, match=r"^anchor: not a continuation$"):
            anchor.send(anchor.holder, "anchor", 13, root_of(13), consistency_proof(LEAVES[:new], old))


def test_a_proof_from_below_the_old_tree_s_last_node_is_refused() -> None:
    """It starts one level too low and rises to the kept root all the same; no tree of eight leaves has that shape."""
    anchor, junk = anchored_at(6), OTHERS[0]
    left, (fifth, sixth) = root_of(4), LEAVES[4:6]
    assert parent(left, parent(fifth, sixth)) == root_of(6)
    bent = parent(left, parent(fifth, parent(sixth, junk)))
    with pytest.raises(LedgerRejectedError, match=r"^anchor: not a continuation$"):
        anchor.send(anchor.holder, "anchor", 8, bent, [sixth, junk, fifth, left])


def test_a_kept_root_is_not_its_own_proof_of_a_larger_tree() -> None:
    anchor = anchored_at(4)
    with pytest.raises(LedgerRejectedError, match=r"^anchor: not a continuation$"):
        anchor.send(anchor.holder, "anchor", 8, root_of(4), [])


def test_a_proof_over_the_limit_is_refused() -> None:
    anchor = anchored_at(1)
    with pytest.raises(LedgerRejectedError):
        anchor.send(anchor.holder, "anchor", 2, root_of(2), [bytes(32)] * (PROOF_LIMIT + 1))


# ------------------------------------------------------------------------------------------------------------- role


def test_the_role_passes_in_two_steps(anchor: Stage) -> None:
    former, heir = anchor.holder.address, anchor.stranger.address
    anchor.send(anchor.holder, "propose_anchorer", heir)
    assert anchor.logs()[-1].topics == (keccak(b"AnchorerProposed(address,address)"), word(former), word(heir))
    assert (anchor.ask("anchorer"), anchor.ask("pending_anchorer")) == (word(former), word(heir))
    with pytest.raises(LedgerRejectedError, match=r"^anchor: caller was not proposed$"):
        anchor.send(anchor.patient, "accept_anchorer")
    anchor.send(anchor.stranger, "accept_anchorer")
    assert anchor.logs()[-1].topics == (keccak(b"AnchorerChanged(address,address)"), word(former), word(heir))
    anchor.send(anchor.stranger, "anchor", 1, root_of(1), [])
    with pytest.raises(LedgerRejectedError, match=r"^anchor: caller is not the anchorer$"):
        anchor.send(anchor.holder, "anchor", 2, root_of(2), [LEAVES[1]])
    with pytest.raises(LedgerRejectedError, match=r"^anchor: caller was not proposed$"):
        anchor.send(anchor.stranger, "accept_anchorer")


def test_an_offer_of_the_role_can_be_taken_back_and_only_the_anchorer_makes_one(anchor: Stage) -> None:
    anchor.send(anchor.holder, "propose_anchorer", anchor.stranger.address)
    anchor.send(anchor.holder, "propose_anchorer", ZERO)
    with pytest.raises(LedgerRejectedError, match=r"^anchor: caller was not proposed$"):
        anchor.send(anchor.stranger, "accept_anchorer")
    with pytest.raises(LedgerRejectedError, match=r"^anchor: caller is not the anchorer$"):
        anchor.send(anchor.stranger, "propose_anchorer", anchor.stranger.address)


def test_a_log_anchor_needs_an_anchorer(anchor: Stage) -> None:
    with pytest.raises(LedgerRejectedError, match=r"^anchor: anchorer is zero$"):
        anchor.evm.send(anchor.deployer.key, None, anchor.calls.creation(("address",), ZERO))


# -------------------------------------------------------------------------------------------------------------- fuzz


@given(sizes=st.lists(st.integers(1, LARGEST), min_size=1, max_size=6, unique=True).map(sorted))
@settings(deadline=None, max_examples=60)
def test_a_growing_log_of_any_sizes_is_anchored(sizes: list[int]) -> None:
    anchor = Stage("log_anchor")
    for old, new in zip([0, *sizes], sizes, strict=False):
        proof = consistency_proof(LEAVES[:new], old) if old else []
        anchor.send(anchor.holder, "anchor", new, root_of(new), proof)
    assert kept(anchor) == (sizes[-1], root_of(sizes[-1]))


sizes = st.one_of(st.integers(0, 20), st.integers(0, LARGEST))


@given(
    grown=st.lists(st.tuples(sizes, st.sampled_from(("", "", *MUTANTS)), st.integers(0, 12)), max_size=6),
    stranger_at=st.integers(0, 9),
)
@settings(deadline=None, max_examples=40)
def test_contract_and_twin_agree_on_a_growing_log(grown: list[tuple[int, str, int]], stranger_at: int) -> None:
    stage = Stage("log_anchor")
    twin = LogAnchor(HeldRole("anchor", "anchorer", stage.holder.address))
    for number, (growth, mutant, at) in enumerate(grown):
        size = min(twin.size + growth, LARGEST)
        proof = consistency_proof(LEAVES[:size], twin.size) if twin.size else []
        spoilt = MUTANTS[mutant](proof) if mutant else []
        proof = spoilt[at % len(spoilt)] if spoilt else proof
        agree(stage, twin, stage.stranger if number == stranger_at else stage.holder, size, root_of(size), proof)


@given(kept_size=sizes, size=sizes, root=sizes, old=sizes, new=sizes)
@settings(deadline=None, max_examples=60)
def test_contract_and_twin_agree_on_proofs_between_any_sizes(
    kept_size: int, size: int, root: int, old: int, new: int
) -> None:
    stage = Stage("log_anchor")
    twin = LogAnchor(HeldRole("anchor", "anchorer", stage.holder.address))
    agree(stage, twin, stage.holder, kept_size, root_of(kept_size), [])
    proof = consistency_proof(LEAVES[:new], old) if 0 < old <= new else []
    agree(stage, twin, stage.holder, size, root_of(root), proof)


def agree(stage: Stage, twin: LogAnchor, sender: Wallet, size: int, root: bytes, proof: list[bytes]) -> None:
    outcome = refusal(lambda: twin.anchor(sender.address, size, root, proof))
    assert refusal(lambda: stage.send(sender, "anchor", size, root, proof)) == outcome
    assert kept(stage) == (twin.size, twin.root)
