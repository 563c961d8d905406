"""The staff's pages of an open installation."""

from typing import Final

from consent.services.portal.sessions import BrowserSessions
from consent.settings import WebSettings
from consent.web.staff.room import StaffRoom
from consent.wiring.clock import Clock, utc_now
from consent.wiring.console import ANCHOR_SECONDS, console_of
from consent.wiring.desk import clients_of, drafts_of, staff_of, tokens_of
from consent.wiring.rooms import Installation

FORMS: Final = "staff-forms"


def staff_room(
    installation: Installation, web: WebSettings, clock: Clock = utc_now, anchor_seconds: int = ANCHOR_SECONDS
) -> StaffRoom:
    """Return what the staff's pages are made of; `anchor_seconds` lie between two anchors of the log."""
    return StaffRoom(
        origin=web.api,
        staff=staff_of(installation, web, clock),
        drafts=drafts_of(installation, clock),
        clients=clients_of(installation, clock),
        tokens=tokens_of(installation, f"{web.api}/v1/token", clock),
        sessions=BrowserSessions(installation.store),
        console=console_of(installation, clock, anchor_seconds),
        clock=clock,
        secret=installation.keys.installation_key(FORMS),
    )
