"""What was shown to be signed, and what was kept of it."""

from typing import Final

from playwright.sync_api import Page

from consent.domain.signed_consent import SignedConsent
from tests.browser.hospital import Hospital

SENTENCES: Final = ("who", "what", "why", "until")


def read(page: Page, cell: str = "dd [translate=no], dd[translate=no]") -> list[str]:
    """Return the sentences on a page, to the byte: not as it lays them out."""
    return [text or "" for text in (one.text_content() for one in page.locator(f"dl.sentences {cell}").all())]


def stored(hospital: Hospital, consent: str) -> SignedConsent:
    """Return what was signed, as it is kept."""
    here = hospital.house.open
    with here.store.reading() as unit:
        here.book.follow(unit)
        [signed] = here.book.opened(unit.consents.of_ids([consent]))
    assert signed is not None
    return signed
