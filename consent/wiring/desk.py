"""The desk of an open installation: who asks at the researchers' door, and who of the staff signs in there."""

from consent.adapters.assertions import JoseAssertions
from consent.adapters.passkeys import WebAuthn
from consent.ports import Unit
from consent.services.desk.clients import Clients
from consent.services.desk.drafts import Drafts
from consent.services.desk.judging import Judging
from consent.services.desk.staff import Staff
from consent.services.desk.tokens import Tokens
from consent.services.portal.studies import ApprovedStudies
from consent.settings import WebSettings
from consent.wiring.clock import Clock, utc_now
from consent.wiring.rooms import Installation

STAFF_NAME = "Consentry staff"
"""What a device shows beside a passkey of the staff's."""


def clients_of(installation: Installation, clock: Clock = utc_now) -> Clients:
    """Return what registers clients and says for which studies they may ask."""
    return Clients(installation.store, installation.log, JoseAssertions.drawn(), clock)


def tokens_of(installation: Installation, audience: str, clock: Clock = utc_now) -> Tokens:
    """Return what issues tokens; `audience` is the token endpoint's URL, as clients must sign it."""
    judging = Judging(installation.book, ApprovedStudies(installation.book))
    return Tokens(installation.store, installation.log, judging, JoseAssertions.drawn(), audience, clock)


def drafts_of(installation: Installation, clock: Clock = utc_now) -> Drafts:
    """Return what takes studies from a draft to the books; whose draft it was is then a member of the study."""
    here, clients = installation, clients_of(installation, clock)

    def allow(unit: Unit, client: str, study: str, _now: int) -> None:
        clients.allow_within(unit, client, study)

    return Drafts(here.store, ApprovedStudies(here.book), here.registration, allow)


def staff_of(installation: Installation, web: WebSettings, clock: Clock = utc_now) -> Staff:
    """Return what signs the staff in, with passkeys of the API's host."""
    passkeys = WebAuthn(web.api_host, web.api, STAFF_NAME)
    return Staff(installation.store, installation.log, passkeys, clock)
