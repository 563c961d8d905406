"""What the installation shows over HTTP: the patients' portal, the auditors' door to the log, and how things are.

Three applications, each under host names of its own: `create_portal` and `create_signing_app` for patients, and
`create_app` for whoever is on this machine.
"""

from typing import Final

from flask import Flask, abort, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect

from consent.ports import Store
from consent.services.health import Health
from consent.services.portal.sessions import SessionKind
from consent.web.activity import ActivityPages
from consent.web.auditor import auditor_pages
from consent.web.doors import DoorPages
from consent.web.erasing import ErasurePages
from consent.web.everywhere import say_everywhere
from consent.web.guard import lead_to_erasures
from consent.web.headers import secure
from consent.web.health import health_pages
from consent.web.home import HomePages
from consent.web.key_acts import KeyActPages
from consent.web.keys import KeyPages
from consent.web.own_requests import OwnRequestPages
from consent.web.problems import explain, translate
from consent.web.receipts import ReceiptPages
from consent.web.records import RecordPages
from consent.web.requests import RequestPages
from consent.web.risk import RiskPages
from consent.web.room import PortalRoom
from consent.web.session import FORMS, PORTAL_COOKIE, SIGNING_COOKIE, RowSessions
from consent.web.signing import SigningPages
from consent.web.wishes import WishPages
from consent.web.words import speak

LOCAL: Final = ["127.0.0.1", "localhost"]
FORWARDED: Final = frozenset(
    {"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}
)
"""What a reverse proxy adds, and whoever comes through it cannot take away."""


def create_app(store: Store, origin: str, public_key: bytes, health: Health | None = None) -> Flask:
    """Return the auditors' door over one installation, for this machine only; `public_key` is the log's, 32 bytes.

    Without `health`, as where an auditor serves a copy of a folder, it does not say how a deployment is doing.
    """
    app = Flask(__name__)
    # Under any other name a page from elsewhere could read the log, by pointing its own name at this machine.
    app.config["TRUSTED_HOSTS"] = LOCAL
    app.before_request(_require_here)
    app.register_blueprint(auditor_pages(store, origin, public_key))
    if health:
        app.register_blueprint(health_pages(health))
    secure(app, scripts=False)
    speak(app)
    explain(app)
    return app


def create_portal(room: PortalRoom) -> Flask:
    """Return the origin on which people see, ask and stop; the log is not to be read there."""
    app = Flask(__name__)
    app.config["TRUSTED_HOSTS"] = [_host(room.origins.portal)]
    kinds = (SessionKind.VISITOR, SessionKind.PATIENT, SessionKind.STOPPING)
    sessions = RowSessions(room.sessions, room.clock, room.secret, PORTAL_COOKIE, kinds)
    limiter, protect = _founded(app, room, sessions, room.origins.signing)
    lead_to_erasures(app, room)
    app.register_blueprint(DoorPages(room).blueprint(limiter))
    app.register_blueprint(ReceiptPages(room).blueprint(limiter, protect))
    app.register_blueprint(ErasurePages(room).blueprint())
    app.register_blueprint(HomePages(room).blueprint())
    app.register_blueprint(RequestPages(room).blueprint())
    app.register_blueprint(RecordPages(room).blueprint())
    app.register_blueprint(ActivityPages(room).blueprint())
    app.register_blueprint(WishPages(room).blueprint())
    app.register_blueprint(RiskPages(room).blueprint())
    app.register_blueprint(KeyPages(room).blueprint())
    secure(app, form_targets=[room.origins.signing], scripts=True)
    return app


def create_signing_app(room: PortalRoom) -> Flask:
    """Return the origin on which people make their key, sign in and sign."""
    app = Flask(__name__)
    app.config["TRUSTED_HOSTS"] = [_host(room.origins.signing)]
    sessions = RowSessions(room.sessions, room.clock, room.secret, SIGNING_COOKIE, (SessionKind.SIGNING,))
    limiter, _ = _founded(app, room, sessions)
    app.register_blueprint(SigningPages(room).blueprint(limiter))
    app.register_blueprint(OwnRequestPages(room).blueprint(limiter))
    app.register_blueprint(KeyActPages(room).blueprint(limiter))
    secure(app, form_targets=[room.origins.portal], scripts=True, passkeys=True)
    return app


def _founded(
    app: Flask, room: PortalRoom, sessions: RowSessions, onward: str | None = None
) -> tuple[Limiter, CSRFProtect]:
    """Give an application what both have: sessions, form tokens, limits, languages, problems."""
    app.secret_key = room.secret
    app.session_interface = sessions
    app.config |= FORMS
    protect = CSRFProtect(app)
    speak(app, onward=onward)
    explain(app)
    translate(app)
    say_everywhere(app, room)
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", strategy="moving-window")
    return limiter, protect


def _require_here() -> None:
    """Refuse what came through a proxy: a stranger out there can write `Host: localhost` too."""
    if any(name in request.headers for name in FORWARDED):
        abort(404)


def _host(origin: str) -> str:
    return origin.split("://", 1)[1].rsplit(":", 1)[0]
