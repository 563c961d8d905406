# pragma version 0.4.3
"""
@title Consent registry
@license Apache-2.0
@notice What a chain can say about consent: a patient's address granted a commitment, or it ended. Nothing else is
        here: no study, no purpose, no name. Only the patient's key can grant; a grant's cost depends on no
        earlier one, because grants live in events alone.
@dev    `commitment` is the EIP-712 struct hash of Details, which this contract never sees:

            Details(string who,string what,string why,string until,bytes32 terms,bytes32 salt)
            Grant(Details details,address patient,uint64 expires,uint64 publish_by)
            Revocation(bytes32 commitment,address patient)

        Signatures are EIP-2098 compact: `r`, then `vs`, whose top bit is the parity of y and whose rest is s. A
        revoked commitment is dead for ever: publishing its grant again succeeds, is folded into `history`, and
        changes nothing, so that neither a relayer nor a stranger can revive it, and none can sink a batch.
        There is no proxy and no pause.
"""


# ---------------------------------------------------------------------------------------------- types and constants

struct SignedGrant:
    commitment: bytes32
    patient: address
    expires: uint64
    publish_by: uint64
    r: bytes32
    vs: bytes32


struct SignedRevocation:
    commitment: bytes32
    patient: address
    r: bytes32
    vs: bytes32


BATCH_LIMIT: constant(uint256) = 256
PUBLISH_WITHIN: constant(uint256) = 7 * 86_400
STOPS_A_DAY: constant(uint256) = 512
DAY: constant(uint256) = 86_400

NAME: constant(String[9]) = "Consentry"
VERSION: constant(String[1]) = "1"
DOMAIN_TYPE_HASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
GRANT_TYPE_HASH: constant(bytes32) = keccak256(
    "Grant(Details details,address patient,uint64 expires,uint64 publish_by)Details(string who,string what,string why,string until,bytes32 terms,bytes32 salt)"
)
REVOCATION_TYPE_HASH: constant(bytes32) = keccak256("Revocation(bytes32 commitment,address patient)")

# Half of secp256k1's order: every signature has a twin with s above it, which is refused (EIP-2).
HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
S_MASK: constant(uint256) = 2 ** 255 - 1

GRANTED: constant(uint256) = 1
REVOKED: constant(uint256) = 2


# ----------------------------------------------------------------------------------------------------------- storage

# keccak256(history || kind || patient || commitment || detail || block number || block time), each one word, over
# every event in log order. Whoever holds the events can recompute it, so none can be dropped, added or backdated.
history: public(bytes32)

# Unix seconds of the block that revoked, 0 while nobody did.
revoked_at: public(HashMap[address, HashMap[bytes32, uint256]])

# What the custodian stopped by UTC day (Unix seconds // 86,400).
stops_on: public(HashMap[uint256, uint256])

custodian: public(address)
pending_custodian: public(address)
successor: public(address)


# ------------------------------------------------------------------------------------------------------------ events

event Granted:
    patient: indexed(address)
    commitment: indexed(bytes32)
    expires: uint64


event Revoked:
    patient: indexed(address)
    commitment: indexed(bytes32)
    by: address


event CustodianProposed:
    custodian: indexed(address)
    proposed: indexed(address)


event CustodianChanged:
    former: indexed(address)
    custodian: indexed(address)


event SuccessorNamed:
    successor: indexed(address)


# ------------------------------------------------------------------------------------------------------- constructor

@deploy
def __init__(custodian: address):
    """
    @param custodian The address that may stop any consent and start none.
    """
    assert custodian != empty(address), "registry: custodian is zero"
    self.custodian = custodian
    log CustodianChanged(former=empty(address), custodian=custodian)


# ----------------------------------------------------------------------------------------------------------- granting

@external
def grant(grants: DynArray[SignedGrant, BATCH_LIMIT]):
    """
    @notice Publish grants that their patients signed; anyone may. One that is refused reverts all.
    """
    assert len(grants) != 0, "registry: nothing to publish"
    separator: bytes32 = self._domain_separator()
    folded: bytes32 = self.history
    for item: SignedGrant in grants:
        folded = self._grant_signed(folded, separator, item)
    self.history = folded


@external
def grant_one(item: SignedGrant):
    """
    @notice Publish one grant that its patient signed; anyone may.
    @dev What `grant` does with a list of one, for 10,000 gas less: it sets aside no memory for a full batch.
    """
    self.history = self._grant_signed(self.history, self._domain_separator(), item)


@external
def grant_own(commitment: bytes32, expires: uint64):
    """
    @notice Publish a grant as the patient whose address sends this.
    """
    self.history = self._grant(self.history, msg.sender, commitment, expires)


# ------------------------------------------------------------------------------------------------------------- ending

@external
def revoke(commitments: DynArray[bytes32, BATCH_LIMIT]):
    """
    @notice End commitments of the address that sends this, whether or not their grants were ever published.
    """
    assert len(commitments) != 0, "registry: nothing to revoke"
    folded: bytes32 = self.history
    for commitment: bytes32 in commitments:
        if self.revoked_at[msg.sender][commitment] == 0:
            folded = self._revoke(folded, msg.sender, commitment, msg.sender)
    self.history = folded


@external
def revoke_signed(revocations: DynArray[SignedRevocation, BATCH_LIMIT]):
    """
    @notice Publish revocations that their patients signed; anyone may. What is already revoked is skipped, so that
            one that was published before cannot sink the batch.
    """
    assert len(revocations) != 0, "registry: nothing to revoke"
    separator: bytes32 = self._domain_separator()
    folded: bytes32 = self.history
    for item: SignedRevocation in revocations:
        assert item.patient != empty(address), "registry: patient is zero"
        struct_hash: bytes32 = keccak256(abi_encode(REVOCATION_TYPE_HASH, item.commitment, item.patient))
        assert self._signer(separator, struct_hash, item.r, item.vs) == item.patient, "registry: bad signature"
        if self.revoked_at[item.patient][item.commitment] == 0:
            folded = self._revoke(folded, item.patient, item.commitment, item.patient)
    self.history = folded


