"""The one role that each contract has, and how it passes on: its holder offers it, whoever was named accepts.

Nobody but the holder can offer it, so that a lost key cannot be replaced by anyone who does not hold it.
"""

from dataclasses import dataclass
from typing import Final

from consent.domain.errors import LedgerRejectedError
from consent.domain.typed_data import Address

ZERO: Final = Address(bytes(20))
"""The address of nobody."""
NO_REASON: Final = "the contract refused this call without a reason"
"""What stands for a reason where there is none: a list over its limit does not reach the contract's own checks."""


@dataclass(slots=True)
class HeldRole:
    """Who may do what nobody else may.

    Attributes:
        contract: the word that starts each of the contract's reasons.
        name: the role's.
        holder: its address.
        proposed: the address that may accept it, `ZERO` for none.
    """

    contract: str
    name: str
    holder: Address
    proposed: Address = ZERO

    def __post_init__(self) -> None:
        require(self.holder != ZERO, f"{self.contract}: {self.name} is zero")

    def require(self, sender: Address) -> None:
        """Raise `LedgerRejectedError` unless `sender` holds the role."""
        require(sender == self.holder, f"{self.contract}: caller is not the {self.name}")

    def propose(self, sender: Address, proposed: Address) -> None:
        """Offer the role; `ZERO` takes an offer back."""
        self.require(sender)
        self.proposed = proposed

    def accept(self, sender: Address) -> None:
        """Pass the role to the address that it was offered to."""
        require(sender == self.proposed, f"{self.contract}: caller was not proposed")
        self.holder, self.proposed = sender, ZERO


def require(holds: bool, reason: str) -> None:  # noqa: FBT001  # as in a contract's assert
    """Raise `LedgerRejectedError` with a contract's reason unless its condition holds."""
    if not holds:
        raise LedgerRejectedError(reason)
