"""A POST that is sent again with its Idempotency-Key: done once, answered alike."""

from datetime import timedelta
from typing import Final

import pytest
from werkzeug.test import TestResponse

from tests.services.served import BEDSIDE
from tests.web.v1.place import EVERYBODY, OLDER, TRAINING, Place, slug

TRAININGS: Final = f"/v1/studies/{BEDSIDE}/trainings"
COHORTS: Final = f"/v1/studies/{BEDSIDE}/cohorts"
KEPT: Final = {"title": "Everybody", "query": EVERYBODY}


def jobs(place: Place) -> int:
    with place.house.open.store.reading() as unit:
        return len(unit.jobs.everything())


def same(one: TestResponse, other: TestResponse) -> bool:
    """Say whether two answers are alike, as far as they are about the request."""
    kept = ("Location", "Content-Type", "Retry-After")
    told = [(a.status_code, a.get_data(), {name: a.headers.get(name) for name in kept}) for a in (one, other)]
    return told[0] == told[1]


def test_a_training_that_is_asked_for_twice_is_one_job(place: Place) -> None:
    first = place.ask("POST", TRAININGS, body=TRAINING, Idempotency_Key="k1")
    again = place.ask("POST", TRAININGS, body=TRAINING, Idempotency_Key="k1")
    assert first.status_code == 202
    assert same(first, again)
    assert jobs(place) == 1
    assert place.ask("POST", TRAININGS, body=TRAINING, Idempotency_Key="k2").get_json()["id"] != first.get_json()["id"]
    assert jobs(place) == 2


def test_it_is_one_job_also_where_the_process_died_before_it_could_answer(place: Place) -> None:
    first = place.ask("POST", TRAININGS, body=TRAINING, Idempotency_Key="k1")
    place.room.idempotency.forget("lab", "k1")
    place.room.idempotency.forget(f"lab of {BEDSIDE}", "k1")
    with place.house.open.store.begin() as unit:
        unit.answers.clear(2**40)
    again = place.ask("POST", TRAININGS, body=TRAINING, Idempotency_Key="k1")
    assert again.get_json()["id"] == first.get_json()["id"]
    assert jobs(place) == 1


def test_another_body_and_another_address_under_one_key_are_refused(place: Place) -> None:
    place.ask("POST", COHORTS, body=KEPT, Idempotency_Key="k1")
    for path, body in ((COHORTS, {**KEPT, "title": "Others"}), (f"{COHORTS}/preview", {"query": EVERYBODY})):
        answer = place.ask("POST", path, body=body, Idempotency_Key="k1")
        assert (answer.status_code, slug(answer)) == (422, "idempotency-key-reused")
    assert len(place.ask("GET", COHORTS).get_json()["items"]) == 1


def test_while_the_first_is_not_answered_the_second_is_told_to_wait(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[TestResponse] = []
    save = type(place.room.cohorts).save

    def saving(*given: object) -> object:
        if not answers:
            answers.append(place.ask("POST", COHORTS, body=KEPT, Idempotency_Key="k1"))
        return save(*given)  # type: ignore[arg-type]  # as it was given

    monkeypatch.setattr(type(place.room.cohorts), "save", saving)
    place.app = _without_turns(place)
    first = place.ask("POST", COHORTS, body=KEPT, Idempotency_Key="k1")
    assert first.status_code == 201
    assert (answers[0].status_code, slug(answers[0])) == (409, "request-in-flight")


def _without_turns(place: Place) -> object:
    """Return the door without its turns, so that a request can come while another is answered."""
    from consent.web.v1 import create_api

    return create_api(place.room)


def test_what_was_refused_is_refused_alike_and_what_could_not_be_done_is_done_later(place: Place) -> None:
    unknown = {**TRAINING, "dictionary": "nothing"}
    refused = [place.ask("POST", TRAININGS, body=unknown, Idempotency_Key="k1") for _ in range(2)]
    assert same(*refused)
    place.house.clock.ahead += timedelta(minutes=5)
    stale = place.ask("POST", TRAININGS, body=TRAINING, Idempotency_Key="k2")
    assert stale.status_code == 503
    place.house.clock.ahead -= timedelta(minutes=5)
    assert place.ask("POST", TRAININGS, body=TRAINING, Idempotency_Key="k2").status_code == 202


def test_a_preview_that_is_sent_again_costs_once_with_a_key_and_without(place: Place) -> None:
    first = place.ask("POST", f"{COHORTS}/preview", body={"query": OLDER}, Idempotency_Key="k1")
    again = place.ask("POST", f"{COHORTS}/preview", body={"query": OLDER}, Idempotency_Key="k1")
    without = place.ask("POST", f"{COHORTS}/preview", body={"query": OLDER})
    assert same(first, again)
    assert same(first, without)
    assert place.house.open.counting.left(BEDSIDE) == 2.5


def test_a_token_is_shown_once(place: Place) -> None:
    first = place.ask("POST", "/v1/tokens", body={"seconds": 600}, Idempotency_Key="k1")
    again = place.ask("POST", "/v1/tokens", body={"seconds": 600}, Idempotency_Key="k1")
    assert first.get_json()["token"].startswith("cst_")
    assert (again.status_code, slug(again)) == (409, "answer-gone")
    assert len(place.ask("GET", "/v1/tokens").get_json()["items"]) == 1
    listed = place.ask("GET", "/v1/tokens").get_json()["items"][0]
    assert listed["token"] is None


@pytest.mark.parametrize("key", ["", "x" * 129, "\tx", "schlüssel"])
def test_a_key_that_is_none_is_refused(place: Place, key: str) -> None:
    headers = {"Authorization": f"Bearer {place.token('lab')}", "Idempotency-Key": key}
    answer = place.client.post(COHORTS, base_url="http://api.localhost:8001", json=KEPT, headers=headers)
    assert (answer.status_code, slug(answer)) == (422, "malformed-request")
    assert place.ask("GET", COHORTS).get_json()["items"] == []
