"""What the API is made of, put together in the wiring."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from consent.services.desk.answers import Answering
from consent.services.desk.cohorts import Cohorts
from consent.services.desk.drafts import Drafts
from consent.services.desk.idempotency import Idempotency
from consent.services.desk.tokens import Tokens
from consent.services.desk.work import Work
from consent.services.records import Records
from consent.services.studies.cards import Cards
from consent.services.studies.predicting import Predicting
from consent.services.studies.previewing import Previewing
from consent.services.studies.release_facts import ReleaseRoom
from consent.services.studies.release_history import ReleaseHistory
from consent.services.studies.releasing import Releasing


@dataclass(frozen=True, slots=True)
class ApiRoom:
    """One installation's services for researchers, clinicians, auditors and operators.

    Attributes:
        origin: the API's origin, `scheme://host[:port]`.
        log_key: the log's public key, 32 bytes.
        secret: 32 bytes that sign cursors, the same in each process.
        limited: whether requests are limited in number, as they are but in some tests.
    """

    origin: str
    tokens: Tokens
    drafts: Drafts
    answering: Answering
    cohorts: Cohorts
    previewing: Previewing
    work: Work
    releasing: Releasing
    release_history: ReleaseHistory
    release_room: ReleaseRoom
    cards: Cards
    predicting: Predicting
    records: Records
    idempotency: Idempotency
    clock: Callable[[], datetime]
    log_key: bytes
    secret: bytes = field(repr=False)
    limited: bool = True
