"""How long an auditor's machine takes to verify a certificate, by how many signed."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Final

from benchmarks.figure import Figure
from consent.domain.checkpoint import Checkpoint
from consent.domain.typed_data import Address
from consent.verifier.certificate import (
    AnchorContract,
    Certificate,
    RegisteredSigner,
    Signer,
    SignerPolicy,
    aggregate,
    verify_certificate,
)

SIGNERS: Final = (1, 10, 30)
TIMES: Final = 3
_CHECKPOINT: Final = Checkpoint("consentry.example/log", 41_918, bytes(32))
_ANCHOR: Final = AnchorContract(4137, Address(bytes(20)))
_PROTOTYPE: Final = {1: "330 ms in a prototype", 10: "-", 30: "580 ms in a prototype"}


def measure() -> Iterator[Figure]:
    """Yield the milliseconds of one certificate of each size."""
    signers = [Signer.from_seed(bytes([number]) * 32) for number in range(max(SIGNERS))]
    registered = [
        RegisteredSigner(f"signer {number}", "witnesses", signer.public_key, signer.prove_possession())
        for number, signer in enumerate(signers)
    ]
    signatures = [signer.sign(_CHECKPOINT, _ANCHOR) for signer in signers]
    taken = {count: _milliseconds(registered[:count], signatures[:count]) for count in SIGNERS}
    for count, value in taken.items():
        yield Figure(
            f"certificate.verify_ms_{count}", value, "ms", _PROTOTYPE[count], f"{count} of {count} signed; py_ecc"
        )
    most = "; ".join(f"{value} ms with {count}" for count, value in taken.items())
    yield Figure("certificate.verify_ms", taken[max(SIGNERS)], "ms", _PROTOTYPE[max(SIGNERS)], f"by signers: {most}")


def _milliseconds(signers: list[RegisteredSigner], signatures: list[bytes]) -> float:
    """Return what verifying takes; proofs of possession were checked when the signers were registered."""
    policy = SignerPolicy(1, tuple(signers), {"witnesses": len(signers)})
    certificate = Certificate(1, policy.bitmap(signer.name for signer in signers), aggregate(signatures))
    verifying = partial(verify_certificate, certificate, _CHECKPOINT, _ANCHOR, policy)
    return round(1000 * median(_seconds(verifying) for _ in range(TIMES)), 1)


def _seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start
