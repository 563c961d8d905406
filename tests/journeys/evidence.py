"""What an auditor of a test's hospital has of their own, and the bundles that they ask for."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from consent.domain.receipt import Receipt
from consent.services.bundles.making import Wanted
from consent.services.bundles.scopes import Scope
from consent.verifier.findings import Finding
from consent.verifier.policy import ChainTrust, LogTrust, Policy, Rules
from consent.verifier.run import verify
from consent.wiring.bundles import bundles_of
from consent.wiring.chain_views import chain_to_view, view_of_chain
from tests.services.house import House


@dataclass(slots=True)
class Auditor:
    """Looks at one hospital's chain and gets bundles; `folder` is theirs."""

    house: House
    folder: Path

    def policy(self, *kept: str) -> Policy:
        """Return what they trust, with the chain as it is now and the checkpoints that they kept."""
        log = self.house.open.log
        with chain_to_view(self.house.settings.home) as chain:
            view = view_of_chain(chain)
        trust = ChainTrust(view.chain_id, view.registry, view.models_at, view.anchor, view)
        return Policy(LogTrust(log.origin, (log.signer.public_key,), kept), trust, rules=Rules(clocks_differ=60))

    def bundle(self, scope: Scope, name: str = "bundle.zip", since: Iterable[int] = ()) -> Path:
        """Return a bundle of the newest checkpoint."""
        path = self.folder / name
        with path.open("w+b") as file:
            making = bundles_of(self.house.open, self.house.settings, self.house.clock)
            making.write(Wanted(scope, tuple(since), newest=True), file, "operator")
        return path

    def verified(self, path: Path, policy: Policy, receipts: Iterable[Receipt] = ()) -> dict[str, Finding]:
        """Return what is found, by name."""
        return {finding.name: finding for finding in verify(path, policy, receipts)}


def failed(found: dict[str, Finding]) -> dict[str, str]:
    """Return what does not hold, with the first item and the reason."""
    return {name: f"{one.item}: {one.seen}" for name, one in found.items() if one.holds is False}
