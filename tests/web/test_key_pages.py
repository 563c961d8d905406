"""The pages of one's own keys, as a program on the other side sees them."""

from datetime import timedelta

import pytest

from tests.services.house import House
from tests.services.portal.patients import Portal
from tests.web.site import PORTAL, served


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
