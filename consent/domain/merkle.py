"""The log's Merkle tree and its proofs, on integers and bytes alone (RFC 6962, section 2.1).

    leaf hash = SHA-256(0x00 || entry)      node hash = SHA-256(0x01 || left || right)      no leaves = SHA-256("")

The left subtree of n > 1 leaves holds the largest power of two below n. Inclusion proofs list siblings from the leaf
up (2.1.1), consistency proofs are those of 2.1.2; both are verified as RFC 9162, 2.1.3.2 and 2.1.4.2, describes.
"""

from collections.abc import Callable, Sequence

from consent.domain.errors import ConsentError
from consent.domain.hashing import HASH_BYTES, sha256

Subtree = tuple[int, int]
"""Level and place of a whole subtree: leaves place * 2^level up to but not including (place + 1) * 2^level."""
Subtrees = Callable[[Sequence[Subtree]], Sequence[bytes]]
"""Returns the hash of each of some whole subtrees, 32 bytes; of level 0 that is a leaf hash."""
Range = tuple[int, int]
"""Leaves first up to but not including last, of which RFC 6962's recursion makes one node."""


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
    return [_root(leaf_hashes[first:last]) for first, last in inclusion_ranges(index, len(leaf_hashes))]


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raise `InclusionError` unless `proof` leads from leaf `index` of `size` leaves to `root`."""
    _require_leaf(index, size)
    _require_hashes([leaf_hash, root], InclusionError)
    _require_hashes(proof, InclusionError)
    node, place, last = leaf_hash, index, size - 1
    for sibling in proof:
        if last == 0:
            raise InclusionError("the proof holds more hashes than the tree has levels")
        if place % 2 or place == last:
            node = parent(sibling, node)
            place, last = _skip_lone(place, last)
        else:
            node = parent(node, sibling)
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
    return [_root(leaf_hashes[first:last]) for first, last in consistency_ranges(old_size, len(leaf_hashes))]


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


def inclusion_ranges(index: int, size: int, first: int = 0) -> list[Range]:
    """Return the siblings of leaf `index` within leaves `first` to `size`, which are one node, from the leaf up."""
    last, siblings = size, list[Range]()
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            siblings.append((middle, last))
            last = middle
        else:
            siblings.append((first, middle))
            first = middle
    return siblings[::-1]


def consistency_ranges(old_size: int, new_size: int) -> list[Range]:
    """Return the nodes of a consistency proof; 0 < `old_size` <= `new_size`."""
    first, end, known, proof = 0, new_size, True, list[Range]()
    while old_size != end - first:
        split = _split(end - first)
        if old_size <= split:
            proof.append((first + split, end))
            end = first + split
        else:
            proof.append((first, first + split))
            first, old_size, known = first + split, old_size - split, False
    # A subtree that is the whole old tree needs no mention: its root is what the verifier starts from.
    return ([] if known else [(first, end)]) + proof[::-1]


def cover(first: int, last: int) -> list[Subtree]:
    """Return the whole subtrees that leaves `first` to `last` consist of, from left to right."""
    found = list[Subtree]()
    while first < last:
        level = (last - first).bit_length() - 1
        if first:
            level = min(level, (first & -first).bit_length() - 1)
        found.append((level, first >> level))
        first += 1 << level
    return found


def hashes_of(ranges: Sequence[Range], subtrees: Subtrees) -> list[bytes]:
    """Return the hash of each range from those of whole subtrees, which are asked for once."""
    covers = [cover(first, last) for first, last in ranges]
    hashes = iter(subtrees([subtree for covered in covers for subtree in covered]))
    return [_folded([next(hashes) for _ in covered]) for covered in covers]


def root_of(size: int, subtrees: Subtrees) -> bytes:
    """Return the root over the first `size` leaves from hashes of whole subtrees."""
    return hashes_of([(0, size)], subtrees)[0] if size else _root([])


def inclusion_of(index: int, size: int, subtrees: Subtrees) -> list[bytes]:
    """Return what `inclusion_proof` does, from hashes of whole subtrees; `InclusionError` where no such leaf is."""
    _require_leaf(index, size)
    return hashes_of(inclusion_ranges(index, size), subtrees)


def consistency_of(old_size: int, new_size: int, subtrees: Subtrees) -> list[bytes]:
    """Return what `consistency_proof` does, from hashes of whole subtrees; `ConsistencyError` for sizes without one."""
    if not (_is_count(old_size) and _is_count(new_size) and 0 < old_size <= new_size):
        raise ConsistencyError("the old size is 1 or more and at most the new size")
    return hashes_of(consistency_ranges(old_size, new_size), subtrees)


class Frontier:
    """The first leaves of a log, as the few whole subtrees that they consist of: it grows, and knows its root.

    Attributes:
        size: how many leaves there are.
    """

    __slots__ = ("_nodes", "size")

    def __init__(self) -> None:
        self.size = 0
        self._nodes: list[bytes] = []

    @classmethod
    def of(cls, size: int, subtrees: Subtrees) -> "Frontier":
        """Return the frontier of the first `size` leaves, from hashes of whole subtrees; `InvalidLeafError` on others.

        Hashes of other lengths are refused: two of them could share their bytes anew and still give the same root.
        """
        frontier = cls()
        frontier.size, frontier._nodes = size, list(subtrees(cover(0, size))) if size else []
        _require_hashes(frontier._nodes, InvalidLeafError)
        return frontier

    def push(self, leaf_hash: bytes) -> None:
        """Append one leaf hash of 32 bytes."""
        node, size = leaf_hash, self.size
        while size & 1:
            node, size = parent(self._nodes.pop(), node), size >> 1
        self._nodes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over the leaves so far, 32 bytes."""
        return _folded(self._nodes) if self._nodes else _root([])


def _folded(nodes: Sequence[bytes]) -> bytes:
    """Return the hash over neighbouring whole subtrees, each smaller than the one before."""
    node = nodes[-1]
    for left in reversed(nodes[:-1]):
        node = parent(left, node)
    return node


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
            old, new = parent(sibling, old), parent(sibling, new)
            place, last = _skip_lone(place, last)
        else:
            new = parent(new, sibling)
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
    return [parent(left, right) for left, right in pairs] + (level[-1:] if len(level) % 2 else [])


def parent(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over two others, 32 bytes each."""
    return sha256(b"\x01" + left + right)


def _split(count: int) -> int:
    """Return the largest power of two below `count`, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _require_leaf(index: int, size: int) -> None:
    if not (_is_count(index) and _is_count(size) and index < size):
        raise InclusionError("the index is 0 or more and below the size of the tree")


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _require_hashes(hashes: object, error: type[ConsentError]) -> None:
    if not isinstance(hashes, Sequence) or not all(_is_hash(each) for each in hashes):
        raise error("hashes come as a sequence of 32 bytes each")


def _is_hash(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == HASH_BYTES
