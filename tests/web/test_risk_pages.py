"""A person's own risk at the portal: in plain words, for its owner only, and each answer is opened with an entry."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consent.domain.terms import Category, Operation, SubjectId
from consent.services.access import BlockedPersonError
from consent.services.portal.overview import Given
from consent.services.portal.own_risk import OwnRisk
from consent.services.studies.explaining import Explained
from consent.services.studies.serving import PredictionRefusedError
from consent.web import create_portal
from consent.web.risk import of_hundred, weightiest
from consent.web.turns import by_host
from tests.services.house import House, Template
from tests.services.served import BEDSIDE, allow, built, limited, predict
from tests.web.site import Browser, Site, served


@pytest.fixture(scope="module")
def bedside(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Fifty people allow training and predictions, and the first release is ACTIVE."""
    return built(template, tmp_path_factory.mktemp("bedside") / "home")


@pytest.fixture
def site(bedside: Template, tmp_path: Path) -> Iterator[Site]:
    with House.copied(bedside, tmp_path / "home") as house, served(house) as found:
        house.follow()
        yield found


@pytest.fixture
def subject(site: Site) -> SubjectId:
    return site.house.people[3]


@pytest.fixture
def browser(site: Site, subject: SubjectId) -> Browser:
    return site.signed_in(subject)


def risk_of(site: Site, subject: SubjectId) -> str:
    [entry] = site.house.open.book.entries(subject)
    return f"/consents/{entry.id}/risk"


def given(site: Site, subject: SubjectId) -> Given:
    [entry] = site.house.open.book.entries(subject)
    found = site.room.overview.one(subject, entry.id, site.house.clock())
    assert found is not None
    return found


def test_the_consent_leads_to_it_where_it_allows_predictions(site: Site, subject: SubjectId, browser: Browser) -> None:
    path = risk_of(site, subject)
    assert path in browser.get(path.removesuffix("/risk")).get_data(as_text=True)
    page = browser.get(path).get_data(as_text=True)
    assert "You do not have to ask" in page


def test_looking_at_the_page_asks_for_nothing(site: Site, subject: SubjectId, browser: Browser) -> None:
    before = site.house.state().entries
    browser.get(risk_of(site, subject))
    assert site.house.log(before) == []


def test_an_answer_is_given_and_shown_from_the_log(site: Site, subject: SubjectId, browser: Browser) -> None:
    before = site.house.state().entries
    answer = browser.post(risk_of(site, subject))
    assert answer.status_code == 302
    shown = browser.get(answer.headers["Location"])
    page = shown.get_data(as_text=True)
    assert shown.status_code == 200
    for words in ("Death within 90 days", "of 100 people like you", "Age", "years", "020 7946 0123"):
        assert words in page
    said = [(one["action"], one["actor"], one["verdict"]) for one in site.house.log(before)]
    assert said == [
        ("read", "patient", "PERMIT"),
        ("predict", "patient", "PREDICTED"),
        ("access", "patient", "PERMIT"),
    ]


def test_an_answer_is_reached_again_from_its_line_and_nobody_is_asked_anew(
    site: Site, subject: SubjectId, browser: Browser
) -> None:
    path = browser.post(risk_of(site, subject)).headers["Location"]
    index, before = path.rpartition("/")[2], site.house.state().entries
    assert f'href="{path}"' in browser.get(f"/activity/{index}").get_data(as_text=True)
    assert browser.get(path).status_code == 200
    assert [one["action"] for one in site.house.log(before)] == ["access"]


def test_the_line_of_what_who_treats_was_told_leads_to_no_answer(
    site: Site, subject: SubjectId, browser: Browser
) -> None:
    predict(site.house, subject)
    page = browser.get(f"/activity/{site.house.state().entries - 1}").get_data(as_text=True)
    assert "Your risk was worked out" in page
    assert "/risk/" not in page


def test_it_says_what_the_log_has(site: Site, subject: SubjectId) -> None:
    told = predict(site.house, subject)
    own = given(site, subject)
    asked = site.room.risk.ask(subject, own, site.house.clock())
    found = site.room.risk.answer(subject, own, asked.index, site.house.clock())
    assert found is not None
    assert found.probability == told.probability


def test_whoever_renewed_is_answered_from_either_of_their_consents(site: Site, subject: SubjectId) -> None:
    allow(site.house, subject)
    for entry in site.house.open.book.entries(subject):
        browser = site.signed_in(subject)
        answer = browser.post(f"/consents/{entry.id}/risk")
        assert answer.status_code == 302
        assert "of 100 people like you" in browser.get(answer.headers["Location"]).get_data(as_text=True)


