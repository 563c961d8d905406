"""The two origins over a small hospital, without a browser: what a program on the other side can send."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.test import Client, TestResponse

from consent import wiring
from consent.demo.wallets import Wallet
from consent.domain.details import Details
from consent.domain.grant import Grant, certificate_digest
from consent.domain.hashing import sha256
from consent.domain.sign_in import SignIn
from consent.domain.terms import SubjectId
from consent.services.portal.sessions import BrowserSession, SessionKind
from consent.settings import WebSettings
from consent.web import create_portal, create_signing_app
from consent.web.room import PortalRoom
from consent.web.session import PORTAL_COOKIE
from consent.web.turns import by_host
from tests.services.house import House

PORTAL: Final = "http://localhost:8000"
SIGNING: Final = "http://sign.localhost:8000"
PAGE: Final = {"Accept": "text/html"}


class _Compiled(BytecodeCache):
    """Templates that an application of this process compiled already."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED: Final = _Compiled()


@dataclass(slots=True)
class Site:
    """Both origins as one application, and whose house it is."""

    house: House
    room: PortalRoom
    app: Any

    def browser(self) -> "Browser":
        """Return a browser with nothing stored."""
        return Browser(self, Client(self.app))

    def signed_in(self, subject: SubjectId, kind: SessionKind = SessionKind.PATIENT) -> "Browser":
        """Return a browser in which somebody is signed in."""
        session = self.room.sessions.begin(kind, subject, self.house.clock())
        self.room.sessions.keep(session, self.house.clock())
        browser = self.browser()
        browser.carry(session)
        return browser


@contextmanager
def served(house: House) -> Iterator[Site]:
    """Serve a house's portal in this process, with all its limits."""
    web = WebSettings.read(8000, {"CONSENTRY_TELEPHONE": "020 7946 0123"})
    room = wiring.portal_room(house.open, web, 120, house.clock)
    apps = {"localhost": create_portal(room), "sign.localhost": create_signing_app(room)}
    for app in apps.values():
        app.jinja_env.bytecode_cache = _COMPILED
    yield Site(house, room, by_host(apps))


@dataclass(slots=True)
class Browser:
    """A client that keeps cookies of each origin, follows nothing by itself, and fills in a form's token."""

    site: Site
    client: Client

    def carry(self, session: BrowserSession) -> None:
        """Take up a session's cookie."""
        self.client.set_cookie(PORTAL_COOKIE, session.token, domain="localhost", secure=True)

    def get(self, path: str, origin: str = PORTAL) -> TestResponse:
        """Open a page."""
        return self.client.get(path, base_url=origin.replace("http:", "https:"), headers=PAGE)

    def post(self, path: str, origin: str = PORTAL, page: str = "", **form: object) -> TestResponse:
        """Send a form of a page, with the token that stands on it."""
        token = self.token(page or path, origin)
        sent = {"csrf_token": token, **form}
        return self.client.post(path, base_url=origin.replace("http:", "https:"), headers=PAGE, data=sent)

    def token(self, path: str, origin: str = PORTAL) -> str:
        """Return the form token of a page."""
        text = self.get(path, origin).get_data(as_text=True)
        found = re.search(r'name="csrf(?:_token)?" (?:value|content)="([^"]+)"', text)
        return found[1] if found else ""

    def send(self, path: str, value: object, page: str) -> TestResponse:
        """Send JSON to the signing origin, as the wallet does."""
        headers = {"X-CSRFToken": self.token(page, SIGNING), "Referer": SIGNING.replace("http:", "https:")}
        return self.client.post(path, base_url=SIGNING.replace("http:", "https:"), json=value, headers=headers)

    def follow(self, answer: TestResponse) -> TestResponse:
        """Go where an answer leads."""
        to = urlsplit(answer.headers["Location"])
        origin = f"{to.scheme}://{to.netloc}" if to.netloc else PORTAL
        return self.get(to.path, origin)


def slots(kinds: tuple[str, ...] = ("passphrase", "recovery")) -> list[dict[str, Any]]:
    """Return slots as a wallet sends them; what they hold is random."""
    argon2id = {"memory": 19456, "passes": 2, "lanes": 1}
    return [
        {
            "kind": kind,
            "id": secrets.token_hex(32),
            "salt": secrets.token_hex(32),
            "nonce": secrets.token_hex(12),
            "ciphertext": secrets.token_hex(48),
            "parameters": argon2id if kind == "passphrase" else {},
        }
        for kind in kinds
    ]


def enrolled(browser: Browser, code: str, wallet: Wallet, **changed: object) -> TestResponse:
    """Enrol with a code and a wallet, without a passkey; return what the signing origin answers."""
    browser.post("/start", code=code)
    browser.follow(browser.post("/set-up"))
    asked = browser.get("/set-up/challenge", SIGNING).get_json()
    digest = SignIn(asked["origin"], bytes.fromhex(asked["challenge"])).digest(browser.site.house.open.domain)
    key = wallet.enrolment_key
    sent = {"credential": None, "slots": slots(), "enrolment": key.address.hex(), "signature": key.sign(digest).hex()}
    return browser.send("/set-up", sent | changed, "/set-up")


def chosen(browser: Browser, study: str) -> TestResponse:
    """Go through a request's steps, allowing all that is asked; return the answer that leads to the signing origin."""
    at = f"/requests/{study}"
    browser.post(f"{at}/choose", category=["demographics", "outcomes", "laboratory"])
    browser.post(f"{at}/when", window="all", end="12")
    browser.post(f"{at}/questions", care="no", stop="yes", name="no")
    return browser.post(f"{at}/allow", page=f"{at}/check", terms=checked(browser, study))


def checked(browser: Browser, study: str) -> str:
    """Return the hash of the terms that stands on a request's last page before signing."""
    text = browser.get(f"/requests/{study}/check").get_data(as_text=True)
    found = re.search(r'name="terms" value="([0-9a-f]{64})"', text)
    return found[1] if found else ""


def to_sign(browser: Browser, wallet: Wallet, **changed: object) -> dict[str, object]:
    """Return what a wallet sends for what the signing page has."""
    act = browser.get("/sign/act", SIGNING).get_json()
    house, salt = browser.site.house, secrets.token_bytes(32)
    key, domain = wallet.consent_key(salt), house.open.domain
    details = Details(**act["sentences"], terms=sha256(act["terms"].encode()), salt=salt)
    signature = key.sign(Grant(details, key.address, act["expires"], act["publish_by"]).digest(domain))
    certificate = wallet.enrolment_key.sign(certificate_digest(domain, SubjectId(act["subject"]), key.address))
    sent = {"salt": salt.hex(), "patient": key.address.hex(), "signature": signature.hex()}
    return sent | {"certificate": certificate.hex()} | changed
