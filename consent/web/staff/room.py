"""What the staff's pages are made of, put together in the wiring."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from consent.services.console.console import Console
from consent.services.desk.clients import Clients
from consent.services.desk.drafts import Drafts
from consent.services.desk.staff import Staff
from consent.services.desk.tokens import Tokens
from consent.services.portal.sessions import BrowserSessions


@dataclass(frozen=True, slots=True)
class StaffRoom:
    """One installation's services for its staff.

    Attributes:
        origin: the API's origin, `scheme://host[:port]`: the staff's passkeys are of its host.
        secret: 32 bytes that sign form tokens, the same in each process.
    """

    origin: str
    staff: Staff
    drafts: Drafts
    clients: Clients
    tokens: Tokens
    sessions: BrowserSessions
    console: Console
    clock: Callable[[], datetime]
    secret: bytes = field(repr=False)
