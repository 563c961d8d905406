"""Gas that the registry takes, under the rules of the Prague fork.

What others take was measured on one node, each with its own contracts: EAS 1.4 (Ethereum Attestation Service), Vana,
Dwarna and MedRec.
"""

import secrets
from collections.abc import Iterator
from typing import Final

from benchmarks.figure import Figure
from consent.domain.grant import BATCH_LIMIT, PublishedGrant
from tests.chains import RegistryStage, grant_fields
from tests.wallets import Wallet

EARLIER_BATCHES: Final = 4
_LATER: Final = f"after {EARLIER_BATCHES * BATCH_LIMIT:,} grants; the cost depends on no earlier one"


def measure() -> Iterator[Figure]:
    """Yield the figures of the registry's table, each in gas."""
    registry = RegistryStage()
    for _ in range(EARLIER_BATCHES):
        registry.grant(*_batch(registry))
    batch = _batch(registry)
    yield Figure(
        "gas.grant_batch_256",
        round(registry.grant(*batch).gas_used / BATCH_LIMIT),
        "gas a grant",
        "goal 8,800; EAS 187,816 (batch of 100); Vana 187,502; Dwarna 160,598; MedRec 122,922",
        f"256 signed grants in one call of grant, {_LATER}",
    )
    single = registry.send(registry.stranger, "grant_one", grant_fields(registry.signed()))
    yield Figure(
        "gas.grant_single",
        single.gas_used,
        "gas",
        "goal 44,000; EAS 196,282; Vana 187,502",
        f"one signed grant in one call of grant_one, {_LATER}",
    )
    yield Figure(
        "gas.grant_batch_1",
        registry.grant(registry.signed()).gas_used,
        "gas",
        "none: grant_one is for a single grant",
        "the same grant as a list of one: memory for a full batch is set aside",
    )
    yield Figure(
        "gas.revoke_single",
        registry.send(registry.patient, "revoke", [secrets.token_bytes(32)]).gas_used,
        "gas",
        "goal 53,000; EAS 57,789; Vana 64,349; Dwarna 74,572, rising to 692,960 at 200 people; MedRec 94,316",
        f"the patient revokes one commitment, {_LATER}",
    )
    revocations = [Wallet.draw().revocation(registry.domain, grant.commitment) for grant in batch]
    yield Figure(
        "gas.revoke_signed_batch_256",
        round(registry.revoke_signed(*revocations).gas_used / BATCH_LIMIT),
        "gas a revocation",
        "goal 31,500; EAS 75,058 (one); Vana 74,147 (one)",
        f"256 signed revocations in one call of revoke_signed, {_LATER}",
    )


def _batch(registry: RegistryStage) -> list[PublishedGrant]:
    return [registry.signed(by=Wallet.draw()) for _ in range(BATCH_LIMIT)]
