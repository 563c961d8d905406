"""The pages of one's own keys, as a program on the other side sees them."""

import secrets
from datetime import timedelta

import pytest

from consent.demo.wallets import Wallet
from consent.domain.request_file import RequestFile
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.services.key_history import nonce_for
from tests.services.house import House
from tests.services.portal.patients import Portal
from tests.web.site import PORTAL, served


def asked(portal: Portal, wallet: Wallet) -> None:
    """Ask for a new key with the old one."""
    house, new = portal.house, Wallet(wallet.subject)
    now, origin = int(house.clock().timestamp()), house.open.log.origin
    nonce = nonce_for(new.enrolment_key.address)
    wanted = SubjectRequest(RequestAction.REPLACE_KEY, wallet.subject, origin, now, nonce)
    file, challenge = RequestFile(wanted, wallet.request(wanted, house.open.domain)), secrets.token_bytes(32)
    portal.room.new_keys.ask(wallet.subject, file, portal.made(new, challenge), challenge, house.clock())


@pytest.mark.parametrize("page", ["/keys", "/"])
def test_whoever_has_the_old_key_is_told_of_the_new_one_and_says_no(house: House, page: str) -> None:
    portal = Portal.of(house)
    wallet = portal.newcomer()
    portal.enrolled(wallet)
    with served(house) as site:
        browser = site.signed_in(wallet.subject)
        assert "A new key waits" not in browser.get(f"{PORTAL}{page}").text
        asked(portal, wallet)
        assert "A new key waits" in browser.get(f"{PORTAL}{page}").text
        assert browser.post(f"{PORTAL}/keys/cancel").status_code == 302
        assert "A new key waits" not in browser.get(f"{PORTAL}{page}").text
        house.clock.ahead += timedelta(minutes=1)
        browser.post(f"{PORTAL}/keys/sign-out")
        assert browser.get(f"{PORTAL}/keys").status_code != 200
