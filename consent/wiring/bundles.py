"""Evidence bundles of an open installation; the ledger is read beside the process that runs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from consent.services.bundles.chain_files import Chain
from consent.services.bundles.making import Bundles
from consent.settings import Settings, SettingsError
from consent.wiring.chains import audited_chain
from consent.wiring.clock import Clock, utc_now
from consent.wiring.places import Places
from consent.wiring.rooms import Installation


def bundles_of(installation: Installation, settings: Settings, clock: Clock = utc_now) -> Bundles:
    """Return what makes bundles; files lie in the installation's folder, under no name, until they are whole."""
    here = installation
    chain = partial(read_chain, here.places, settings)
    return Bundles(here.store, here.book, here.projection, here.evidence, here.log, chain, here.places.home, clock)


@contextmanager
def read_chain(places: Places, settings: Settings) -> Iterator[Chain]:
    """Open the installation's chain for reading alone; raise `SettingsError` where a node has it and none is named."""
    if places.deployment.exists() and not settings.rpc:
        raise SettingsError("this installation is on a node's chain: set CONSENTRY_RPC to the node's URL")
    with audited_chain(places, settings.rpc, settings.confirmations) as ledger:
        deployment = ledger.deployment
        yield Chain(ledger, deployment.models.address, deployment.anchor.address)
