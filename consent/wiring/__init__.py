"""The one place where things meet: an installation's folder becomes its services.

with wiring.opened(settings) as installation: ...          everything but the chain, beside other processes
with wiring.opened_ledger(settings) as room: ...           everything, as the one process that runs the chain
with wiring.opened_for_audit(home) as room: ...            to read and check, without any key
"""

from importlib import import_module
from typing import TYPE_CHECKING

from consent.wiring.audit import AuditRoom, opened_for_audit
from consent.wiring.clock import Clock, utc_now
from consent.wiring.making import create, upgrade
from consent.wiring.occupancy import occupied
from consent.wiring.places import (
    InstallationError,
    Places,
    is_absent,
    make_folders,
    read_chain_keys,
    read_deployment,
    read_identity,
    write_private,
)
from consent.wiring.rooms import (
    Installation,
    LedgerRoom,
    opened,
    opened_ledger,
    opened_records,
    worker,
)

if TYPE_CHECKING:
    from consent.wiring.api import api_room
    from consent.wiring.bundles import bundles_of
    from consent.wiring.chains import opened_chain
    from consent.wiring.desk import clients_of, drafts_of, staff_of, tokens_of
    from consent.wiring.portal import enrolling, new_keys, portal_room, posting, reporting
    from consent.wiring.snapshots import snapshots_of
    from consent.wiring.staff import staff_room

__all__ = [
    "AuditRoom",
    "Clock",
    "Installation",
    "InstallationError",
    "LedgerRoom",
    "Places",
    "api_room",
    "bundles_of",
    "clients_of",
    "create",
    "drafts_of",
    "enrolling",
    "is_absent",
    "make_folders",
    "new_keys",
    "occupied",
    "opened",
    "opened_chain",
    "opened_for_audit",
    "opened_ledger",
    "opened_records",
    "portal_room",
    "posting",
    "read_chain_keys",
    "read_deployment",
    "read_identity",
    "reporting",
    "snapshots_of",
    "staff_of",
    "staff_room",
    "tokens_of",
    "upgrade",
    "utc_now",
    "worker",
    "write_private",
]

_LATE = (
    dict.fromkeys(("enrolling", "new_keys", "portal_room", "posting", "reporting"), "consent.wiring.portal")
    | dict.fromkeys(("clients_of", "drafts_of", "staff_of", "tokens_of"), "consent.wiring.desk")
    | {
        "api_room": "consent.wiring.api",
        "bundles_of": "consent.wiring.bundles",
        "opened_chain": "consent.wiring.chains",
        "snapshots_of": "consent.wiring.snapshots",
        "staff_room": "consent.wiring.staff",
    }
)


def __getattr__(name: str) -> object:
    """Import what needs Flask, web3 or py-evm when it is first asked for: each takes half a second to load."""
    if name not in _LATE:
        raise AttributeError(f"module 'consent.wiring' has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)
