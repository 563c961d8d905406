"""What is asked of people: only of those who allowed it, only as it was approved, and what they choose of it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import product
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from consent.domain.data_use import DataUse, permission_for
from consent.domain.details import render
from consent.domain.study import Study, Translation
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, Terms, Window, month_end_after
from consent.domain.wording import ENGLISH, SPANISH
from consent.ports import Grants, Revocations
from consent.services.granting import StudyMismatchError
from consent.services.portal.asking import MONTHS, YEARS, Asking, Choice, ChoiceError, Request
from consent.services.portal.overview import Status
from tests.services.house import ALL, STUDY, House, received
from tests.services.portal.patients import Portal, published

SECOND: Final = Study(
    reference=StudyReference("eyes", "Eyes of people with diabetes", "The Test Hospital"),
    text="This study looks at eyes.",
    data_use=DataUse(diseases=frozenset({"MONDO:0005148"}), non_profit_only=True),
    operations=frozenset({Operation.TRAIN, Operation.EXPORT}),
    required=frozenset({Category.LABORATORY}),
    optional=frozenset({Category.IMAGING, Category.DEMOGRAPHICS}),
    window=Window(),
    ethics="EC 2026/3",
)
CHOICE: Final = Choice(ALL, None, 12)


@pytest.fixture
def subject(portal: Portal) -> SubjectId:
    """Somebody who allowed being counted and asked."""
    portal.house.open.preferences.prefer([portal.house.people[0]], portal.house.clock(), counted=True)
    return portal.house.people[0]


def asked(portal: Portal, subject: SubjectId) -> list[str]:
    """Return the ids of the studies that ask somebody."""
    return [one.reference.id for one in portal.room.asking.requests(subject, portal.house.clock())]


def request(portal: Portal, subject: SubjectId, study: str = "kidneys") -> Request:
    found = portal.room.asking.request(subject, study, portal.house.clock())
    assert found is not None
    return found


def sign(house: House, terms: Terms) -> None:
    """Sign terms as the portal made them, and publish them."""
    house.open.granting.accept(
        [house.wallets[terms.subject].sign(terms, house.open.domain, house.clock())], house.clock()
    )
    house.publish()


def approve(house: House, study: Study) -> None:
    house.open.registration.approve(study, house.clock())


# ------------------------------------------------------------------------------------------------------- who is asked


def test_nobody_is_asked_who_did_not_allow_it(portal: Portal, subject: SubjectId) -> None:
    house, other = portal.house, portal.house.people[1]
    assert asked(portal, subject) == ["kidneys"]
    assert portal.room.asking.is_asked(subject)
    assert asked(portal, other) == []
    assert not portal.room.asking.is_asked(other)
    assert portal.room.asking.request(other, "kidneys", house.clock()) is None
    house.open.preferences.prefer([subject], house.clock(), counted=False)
    assert asked(portal, subject) == []
    assert portal.room.asking.request(subject, "kidneys", house.clock()) is None


def test_whoever_is_being_erased_is_asked_nothing(portal: Portal, subject: SubjectId) -> None:
    portal.house.open.erasures.request(portal.house.ask(subject))
    assert asked(portal, subject) == []
    assert portal.room.asking.request(subject, "kidneys", portal.house.clock()) is None


def test_another_process_sees_who_allowed_it_and_what_was_approved(portal: Portal, subject: SubjectId) -> None:
    house, other = portal.house, portal.house.people[1]
    with House.without_ledger(house.settings.home, house.wallets) as opened:
        beside = Portal.of(opened)
        assert asked(beside, subject) == ["kidneys"]
        house.open.preferences.prefer([other], house.clock(), counted=True)
        approve(house, SECOND)
        portal.room.asking.decline(other, "kidneys")
        assert asked(beside, other) == ["eyes"]
        assert beside.room.asking.is_asked(other)


def test_requests_come_in_the_order_of_the_studies_ids_and_name_what_is_asked(
    portal: Portal, subject: SubjectId
) -> None:
    approve(portal.house, SECOND)
    eyes, kidneys = portal.room.asking.requests(subject, portal.house.clock())
    assert (eyes.study, kidneys.study) == (SECOND, STUDY)
    assert eyes.reference == SECOND.reference
    for one in (eyes, kidneys):
        assert one.permission == permission_for(one.study.data_use), "the narrowest that covers it"
    assert request(portal, subject, "eyes") == eyes


def test_a_no_takes_the_request_away_from_that_person_for_that_study(portal: Portal, subject: SubjectId) -> None:
    house, other = portal.house, portal.house.people[1]
    house.open.preferences.prefer([other], house.clock(), counted=True)
    approve(house, SECOND)
    before = house.state()
    for _ in range(2):
        portal.room.asking.decline(subject, "kidneys")
    assert house.state() == before, "nothing is told to anybody"
    assert asked(portal, subject) == ["eyes"]
    assert asked(portal, other) == ["eyes", "kidneys"]
    assert request(portal, subject).study == STUDY, "who changes their mind finds it again"


def test_a_no_to_what_is_not_asked_is_not_kept(portal: Portal, subject: SubjectId) -> None:
    before = portal.rows()
    portal.room.asking.decline(portal.house.people[1], "kidneys")
    portal.room.asking.decline(subject, "no-such-study-" * 9)
    assert portal.rows() == before


def test_whoever_changed_their_mind_and_stopped_is_asked_no_more_than_they_said(
    portal: Portal, subject: SubjectId
) -> None:
    """A no stands until they allow it."""
    house = portal.house
    portal.room.asking.decline(subject, "kidneys")
    sign(house, portal.room.asking.terms(subject, request(portal, subject), CHOICE, house.clock()))
    assert asked(portal, subject) == []
    portal.room.overview.stop_everything(subject, house.clock())
    assert asked(portal, subject) == []
    assert request(portal, subject).study == STUDY


def test_a_study_that_has_a_consent_does_not_ask_until_that_was_stopped_or_ran_out(
    portal: Portal, subject: SubjectId
) -> None:
    house, asking = portal.house, portal.room.asking
    sign(house, asking.terms(subject, request(portal, subject), CHOICE, house.clock()))
    assert asked(portal, subject) == []
    assert asking.request(subject, "kidneys", house.clock()) is None
    end = month_end_after(house.clock(), 12)
    assert [one.reference.id for one in asking.requests(subject, end)] == ["kidneys"]
    assert asking.requests(subject, end - timedelta(seconds=1)) == []
    portal.room.overview.stop_everything(subject, house.clock())
    assert asked(portal, subject) == ["kidneys"]


def test_a_consent_that_waits_for_the_ledger_is_an_answer_and_one_that_never_came_is_none(
    portal: Portal, subject: SubjectId
) -> None:
    house = portal.house
    house.grant(subject)
    assert asked(portal, subject) == []
    house.clock.ahead = timedelta(days=3)
    house.publish()
    assert asked(portal, subject) == ["kidneys"]


def test_a_consent_that_was_given_up_here_and_published_by_others_is_an_answer(
    portal: Portal, subject: SubjectId
) -> None:
    house = portal.house
    signed = house.signed(subject)
    house.open.granting.accept([signed], house.clock())
    with house.open.store.reading() as unit:
        waiting = house.open.outbox.on(unit).everything()
    house.open.relayer._drop(waiting, "EXPIRED_UNPUBLISHED", int(house.clock().timestamp()))
    assert asked(portal, subject) == ["kidneys"]
    house.open.ledger.send(Grants([published(signed)]))
    house.follow()
    assert house.verdict(subject) == "PERMIT"
    assert asked(portal, subject) == []


def test_a_consent_that_was_revoked_on_the_chain_is_none(portal: Portal, subject: SubjectId) -> None:
    house = portal.house
    house.grant(subject)
    house.publish()
    [entry] = house.open.book.entries(subject)
    house.open.ledger.send(Revocations([house.wallets[subject].revoke(entry.commitment, house.open.domain)]))
    house.follow()
    [told] = portal.room.overview.given(subject, house.clock(), 1, 100).given
    assert told.status is Status.STOPPED
    assert asked(portal, subject) == ["kidneys"]


# -------------------------------------------------------------------------------------------------- what is asked for


@pytest.mark.parametrize("how", ["wider", "another text", "spoilt", "gone"])
def test_a_study_that_is_not_as_it_was_approved_asks_nothing_and_the_others_go_on(
    portal: Portal, subject: SubjectId, how: str
) -> None:
    house = portal.house
    approve(house, SECOND)
    changed = {
        "wider": replace(STUDY, optional=frozenset(Category) - STUDY.required),
        "another text": replace(STUDY, text="Nothing to see here."),
    }
    with house.open.store.begin() as unit:
        if how == "spoilt":
            unit.connection.execute(
                text("UPDATE studies SET definition = :junk WHERE id = 'kidneys'"), {"junk": b"\xff{"}
            )
        else:
            unit.connection.execute(text("DELETE FROM studies WHERE id = 'kidneys'"))
        if how in changed:
            unit.studies.add(changed[how])
    assert asked(portal, subject) == ["eyes"]
    assert portal.room.asking.request(subject, "kidneys", house.clock()) is None


def test_a_study_that_was_put_in_without_an_approval_asks_nothing(portal: Portal, subject: SubjectId) -> None:
    with portal.house.open.store.begin() as unit:
        unit.studies.add(SECOND)
    assert asked(portal, subject) == ["kidneys"]
    for study in ("eyes", "no-such-study", ""):
        assert portal.room.asking.request(subject, study, portal.house.clock()) is None


def test_counts_are_those_of_the_records_that_there_are(portal: Portal, subject: SubjectId) -> None:
    house = portal.house
    approve(house, SECOND)

    def counts() -> list[dict[Category, int]]:
        return [dict(one.counts) for one in portal.room.asking.requests(subject, house.clock())]

    one_each = dict.fromkeys(sorted(ALL), 1)
    eyes = {Category.DEMOGRAPHICS: 1, Category.IMAGING: 0, Category.LABORATORY: 1}
    assert counts() == [eyes, one_each]
    [laboratory] = [one for one in received(0) if one.category is Category.LABORATORY]
    house.open.records.deposit([replace(laboratory, name=f"Observation/more-{n}") for n in range(3)], house.clock())
    house.open.records.deposit(received(1, creatinine=9.9), house.clock())
    assert counts() == [eyes | {Category.LABORATORY: 4}, one_each | {Category.LABORATORY: 4}]
    house.open.records.deposit(received(0, creatinine=9.9), house.clock())
    assert counts()[1][Category.LABORATORY] == 4, "a newer version is no second record"
    house.open.records.deposit([replace(laboratory, name="Observation/more-0", withdrawn=True)], house.clock())
    assert counts()[1][Category.LABORATORY] == 3, "what was a mistake is none"


def test_the_questions_come_before_the_first_consent_and_after_a_change_of_the_text_only(
    portal: Portal, subject: SubjectId
) -> None:
    house = portal.house
    approve(house, SECOND)
    assert [one.first for one in portal.room.asking.requests(subject, house.clock())] == [True, True]
    house.grant(subject)
    portal.room.overview.stop_everything(subject, house.clock())
    assert [one.first for one in portal.room.asking.requests(subject, house.clock())] == [False, False]
    newer = replace(STUDY, text=STUDY.text + " It now also asks how.")
    with house.open.store.begin() as unit:
        unit.connection.execute(text("DELETE FROM studies WHERE id = 'kidneys'"))
    approve(house, newer)
    assert [one.first for one in portal.room.asking.requests(subject, house.clock())] == [False, True]
    house.grant(subject, text_hash=newer.text_hash)
    portal.room.overview.stop_everything(subject, house.clock())
    assert [one.first for one in portal.room.asking.requests(subject, house.clock())] == [False, False]


# ------------------------------------------------------------------------------------------------------ what is chosen


def terms(portal: Portal, subject: SubjectId, **chosen: Any) -> Terms:
    return portal.room.asking.terms(subject, request(portal, subject), replace(CHOICE, **chosen), portal.house.clock())


def test_the_terms_are_the_studys_and_the_persons_choice_and_the_gate_takes_them(
    portal: Portal, subject: SubjectId
) -> None:
    chosen = terms(portal, subject, categories=STUDY.required, months=24)
    assert (chosen.subject, chosen.study, chosen.operations) == (subject, STUDY.reference, STUDY.operations)
    assert (chosen.categories, chosen.text_hash) == (STUDY.required, STUDY.text_hash)
    assert chosen.data_use == request(portal, subject).permission
    assert (chosen.window, chosen.retention, chosen.language) == (Window(), False, "en")
    assert chosen.expires == month_end_after(portal.house.clock(), 24)
    sign(portal.house, chosen)
    assert portal.house.verdict(subject) == "PERMIT"


@pytest.mark.parametrize(
    "wrong",
    [
        {"categories": STUDY.required - {Category.OUTCOMES}},
        {"categories": STUDY.optional},
        {"categories": frozenset()},
        {"categories": ALL | {Category.GENOMICS}},
        {"months": 0},
        {"months": 7},
        {"months": -6},
        {"years": 0},
        {"years": 3},
        {"years": -1},
        {"years": 2026},
    ],
)
def test_what_is_not_asked_for_or_not_on_the_list_cannot_be_chosen(
    portal: Portal, subject: SubjectId, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ChoiceError):
        terms(portal, subject, **wrong)


def test_every_choice_on_the_lists_covers_what_it_says(portal: Portal, subject: SubjectId) -> None:
    now = portal.house.clock()
    assert (MONTHS, YEARS) == ((6, 12, 24, 36), (1, 2, 5, 10))
    for months, years in product(MONTHS, (None, *YEARS)):
        chosen = portal.room.asking.terms(subject, request(portal, subject), Choice(ALL, years, months), now)
        assert chosen.window.end is None
        assert chosen.window.start == (None if years is None else date(now.year - years, now.month, 1))
        assert chosen.window.holds(now.date())
        assert months * 28 <= (chosen.expires - now).days <= (months + 1) * 31


@given(
    now=st.datetimes(datetime(2024, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001  # st adds it
    offset=st.integers(-14, 14),
    years=st.sampled_from(YEARS),
    months=st.sampled_from(MONTHS),
)
@settings(deadline=None)
def test_at_any_moment_the_window_begins_and_the_consent_ends_with_a_month_of_utc(
    now: datetime, offset: int, years: int, months: int
) -> None:
    asking = Asking.__new__(Asking)  # choosing looks at nothing that is stored
    here = now.astimezone(timezone(timedelta(hours=offset)))
    asked_for = Request(STUDY, STUDY.data_use, {}, first=False)
    chosen = asking.terms(SubjectId("a" * 32), asked_for, Choice(ALL, years, months), here)
    assert chosen.window == Window(start=date(now.year - years, now.month, 1))
    assert chosen.expires == month_end_after(now, months) > now
    assert chosen.expires.astimezone(UTC).day == 1


def test_what_ends_soon_may_be_allowed_again_with_the_earlier_answers_and_is_not_listed(
    portal: Portal, subject: SubjectId
) -> None:
    house, asking = portal.house, portal.room.asking
    house.open.preferences.prefer([subject], house.clock(), counted=True)
    expires = month_end_after(house.clock(), 6)
    house.grant(subject, expires=expires)
    house.publish()
    assert asking.request(subject, "kidneys", house.clock()) is None
    assert asking.renewable(subject, house.clock()) == {}
    house.clock.ahead += expires - house.clock() - timedelta(days=29)
    house.follow()
    [terms] = asking.renewable(subject, house.clock()).values()
    assert (terms.categories, terms.window) == (ALL, Window())
    assert asked(portal, subject) == []
    found = asking.request(subject, "kidneys", house.clock())
    assert found is not None
    assert not found.first
    sign(house, asking.terms(subject, found, Choice(terms.categories, None, 12), house.clock()))
    assert asking.renewable(subject, house.clock()) == {}, "it goes on"


def test_whoever_no_study_may_ask_goes_on_with_the_one_that_they_have_a_consent_to(
    portal: Portal, subject: SubjectId
) -> None:
    house, asking, other = portal.house, portal.room.asking, portal.house.people[1]
    approve(house, SECOND)
    expires = month_end_after(house.clock(), 6)
    house.grant(other, expires=expires)
    house.publish()
    assert asking.request(other, "kidneys", house.clock()) is None, "it runs"
    house.clock.ahead += expires - house.clock() - timedelta(days=29)
    house.follow()
    assert len(asking.renewable(other, house.clock())) == 1, "as the letter says"
    assert asking.request(other, "kidneys", house.clock()) is not None
    assert asking.request(other, "eyes", house.clock()) is None
    assert asked(portal, other) == []
    portal.room.overview.stop_everything(other, house.clock())
    assert asking.request(other, "kidneys", house.clock()) is None


def test_the_new_text_is_read_by_whoever_agreed_to_the_old_one_and_a_no_to_it_is_kept(
    portal: Portal, subject: SubjectId
) -> None:
    house, asking, other = portal.house, portal.room.asking, portal.house.people[1]
    house.grant(other)
    house.publish()
    newer = replace(STUDY, text=STUDY.text + " It now also asks how.")
    house.open.registration.change(newer, house.clock())
    found = asking.request(other, "kidneys", house.clock())
    assert found is not None
    assert (found.study, found.first) == (newer, True)
    asking.decline(other, "kidneys")
    house.open.preferences.prefer([other], house.clock(), counted=True)
    assert asked(portal, other) == []
    assert asking.request(other, "kidneys", house.clock()) == found, "who changes their mind finds it again"


def chosen_in_spanish(study: Study) -> Terms:
    """Return what somebody who reads Spanish would sign."""
    asking = Asking.__new__(Asking)  # choosing looks at nothing that is stored
    asked_for = Request(study, STUDY.data_use, {}, first=False)
    return asking.terms(SubjectId("a" * 32), asked_for, Choice(ALL, None, 12), datetime(2026, 5, 1, tzinfo=UTC), "es")


def test_a_study_that_is_in_spanish_is_asked_and_signed_in_spanish() -> None:
    spanish = Translation("es", "¿Quién enferma?", "Leemos sus datos.")
    study = replace(STUDY, translations=(spanish,))
    terms = chosen_in_spanish(study)
    assert (terms.language, terms.wording, terms.text_hash) == ("es", SPANISH.hash, spanish.text_hash)
    assert terms.text_hash in study.texts
    assert render(terms, bytes(32)).who.endswith("para el estudio «¿Quién enferma?».")
    assert Study.from_json(study.to_json()) == study


def test_a_study_that_is_not_in_spanish_is_signed_in_english_by_everyone() -> None:
    terms = chosen_in_spanish(STUDY)
    assert (terms.language, terms.wording, terms.text_hash) == ("en", ENGLISH.hash, STUDY.text_hash)


# ----------------------------------------------------------------------------------------- approved and not recruiting


def test_a_study_that_does_not_recruit_asks_nobody_in_any_way(portal: Portal, subject: SubjectId) -> None:
    house, asking = portal.house, portal.room.asking
    house.open.registration.approve(SECOND, house.clock(), recruiting=False)
    assert asked(portal, subject) == ["kidneys"]
    assert asking.waiting(subject, house.clock()) == 1
    assert asking.request(subject, "eyes", house.clock()) is None
    asking.decline(subject, "eyes")
    with house.open.store.reading() as unit:
        assert unit.accounts.declined(subject) == frozenset(), "nothing was asked, so nothing is kept"
    house.open.registration.ask("eyes", house.clock())
    assert asked(portal, subject) == ["eyes", "kidneys"]
    assert request(portal, subject, "eyes").study == SECOND


def test_a_study_that_does_not_recruit_cannot_be_allowed_by_another_way(portal: Portal, subject: SubjectId) -> None:
    house = portal.house
    eyes = replace(STUDY, reference=replace(SECOND.reference, id="ears"))
    house.open.registration.approve(eyes, house.clock(), recruiting=False)
    before = house.state()
    with pytest.raises(StudyMismatchError):
        house.grant(subject, study=eyes.reference)
    assert house.state() == before
    house.open.registration.ask("ears", house.clock())
    house.grant(subject, study=eyes.reference)
    assert asked(portal, subject) == ["kidneys"]


def test_a_changed_study_goes_on_as_it_was(portal: Portal, subject: SubjectId) -> None:
    house = portal.house
    house.open.registration.approve(SECOND, house.clock(), recruiting=False)
    house.open.registration.change(replace(SECOND, text="It looks at both eyes."), house.clock())
    assert asked(portal, subject) == ["kidneys"]
    house.open.registration.ask("eyes", house.clock())
    house.open.registration.change(replace(SECOND, text="It looks at one eye."), house.clock())
    assert asked(portal, subject) == ["eyes", "kidneys"]


def test_another_process_asks_only_once_the_study_recruits(portal: Portal, subject: SubjectId) -> None:
    house = portal.house
    with House.without_ledger(house.settings.home, house.wallets) as opened:
        beside = Portal.of(opened)
        house.open.registration.approve(SECOND, house.clock(), recruiting=False)
        assert asked(beside, subject) == ["kidneys"]
        house.open.registration.ask("eyes", house.clock())
        assert asked(beside, subject) == ["eyes", "kidneys"]
