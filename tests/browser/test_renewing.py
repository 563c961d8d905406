"""Allowing again what ends soon, from the letter that says so: what was chosen is shown, and nothing is ticked."""

import re
from datetime import timedelta

from eth_account import Account
from playwright.sync_api import Page

from consent.adapters.signing import WalletKey
from consent.domain.terms import SubjectId, Window, month_end_after
from consent.services.notices import Notice
from consent.web.letters import Letters
from tests.browser.hospital import Hospital
from tests.browser.key_apps import KeyApp
from tests.browser.walking import Walk, signing_in
from tests.services.house import STUDY

LAST = re.compile("Last time you chose this")


def ending(hospital: Hospital, subject: SubjectId) -> str:
    """Let somebody have allowed what the study needs, and all years, to the end of this month; return its id."""
    house, now = hospital.house, hospital.house.clock()
    hospital.ask(subject)
    expires = month_end_after(now, 0)
    house.grant(subject, categories=STUDY.required, expires=expires, window=Window())
    house.publish()
    house.follow()
    [entry] = house.open.book.entries(subject)
    return entry.id


def signed_in_from(letter: str, page: Page, hospital: Hospital, key: WalletKey) -> KeyApp:
    """Type the address of a letter, and sign in with an app that holds this key."""
    chain = hospital.house.open.domain.chain_id
    app = KeyApp(chain, key=Account.from_key(key.secret)).put_into(page.context)
    address = re.search(r"http\S+", letter)
    assert address is not None
    assert address[0] == hospital.portal
    signing_in(page, hospital)
    page.get_by_role("button", name="Use your app").click()
    page.wait_for_url(f"{hospital.portal}/")
    return app


def test_what_ends_soon_is_allowed_again_from_its_letter_with_the_last_answers_in_sight_and_nothing_ticked(
    hospital: Hospital, page: Page
) -> None:
    house, subject = hospital.house, hospital.house.people[21]
    old = ending(hospital, subject)
    _subject, letter = Letters(hospital.portal)(Notice.ENDS_IN_A_MONTH, "en")
    signed_in_from(letter, page, hospital, house.wallets[subject].enrolment_key)
    walk = Walk(page, hospital)
    page.goto(f"{hospital.portal}/consents/{old}")
    walk.button("Allow it again")
    page.get_by_role("heading", name="Which records may they use?").wait_for()
    assert page.locator("main input:checked").count() == 0, "a tick that nobody made is no consent"
    shown = page.locator("label.option", has_text=LAST)
    assert shown.count() == len(STUDY.required), "those that were allowed, and not what was left out"
    assert page.locator("label.option", has_text="Lab results").filter(has_text=LAST).count() == 0
    walk.button("Go on")
    page.get_by_role("alert").wait_for()
    for kind in ("Age and sex", "Survival"):
        walk.press(page.get_by_label(kind))
    walk.button("Go on")
    page.get_by_role("heading", name="From when, and how long?").wait_for()
    assert page.locator("main input:checked").count() == 0
    assert page.locator("label.option", has_text=LAST).all_inner_texts()[0].startswith("All my records")
    walk.press(page.get_by_label("All my records"))
    walk.press(page.locator("#end"))
    walk.button("Go on")
    page.get_by_role("heading", name="Check your answers").wait_for()
    walk.to_sign()
    new = walk.signed()
    house.publish()
    house.follow()
    assert new != old
    assert house.verdict(subject) == "PERMIT"
    by_id = {entry.id: entry.terms for entry in house.open.book.entries(subject)}
    assert by_id[new].expires > by_id[old].expires + timedelta(days=100)
    page.goto(f"{hospital.portal}/consents/{old}")
    assert page.get_by_role("button", name="Allow it again").count() == 0, "it goes on already"
