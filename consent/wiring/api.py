"""The researchers' door of an open installation."""

from typing import Final

from consent.services.desk.cohorts import Cohorts
from consent.services.desk.idempotency import Idempotency
from consent.services.desk.work import Work
from consent.services.studies.cards import Cards
from consent.services.studies.previewing import Previewing
from consent.services.studies.snapshots import Snapshots
from consent.settings import WebSettings
from consent.web.v1.room import ApiRoom
from consent.wiring.clock import Clock, utc_now
from consent.wiring.desk import drafts_of, tokens_of
from consent.wiring.rooms import Installation

CURSORS: Final = "cursors"


def api_room(
    installation: Installation, web: WebSettings, snapshots: Snapshots, clock: Clock = utc_now
) -> ApiRoom:  # fmt: skip
    """Return what the API is made of."""
    here = installation
    return ApiRoom(
        origin=web.api,
        tokens=tokens_of(here, f"{web.api}/v1/token", clock),
        drafts=drafts_of(here, clock),
        answering=here.answering,
        cohorts=Cohorts(here.store),
        previewing=Previewing(here.counting, snapshots),
        work=Work(here.training),
        releasing=here.releasing,
        release_history=here.release_history,
        release_room=here.release_room,
        cards=Cards(here.release_room),
        predicting=here.predicting,
        records=here.records,
        idempotency=Idempotency(here.store, here.keys.epoch_seal),
        clock=clock,
        log_key=here.log.signer.public_key,
        secret=here.keys.installation_key(CURSORS),
    )
