"""The staff's pages under `/staff` on the API's host: operators decide here, and auditors look, each by passkey.

| module | holds |
| --- | --- |
| `member` | who asks, looked up at every request |
| `doors` | signing in and out, and making a passkey with a code |
| `studies` | what waits, what was decided, and deciding |
| `clients` | programs of researchers and clinicians, and revoking them |
| `tokens` | a token for the API, for a working day |
| `shown`, `purposes` | studies in words |
| `audit_history`, `audit_consents`, `audit_pages` | what auditors ask, a page for each question |
| `problems` | what did not work |
"""

from typing import Final

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect

from consent.services.portal.sessions import SessionKind
from consent.web.headers import secure
from consent.web.session import FORMS, STAFF_COOKIE, RowSessions
from consent.web.staff.audit_consents import ConsentPages
from consent.web.staff.audit_history import HistoryPages
from consent.web.staff.audit_pages import AuditPages
from consent.web.staff.clients import ClientPages
from consent.web.staff.doors import DoorPages
from consent.web.staff.member import recognise
from consent.web.staff.problems import explain
from consent.web.staff.room import StaffRoom
from consent.web.staff.saying import say_everywhere
from consent.web.staff.studies import StudyPages
from consent.web.staff.tokens import TokenPages

KINDS: Final = (SessionKind.VISITOR, SessionKind.STAFF)


def create_staff(room: StaffRoom) -> Flask:
    """Return the staff's pages, for the host of `room.origin` alone; whatever begins with /staff is for them."""
    app = Flask("consent.web", static_url_path="/staff/static")
    app.config |= FORMS
    app.config["TRUSTED_HOSTS"] = [room.origin.split("://", 1)[1].rsplit(":", 1)[0]]
    app.url_map.strict_slashes = False
    app.secret_key = room.secret
    app.session_interface = RowSessions(room.sessions, room.clock, room.secret, STAFF_COOKIE, KINDS)
    recognise(app, room)
    CSRFProtect(app)
    # Where nobody can count, nobody signs in.
    limiter = Limiter(
        get_remote_address, app=app, storage_uri="memory://", strategy="moving-window", swallow_errors=False
    )
    for part in (DoorPages, StudyPages, ClientPages, TokenPages, AuditPages, HistoryPages, ConsentPages):
        app.register_blueprint(part(room).blueprint(limiter))
    say_everywhere(app)
    explain(app)
    secure(app, scripts=True, passkeys=True)
    return app
