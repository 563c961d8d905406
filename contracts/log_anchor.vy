# pragma version 0.4.3
"""
@title Log anchor
@license Apache-2.0
@notice The size and root of the log's newest anchored checkpoint. A tree is anchored only with a proof that it
        continues the one before it, so that a log that was rewritten cannot be. Nothing about any patient.
@dev    Trees, roots and proofs are those of RFC 6962, section 2.1; the proof is checked as RFC 9162, section 2.1.4.2,
        describes, on SHA-256. Only the anchorer may anchor: a stranger could otherwise anchor our leaves followed by
        some of its own, which the log could never continue.
"""


# ---------------------------------------------------------------------------------------------- types and constants

# A uint64 counts leaves, so no path has more nodes.
LEVELS: constant(uint256) = 64

EMPTY_ROOT: constant(bytes32) = sha256(b"")


# ----------------------------------------------------------------------------------------------------------- storage

size: uint64
root: bytes32

anchorer: public(address)
pending_anchorer: public(address)


# ------------------------------------------------------------------------------------------------------------ events

event Anchored:
    size: indexed(uint64)
    root: indexed(bytes32)


event AnchorerProposed:
    anchorer: indexed(address)
    proposed: indexed(address)


event AnchorerChanged:
    former: indexed(address)
    anchorer: indexed(address)


# ------------------------------------------------------------------------------------------------------- constructor

@deploy
def __init__(anchorer: address):
    """
    @param anchorer The address that may anchor, of a key of its own. It starts from the tree of no leaves.
    """
    assert anchorer != empty(address), "anchor: anchorer is zero"
    self.root = EMPTY_ROOT
    self.anchorer = anchorer
    log AnchorerChanged(former=empty(address), anchorer=anchorer)


# --------------------------------------------------------------------------------------------------------- anchoring

@external
def anchor(size: uint64, root: bytes32, proof: DynArray[bytes32, LEVELS]):
    """
    @notice Keep a larger tree, which `proof` shows to continue the kept one. Every tree continues the one of no leaves,
            so that the first needs no proof and takes none.
    @dev Written out in one piece, because passing the proof to a function of its own would copy it. `place` and `last`
         are the indices of the old tree's last node and of the new tree's last node on one level.
    """
    assert msg.sender == self.anchorer, "anchor: caller is not the anchorer"
    kept: uint256 = convert(self.size, uint256)
    assert convert(size, uint256) > kept, "anchor: size does not grow"
    if kept == 0:
        assert len(proof) == 0, "anchor: first proof is not empty"
    else:
        place: uint256 = kept - 1
        last: uint256 = convert(size, uint256) - 1
        for _: uint256 in range(LEVELS):
            if place & 1 == 0:
                break
            place >>= 1
            last >>= 1
        # An old tree that is full is itself the first node of the path; otherwise the proof begins with that node.
        given: bool = place != 0
        old: bytes32 = self.root
        if given:
            assert len(proof) != 0, "anchor: not a continuation"
            old = proof[0]
        new: bytes32 = old
        for sibling: bytes32 in proof:
            if given:
                given = False
                continue
            assert last != 0, "anchor: not a continuation"
            if place & 1 == 0 and place != last:
                new = sha256(concat(0x01, new, sibling))
            else:
                old = sha256(concat(0x01, sibling, old))
                new = sha256(concat(0x01, sibling, new))
                if place & 1 == 0:
                    # The last node stands alone on this level and perhaps on more: there it is its own parent.
                    for _: uint256 in range(LEVELS):
                        if place & 1 != 0 or place == 0:
                            break
                        place >>= 1
                        last >>= 1
            place >>= 1
            last >>= 1
        assert last == 0 and old == self.root and new == root, "anchor: not a continuation"
    self.size = size
    self.root = root
    log Anchored(size=size, root=root)


# ---------------------------------------------------------------------------------------------------------- anchorer

@external
def propose_anchorer(proposed: address):
    """
    @notice Offer the role to another address, which must accept; the zero address takes an offer back.
    """
    assert msg.sender == self.anchorer, "anchor: caller is not the anchorer"
    self.pending_anchorer = proposed
    log AnchorerProposed(anchorer=msg.sender, proposed=proposed)


@external
def accept_anchorer():
    """
    @notice Take the role that was offered to the address that sends this.
    """
    assert msg.sender == self.pending_anchorer, "anchor: caller was not proposed"
    former: address = self.anchorer
    self.pending_anchorer = empty(address)
    self.anchorer = msg.sender
    log AnchorerChanged(former=former, anchorer=msg.sender)


# ------------------------------------------------------------------------------------------------------------ reading

@external
@view
def anchored() -> (uint64, bytes32):
    """
    @notice The kept tree: how many leaves it has, and its root; at first 0 and the SHA-256 of nothing.
    """
    return self.size, self.root