def test_an_answer_is_not_shown_under_another_consent(site: Site, subject: SubjectId) -> None:
    allow(site.house, subject)
    browser, [first, second] = site.signed_in(subject), site.house.open.book.entries(subject)
    [path, index] = browser.post(f"/consents/{first.id}/risk").headers["Location"].rsplit("/", 1)
    other = second.id if first.id in path else first.id
    assert browser.get(f"/consents/{other}/risk/{index}").status_code == 404


def test_another_persons_answer_is_not_there_and_what_is_no_answer_neither(
    site: Site, subject: SubjectId, browser: Browser
) -> None:  # fmt: skip
    path = browser.post(risk_of(site, subject)).headers["Location"]
    other = site.house.people[4]
    index = path.rpartition("/")[2]
    before = site.house.state().entries
    assert site.signed_in(other).get(path).status_code == 404
    assert site.signed_in(other).get(f"{risk_of(site, other)}/{index}").status_code == 404
    assert browser.get(f"{risk_of(site, subject)}/0").status_code == 404
    assert browser.get(f"{risk_of(site, subject)}/99999999").status_code == 404
    assert site.house.log(before) == []


def test_what_who_treats_was_told_is_not_shown_as_ones_own_question(site: Site, subject: SubjectId) -> None:
    predict(site.house, subject)
    last = site.house.state().entries - 1
    assert site.signed_in(subject).get(f"{risk_of(site, subject)}/{last}").status_code == 404


def test_after_a_stop_nobody_asks(site: Site, subject: SubjectId, browser: Browser) -> None:
    path = risk_of(site, subject)
    site.house.stop(subject)
    assert browser.get(path).status_code == 404
    assert browser.post(path, page="/consents").status_code == 404


def test_without_predictions_in_the_terms_nobody_asks(site: Site) -> None:
    last = site.house.people[-1]
    allow(site.house, last, operations=frozenset({Operation.TRAIN}))
    assert site.signed_in(last).get(risk_of(site, last)).status_code == 404


def test_a_consent_that_withholds_what_the_study_needs_is_of_no_use_for_it(site: Site) -> None:
    last = site.house.people[-1]
    allow(site.house, last, categories=frozenset({Category.OUTCOMES, Category.LABORATORY}))
    assert site.signed_in(last).get(risk_of(site, last)).status_code == 404


def test_whoever_asks_too_often_is_told_to_wait(site: Site, subject: SubjectId) -> None:
    risk: OwnRisk = replace(site.room.risk, predicting=limited(site.house, 1))
    own = given(site, subject)
    risk.ask(subject, own, site.house.clock())
    with pytest.raises(PredictionRefusedError, match="RATE"):
        risk.ask(subject, own, site.house.clock())


def test_a_refusal_is_a_sentence_and_no_answer(site: Site, subject: SubjectId) -> None:
    risk = replace(site.room.risk, predicting=limited(site.house, 0))
    site.app = by_host({"localhost": create_portal(replace(site.room, risk=risk))})
    answer = site.signed_in(subject).post(risk_of(site, subject))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Please wait an hour" in page
    assert "of 100 people" not in page


def test_once_the_study_is_closed_nobody_asks(site: Site, subject: SubjectId, browser: Browser) -> None:
    site.house.open.registration.close(BEDSIDE, site.house.clock())
    assert browser.post(risk_of(site, subject), page="/consents").status_code == 404


def test_whoever_asked_to_be_erased_sees_no_answer_any_more(
    site: Site, subject: SubjectId, browser: Browser
) -> None:  # fmt: skip
    own, path = given(site, subject), browser.post(risk_of(site, subject)).headers["Location"]
    site.house.open.erasures.request(site.house.ask(subject))
    before = site.house.state().entries
    assert browser.get(path).headers["Location"] == site.room.erasing.place(subject)
    with pytest.raises(BlockedPersonError):
        site.room.risk.answer(subject, own, int(path.rpartition("/")[2]), site.house.clock())
    assert site.house.log(before) == []


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.001, "fewer than 1 of 100"), (0.12, "about 12 of 100"), (0.9999, "more than 99 of 100")],
)
def test_a_risk_is_people_of_a_hundred_and_never_certain(
    site: Site, subject: SubjectId, probability: float, words: str
) -> None:  # fmt: skip
    told: Explained = replace(predict(site.house, subject), probability=probability)
    with create_portal(site.room).test_request_context():
        assert of_hundred(told) == words


def test_what_weighs_most_comes_first(site: Site, subject: SubjectId) -> None:
    told = predict(site.house, subject)
    [first, second] = told.contributions
    made = replace(told, contributions=(replace(first, log_odds=0.1), replace(second, log_odds=0.4)))
    assert [title for title, _ in weightiest(made, lambda one: one.log_odds)] == [second.title, first.title]
    assert weightiest(made, lambda one: -one.log_odds) == []
