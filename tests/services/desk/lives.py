"""Drafts over a house, for tests of a study's life."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select

from consent.adapters.sql.api_tables import drafts, memberships
from consent.adapters.sql.tables import studies
from consent.domain.study import Study
from consent.ports import Unit
from consent.services.desk.drafts import Drafts
from consent.services.portal.studies import ApprovedStudies
from tests.services.house import STUDY, House

OWNER, OTHER = "uni-lab", "firm-lab"


def let_in(unit: Unit, client: str, study: str, now: int) -> None:
    """Make a client a member of a study."""
    unit.connection.execute(insert(memberships), {"client": client, "study": study, "created": now})


def drafts_of(house: House) -> Drafts:
    """Put the desk's drafts together over an open installation."""
    here = house.open
    return Drafts(here.store, ApprovedStudies(here.book), here.registration, let_in)


def value(study: str, base: Study = STUDY, **changed: Any) -> Mapping[str, Any]:
    """Return what a researcher sends for a study, without an ethics reference."""
    return base.to_json() | {"id": study, "title": f"About {study}", "ethics": ""} | changed


def kept(house: House) -> tuple[Any, ...]:
    """Return all that an act on a study may change: the log's size, and the rows of drafts, studies and members."""
    with house.open.store.reading() as unit:
        rows = [list(unit.connection.execute(select(table))) for table in (drafts, studies, memberships)]
        return unit.log.size(), *(sorted(map(tuple, some), key=repr) for some in rows)
