"""The pages of one's own keys, as a program on the other side sees them."""

from datetime import timedelta

import pytest

from consent.services.key_history import WAIT_SECONDS
from tests.services.house import House
from tests.services.portal.patients import Portal
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
