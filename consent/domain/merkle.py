"""The log's Merkle tree and its proofs, on integers and bytes alone (RFC 6962, section 2.1).

    leaf hash = SHA-256(0x00 || entry)      node hash = SHA-256(0x01 || left || right)      no leaves = SHA-256("")

The left subtree of n > 1 leaves holds the largest power of two below n. Inclusion proofs list siblings from the leaf
up (2.1.1), consistency proofs are those of 2.1.2; both are verified as RFC 9162, 2.1.3.2 and 2.1.4.2, describes.
"""

from collections.abc import Sequence

from consent.domain.errors import ConsentError
from consent.domain.hashing import HASH_BYTES, sha256


class InvalidLeafError(ConsentError):
    """These leaves build no tree; give entries as bytes and their leaf hashes as 32 bytes each."""


class InclusionError(ConsentError):
    """The proof does not place this leaf in this tree; do not believe that the entry was logged."""


class ConsistencyError(ConsentError):
    """The proof does not lead from the old tree to the new; keep both checkpoints, the log may have been rewritten."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one entry's bytes as a leaf, 32 bytes; raise `InvalidLeafError` on anything but bytes."""
    if not isinstance(data, bytes):
        raise InvalidLeafError("an entry is bytes")
    return sha256(b"\x00" + data)


def tree_root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes of 32 bytes each, in one pass; raise `InvalidLeafError` on others."""
    _require_hashes(leaf_hashes, InvalidLeafError)
    return _root(leaf_hashes)


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the siblings of leaf `index`, from the leaf up; raise `InclusionError` where there is no such leaf."""
    _require_hashes(leaf_hashes, InclusionError)
    if not _is_count(index) or index >= len(leaf_hashes):
        raise InclusionError("the index is 0 or more and below the number of leaves")
    level, proof = list(leaf_hashes), list[bytes]()
    while len(level) > 1:
        if index ^ 1 < len(level):
            proof.append(level[index ^ 1])
        level, index = _level_above(level), index // 2
    return proof


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raise `InclusionError` unless `proof` leads from leaf `index` of `size` leaves to `root`."""
    if not (_is_count(index) and _is_count(size) and index < size):
        raise InclusionError("the index is 0 or more and below the size of the tree")
    _require_hashes([leaf_hash, root], InclusionError)
    _require_hashes(proof, InclusionError)
    node, place, last = leaf_hash, index, size - 1
    for sibling in proof:
        if last == 0:
            raise InclusionError("the proof holds more hashes than the tree has levels")
        if place % 2 or place == last:
            node = _parent(sibling, node)
            place, last = _skip_lone(place, last)
        else:
            node = _parent(node, sibling)
        place, last = place // 2, last // 2
    if last or node != root:
        raise InclusionError("the proof does not lead from this leaf to this root")


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the proof that the tree of the first `old_size` leaves is where this one began.

    Raises `ConsistencyError` unless 0 < old_size <= number of leaves; the proof is empty where they are equal.
    """
    _require_hashes(leaf_hashes, ConsistencyError)
    if not _is_count(old_size) or not 0 < old_size <= len(leaf_hashes):
        raise ConsistencyError("the old size is 1 or more and at most the number of leaves")
    first, end, known, proof = 0, len(leaf_hashes), True, list[bytes]()
    while old_size != end - first:
        split = _split(end - first)
        if old_size <= split:
            proof.append(_root(leaf_hashes[first + split : end]))
            end = first + split
        else:
            proof.append(_root(leaf_hashes[first : first + split]))
            first, old_size, known = first + split, old_size - split, False
    # A subtree that is the whole old tree needs no mention: its root is what the verifier starts from.
    own = [] if known else [_root(leaf_hashes[first:end])]
    return own + proof[::-1]


def verify_consistency(old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Raise `ConsistencyError` unless `proof` shows that the new tree only added leaves to the old one.

    An `old_size` of 0 is refused: every tree continues the empty one, so that a proof of it would say nothing.
    """
    if not (_is_count(old_size) and _is_count(new_size) and 0 < old_size <= new_size):
        raise ConsistencyError("the old size is 1 or more and at most the new size")
    _require_hashes([old_root, new_root], ConsistencyError)
    _require_hashes(proof, ConsistencyError)
    if old_size == new_size:
        if proof or old_root != new_root:
            raise ConsistencyError("trees of one size have one root and need no proof")
        return
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not path or _climb(old_size, new_size, path) != (old_root, new_root):
        raise ConsistencyError("the proof does not lead from the old root to the new one")


def _climb(old_size: int, new_size: int, path: list[bytes]) -> tuple[bytes, bytes]:
    """Return the old and the new root that a path gives (RFC 9162, 2.1.4.2, steps 3 to 7)."""
    place, last = old_size - 1, new_size - 1
    while place % 2:
        place, last = place // 2, last // 2
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ConsistencyError("the proof holds more hashes than the tree has levels")
        if place % 2 or place == last:
            old, new = _parent(sibling, old), _parent(sibling, new)
            place, last = _skip_lone(place, last)
        else:
            new = _parent(new, sibling)
        place, last = place // 2, last // 2
    if last:
        raise ConsistencyError("the proof holds fewer hashes than the tree has levels")
    return old, new


def _skip_lone(place: int, last: int) -> tuple[int, int]:
    """Climb past the levels on which the last node stands alone and so is its own parent."""
    while place and place % 2 == 0:
        place, last = place // 2, last // 2
    return place, last


def _root(leaf_hashes: Sequence[bytes]) -> bytes:
    if not leaf_hashes:
        return sha256(b"")
    level = list(leaf_hashes)
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def _level_above(level: list[bytes]) -> list[bytes]:
    """Pair neighbours; a last node without one moves up as it is, which gives the RFC's split at every level."""
    pairs = zip(level[::2], level[1::2], strict=False)
    return [_parent(left, right) for left, right in pairs] + (level[-1:] if len(level) % 2 else [])


def _parent(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def _split(count: int) -> int:
    """Return the largest power of two below `count`, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _require_hashes(hashes: object, error: type[ConsentError]) -> None:
    if not isinstance(hashes, Sequence) or not all(_is_hash(each) for each in hashes):
        raise error("hashes come as a sequence of 32 bytes each")


def _is_hash(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == HASH_BYTES
