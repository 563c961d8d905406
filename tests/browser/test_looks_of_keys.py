"""The pages of keys and of people who have an app with keys, looked at like every page."""

import re

from playwright.sync_api import Page

from tests.browser.hospital import Hospital, chosen_key, made_a_key, typed_back
from tests.browser.key_apps import KeyApp
from tests.browser.looking import with_a_key
from tests.browser.looks import IN_BOTH, Look, press
from tests.browser.tongues import Tongue
from tests.browser.walking import Walk, came_in, signing_in
from tests.services.portal.patients import Portal, slot

pytestmark = IN_BOTH


def test_pages_of_somebody_with_several_ways_in(hospital: Hospital, page: Page, look: Look, said: Tongue) -> None:
    portal = Portal.of(hospital.house)
    wallet = portal.newcomer({"en": 901, "es": 902}[said.language])
    portal.enrolled(wallet)
    portal.room.enrolling.keep(wallet.subject, [slot("passkey"), slot("passkey")], hospital.house.clock())
    hospital.sign_in(page.context, wallet.subject)
    page.goto(f"{hospital.portal}/keys")
    look("keys")
    page.get_by_role("link", name=said.like("Remove", "A key on a device")).first.click()
    page.get_by_role("button", name=said("Remove")).wait_for()
    look("key-remove")
    press(page, said("Remove"))
    page.get_by_role("status").wait_for()
    look("keys-removed")
    portal.asks_for_a_new_key(wallet)
    page.goto(hospital.portal)
    look("home-new-key")
    page.get_by_role("link", name=said.like("A new key waits")).click()
    page.get_by_role("button", name=said("Say no to the new key")).wait_for()
    look("keys-new-key")
    press(page, said("Say no to the new key"))
    page.get_by_text(said("The new key will not count. Your key stays as it is.")).wait_for()


def test_pages_of_what_somebody_does_with_their_key(hospital: Hospital, page: Page, look: Look, said: Tongue) -> None:
    with_a_key(page)
    _subject, code = hospital.newcomer()
    paper = made_a_key(page, hospital, code, said=said)
    begin(page, hospital, said("Add a way to sign in"), "step-open")
    look("key-add")
    press(page, said("Go on"))
    page.locator("#step-key").wait_for()
    look("key-add-make")
    press(page, said("Make my key"))
    page.get_by_role("alert").wait_for()
    look("key-add-error")
    begin(page, hospital, said("Test it"), "step-try")
    look("key-test")
    page.get_by_label(said("Your recovery code")).fill(paper)
    press(page, said("Test it"))
    page.locator("#step-right").wait_for()
    look("key-test-right")
    begin(page, hospital, said("Make a new one"), "step-open")
    press(page, said("Go on"))
    page.locator("#step-code").wait_for()
    look("key-code")
    press(page, said("I have it on paper"))
    page.locator("#step-check").wait_for()
    look("key-code-check")
    begin(page, hospital, said("Make a new key"), "step-key")
    look("key-replace-make")
    chosen_key(page, said=said)
    typed_back(page, said)
    press(page, said("I cannot use my key here"))
    look("key-replace")


def begin(page: Page, hospital: Hospital, name: str, step: str) -> None:
    """Go to what a button of the keys' page leads to."""
    page.goto(f"{hospital.portal}/keys")
    page.get_by_role("button", name=re.compile(f"^{name}")).click()
    page.locator(f"#{step}").wait_for()


def test_the_page_of_somebody_who_lost_everything(hospital: Hospital, page: Page, look: Look) -> None:
    page.goto(f"{hospital.portal}/new-key-waits")
    look("new-key-waits")


def test_pages_of_somebody_with_an_app(hospital: Hospital, page: Page, look: Look, said: Tongue) -> None:
    network = hospital.house.open.domain.chain_id
    KeyApp(network, uuid="two", name="Other App").put_into(page.context)
    app = KeyApp(network).put_into(page.context)
    _subject, code = hospital.newcomer()
    page.goto(f"{hospital.portal}/start#{code}")
    press(page, said("Go on"))
    press(page, said("Make my key"))
    page.wait_for_url(f"{hospital.signing}/**")
    press(page, said("Use a key app that you have"))
    page.get_by_label(app.name).check()
    look("set-up-app")
    press(page, said("Go on with this app"))
    page.get_by_role("alert").wait_for()
    look("set-up-app-error")
    page.get_by_label(said("I know that one address will join all that I allow here.")).check()
    press(page, said("Go on with this app"))
    page.wait_for_url(f"{hospital.portal}/**")
    came_in(page, hospital, asked=True, said=said)
    press(page, said("Sign out"))
    page.wait_for_url(f"{hospital.portal}/")
    signing_in(page, hospital, said)
    page.get_by_role("button", name=said("Use your app")).wait_for()
    page.get_by_label(app.name).check()
    look("sign-in-app")
    press(page, said("Use your app"))
    page.wait_for_url(f"{hospital.portal}/")
    signs(Walk(page, hospital, said=said), app, look)


def signs(walk: Walk, app: KeyApp, look: Look) -> None:
    """Go to where a grant is signed, and say no in the app."""
    walk.chosen()
    walk.to_sign()
    walk.page.get_by_label(app.name).check()
    look("sign-app")
    app.refuses = True
    walk.button("Allow")
    walk.page.get_by_role("alert").wait_for()
    look("sign-app-error")
