"""Gas that the contracts take, under the rules of the Prague fork.

    gas_after(earlier=1_024)        {"gas.grant_batch_256": …, …}, each of one transaction
    anchor_gas(262_141, 262_143)    what the dearest anchoring takes

What others take was measured on one node, each with its own contracts: EAS 1.4 (Ethereum Attestation Service), Vana,
Dwarna and MedRec.
"""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

from benchmarks.figure import Figure
from consent.domain.grant import BATCH_LIMIT, PublishedGrant
from consent.domain.hashing import keccak
from consent.domain.merkle import consistency_proof, leaf_hash, tree_root
from tests.chains import DAY, START, RegistryStage, Stage, Started, grant_fields
from tests.wallets import Wallet

EARLIER: Final = 1_024
LEAVES: Final = 262_143
"""The largest tree that is anchored here: 18 levels."""
DEAREST: Final = (LEAVES - 2, LEAVES)
"""Old and new size whose proof takes most gas, of all trees of at most `LEAVES` leaves.

The proof has the node that it starts from and a sibling for each of the 18 levels. On 16 of them both roots are hashed;
on the two lowest the old tree's last node has a right sibling, which is hashed into the new root only.
"""
CHEAPEST: Final = (1, 2)
ZERO_BYTE_SAVES: Final = 12
"""Gas: a byte that is sent costs 16, a zero byte 4 (EIP-2028)."""
_LATER: Final = f"after {EARLIER:,} grants; the cost depends on no earlier one"


def measure() -> Iterator[Figure]:
    """Yield the figures of the table, each in gas."""
    gas = gas_after(EARLIER)
    yield Figure(
        "gas.grant_batch_256",
        round(gas["gas.grant_batch_256"] / BATCH_LIMIT),
        "gas a grant",
        "goal 8,800; EAS 187,816 (batch of 100); Vana 187,502; Dwarna 160,598; MedRec 122,922",
        f"256 signed grants in one call of grant, {_LATER}",
    )
    yield Figure(
        "gas.grant_single",
        gas["gas.grant_single"],
        "gas",
        "goal 44,000; EAS 196,282; Vana 187,502",
        f"one signed grant in one call of grant_one, {_LATER}",
    )
    yield Figure(
        "gas.grant_batch_1",
        gas["gas.grant_batch_1"],
        "gas",
        "none: grant_one is for a single grant",
        "the same grant as a list of one: memory for a full batch is set aside",
    )
    yield Figure(
        "gas.revoke_single",
        gas["gas.revoke_single"],
        "gas",
        "goal 53,000; EAS 57,789; Vana 64,349; Dwarna 74,572, rising to 692,960 at 200 people; MedRec 94,316",
        f"the patient revokes one commitment, {_LATER}",
    )
    yield Figure(
        "gas.revoke_signed_batch_256",
        round(gas["gas.revoke_signed_batch_256"] / BATCH_LIMIT),
        "gas a revocation",
        "goal 31,500; EAS 75,058 (one); Vana 74,147 (one)",
        f"256 signed revocations in one call of revoke_signed, {_LATER}",
    )
    yield Figure(
        "gas.anchor",
        anchor_gas(*DEAREST),
        "gas",
        "goal 63,000; 34,000 to 63,000 in a prototype",
        f"the dearest of all pairs of trees up to {LEAVES:,} leaves; the cheapest, 2 leaves after 1, takes "
        f"{anchor_gas(*CHEAPEST):,}, and the very first tree {anchor_gas(0, 1):,}",
    )


def gas_after(earlier: int, started: Started | None = None) -> dict[str, int]:
    """Return the gas of one transaction of each kind, in a registry that holds `earlier` consents, at least one.

    `started` starts another chain than the one in memory. Keys, commitments and times are the same whatever `earlier`
    is, and so is each byte that is sent: a zero byte costs less than another, so that random ones would differ by
    some 12 gas.
    """
    registry, draw = RegistryStage(_wallets("cast"), started), _wallets("people")
    _fill(registry, earlier)
    registry.now = START + 2 * DAY
    batch = [_grant(registry, draw()) for _ in range(BATCH_LIMIT)]
    single = _grant(registry, draw())
    revocations = [draw().revocation(registry.domain, grant.commitment) for grant in batch]
    own = keccak(b"the patient's own")
    return {
        "gas.grant_batch_256": registry.grant(*batch).gas_used,
        "gas.grant_single": registry.send(registry.stranger, "grant_one", grant_fields(single)).gas_used,
        "gas.grant_batch_1": registry.grant(single).gas_used,
        "gas.revoke_single": registry.send(registry.patient, "revoke", [own]).gas_used,
        "gas.revoke_signed_batch_256": registry.revoke_signed(*revocations).gas_used,
    }


def anchor_gas(old_size: int, new_size: int, started: Started | None = None) -> int:
    """Return the most gas that anchoring a tree of `new_size` takes after one of `old_size`, 0 for none before.

    That is when no hash has a zero byte, which would cost less than another.
    """
    leaves = [leaf_hash(number.to_bytes(4)) for number in range(new_size)]
    anchor = Stage("log_anchor", _wallets("anchorers"), started)
    if old_size:
        anchor.send(anchor.holder, "anchor", old_size, tree_root(leaves[:old_size]), [])
    root, proof = tree_root(leaves), consistency_proof(leaves, old_size) if old_size else []
    saved = ZERO_BYTE_SAVES * b"".join((root, *proof)).count(0)
    return anchor.send(anchor.holder, "anchor", new_size, root, proof).gas_used + saved


def _fill(registry: RegistryStage, consents: int) -> None:
    """Publish `consents` grants, each by a patient of its own."""
    draw = _wallets("earlier")
    for first in range(0, consents, BATCH_LIMIT):
        registry.grant(*(_grant(registry, draw()) for _ in range(min(BATCH_LIMIT, consents - first))))


def _grant(registry: RegistryStage, wallet: Wallet) -> PublishedGrant:
    return registry.signed(keccak(wallet.address), by=wallet)


def _wallets(name: str) -> Callable[[], Wallet]:
    """Return what draws the same wallets each time, one after the other."""
    numbers = count()
    return lambda: Wallet(keccak(f"{name} {next(numbers)}".encode()))
