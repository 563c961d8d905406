"""The consent registry's rules without a chain: a pure twin of `contracts/consent_registry.vy`.

    registry = Registry(domain, HeldRole("registry", "custodian", custodian), recover)
    registry.grant(grants, block=7, time=1_800_000_000)
    registry.history, registry.events, registry.revoked_at

`tests/contracts/test_registry_twin.py` drives contract and twin side by side. A call that the contract refuses raises
`LedgerRejectedError` with the contract's own reason and changes nothing. `block` and `time` (Unix seconds) are those
of the block that the call is in; only calls whose outcome depends on their sender take one. Numbers fit the
contract's types: whoever encodes a call sees to that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from consent.domain.grant import BATCH_LIMIT, PUBLISH_WITHIN_SECONDS, PublishedGrant, SignedRevocation
from consent.domain.held_role import NO_REASON, ZERO, HeldRole, require
from consent.domain.history import EMPTY_HISTORY, Event, Granted, Revoked, fold
from consent.domain.typed_data import Address, SigningDomain

STOPS_A_DAY: Final = 512
DAY_SECONDS: Final = 86_400
HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half of secp256k1's order: a signature with s above it is refused (EIP-2)."""

Recover = Callable[[bytes, bytes], Address | None]
"""Who signed a 32-byte digest with a 64-byte EIP-2098 signature; None when nobody did."""

_S_MASK: Final = 2**255 - 1


@dataclass(slots=True)
class Registry:
    """All that the contract keeps and announces.

    Attributes:
        domain: the EIP-712 domain that signatures carry.
        custodian: the role that may stop any consent and start none.
        recover: finds who signed.
        history: what `events` fold to, 32 bytes.
        revoked_at: Unix seconds of the block that revoked, by patient and commitment.
        stops_on: what the custodian stopped, by UTC day (Unix seconds // 86,400).
        successor: the registry that is read after this one, `ZERO` while none is named.
        events: all grants and revocations, in log order.
    """

    domain: SigningDomain
    custodian: HeldRole
    recover: Recover
    history: bytes = EMPTY_HISTORY
    revoked_at: dict[tuple[Address, bytes], int] = field(default_factory=dict)
    stops_on: dict[int, int] = field(default_factory=dict)
    successor: Address = ZERO
    events: list[Event] = field(default_factory=list)

    def grant(self, grants: Sequence[PublishedGrant], block: int, time: int) -> None:
        """Publish 1 to 256 grants that their patients signed; one that is refused refuses all."""
        _require_batch(grants, "registry: nothing to publish")
        self._announce([self._granted(grant, block, time) for grant in grants])

    def grant_one(self, grant: PublishedGrant, block: int, time: int) -> None:
        """Publish one grant that its patient signed."""
        self._announce([self._granted(grant, block, time)])

    def grant_own(self, sender: Address, commitment: bytes, expires: int, block: int, time: int) -> None:
        """Publish a grant as the patient who sends this."""
        _require_unexpired(expires, time)
        self._announce([Granted(sender, commitment, expires, block, time)])

    def revoke(self, sender: Address, commitments: Sequence[bytes], block: int, time: int) -> None:
        """End 1 to 256 commitments of the sender's; what is already revoked is skipped."""
        _require_batch(commitments, "registry: nothing to revoke")
        pairs = self._alive([(sender, commitment) for commitment in commitments])
        self._end([Revoked(sender, commitment, sender, block, time) for _, commitment in pairs])

    def revoke_signed(self, revocations: Sequence[SignedRevocation], block: int, time: int) -> None:
        """Publish 1 to 256 revocations that their patients signed; what is already revoked is skipped."""
        _require_batch(revocations, "registry: nothing to revoke")
        for each in revocations:
            require(each.patient != ZERO, "registry: patient is zero")
            self._require_signed(each.patient, each.digest(self.domain), each.signature)
        pairs = self._alive([(each.patient, each.commitment) for each in revocations])
        self._end([Revoked(patient, commitment, patient, block, time) for patient, commitment in pairs])

    def stop(
        self, sender: Address, patients: Sequence[Address], commitments: Sequence[bytes], block: int, time: int
    ) -> None:
        """As custodian, end 1 to 256 patients' commitments; only what is newly revoked counts towards the day's 512."""
        require(max(len(patients), len(commitments)) <= BATCH_LIMIT, NO_REASON)
        self.custodian.require(sender)
        require(len(patients) != 0, "registry: nothing to revoke")
        require(len(patients) == len(commitments), "registry: lists differ in length")
        require(ZERO not in patients, "registry: patient is zero")
        pairs = self._alive(list(zip(patients, commitments, strict=True)))
        stopped = self.stops_on.get(time // DAY_SECONDS, 0) + len(pairs)
        require(stopped <= STOPS_A_DAY, "registry: too many stops today")
        self.stops_on[time // DAY_SECONDS] = stopped
        self._end([Revoked(patient, commitment, sender, block, time) for patient, commitment in pairs])

    def propose_custodian(self, sender: Address, proposed: Address) -> None:
        """Offer the role of custodian; `ZERO` takes an offer back."""
        self.custodian.propose(sender, proposed)

    def accept_custodian(self, sender: Address) -> None:
        """Take the role that was offered to the sender."""
        self.custodian.accept(sender)

    def name_successor(self, sender: Address, successor: Address) -> None:
        """Name, once and for good, the registry that is read after this one."""
        self.custodian.require(sender)
        require(successor != ZERO, "registry: successor is zero")
        require(successor != self.domain.contract, "registry: successor is this registry")
        require(self.successor == ZERO, "registry: successor is already named")
        self.successor = successor

    def _granted(self, grant: PublishedGrant, block: int, time: int) -> Granted:
        require(grant.patient != ZERO, "registry: patient is zero")
        require(time < grant.publish_by, "registry: publish_by has passed")
        require(grant.publish_by <= time + PUBLISH_WITHIN_SECONDS, "registry: publish_by is too far ahead")
        self._require_signed(grant.patient, grant.digest(self.domain), grant.signature)
        _require_unexpired(grant.expires, time)
        return Granted(grant.patient, grant.commitment, grant.expires, block, time)

    def _require_signed(self, patient: Address, digest: bytes, signature: bytes) -> None:
        s = int.from_bytes(signature[32:]) & _S_MASK
        require(s <= HALF_ORDER, "registry: signature has a high s")
        require(self.recover(digest, signature) == patient, "registry: bad signature")

    def _alive(self, pairs: Sequence[tuple[Address, bytes]]) -> list[tuple[Address, bytes]]:
        """Return each pair once that nobody has revoked, in order."""
        return [pair for pair in dict.fromkeys(pairs) if pair not in self.revoked_at]

    def _end(self, revocations: Sequence[Revoked]) -> None:
        for each in revocations:
            self.revoked_at[each.patient, each.commitment] = each.time
        self._announce(revocations)

    def _announce(self, events: Sequence[Event]) -> None:
        self.history = fold(self.history, events)
        self.events.extend(events)


def _require_batch(items: Sequence[object], reason: str) -> None:
    require(len(items) <= BATCH_LIMIT, NO_REASON)
    require(len(items) != 0, reason)


def _require_unexpired(expires: int, time: int) -> None:
    require(time < expires, "registry: grant has expired")
