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

owner: public(immutable(address))

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


# ------------------------------------------------------------------------------------------------------- constructor

@deploy
def __init__():
    owner = msg.sender


# ----------------------------------------------------------------------------------------------------------- writing

@external
def register(model: bytes32, manifest: bytes32):
    """
    @notice Register a model as active. A model hash is registered once and keeps its manifest.
    """
    assert msg.sender == owner, "models: caller is not the owner"
    assert self.status_of[model] == UNKNOWN, "models: model is already registered"
    self.manifest_of[model] = manifest
    self.status_of[model] = ACTIVE
    log Registered(model=model, manifest=manifest)


@external
def set_status(model: bytes32, status: uint8):
    """
    @notice Make a registered model active, suspended or retired; retired is final.
    """
    assert msg.sender == owner, "models: caller is not the owner"
    current: uint8 = self.status_of[model]
    assert current != UNKNOWN, "models: model is not registered"
    assert current != RETIRED, "models: model is retired"
    assert ACTIVE <= status and status <= RETIRED, "models: no such status"
    self.status_of[model] = status
    log StatusChanged(model=model, status=status)
