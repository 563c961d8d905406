"""What the portal's pages are made of, put together in the wiring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from consent.domain.terms import SubjectId
from consent.domain.typed_data import SigningDomain
from consent.ports import Passkeys, Post
from consent.services.access import OwnRecords
from consent.services.granting import Granting
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
from consent.services.portal.wishing import Wishing
from consent.services.preferences import Preferences


@dataclass(frozen=True, slots=True)
class Origins:
    """The two origins as URLs without a path: the portal's, and the one where people sign."""

    portal: str
    signing: str


@dataclass(frozen=True, slots=True)
class DemoPatient:
    """Somebody of the demo's data whom a developer may sign in as; `new` where they are to enrol first."""

    subject: SubjectId
    title: str
    new: bool


@dataclass(frozen=True, slots=True)
class PortalRoom:
    """One installation's services for patients.

    Attributes:
        log: the log's name.
        domain: where its patients' signatures count.
        secret: 32 bytes that sign form tokens, the same in each process.
        telephone: the number on every page, empty where there is none.
        public_record: whether outsiders keep the ledger.
        post: sends mailed codes; None where no mail is set up.
        demo: whom a developer may sign in as; in a deployment nobody.
    """

    origins: Origins
    log: str
    domain: SigningDomain
    overview: Overview
    asking: Asking
    enrolling: Enrolling
    new_keys: NewKeys
    own_keys: OwnKeys
    signing_in: SigningIn
    sessions: BrowserSessions
    granting: Granting
    preferences: Preferences
    risk: OwnRisk
    wishing: Wishing
    activity: Activity
    reporting: Reporting
    own_view: OwnView
    receipts: Receipts
    erasing: Erasing
    own_records: OwnRecords
    passkeys: Passkeys
    clock: Callable[[], datetime]
    secret: bytes = field(repr=False)
    telephone: str = ""
    public_record: bool = False
    post: Post | None = None
    demo: Sequence[DemoPatient] = ()
