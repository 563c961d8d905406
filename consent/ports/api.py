"""What the researchers' door keeps: clients, their keys and tokens, and the staff. Every row carries a MAC.

What a client signs for a token is checked by whatever library speaks JOSE (`Assertions`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from consent.domain.errors import ConsentError


class InvalidAssertionError(ConsentError):
    """What was signed for a token does not hold; sign a new one, with the registered key and a right clock."""


class InvalidClientKeyError(ConsentError):
    """This is no public key that a client can have; ask for the JWK that `consentry client-key` prints."""


@dataclass(frozen=True, slots=True)
class ClientPublicKey:
    """A client's public key: its RFC 7638 thumbprint, 43 characters, and its JWK's required members, canonical."""

    kid: str
    jwk: bytes


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a client signed to get a token: who it is, a name for this one assertion, and its last Unix second."""

    client: str
    jti: str
    expires: int


class Assertions(Protocol):
    """Reads clients' keys and checks what they sign (RFC 7523, section 3)."""

    def public_key(self, jwk: object) -> ClientPublicKey:
        """Return the key of a public JWK, Ed25519 or P-256; raise `InvalidClientKeyError`, also for a private one."""

    def named(self, assertion: str) -> tuple[str, str]:
        """Return which kid and which client an assertion names, unchecked; raise `InvalidAssertionError`."""

    def checked(self, assertion: str, jwk: bytes | None, audience: str, now: int) -> Assertion:
        """Check an assertion against the key that it names; raise `InvalidAssertionError`.

        Without a key it is refused all the same after as much work, so that nobody learns by asking who is registered.
        """


@dataclass(frozen=True, slots=True)
class StoredClient:
    """A program that signs for its tokens; `role` as in `consent.services.desk.callers`, times in Unix seconds."""

    client: str
    role: str
    title: str
    created: int
    revoked: int | None = None
    mac: bytes | None = None


@dataclass(frozen=True, slots=True)
class StoredClientKey:
    """One of a client's public keys; `jwk` is canonical JSON."""

    kid: str
    client: str
    jwk: bytes
    created: int
    revoked: int | None = None
    mac: bytes | None = None


@dataclass(frozen=True, slots=True)
class StoredMembership:
    """Lets a client ask for tokens of a study."""

    study: str
    client: str
    created: int
    mac: bytes | None = None


class Clients(Protocol):
    """Clients with their keys and memberships. A row that was altered does not exist."""

    def add(self, client: StoredClient) -> None:
        """Store a new client."""

    def get(self, client: str) -> StoredClient | None:
        """Return a client, also a revoked one."""

    def everyone(self) -> Sequence[StoredClient]:
        """Return all clients in the order of their ids."""

    def revoke(self, client: str, now: int) -> None:
        """Mark a client as revoked, for good."""

    def add_key(self, key: StoredClientKey) -> None:
        """Store a new key."""

    def key(self, kid: str) -> StoredClientKey | None:
        """Return a key, also a revoked one."""

    def keys(self, client: str) -> Sequence[StoredClientKey]:
        """Return a client's keys, also revoked ones, in the order of their kids."""

    def revoke_key(self, kid: str, now: int) -> None:
        """Mark a key as revoked, for good."""

    def allow(self, membership: StoredMembership) -> None:
        """Store a membership; one that is there already stays as it is."""

    def forbid(self, client: str, study: str) -> None:
        """Delete a membership."""

    def is_member(self, client: str, study: str) -> bool:
        """Say whether a client is a member of a study."""

    def studies(self, client: str) -> Sequence[str]:
        """Return the studies that a client is a member of, in order."""


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token that was issued.

    Attributes:
        digest: SHA-256 of the token, 32 bytes: whoever reads this row cannot use it.
        id: the token's public name, 16 characters.
        kind: `access`, `personal` or `staff`.
        holder: a client's id, or of kind `staff` a name.
        role: whose role, as it was then.
        kid: the key that signed for it, or for the token that it came from; None of kind `staff`.
        study: for which study, if any.
        scopes: sorted, a space between two.
        created: Unix seconds.
        expires: Unix seconds; from then on it lets nobody in.
        mac: a keyed HMAC of the rest.
    """

    digest: bytes
    id: str
    kind: str
    holder: str
    role: str
    kid: str | None
    study: str | None
    scopes: str
    created: int
    expires: int
    mac: bytes | None = None


class ApiTokens(Protocol):
    """Tokens and the assertions that were used up; both are short-lived."""

    def add(self, token: StoredToken) -> None:
        """Store a token."""

    def get(self, digest: bytes) -> StoredToken | None:
        """Return a token, however old."""

    def of_client(self, client: str) -> Sequence[StoredToken]:
        """Return a client's tokens, however old, oldest first."""

    def drop(self, digest: bytes) -> None:
        """Delete a token."""

    def drop_of_key(self, kid: str) -> None:
        """Delete all tokens that rest on a client's key."""

    def drop_of_client(self, client: str, study: str | None = None) -> None:
        """Delete a client's tokens, of one study or all of them."""

    def drop_of_staff(self, name: str) -> None:
        """Delete the tokens of a member of the staff."""

    def use_up(self, digest: bytes, expires: int) -> bool:
        """Use an assertion up, by the 32-byte digest of its name; False where it was used before."""

    def clear(self, now: int) -> None:
        """Delete what has expired."""


@dataclass(frozen=True, slots=True)
class StoredStaff:
    """A member of the staff, by a name of the house's choosing; times in Unix seconds."""

    name: str
    role: str
    created: int
    revoked: int | None = None
    mac: bytes | None = None


@dataclass(frozen=True, slots=True)
class StaffPasskey:
    """A WebAuthn credential of the staff's: its id, its COSE public key and how often it signed, as it says itself."""

    credential: bytes
    name: str
    public_key: bytes
    count: int
    mac: bytes | None = None


@dataclass(frozen=True, slots=True)
class StaffInvitation:
    """Lets whoever holds its code add a passkey for `name` until `expires`; `digest` is the code's SHA-256."""

    digest: bytes
    name: str
    expires: int
    mac: bytes | None = None


class StaffRows(Protocol):
    """The staff, and what they sign in with. A row that was altered does not exist."""

    def add(self, member: StoredStaff) -> None:
        """Store a new member."""

    def get(self, name: str) -> StoredStaff | None:
        """Return a member, also one who was removed."""

    def everyone(self) -> Sequence[StoredStaff]:
        """Return all members in the order of their names."""

    def remove(self, name: str, now: int) -> None:
        """Mark a member as removed, for good, and delete their passkeys and invitation."""

    def add_passkey(self, passkey: StaffPasskey) -> None:
        """Store a passkey."""

    def passkey(self, credential: bytes) -> StaffPasskey | None:
        """Return a passkey by its credential's id."""

    def passkeys(self, name: str) -> Sequence[StaffPasskey]:
        """Return a member's passkeys."""

    def count_passkey(self, credential: bytes, count: int) -> None:
        """Store how often a passkey has signed."""

    def invite(self, invitation: StaffInvitation) -> None:
        """Store an invitation in the place of the member's earlier one."""

    def invitation(self, digest: bytes) -> StaffInvitation | None:
        """Return an invitation, however old."""

    def uninvite(self, name: str) -> None:
        """Delete a member's invitation."""
