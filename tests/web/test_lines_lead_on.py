"""From a line of Activity one comes to what it tells of."""

from consent import wiring
from consent.services.portal.activity import Line, Shown
from tests.web.site import Site


def newest(site: Site, size: int) -> list[Line]:
    return list(site.room.activity.page(site.house.people[0], Shown.ALL, None, size).lines)


def test_what_was_asked_and_what_was_answered_lead_to_the_line_that_looked_wrong(site: Site) -> None:
    subject, now = site.house.people[0], site.house.clock()
    [wrong] = newest(site, 1)
    report = site.room.reporting.report(subject, wrong.index, "I was not there.", now)
    wiring.reporting(site.house.open).answer(report.number, "It was the other ward.", now)
    browser, link = site.signed_in(subject), f'href="/activity/{wrong.index}"'
    for line in newest(site, 2):
        assert line.about == wrong.index
        assert link in browser.get(f"/activity/{line.index}").get_data(as_text=True)
    page = browser.get(f"/activity/{wrong.index}").get_data(as_text=True)
    assert "It was the other ward." in page
    assert "See the line" not in page
