"""A request with a key: done once, answered alike, and nothing of its answer in clear."""

from datetime import timedelta
from functools import partial

import pytest

from consent.services.desk.idempotency import (
    IN_FLIGHT_SECONDS,
    KEPT_SECONDS,
    AnswerGoneError,
    Idempotency,
    InFlightError,
    Kept,
    KeyReusedError,
)
from tests.services.house import House

ASKED, OTHER = bytes(32), bytes([1]) * 32
ANSWER = b'{"probability": 0.371829}'


@pytest.fixture
def once(house: House) -> Idempotency:
    return Idempotency(house.open.store, house.open.keys.epoch_seal)


def test_the_first_request_is_to_be_answered_and_the_second_gets_that_answer(once: Idempotency, house: House) -> None:
    now = house.clock()
    assert once.begin("lab", "k1", ASKED, now) is None
    once.keep("lab", "k1", ANSWER, now)
    assert once.begin("lab", "k1", ASKED, now) == Kept(ANSWER)


def test_another_request_under_the_same_key_is_refused(once: Idempotency, house: House) -> None:
    once.begin("lab", "k1", ASKED, house.clock())
    with pytest.raises(KeyReusedError):
        once.begin("lab", "k1", OTHER, house.clock())
    once.keep("lab", "k1", ANSWER, house.clock())
    with pytest.raises(KeyReusedError):
        once.begin("lab", "k1", OTHER, house.clock())


def test_while_the_first_is_not_answered_the_second_waits(once: Idempotency, house: House) -> None:
    once.begin("lab", "k1", ASKED, house.clock())
    with pytest.raises(InFlightError):
        once.begin("lab", "k1", ASKED, house.clock())


def test_keys_of_two_clients_are_two_keys(once: Idempotency, house: House) -> None:
    once.begin("lab", "k1", ASKED, house.clock())
    assert once.begin("other", "k1", OTHER, house.clock()) is None


def test_a_request_that_failed_or_whose_process_died_can_be_sent_again(once: Idempotency, house: House) -> None:
    once.begin("lab", "k1", ASKED, house.clock())
    once.forget("lab", "k1")
    assert once.begin("lab", "k1", ASKED, house.clock()) is None
    later = house.clock() + timedelta(seconds=IN_FLIGHT_SECONDS)
    assert once.begin("lab", "k1", ASKED, later) is None


def test_an_answer_is_kept_for_a_day(once: Idempotency, house: House) -> None:
    now = house.clock()
    once.begin("lab", "k1", ASKED, now)
    once.keep("lab", "k1", ANSWER, now)
    assert once.begin("lab", "k1", ASKED, now + timedelta(seconds=KEPT_SECONDS - 1)) == Kept(ANSWER)
    assert once.begin("lab", "k1", ASKED, now + timedelta(seconds=KEPT_SECONDS + 1)) is None


def test_what_was_shown_once_is_not_shown_again(once: Idempotency, house: House) -> None:
    once.begin("lab", "k1", ASKED, house.clock())
    once.keep("lab", "k1", None, house.clock())
    with pytest.raises(AnswerGoneError):
        once.begin("lab", "k1", ASKED, house.clock())


def test_no_answer_lies_in_clear_and_the_epoch_takes_it(once: Idempotency, house: House) -> None:
    now = house.clock()
    once.begin("lab", "k1", ASKED, now)
    once.keep("lab", "k1", ANSWER, now)
    with house.open.store.reading() as unit:
        kept = [row.answer for row in map(unit.answers.get, [_key("lab", "k1")]) if row]
    assert kept
    assert all(answer and b"probability" not in answer for answer in kept)
    house.turn_epoch()
    with pytest.raises(AnswerGoneError):
        once.begin("lab", "k1", ASKED, now)


def test_an_answer_that_was_moved_under_another_key_does_not_open(once: Idempotency, house: House) -> None:
    now = house.clock()
    for key in ("k1", "k2"):
        once.begin("lab", key, ASKED, now)
    once.keep("lab", "k1", ANSWER, now)
    with house.open.store.begin() as unit:
        mine, other = unit.answers.get(_key("lab", "k1")), _key("lab", "k2")
        assert mine is not None
        put = partial(unit.answers.put)
        put(type(mine)(other, mine.asked, mine.epoch, mine.expires, mine.answer))
    with pytest.raises(AnswerGoneError):
        once.begin("lab", "k2", ASKED, now)


def _key(holder: str, key: str) -> bytes:
    import hashlib

    return hashlib.sha256(f"{holder}\n{key}".encode()).digest()
