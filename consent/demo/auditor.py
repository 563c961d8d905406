"""What the demo's auditor takes home: evidence of everything, and what they hold it against."""

from pathlib import Path

from consent import wiring
from consent.services.bundles.making import Wanted
from consent.services.bundles.scopes import Scope
from consent.settings import Settings
from consent.verifier.chain_view import ChainView
from consent.wiring import LedgerRoom
from consent.wiring.chain_views import chain_to_view, view_of_chain
from vault.files import new_file

BUNDLE, POLICY, VIEW = "bundle.zip", "policy.toml", "chain-view.json"


def leave(installation: LedgerRoom, settings: Settings, folder: Path) -> None:
    """Write a bundle of the whole log into a folder, with a policy that names the checkpoints that are kept there.

    A real auditor writes the policy and looks at the chain by means of their own.
    """
    with chain_to_view(settings.home, settings.rpc) as chain:
        view = view_of_chain(chain)
    kept = sorted(path.name for path in folder.glob("checkpoint-*.txt"))
    wiring.write_private(folder / VIEW, view.to_bytes())
    wiring.write_private(folder / POLICY, policy(installation, view, kept).encode())
    since = [int(name.removeprefix("checkpoint-").removesuffix(".txt")) for name in kept]
    with new_file(folder / BUNDLE) as file:
        wiring.bundles_of(installation, settings).write(Wanted(Scope.everything(), since), file, "operator")


def policy(installation: LedgerRoom, view: ChainView, kept: list[str]) -> str:
    """Return a policy that trusts this log's key, this chain as it was seen, and the checkpoints that were kept."""
    log = installation.log
    return (
        f'version = 1\n\n[log]\norigin = "{log.origin}"\nkeys = ["{log.signer.public_key.hex()}"]\n'
        f"checkpoints = {kept}\n\n[chain]\nid = {view.chain_id}\n"
        f'registry = "0x{view.registry.hex()}"\nmodels = "0x{view.models_at.hex()}"\nanchor = "0x{view.anchor.hex()}"\n'
        f'view = "{VIEW}"\n'
    )
