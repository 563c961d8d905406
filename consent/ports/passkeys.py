"""What checks passkeys: WebAuthn Level 3, whatever library speaks it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from consent.domain.errors import ConsentError


class InvalidPasskeyError(ConsentError):
    """The passkey's answer does not hold; try once more, or use the recovery code."""


@dataclass(frozen=True, slots=True)
class CheckedPasskey:
    """A new credential that holds: its id, its COSE public key and its counter."""

    credential: bytes
    public_key: bytes
    count: int


class Passkeys(Protocol):
    """Makes a browser's options and checks its answers; user verification is always required."""

    def creation(self, challenge: bytes, user: bytes, known: Sequence[bytes] = ()) -> dict[str, Any]:
        """Return PublicKeyCredentialCreationOptions as JSON; `user` is a random handle of at most 64 bytes."""

    def request(self, challenge: bytes, credentials: Sequence[bytes] = ()) -> dict[str, Any]:
        """Return PublicKeyCredentialRequestOptions as JSON, for any credential or for these."""

    def created(self, answer: Mapping[str, Any], challenge: bytes) -> CheckedPasskey:
        """Check a RegistrationResponseJSON; raise `InvalidPasskeyError`."""

    def credential(self, answer: Mapping[str, Any]) -> bytes:
        """Return which credential an AuthenticationResponseJSON names, unchecked; raise `InvalidPasskeyError`."""

    def used(self, answer: Mapping[str, Any], challenge: bytes, public_key: bytes, count: int) -> int:
        """Check an AuthenticationResponseJSON and return the new counter; raise `InvalidPasskeyError`."""
