"""What the signing origin takes of somebody's own key, as a program on the other side sees it: whole, or not at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from consent.demo.wallets import Wallet
from consent.domain.key_history import nonce_for
from consent.domain.sign_in import SignIn
from consent.domain.subject_request import SubjectRequest
from consent.services.portal.enrolling import NewWallet
from tests.services.house import House
from tests.services.portal.patients import Portal
from tests.web.site import SIGNING, Browser, served, slots


@dataclass(slots=True)
class Owner:
    """Somebody who is signed in, and what their browser would send."""

    portal: Portal
    wallet: Wallet
    browser: Browser

    def go(self, purpose: str) -> int:
        """Go to an act from the keys' page; return the status of its page."""
        answer = self.browser.post("/keys/go", page="/keys", act=purpose)
        if answer.status_code != 302:
            return answer.status_code
        self.browser.get(answer.headers["Location"].removeprefix(SIGNING), SIGNING)
        return self.browser.get(f"/{purpose}", SIGNING).status_code

    def wallet_for(self, purpose: str, key: Wallet, *kinds: str, **changed: Any) -> dict[str, Any]:
        """Return what a browser sends of a new key or a further way in, signed by `key`."""
        said = self.browser.get(f"/{purpose}/challenge", SIGNING).get_json()
        digest = SignIn(said["origin"], bytes.fromhex(said["challenge"])).digest(self.portal.room.domain)
        own = key.enrolment_key
        sent = {"credential": None, "slots": slots(kinds), "enrolment": own.address.hex()}
        return {**sent, "signature": own.sign(digest).hex(), **changed}

    def signed_by_old(self, new: Wallet, old: Wallet) -> str:
        """Return a key's signature for another in its place, as the page has the request."""
        asked = self.browser.get("/replace/act", SIGNING).get_json()["request"]
        request = SubjectRequest.from_json({**asked, "nonce": nonce_for(new.enrolment_key.address)})
        return old.enrolment_key.sign(request.digest(self.portal.room.domain)).hex()

    def ways(self) -> list[str]:
        """Return the kinds of the person's ways in."""
        return [way.kind for way in self.portal.room.own_keys.ways(self.wallet.subject)]


@pytest.fixture
def owner(house: House) -> Iterator[Owner]:
    portal = Portal.of(house)
    wallet = portal.newcomer()
    portal.enrolled(wallet)
    with served(house) as site:
        yield Owner(portal, wallet, site.signed_in(wallet.subject))


def test_a_way_in_is_taken_on_the_page_for_its_kind_alone(owner: Owner) -> None:
    for purpose, kind, other in (("add-key", "passphrase", "recovery"), ("new-code", "recovery", "passphrase")):
        assert owner.go(purpose) == 200
        before = owner.portal.house.state()
        sent = owner.wallet_for(purpose, owner.wallet, other)
        assert owner.browser.send(f"/{purpose}", sent, f"/{purpose}").status_code == 400
        assert owner.portal.house.state() == before
        sent = owner.wallet_for(purpose, owner.wallet, kind)
        answer = owner.browser.send(f"/{purpose}", sent, f"/{purpose}")
        assert (answer.status_code, answer.get_json()["next"][-5:]) == (200, "/keys")
        assert owner.browser.send(f"/{purpose}", sent, f"/{purpose}").status_code == 403, "once for each arrival"
    assert owner.ways() == ["passphrase", "recovery"]


def test_who_has_the_session_alone_adds_nothing_and_is_told_what_to_do(owner: Owner) -> None:
    owner.go("add-key")
    before, thief = owner.portal.house.state(), Wallet(owner.wallet.subject)
    for changed in (
        {},
        {"enrolment": owner.wallet.enrolment_key.address.hex()},
        {"signature": "00" * 64, "enrolment": owner.wallet.enrolment_key.address.hex()},
    ):
        sent = owner.wallet_for("add-key", thief, "passphrase", **changed)
        answer = owner.browser.send("/add-key", sent, "/add-key")
        assert answer.status_code == 422
        assert "Go back to your keys" in answer.get_json()["detail"]
    assert owner.portal.house.state() == before


@pytest.mark.parametrize(
    "changed",
    [
        {"slots": None},
        {"slots": []},
        {"slots": [[]]},
        {"credential": 7},
        {"enrolment": "0x"},
        {"signature": 1},
        {"more": 1},
    ],
    ids=str,
)
def test_what_is_no_wallet_is_refused(owner: Owner, changed: dict[str, Any]) -> None:
    owner.go("add-key")
    before = owner.portal.house.state()
    sent = owner.wallet_for("add-key", owner.wallet, "passphrase") | changed
    assert owner.browser.send("/add-key", sent, "/add-key").status_code in {400, 422}
    assert owner.portal.house.state() == before


def test_a_new_key_waits_only_where_the_old_one_signed_for_it(owner: Owner) -> None:
    assert owner.go("replace") == 200
    before, new, other = owner.portal.house.state(), Wallet(owner.wallet.subject), Wallet(owner.wallet.subject)
    for signature in (owner.signed_by_old(other, owner.wallet), owner.signed_by_old(new, new), "00" * 64):
        sent = owner.wallet_for("replace", new, "passphrase", "recovery", old_signature=signature)
        answer = owner.browser.send("/replace", sent, "/replace")
        assert (answer.status_code, "Go back to your keys" in answer.get_json()["detail"]) == (422, True)
    assert owner.portal.house.state() == before
    right = owner.signed_by_old(new, owner.wallet)
    sent = owner.wallet_for("replace", new, "passphrase", "recovery", old_signature=right)
    assert owner.browser.send("/replace", sent, "/replace").status_code == 200
    waiting = owner.portal.room.new_keys.waiting(owner.wallet.subject)
    assert waiting is not None
    assert waiting.key == new.enrolment_key.address


def test_one_act_is_no_other(owner: Owner) -> None:
    owner.go("try-code")
    assert owner.browser.get("/try-code/act", SIGNING).get_json().keys() >= {"slots", "enrolment"}
    for path in ("/add-key/act", "/replace/act", "/new-code/challenge", "/sign/act", "/request/act"):
        assert owner.browser.get(path, SIGNING).status_code == 403
    for path in ("/add-key/options", "/replace/options", "/set-up/options"):
        assert owner.browser.send(path, {}, "/try-code").status_code == 403


def test_whose_key_is_in_an_app_is_led_to_a_new_key_alone(house: House) -> None:
    portal = Portal.of(house)
    wallet, challenge = portal.newcomer(), portal.challenge()
    brought = NewWallet((), wallet.enrolment_key.address, portal.signed(wallet, challenge), brought=True)
    portal.room.enrolling.enrol(portal.invited(wallet.subject), brought, challenge, house.clock())
    with served(house) as site:
        owner = Owner(portal, wallet, site.signed_in(wallet.subject))
        statuses = {
            purpose: owner.go(purpose) for purpose in ("add-key", "new-code", "try-code", "replace", "sign", "")
        }
    assert statuses == {"add-key": 404, "new-code": 404, "try-code": 404, "replace": 200, "sign": 404, "": 404}
