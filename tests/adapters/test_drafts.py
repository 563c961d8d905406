"""Rows of drafts, on SQLite and on PostgreSQL: each is found by its id and by whose it is, in the order of ids."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from consent.adapters.sql import SqlStore, open_records
from consent.adapters.sql.api_tables import drafts
from consent.adapters.sql.row_macs import RowMacs
from consent.domain.errors import RecordsUnavailableError
from consent.ports import DraftState, StoredDraft
from tests.databases import KINDS, new_records

EYES = StoredDraft("eyes", "uni-lab", DraftState.DRAFT, b"{}", 5, 6)
EARS = StoredDraft("ears", "firm-lab", DraftState.SUBMITTED, b"[]", 7, 2**40, "Say which years.")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """A records database with two drafts."""
    engine = open_records(new_records(request.param, tmp_path))
    store = SqlStore(engine, RowMacs(bytes(32)))
    with store.begin() as unit:
        unit.drafts.add(EYES)
        unit.drafts.add(EARS)
    yield store
    engine.dispose()


def test_drafts_go_round_in_the_order_of_their_ids(store: SqlStore) -> None:
    with store.reading() as unit:
        assert unit.drafts.everything() == [EARS, EYES]
        assert unit.drafts.of_client("uni-lab") == [EYES]
        assert unit.drafts.of_studies(["noses", "eyes", "ears", "eyes"]) == [EARS, EYES]
        assert (unit.drafts.get("ears"), unit.drafts.get("noses")) == (EARS, None)


def test_a_draft_takes_the_place_of_what_it_was(store: SqlStore) -> None:
    changed = replace(EYES, state=DraftState.REFUSED, definition=b"{ }", changed=9, reason="No.")
    with store.begin() as unit:
        unit.drafts.change(changed)
    with store.reading() as unit:
        assert unit.drafts.everything() == [EARS, changed]


def test_an_id_is_drafted_once(store: SqlStore) -> None:
    with pytest.raises(RecordsUnavailableError), store.begin() as unit:
        unit.drafts.add(replace(EYES, client="firm-lab"))
    with store.reading() as unit:
        assert unit.drafts.get("eyes") == EYES


@pytest.mark.parametrize(
    "forged", [{"client": "firm-lab"}, {"state": "submitted"}, {"definition": b"{ }"}, {"mac": None}]
)
def test_a_draft_that_somebody_without_keys_wrote_is_none_and_its_id_is_free(
    store: SqlStore, forged: dict[str, object]
) -> None:
    with store.begin() as unit:
        unit.connection.execute(update(drafts).where(drafts.c.study == "eyes").values(forged))
    with store.begin() as unit:
        assert unit.drafts.everything() == [EARS]
        assert unit.drafts.get("eyes") is None
        unit.drafts.add(EYES)
        assert unit.drafts.get("eyes") == EYES
