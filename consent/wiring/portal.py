"""The portal of an open installation: what patients enrol with, sign in with and see."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Final

from consent.adapters.passkeys import WebAuthn
from consent.adapters.smtp import FolderPost, SmtpPost
from consent.domain.mail import MailServer
from consent.domain.terms import SubjectId
from consent.ports import Post
from consent.services.portal.activity import Activity
from consent.services.portal.asking import Asking
from consent.services.portal.enrolling import Enrolling
from consent.services.portal.erasing import Erasing
from consent.services.portal.new_keys import NewKeys
from consent.services.portal.overview import Overview
from consent.services.portal.own_keys import OwnKeys
from consent.services.portal.own_records import OwnView
from consent.services.portal.own_risk import OwnRisk
from consent.services.portal.receipts import Receipts
from consent.services.portal.reporting import Reporting
from consent.services.portal.sessions import BrowserSessions
from consent.services.portal.signing_in import SigningIn
from consent.services.portal.studies import ApprovedStudies
from consent.services.portal.wishing import Wishing
from consent.services.posting import Posting
from consent.settings import WebSettings
from consent.signatures import verifies
from consent.web.letters import Letters
from consent.web.room import DemoPatient, Origins, PortalRoom
from consent.wiring.clock import Clock, utc_now
from consent.wiring.places import Places
from consent.wiring.rooms import Installation

CONTACTS: Final = "contacts"
FORMS: Final = "forms"
ERASING: Final = "erasing"
_SENDER: Final = "portal@localhost"
"""From whom letters come that lie in a folder."""


def portal_room(
    installation: Installation, web: WebSettings, max_staleness: int, clock: Clock = utc_now
) -> PortalRoom:  # fmt: skip
    """Return what the portal's pages are made of; `max_staleness` in seconds."""
    store, book, keys = installation.store, installation.book, installation.keys
    passkeys, studies = WebAuthn(web.signing_host, web.signing), ApprovedStudies(book)
    log, places = installation.log.origin, installation.places
    wishing = Wishing(store, installation.vault, book, installation.log, studies)
    return PortalRoom(
        origins=Origins(web.portal, web.signing),
        log=log,
        domain=installation.domain,
        overview=Overview(store, book, installation.projection, installation.granting, studies, max_staleness),
        asking=Asking(store, installation.vault, book, installation.projection, studies, wishing),
        enrolling=enrolling(installation, web),
        signing_in=SigningIn(store, book, passkeys, log, installation.vault, keys.installation_key(CONTACTS)),
        new_keys=new_keys(installation, web),
        own_keys=OwnKeys(store, installation.log, enrolling(installation, web)),
        sessions=BrowserSessions(store),
        granting=installation.granting,
        preferences=installation.preferences,
        risk=OwnRisk(store, installation.vault, book, installation.log, installation.predicting),
        wishing=wishing,
        activity=Activity(store, book, studies),
        reporting=reporting(installation),
        own_view=OwnView(store, installation.vault, book, installation.log),
        own_records=installation.own_records,
        receipts=Receipts(
            store, book, installation.granting, log, partial(verifies, installation.log.signer.public_key)
        ),
        erasing=Erasing(store, book, installation.erasures, installation.epochs, keys.installation_key(ERASING)),
        passkeys=passkeys,
        clock=clock,
        secret=keys.installation_key(FORMS),
        telephone=web.telephone,
        public_record=places.deployment.exists(),
        post=_post(web, places, clock),
        demo=_demo(web, places),
    )


def enrolling(installation: Installation, web: WebSettings) -> Enrolling:
    """Return what issues and takes invitations for a first key."""
    passkeys = WebAuthn(web.signing_host, web.signing)
    return Enrolling(
        installation.store,
        installation.vault,
        installation.book,
        installation.records,
        passkeys,
        installation.log.origin,
    )


def reporting(installation: Installation) -> Reporting:
    """Return what takes and answers reports."""
    return Reporting(installation.store, installation.vault, installation.book, installation.log)


def posting(installation: Installation, web: WebSettings, clock: Clock = utc_now) -> Posting | None:
    """Return what sends letters that wait; None where no mail is set up."""
    post = _post(web, installation.places, clock)
    if post is None:
        return None
    letters = Letters(web.portal, web.telephone)
    return Posting(installation.store, installation.vault, installation.noticing, post, letters)


def new_keys(installation: Installation, web: WebSettings) -> NewKeys:
    """Return what takes up requests for a new key in the place of an old one."""
    here = installation
    return NewKeys(here.store, here.vault, here.book, here.log, here.authorising, enrolling(here, web))


def _post(web: WebSettings, places: Places, clock: Clock) -> Post | None:
    """Return who mails codes: in a deployment a mail server or nobody, in development a folder where none is named."""
    if web.smtp:
        return SmtpPost(MailServer.parse(web.smtp), web.mail_from, clock)
    return None if _is_deployed(web) else FolderPost(places.home / "mail", web.mail_from or _SENDER, clock)


def _demo(web: WebSettings, places: Places) -> Sequence[DemoPatient]:
    """Return whom a developer may sign in as: only over the demo's own folder, and only on this machine."""
    listed = places.home / "demo-patients.json"
    if _is_deployed(web) or not (places.home / "this-is-a-demo").exists() or not listed.exists():
        return ()
    found = json.loads(listed.read_text())
    return [DemoPatient(SubjectId(one["subject"]), one["title"], one["new"]) for one in found]


def _is_deployed(web: WebSettings) -> bool:
    return web.portal.startswith("https:")
