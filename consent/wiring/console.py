"""The auditors' console of an open installation."""

from functools import partial
from typing import Final

from consent.services.console.as_of import Past
from consent.services.console.checkpoints import Checkpoints
from consent.services.console.chronicle import Chronicle
from consent.services.console.consents import Consents
from consent.services.console.console import Console
from consent.services.console.findings import Findings
from consent.services.console.foundations import Foundations
from consent.services.console.giving_out import GivingOut
from consent.services.console.history import History
from consent.services.console.looking import Looking
from consent.services.console.proving import LogIdentity, Proving
from consent.services.console.reconciling import Reconciling
from consent.signatures import verifies
from consent.wiring.clock import Clock, utc_now
from consent.wiring.rooms import Installation

ANCHOR_SECONDS: Final = 3600
"""How often the log is anchored."""


def console_of(installation: Installation, clock: Clock = utc_now, every: int = ANCHOR_SECONDS) -> Console:
    """Return what the auditors' pages ask; `every` is the anchors' schedule, in seconds."""
    here, chronicle = installation, Chronicle()
    key = here.log.signer.public_key
    identity = LogIdentity(here.log.origin, key, partial(verifies, key))
    history, looking = History(here.store, chronicle), Looking(here.log)
    sides = Reconciling(here.store, here.book, here.projection, chronicle, clock)
    checkpoints = Checkpoints(here.store, identity, chronicle, clock, every)
    foundations = Foundations(here.store, here.vault, sides, clock)
    return Console(
        history=history,
        proving=Proving(here.store, identity, chronicle),
        past=Past(here.store, here.book, here.projection, chronicle, clock),
        consents=Consents(here.store, sides, looking, clock),
        reconciling=sides,
        foundations=foundations,
        checkpoints=checkpoints,
        erasures=here.erasures,
        findings=Findings(sides, checkpoints, foundations, here.erasures),
        giving_out=GivingOut(here.store, history, sides, looking, clock),
    )
