"""A turn of the epoch has its entry, also where the process died between the two."""

import pytest

from consent.services.epochs import Epochs
from tests.services.house import House


def turns(house: House) -> list[int]:
    return [
        entry["facts"]["epoch"] for entry in house.log() if (entry["action"], entry["verdict"]) == ("keys", "TURNED")
    ]


def test_a_turn_that_was_not_logged_is_logged_by_the_next_housekeeping_and_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as died:
        died.setattr(Epochs, "_note", lambda _: None)
        house.turn_epoch()
    assert turns(house) == []
    house.open.keep_house()
    house.open.keep_house()
    assert turns(house) == [house.open.keys.epoch]


def test_a_turn_that_was_logged_is_not_logged_again(house: House) -> None:
    house.turn_epoch()
    house.open.keep_house()
    assert turns(house) == [house.open.keys.epoch]


def test_where_no_epoch_was_turned_nothing_is_logged(house: House) -> None:
    assert not house.open.epochs.note_unlogged()
    assert turns(house) == []
