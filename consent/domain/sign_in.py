"""What the enrolment key signs to open a session where there is no passkey: EIP-712 `SignIn`, in grants' domain."""

from dataclasses import dataclass

from consent.domain.errors import ConsentError
from consent.domain.hashing import HASH_BYTES
from consent.domain.note import is_key_name
from consent.domain.typed_data import SIGN_IN_TYPE, SigningDomain, hash_struct, hash_text


class InvalidSignInError(ConsentError):
    """This is no sign-in: its origin is no log's name, or its challenge is not 32 bytes; draw a new challenge."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """`SignIn(string origin,bytes32 challenge)`: a sign-in to one installation.

    A malformed field raises `InvalidSignInError`.

    Attributes:
        origin: the name of the installation's log, so that a signature counts in no other.
        challenge: 32 random bytes that the installation drew for this one sign-in.
    """

    origin: str
    challenge: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.origin) or len(self.challenge) != HASH_BYTES:
            raise InvalidSignInError("a sign-in names a log and has a challenge of 32 bytes: ask for a new challenge")

    def digest(self, domain: SigningDomain) -> bytes:
        """Return the 32 bytes that the enrolment key signs."""
        return domain.digest(hash_struct(SIGN_IN_TYPE, hash_text(self.origin), self.challenge))
