"""Inclusion proofs in the order of the log, each of which leaves out what the ones before it have shown.

    maker, checker = PathMaker(size, subtrees), PathChecker(size, root)
    for index in (3, 4, 900):
        checker.check(index, leaves[index], maker.proof(index))

Both sides keep the nodes whose hashes are known: at first the whole tree, by its root. The proof of a leaf lists its
siblings (RFC 6962, section 2.1.1) from the leaf up to the known node that it lies under; once it is checked, those to
its right are known too. A run of entries so costs a hash an entry, a lone one a whole path, and each is checked by
itself: the first one that is not the log's is named. Both keep a number of nodes that grows with the tree's height.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from consent.domain.hashing import HASH_BYTES
from consent.domain.merkle import InclusionError, Range, Subtrees, hashes_of, inclusion_ranges, parent

_AT_ONCE: Final = 500
"""How many proofs are planned before their hashes are asked for."""


class PathMaker:
    """Makes the proofs of leaves of a tree with `size` leaves; `subtrees` gives hashes of whole subtrees."""

    def __init__(self, size: int, subtrees: Subtrees) -> None:
        self._size = size
        self._subtrees = subtrees
        self._known: list[Range] = [(0, size)]
        self._next = 0

    def proof(self, index: int) -> list[bytes]:
        """Return the proof of one leaf; raise `InclusionError` unless indices increase and lie in the tree."""
        return hashes_of(self._plan(index), self._subtrees)

    def proofs(self, indices: Iterable[int]) -> Iterator[list[bytes]]:
        """Yield the proof of each leaf, asking for many hashes at a time."""
        coming = iter(indices)
        while plans := [self._plan(index) for index in islice(coming, _AT_ONCE)]:
            hashes = iter(hashes_of([one for plan in plans for one in plan], self._subtrees))
            yield from ([next(hashes) for _ in plan] for plan in plans)

    def _plan(self, index: int) -> list[Range]:
        _require_next(index, self._next, self._size)
        while self._known[-1][1] <= index:
            self._known.pop()
        first, last = self._known.pop()
        siblings = inclusion_ranges(index, last, first)
        self._known += [sibling for sibling in reversed(siblings) if sibling[0] > index]
        self._next = index + 1
        return siblings


class PathChecker:
    """Checks the proofs of leaves of the tree with `size` leaves and this `root`."""

    def __init__(self, size: int, root: bytes) -> None:
        self._size = size
        self._known: list[tuple[int, int, bytes]] = [(0, size, root)]
        self._next = 0

    def check(self, index: int, leaf: bytes, proof: Sequence[bytes]) -> None:
        """Raise `InclusionError` unless this leaf hash is the tree's at `index`, which is above those before it."""
        _require_next(index, self._next, self._size)
        while self._known[-1][1] <= index:
            self._known.pop()
        first, last, expected = self._known[-1]
        siblings = inclusion_ranges(index, last, first)
        if len(proof) != len(siblings) or not all(len(one) == HASH_BYTES for one in (leaf, *proof)):
            raise InclusionError("the proof holds more or fewer hashes than lead to what is known")
        node = leaf
        for (start, _), sibling in zip(siblings, proof, strict=True):
            node = parent(node, sibling) if start > index else parent(sibling, node)
        if node != expected:
            raise InclusionError("the proof does not lead from this leaf to this root")
        self._known.pop()
        ways = zip(reversed(siblings), reversed(proof), strict=True)
        self._known += [(*sibling, known) for sibling, known in ways if sibling[0] > index]
        self._next = index + 1


def _require_next(index: int, following: int, size: int) -> None:
    if type(index) is not int or not following <= index < size:
        raise InclusionError("indices increase, and lie below the size of the tree")
