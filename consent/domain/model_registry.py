"""The model registry's rules without a chain: a pure twin of `contracts/model_registry.vy`.

A call that the contract refuses raises `LedgerRejectedError` with the contract's own reason and changes nothing.
"""

from dataclasses import dataclass, field
from typing import Final

from consent.domain.held_role import HeldRole, require
from consent.domain.typed_data import Address

UNKNOWN: Final = 0
ACTIVE: Final = 1
RETIRED: Final = 3


@dataclass(slots=True)
class ModelRegistry:
    """All that the contract keeps.

    Attributes:
        owner: the role that may register models and change their status.
        manifest_of: the manifest's SHA-256 by the model's.
        status_of: 1 active, 2 suspended, 3 retired for ever, by the model's SHA-256.
    """

    owner: HeldRole
    manifest_of: dict[bytes, bytes] = field(default_factory=dict)
    status_of: dict[bytes, int] = field(default_factory=dict)

    def register(self, sender: Address, model: bytes, manifest: bytes) -> None:
        """Register a model as active, once."""
        self.owner.require(sender)
        require(model not in self.status_of, "models: model is already registered")
        self.manifest_of[model], self.status_of[model] = manifest, ACTIVE

    def set_status(self, sender: Address, model: bytes, status: int) -> None:
        """Make a registered model active, suspended or retired; retired is final."""
        self.owner.require(sender)
        current = self.status_of.get(model, UNKNOWN)
        require(current != UNKNOWN, "models: model is not registered")
        require(current != RETIRED, "models: model is retired")
        require(ACTIVE <= status <= RETIRED, "models: no such status")
        self.status_of[model] = status

    def propose_owner(self, sender: Address, proposed: Address) -> None:
        """Offer the role of owner; the zero address takes an offer back."""
        self.owner.propose(sender, proposed)

    def accept_owner(self, sender: Address) -> None:
        """Take the role that was offered to the sender."""
        self.owner.accept(sender)
