"""The ways that a patient goes through the portal: after set-up, to a yes, in again. What they press is counted."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page

from tests.browser.hospital import Hospital
from tests.browser.tongues import ENGLISH, Tongue
from tests.services.house import STUDY


@dataclass(slots=True)
class Walk:
    """A patient in front of a page: `presses` counts what they press or tick, `pages` what opens.

    Buttons, links and labels are named in English; `said` says what they are called on the page.
    """

    page: Page
    hospital: Hospital
    presses: int = 0
    pages: int = 0
    said: Tongue = ENGLISH

    def __post_init__(self) -> None:
        """Count pages from here on."""
        self.page.on("domcontentloaded", lambda _: self._opened())

    def _opened(self) -> None:
        self.pages += 1

    def press(self, what: Locator) -> None:
        """Press or tick something, once."""
        what.click()
        self.presses += 1

    def button(self, name: str) -> None:
        """Press a button."""
        self.press(self.page.get_by_role("button", name=self.said(name)))

    def link(self, name: str) -> None:
        """Follow a link of the page itself."""
        self.press(self.page.get_by_role("main").get_by_role("link", name=self.said(name)))

    def chosen(self, title: str = STUDY.reference.title, *, first: bool = True) -> None:
        """Go from Home to the check page of a request, allowing what is needed; the first time questions are asked."""
        self.press(self.page.get_by_role("main").locator('a[href="/requests"]'))
        asks = self.page.get_by_role("article", name=title)
        self.press(asks.get_by_role("link", name=self.said("See and decide")))
        self.link("Choose what to allow")
        for kind in ("Age and sex", "Survival"):
            self.press(self.page.get_by_label(self.said(kind)))
        self.button("Go on")
        self.press(self.page.get_by_label(self.said("All my records")))
        self.press(self.page.locator("#end"))
        self.button("Go on")
        if first:
            for name, answer in (("care", "no"), ("stop", "yes"), ("name", "no")):
                self.press(self.page.locator(f"[name={name}][value={answer}]"))
            self.button("Go on")
        self.page.get_by_role("heading", name=self.said("Check your answers")).wait_for()

    def to_sign(self) -> None:
        """Go on from the check page to the signing page."""
        self.button("Allow")
        self.page.wait_for_url(f"{self.hospital.signing}/sign")
        self.page.locator("#act").wait_for()

    def signed(self, **typed: str) -> str:
        """Allow what the signing page says, with a touch or with what is typed; return the consent's id."""
        for field, text in typed.items():
            self.page.locator(f"#{field}").fill(text)
        self.button("Allow")
        self.page.wait_for_url(f"{self.hospital.portal}/consents/**")
        return self.page.url.rsplit("/", 1)[1].split("?")[0]


def came_in(
    page: Page, hospital: Hospital, email: str = "", *, asked: bool = False, said: Tongue = ENGLISH
) -> None:  # fmt: skip
    """Answer what is asked after set-up; Home is there then."""
    page.get_by_label(said("Your e-mail address")).fill(email)
    page.get_by_label(said("I may be counted, and asked about studies")).set_checked(asked)
    page.get_by_role("button", name=said("Save and go on")).click()
    page.wait_for_url(f"{hospital.portal}/")


def signing_in(page: Page, hospital: Hospital, said: Tongue = ENGLISH) -> None:
    """Go to where one signs in."""
    page.goto(hospital.portal)
    page.get_by_role("button", name=said("Sign in")).click()
    page.wait_for_url(f"{hospital.signing}/sign-in")


def signed_in_by_code(page: Page, hospital: Hospital, code: str) -> None:
    """Sign in with the recovery code."""
    signing_in(page, hospital)
    page.get_by_label("Your recovery code", exact=True).fill(code)
    page.get_by_role("button", name="Use your recovery code").click()
    page.wait_for_url(f"{hospital.portal}/")
