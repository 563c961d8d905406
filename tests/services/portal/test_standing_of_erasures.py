"""What the page of an erasure says that each step waits for, and by when; it names no study and needs no key."""

from datetime import timedelta

from consent.domain.erasure import ErasureState, Hold, Wait
from consent.domain.terms import SubjectId
from consent.services.portal.erasing import WITHOUT_THEM, Standing
from tests.services.house import House
from tests.services.portal.patients import Portal

BLOCKED, DELETED = ErasureState.BLOCKED, ErasureState.KEY_DELETED
TURNED, FINAL = ErasureState.EPOCH_TURNED, ErasureState.FINAL


def standing(house: House, subject: SubjectId) -> Standing:
    """Return what the page says now."""
    found = Portal.of(house).room.erasing.standing(subject, house.clock())
    assert found is not None
    return found


def test_who_never_asked_has_no_standing(house: House) -> None:
    assert Portal.of(house).room.erasing.standing(house.people[0], house.clock()) is None


def test_each_open_step_says_what_it_waits_for_and_by_when_in_their_order(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.publish()
    house.open.erasures.request(house.ask(subject))
    now = standing(house, subject)
    assert now.waits is Wait.CHAIN
    assert list(now.by) == [DELETED, TURNED, FINAL]
    assert now.by[DELETED] < now.by[TURNED] < now.by[FINAL]
    assert now.others_by == now.at[BLOCKED] + WITHOUT_THEM
    house.publish()
    house.follow()
    assert standing(house, subject).waits is Wait.ANCHOR
    house.anchor()
    house.open.erasures.step(house.open.anchored)
    now = standing(house, subject)
    assert now.waits is Wait.TURN
    assert list(now.by) == [TURNED, FINAL]
    house.open.keep_house()
    now = standing(house, subject)
    assert (now.state, now.waits, now.by) == (FINAL, None, {})


def test_the_last_step_waits_for_the_day_on_which_no_copy_is_left(house: House) -> None:
    subject = house.people[0]
    erasures = house.open.erasures
    object.__setattr__(erasures, "copies_last", 30 * 86_400)
    erasures.request(house.ask(subject))
    house.anchor()
    house.open.keep_house()
    now = standing(house, subject)
    assert now.waits is Wait.DATE
    assert now.final_at is not None
    assert now.final_at == now.by[FINAL] - timedelta(days=1)
    assert not now.late
    house.clock.ahead += timedelta(days=32)
    assert standing(house, subject).late


def test_a_legal_hold_is_said_with_its_end_and_no_day_is_promised(house: House) -> None:
    subject = house.people[0]
    until = int((house.clock() + timedelta(days=100)).timestamp())
    house.open.erasures.hold(subject, Hold("court-order", until))
    house.open.erasures.request(house.ask(subject))
    now = standing(house, subject)
    assert (now.waits, now.by, now.late) == (Wait.HOLD, {}, False)
    assert now.until is not None
    assert int(now.until.timestamp()) == until


def test_what_should_be_done_by_now_is_said_to_be_late(house: House) -> None:
    subject = house.people[0]
    house.open.erasures.request(house.ask(subject))
    assert not standing(house, subject).late
    house.clock.ahead += timedelta(seconds=house.open.erasures.granting.publication_window) + timedelta(days=2)
    assert standing(house, subject).late
