"""All that the auditors' pages ask, put together in the wiring."""

from dataclasses import dataclass

from consent.services.console.as_of import Past
from consent.services.console.checkpoints import Checkpoints
from consent.services.console.consents import Consents
from consent.services.console.findings import Findings
from consent.services.console.foundations import Foundations
from consent.services.console.giving_out import GivingOut
from consent.services.console.history import History
from consent.services.console.proving import Proving
from consent.services.console.reconciling import Reconciling
from consent.services.erasure import Erasures


@dataclass(frozen=True, slots=True)
class Console:
    """What auditors and operators look at; the parts share one chronicle."""

    history: History
    proving: Proving
    past: Past
    consents: Consents
    reconciling: Reconciling
    foundations: Foundations
    checkpoints: Checkpoints
    erasures: Erasures
    findings: Findings
    giving_out: GivingOut
