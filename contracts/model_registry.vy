# pragma version 0.4.3
"""
@title Model registry
@license Apache-2.0
@notice Which models were made, from which manifest, and whether they may still be served. Nothing about any patient.
@dev    Both hashes are SHA-256: of a model's bytes, and of the manifest that names what it was trained on.
"""


# ---------------------------------------------------------------------------------------------- types and constants

UNKNOWN: constant(uint8) = 0
ACTIVE: constant(uint8) = 1
RETIRED: constant(uint8) = 3


# ----------------------------------------------------------------------------------------------------------- storage

owner: public(address)
pending_owner: public(address)

manifest_of: public(HashMap[bytes32, bytes32])

# 0 unknown, 1 active, 2 suspended, 3 retired for ever.
status_of: public(HashMap[bytes32, uint8])


# ------------------------------------------------------------------------------------------------------------ events

event Registered:
    model: indexed(bytes32)
    manifest: indexed(bytes32)


event StatusChanged:
    model: indexed(bytes32)
    status: uint8


event OwnerProposed:
    owner: indexed(address)
    proposed: indexed(address)


event OwnerChanged:
    former: indexed(address)
    owner: indexed(address)


# ------------------------------------------------------------------------------------------------------- constructor

@deploy
def __init__(owner: address):
    """
    @param owner The address that may register models and change their status, of a key of its own.
    """
    assert owner != empty(address), "models: owner is zero"
    self.owner = owner
    log OwnerChanged(former=empty(address), owner=owner)


# ----------------------------------------------------------------------------------------------------------- writing

@external
def register(model: bytes32, manifest: bytes32):
    """
    @notice Register a model as active. A model hash is registered once and keeps its manifest.
    """
    assert msg.sender == self.owner, "models: caller is not the owner"
    assert self.status_of[model] == UNKNOWN, "models: model is already registered"
    self.manifest_of[model] = manifest
    self.status_of[model] = ACTIVE
    log Registered(model=model, manifest=manifest)


@external
def set_status(model: bytes32, status: uint8):
    """
    @notice Make a registered model active, suspended or retired; retired is final.
    """
    assert msg.sender == self.owner, "models: caller is not the owner"
    current: uint8 = self.status_of[model]
    assert current != UNKNOWN, "models: model is not registered"
    assert current != RETIRED, "models: model is retired"
    assert ACTIVE <= status and status <= RETIRED, "models: no such status"
    self.status_of[model] = status
    log StatusChanged(model=model, status=status)


# -------------------------------------------------------------------------------------------------------------- owner

@external
def propose_owner(proposed: address):
    """
    @notice Offer the role to another address, which must accept; the zero address takes an offer back.
    """
    assert msg.sender == self.owner, "models: caller is not the owner"
    self.pending_owner = proposed
    log OwnerProposed(owner=msg.sender, proposed=proposed)


@external
def accept_owner():
    """
    @notice Take the role that was offered to the address that sends this.
    """
    assert msg.sender == self.pending_owner, "models: caller was not proposed"
    former: address = self.owner
    self.pending_owner = empty(address)
    self.owner = msg.sender
    log OwnerChanged(former=former, owner=msg.sender)
