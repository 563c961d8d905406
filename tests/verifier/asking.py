"""Ask the verifier about a bundle, and look for the first thing that does not hold."""

from collections.abc import Iterable
from pathlib import Path

from consent.domain.receipt import Receipt
from consent.verifier.findings import Finding
from consent.verifier.policy import Policy
from consent.verifier.run import verify


def told(path: Path, policy: Policy, receipts: Iterable[Receipt] = ()) -> dict[str, Finding]:
    """Return what is found, by name; each is told once."""
    found = list(verify(path, policy, receipts))
    assert len({finding.name for finding in found}) == len(found)
    return {finding.name: finding for finding in found}


def failure(path: Path, policy: Policy, receipts: Iterable[Receipt] = ()) -> tuple[str, str, str]:
    """Return name, item and reason of the first thing that does not hold; empty where everything does."""
    failed = [finding for finding in told(path, policy, receipts).values() if finding.holds is False]
    return (failed[0].name, failed[0].item, failed[0].seen) if failed else ("", "", "")
