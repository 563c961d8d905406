"""The pages of one's own keys, as a program on the other side sees them."""

from datetime import timedelta

import pytest

from consent.domain.key_history import WAIT_SECONDS
from tests.services.house import House
from tests.services.portal.patients import Portal, slot
from tests.web.site import PORTAL, SIGNING, served


@pytest.mark.parametrize("page", ["/keys", "/"])
def test_whoever_has_the_old_key_is_told_of_the_new_one_and_says_no(house: House, page: str) -> None:
    portal = Portal.of(house)
    wallet = portal.newcomer()
    portal.enrolled(wallet)
    with served(house) as site:
        browser = site.signed_in(wallet.subject)
        assert "A new key waits" not in browser.get(f"{PORTAL}{page}").text
        portal.asks_for_a_new_key(wallet)
        assert "A new key waits" in browser.get(f"{PORTAL}{page}").text
        assert browser.post(f"{PORTAL}/keys/cancel").status_code == 302
        assert "A new key waits" not in browser.get(f"{PORTAL}{page}").text
        house.clock.ahead += timedelta(minutes=1)
        browser.post(f"{PORTAL}/keys/sign-out")
        assert browser.get(f"{PORTAL}/keys").status_code != 200


def test_a_way_in_goes_only_after_one_question_and_every_other_browser_is_signed_out(house: House) -> None:
    portal = Portal.of(house)
    wallet = portal.newcomer()
    portal.enrolled(wallet)
    portal.room.enrolling.keep(wallet.subject, [slot("passkey")], house.clock())
    with served(house) as site:
        here, there = site.signed_in(wallet.subject), site.signed_in(wallet.subject)
        [way, *_] = portal.room.own_keys.ways(wallet.subject)
        asks = f"/keys/{way.id}/remove"
        assert f'href="{asks}"' in here.get("/keys").text
        assert "You stay signed in here" in here.get(asks).text
        assert len(portal.room.own_keys.ways(wallet.subject)) == 3, "looking takes nothing away"
        assert here.post("/keys/remove", page=asks, way=way.id).headers["Location"] == "/keys"
        assert "It lets no one in any more" in here.get("/keys").text
        assert there.get("/keys").headers.get("Location") == "/"


def test_a_way_in_that_must_stay_or_is_not_ones_own_is_not_asked_about(house: House) -> None:
    portal = Portal.of(house)
    wallet, other = portal.newcomer(), portal.newcomer(901)
    for one in (wallet, other):
        portal.enrolled(one)
    portal.room.enrolling.keep(other.subject, [slot("passkey")], house.clock())
    own, theirs = portal.room.own_keys.ways(wallet.subject), portal.room.own_keys.ways(other.subject)
    with served(house) as site:
        browser = site.signed_in(wallet.subject)
        for way in (*own, *theirs):
            assert browser.get(f"/keys/{way.id}/remove").headers.get("Location") == "/keys"
            assert "It stays" in browser.get("/keys").text


@pytest.mark.parametrize("when", ["before the ticket", "before the session"])
def test_a_key_that_is_replaced_while_it_signs_in_lets_nobody_in(house: House, when: str) -> None:
    """The turn ended all sessions; one that the old key had just begun came after it, and lasted for hours."""
    portal = Portal.of(house)
    wallet = portal.newcomer()
    portal.enrolled(wallet)
    portal.asks_for_a_new_key(wallet)
    house.clock.ahead += timedelta(seconds=WAIT_SECONDS + 1)
    once_it_was_checked, once_it_was_taken = 3, 3
    with served(house) as site:
        browser = site.browser()
        browser.follow(browser.post("/sign-in", page="/"))
        challenge = bytes.fromhex(browser.get("/sign-in/challenge", SIGNING).get_json()["challenge"])
        token, sent = browser.token("/sign-in", SIGNING), {"signature": portal.signed(wallet, challenge).hex()}
        at, headers = SIGNING.replace("http:", "https:"), {"X-CSRFToken": token}
        if when == "before the ticket":
            house.clock.watch({once_it_was_checked: house.open.keep_house})
        answer = browser.client.post("/sign-in/key", base_url=at, json=sent, headers=headers)
        assert answer.status_code == 200
        if when == "before the session":
            house.clock.watch({once_it_was_taken: house.open.keep_house})
        browser.get(answer.get_json()["next"].removeprefix(PORTAL))
        assert house.open.book.enrolments[wallet.subject] != wallet.enrolment_key.address, "it was replaced meanwhile"
        assert browser.get("/keys").headers.get("Location") == "/"
