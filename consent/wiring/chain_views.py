"""What an auditor keeps of a chain: made from an installation's folder, or from a node and where contracts stand."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from consent.adapters.deployments import CONTRACTS as DEPLOYED
from consent.adapters.embedded_chain import EmbeddedChain
from consent.adapters.json_rpc import Node
from consent.adapters.node_chain import NodeChain, connected
from consent.adapters.registries import Registries
from consent.domain.errors import LedgerUnavailableError
from consent.ports import ModelChange, ModelStatus
from consent.settings import SettingsError
from consent.verifier.chain_view import CONTRACTS, UNREGISTERED, ChainView, RegisteredModel
from consent.wiring.places import InstallationError, Places, read_deployment

_TRIES: Final = 5


@contextmanager
def chain_to_view(
    home: Path | None, rpc: str = "", deployment: Path | None = None, confirmations: int | None = None
) -> Iterator[Registries]:
    """Open the chain of an installation's folder, or of a node and a copy of deployment.json, for reading.

    Without `confirmations` a node says itself what is final. Raises `SettingsError` where neither is named.
    """
    places = Places(home) if home is not None else None
    place = deployment or (places.deployment if places is not None and places.deployment.exists() else None)
    if place is not None:
        if not rpc:
            raise SettingsError("this chain is a node's: name a node of your own with --rpc")
        deployed = read_deployment(place)
        yield NodeChain(Node(connected(rpc), deployed.chain_id, confirmations), None, deployed)
        return
    if places is None:
        raise SettingsError("name an installation's folder, or a node with --rpc and --deployment")
    if not places.chain.is_file():
        raise InstallationError("the chain of this installation is missing: restore its file")
    with EmbeddedChain.read_only(places.chain) as chain:
        yield chain


def view_of_chain(chain: Registries) -> ChainView:
    """Return what a chain says as of its newest final block; raise `LedgerUnavailableError` where that moves on."""
    deployment = chain.deployment
    for _ in range(_TRIES):
        block, anchored = chain.final(), chain.anchored()
        if chain.final() == block:
            break
    else:
        raise LedgerUnavailableError("the chain moved on while it was looked at: try again")
    return ChainView(
        chain_id=deployment.chain_id,
        registry=deployment.registry.address,
        models_at=deployment.models.address,
        anchor=deployment.anchor.address,
        block=block,
        history=chain.history(block.number),
        anchored=anchored,
        models=_models(chain.model_changes(0, block.number)),
        code={name: deployment.of(at).code_hash for name, at in zip(CONTRACTS, DEPLOYED, strict=True)},
    )


def _models(changes: Iterable[ModelChange]) -> dict[bytes, RegisteredModel]:
    models: dict[bytes, RegisteredModel] = {}
    for change in changes:
        known = models.get(change.model, UNREGISTERED)
        manifest = change.manifest or known.manifest
        models[change.model] = RegisteredModel(manifest, ModelStatus(change.status))
    return models