@external
def stop(patients: DynArray[address, BATCH_LIMIT], commitments: DynArray[bytes32, BATCH_LIMIT]):
    """
    @notice As custodian, end commitments on behalf of patients who cannot reach their key.
    @dev Only what this call newly revokes counts towards the day's 512, so repeating a stop costs nothing of it.
    """
    assert msg.sender == self.custodian, "registry: caller is not the custodian"
    assert len(patients) != 0, "registry: nothing to revoke"
    assert len(patients) == len(commitments), "registry: lists differ in length"
    folded: bytes32 = self.history
    stopped: uint256 = self.stops_on[block.timestamp // DAY]
    for i: uint256 in range(len(patients), bound=BATCH_LIMIT):
        assert patients[i] != empty(address), "registry: patient is zero"
        if self.revoked_at[patients[i]][commitments[i]] == 0:
            folded = self._revoke(folded, patients[i], commitments[i], msg.sender)
            stopped += 1
    assert stopped <= STOPS_A_DAY, "registry: too many stops today"
    self.stops_on[block.timestamp // DAY] = stopped
    self.history = folded


# ---------------------------------------------------------------------------------------------------------- custodian

@external
def propose_custodian(proposed: address):
    """
    @notice Offer the role to another address, which must accept; the zero address takes an offer back.
    """
    assert msg.sender == self.custodian, "registry: caller is not the custodian"
    self.pending_custodian = proposed
    log CustodianProposed(custodian=msg.sender, proposed=proposed)


@external
def accept_custodian():
    """
    @notice Take the role that was offered to the address that sends this.
    """
    assert msg.sender == self.pending_custodian, "registry: caller was not proposed"
    former: address = self.custodian
    self.pending_custodian = empty(address)
    self.custodian = msg.sender
    log CustodianChanged(former=former, custodian=msg.sender)


@external
def name_successor(successor: address):
    """
    @notice Name, once and for good, the registry that is read after this one. This one keeps working, so that
            nobody has to sign again and everyone can still stop.
    """
    assert msg.sender == self.custodian, "registry: caller is not the custodian"
    assert successor != empty(address), "registry: successor is zero"
    assert successor != self, "registry: successor is this registry"
    assert self.successor == empty(address), "registry: successor is already named"
    self.successor = successor
    log SuccessorNamed(successor=successor)


# ------------------------------------------------------------------------------------------------------------ reading

@external
@view
def eip712Domain() -> (bytes1, String[9], String[1], uint256, address, bytes32, DynArray[uint256, 1]):
    """
    @notice The signing domain as EIP-5267 asks: fields (a bitmap), name, version, chain id, contract, salt, extensions.
    """
    return 0x0f, NAME, VERSION, chain.id, self, empty(bytes32), []


# ----------------------------------------------------------------------------------------------------------- internal

@internal
def _grant_signed(folded: bytes32, separator: bytes32, item: SignedGrant) -> bytes32:
    """
    @dev Check all that a signed grant must hold, then announce it.
    """
    publish_by: uint256 = convert(item.publish_by, uint256)
    assert item.patient != empty(address), "registry: patient is zero"
    assert block.timestamp < publish_by, "registry: publish_by has passed"
    assert publish_by <= block.timestamp + PUBLISH_WITHIN, "registry: publish_by is too far ahead"
    struct_hash: bytes32 = keccak256(
        abi_encode(GRANT_TYPE_HASH, item.commitment, item.patient, item.expires, item.publish_by)
    )
    assert self._signer(separator, struct_hash, item.r, item.vs) == item.patient, "registry: bad signature"
    return self._grant(folded, item.patient, item.commitment, item.expires)


@internal
def _grant(folded: bytes32, patient: address, commitment: bytes32, expires: uint64) -> bytes32:
    """
    @dev Announce one grant whose author is known, and return the history with it; the caller stores that once.
    """
    assert block.timestamp < convert(expires, uint256), "registry: grant has expired"
    log Granted(patient=patient, commitment=commitment, expires=expires)
    return keccak256(
        abi_encode(folded, GRANTED, patient, commitment, expires, block.number, block.timestamp)
    )


@internal
def _revoke(folded: bytes32, patient: address, commitment: bytes32, by: address) -> bytes32:
    """
    @dev End what is not ended yet, and return the history with it; the caller stores that once.
    """
    self.revoked_at[patient][commitment] = block.timestamp
    log Revoked(patient=patient, commitment=commitment, by=by)
    return keccak256(
        abi_encode(folded, REVOKED, patient, commitment, by, block.number, block.timestamp)
    )


@internal
@view
def _domain_separator() -> bytes32:
    """
    @dev Computed for each call: a stored one would outlive a split of the chain into two ids.
    """
    return keccak256(
        abi_encode(DOMAIN_TYPE_HASH, keccak256(NAME), keccak256(VERSION), chain.id, self)
    )


@internal
@pure
def _signer(separator: bytes32, struct_hash: bytes32, r: bytes32, vs: bytes32) -> address:
    """
    @dev The address that signed (EIP-712, EIP-2098), or zero for what is no signature; callers refuse zero patients.
    """
    s: uint256 = convert(vs, uint256) & S_MASK
    assert s <= HALF_ORDER, "registry: signature has a high s"
    digest: bytes32 = keccak256(concat(0x1901, separator, struct_hash))
    v: uint256 = unsafe_add(27, convert(vs, uint256) >> 255)
    return ecrecover(digest, v, convert(r, uint256), s)
