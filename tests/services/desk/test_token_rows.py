"""Whoever writes to the database and holds no key lets nobody in, by no field of a row and by no row from before."""

from collections.abc import Callable
from typing import Final

import pytest

from consent.services.desk.callers import TokenRefusedError
from tests.services.desk.desk import KIDNEYS, Desk

PUT_BACK: Final = {
    "client_credentials": "UPDATE client_credentials SET revoked = NULL, mac = :mac",
    "clients": "UPDATE clients SET revoked = NULL, mac = :mac",
    "memberships": "INSERT INTO memberships (study, client, created, mac) VALUES ('kidneys', 'ann', :created, :mac)",
}
ENDED_BY: Final[dict[str, Callable[[Desk], object]]] = {
    "client_credentials": lambda desk: desk.clients.revoke_key("ann", desk.ann.kid),
    "clients": lambda desk: desk.clients.revoke("ann"),
    "memberships": lambda desk: desk.clients.forbid("ann", KIDNEYS),
}


@pytest.mark.parametrize("table", PUT_BACK)
def test_a_row_from_before_its_end_is_put_back_in_vain(desk: Desk, table: str) -> None:
    """As a restored backup does, and who kept a copy of the row with its MAC: the log says that it ended."""
    with desk.house.open.store.begin() as unit:
        [row] = unit.connection.exec_driver_sql(f"SELECT created, mac FROM {table}").all()  # noqa: S608  # named above
    ENDED_BY[table](desk)
    values = {"mac": bytes(row.mac)} | ({"created": row.created} if table == "memberships" else {})
    desk.write(PUT_BACK[table], **values)
    with pytest.raises(TokenRefusedError) as caught:
        desk.granted()
    assert caught.value.reason == ("study-not-approved" if table == "memberships" else "assertion")


CHANGES: Final = [
    "UPDATE clients SET client = 'eve'",
    "UPDATE clients SET role = 'clinician'",
    "UPDATE clients SET title = 'Another'",
    "UPDATE clients SET created = created + 1",
    "UPDATE clients SET revoked = 1",
    "UPDATE clients SET mac = NULL",
    "UPDATE client_credentials SET kid = :other",
    "UPDATE client_credentials SET client = 'bob'",
    "UPDATE client_credentials SET jwk = :bytes",
    "UPDATE client_credentials SET created = created + 1",
    "UPDATE client_credentials SET revoked = 1",
    "UPDATE client_credentials SET mac = NULL",
    "UPDATE memberships SET study = 'lungs'",
    "UPDATE memberships SET client = 'bob'",
    "UPDATE memberships SET created = created + 1",
    "UPDATE memberships SET mac = NULL",
    "UPDATE api_tokens SET digest = :bytes",
    "UPDATE api_tokens SET id = 'ffffffffffffffff'",
    "UPDATE api_tokens SET kind = 'personal'",
    "UPDATE api_tokens SET holder = 'bob'",
    "UPDATE api_tokens SET role = 'operator'",
    "UPDATE api_tokens SET kid = NULL",
    "UPDATE api_tokens SET kid = :other",
    "UPDATE api_tokens SET study = NULL",
    "UPDATE api_tokens SET study = 'lungs'",
    "UPDATE api_tokens SET scopes = 'audit operate'",
    "UPDATE api_tokens SET created = created + 1",
    "UPDATE api_tokens SET expires = expires + 1",
    "UPDATE api_tokens SET mac = NULL",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_was_altered_lets_nobody_in(desk: Desk, change: str) -> None:
    granted = desk.granted()
    values = {"other": "A" * 43} if ":other" in change else {"bytes": b"\x01" * 32} if ":bytes" in change else {}
    desk.write(change, **values)
    assert not desk.lets_in(granted)
    if "api_tokens" not in change:
        with pytest.raises(TokenRefusedError):
            desk.granted()
