"""The decision, against a slow restatement of the rules that shares no line with it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.domain.data_use import DataUse, Outcome, match
from consent.domain.decision import (
    AccessRequest,
    Consent,
    Deny,
    KnownGrant,
    LedgerReading,
    Permit,
    Reason,
    decide,
    ledger_refusal,
    same,
)
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, Terms, Window

NOW = datetime(2026, 5, 17, 12, 0, 0, tzinfo=UTC)
EXPIRES = datetime(2027, 1, 1, tzinfo=UTC)
ANN, BEN = SubjectId("a" * 32), SubjectId("b" * 32)
AGE, BLOOD, END = Category.DEMOGRAPHICS, Category.LABORATORY, Category.OUTCOMES
HEALTH = DataUse(health_research=True)
CANCER = DataUse(diseases=frozenset({"MONDO:0004992"}))

TERMS = Terms(
    subject=ANN,
    study=StudyReference("kidneys", "Kidneys", "The Test Hospital"),
    data_use=HEALTH,
    operations=frozenset({Operation.TRAIN}),
    categories=frozenset({AGE, BLOOD, END}),
    window=Window(),
    expires=EXPIRES,
    language="en",
    text_hash="0" * 64,
)
GRANT = KnownGrant("consent-1", TERMS, b"\x01" * 32, certified=True, expires=int(EXPIRES.timestamp()))
REQUEST = AccessRequest(ANN, "kidneys", HEALTH, Operation.TRAIN, frozenset({AGE, END}), frozenset({BLOOD}))


def grant(**changed: object) -> KnownGrant:
    """Return the grant with some fields changed, of its terms too."""
    of_terms = {name: value for name, value in changed.items() if name in Terms.__slots__ and name != "expires"}
    if "until" in changed:
        of_terms["expires"] = changed["until"]
    of_grant = {name: value for name, value in changed.items() if name in KnownGrant.__slots__}
    return replace(GRANT, terms=replace(TERMS, **of_terms), **of_grant)  # type: ignore[arg-type]  # named by the tests


def decided(*grants: KnownGrant, request: AccessRequest = REQUEST, now: datetime = NOW) -> Permit | Deny:
    return decide(Consent(ANN, grants), request, now)


def test_a_grant_that_covers_the_access_permits_it_and_says_by_which_consent() -> None:
    answer = decided(GRANT)
    assert answer == Permit(GRANT.commitment, "consent-1", frozenset({AGE, BLOOD, END}), Window())


REFUSED = {
    Reason.SUBJECT: grant(subject=BEN),
    Reason.UNCERTIFIED: grant(certified=False),
    Reason.STUDY: grant(study=StudyReference("hearts", "Hearts", "The Test Hospital")),
    Reason.OPERATION: grant(operations=frozenset({Operation.PREDICT, Operation.EXPORT})),
    Reason.PURPOSE: grant(data_use=CANCER),
    Reason.PURPOSE_UNRESOLVED: grant(data_use=replace(HEALTH, other=frozenset({"COL"}))),
    Reason.CATEGORY: grant(categories=frozenset({AGE, BLOOD})),
    Reason.WINDOW: grant(window=Window(end=date(2019, 12, 31))),
    Reason.TEXT: grant(text_hash="1" * 64),
    Reason.NOT_FINAL: grant(expires=None),
    Reason.EXPIRED: grant(expires=int(NOW.timestamp())),
    Reason.REVOKED: grant(revoked=True),
    Reason.STOPPED: grant(stopped=True),
}
LATE = replace(REQUEST, window=Window(start=date(2020, 1, 1)), texts=frozenset({"0" * 64}))


@pytest.mark.parametrize("reason", REFUSED, ids=lambda reason: reason.name)
def test_each_reason_refuses_by_its_name(reason: Reason) -> None:
    assert decided(REFUSED[reason], request=LATE) == Deny(reason)


@pytest.mark.parametrize("reason", REFUSED, ids=lambda reason: reason.name)
def test_one_good_grant_among_refused_ones_permits(reason: Reason) -> None:
    assert isinstance(decided(REFUSED[reason], GRANT, REFUSED[reason], request=LATE), Permit)


def test_the_table_names_every_reason_that_a_grant_can_have() -> None:
    not_of_a_grant = {
        Reason.NO_GRANT,
        Reason.STUDY_CLOSED,
        Reason.BLOCKED,
        Reason.LEDGER_STALE,
        Reason.LEDGER_MISMATCH,
    }
    assert set(REFUSED) == set(Reason) - not_of_a_grant


def test_nobody_who_granted_nothing_is_read() -> None:
    assert decided() == Deny(Reason.NO_GRANT)


def test_a_consent_of_somebody_else_is_no_consent() -> None:
    assert decide(Consent(BEN, (GRANT,)), REQUEST, NOW) == Deny(Reason.SUBJECT)


def test_whoever_asked_to_be_erased_is_not_read_whatever_they_granted() -> None:
    assert decide(Consent(ANN, (GRANT,), blocked=True), REQUEST, NOW) == Deny(Reason.BLOCKED)


def test_a_closed_study_is_refused_whatever_anybody_granted() -> None:
    closed = replace(REQUEST, closed=True)
    assert decided(GRANT, request=closed) == Deny(Reason.STUDY_CLOSED)
    assert decided(request=closed) == Deny(Reason.STUDY_CLOSED)
    assert decide(Consent(ANN, (GRANT,), blocked=True), closed, NOW) == Deny(Reason.BLOCKED)


def test_a_grant_counts_for_a_text_in_any_of_the_studys_languages() -> None:
    assert isinstance(decided(GRANT, request=replace(REQUEST, texts=frozenset({"0" * 64, "1" * 64}))), Permit)


@given(st.lists(st.sampled_from(list(REFUSED)), min_size=1, max_size=6))
def test_of_several_refusals_the_closest_is_told(reasons: list[Reason]) -> None:
    assert decided(*(REFUSED[reason] for reason in reasons), request=LATE) == Deny(max(reasons))


def test_a_stop_is_told_before_a_revocation_and_that_before_an_expiry() -> None:
    over = {"until": datetime(2026, 5, 1, tzinfo=UTC), "expires": int(NOW.timestamp()) - 1}
    assert decided(grant(stopped=True, revoked=True, **over)) == Deny(Reason.STOPPED)
    assert decided(grant(revoked=True, **over)) == Deny(Reason.REVOKED)
    assert decided(grant(**over)) == Deny(Reason.EXPIRED)


def test_a_grant_ends_at_the_second_of_its_terms() -> None:
    eternal = grant(expires=2**40)
    assert isinstance(decided(eternal, now=EXPIRES - timedelta(microseconds=1)), Permit)
    assert decided(eternal, now=EXPIRES) == Deny(Reason.EXPIRED)


def test_a_grant_ends_at_the_second_that_the_ledger_says() -> None:
    early = grant(expires=int(NOW.timestamp()) + 1)
    assert isinstance(decided(early, now=NOW + timedelta(microseconds=999_999)), Permit)
    assert decided(early, now=NOW + timedelta(seconds=1)) == Deny(Reason.EXPIRED)


def test_expired_terms_refuse_even_while_the_grant_is_not_final() -> None:
    assert decided(grant(expires=None), now=EXPIRES) == Deny(Reason.EXPIRED)


def test_categories_are_those_both_allowed_and_asked_for() -> None:
    answer = decided(grant(categories=frozenset({AGE, END, Category.NOTES})))
    assert isinstance(answer, Permit)
    assert answer.categories == {AGE, END}


def test_an_access_that_asks_for_no_category_gets_none() -> None:
    assert decided(GRANT, request=replace(REQUEST, required=frozenset(), optional=frozenset())) == Deny(Reason.CATEGORY)


DAYS = st.none() | st.dates(date(2020, 1, 1), date(2020, 1, 6))
WINDOWS = st.builds(
    lambda one, other: Window(min(one, other), max(one, other)) if one and other else Window(one, other), DAYS, DAYS
)


@given(allowed=WINDOWS, asked=WINDOWS)
def test_the_permitted_window_is_the_days_in_both(allowed: Window, asked: Window) -> None:
    days = [date(2020, 1, 1) + timedelta(days=offset) for offset in range(-2, 9)]
    both = [day for day in days if allowed.holds(day) and asked.holds(day)]
    answer = decided(grant(window=allowed), request=replace(REQUEST, window=asked))
    if both:
        assert isinstance(answer, Permit)
        assert [day for day in days if answer.window.holds(day)] == both
    else:
        assert answer == Deny(Reason.WINDOW)


def permitted_by_the_rules(known: KnownGrant, request: AccessRequest, now: datetime) -> bool:
    """Say the rules again, one by one, as a patient would read them."""
    terms, seconds = known.terms, now.timestamp()
    about_me = terms.subject == request.subject and known.certified
    this_study = terms.study.id == request.study and request.operation in terms.operations
    purpose = match(terms.data_use, request.data_use, same).outcome is Outcome.APPROVE
    kinds = all(category in terms.categories for category in request.required)
    kinds = kinds and any(category in terms.categories for category in request.required | request.optional)
    days = [date(2020, 1, 1) + timedelta(days=offset) for offset in range(-2, 9)]
    some_day = any(terms.window.holds(day) and request.window.holds(day) for day in days)
    final = known.expires is not None and seconds < known.expires and seconds < terms.expires.timestamp()
    return about_me and this_study and purpose and kinds and some_day and final and not (known.revoked or known.stopped)


CATEGORIES = st.frozensets(st.sampled_from([AGE, BLOOD, END]), max_size=3)
USES = st.sampled_from([HEALTH, CANCER, DataUse(general_use=True), replace(HEALTH, other=frozenset({"COL"}))])
MOMENTS = st.sampled_from([EXPIRES + timedelta(seconds=offset) for offset in (-86_400, -1, 0, 1)])
GRANTS = st.builds(
    KnownGrant,
    consent=st.just("consent-1"),
    terms=st.builds(
        replace,
        st.just(TERMS),
        subject=st.sampled_from([ANN, BEN]),
        study=st.sampled_from([TERMS.study, StudyReference("hearts", "Hearts", "The Test Hospital")]),
        data_use=USES,
        operations=st.frozensets(st.sampled_from(Operation), min_size=1),
        categories=CATEGORIES.filter(bool),
        window=WINDOWS,
    ),
    commitment=st.binary(min_size=32, max_size=32),
    certified=st.booleans(),
    expires=st.none() | MOMENTS.map(lambda moment: int(moment.timestamp())),
    revoked=st.booleans(),
    stopped=st.booleans(),
)
LIKELY = st.just(GRANT) | GRANTS
REQUESTS = st.builds(
    AccessRequest,
    subject=st.sampled_from([ANN, BEN]),
    study=st.sampled_from(["kidneys", "hearts"]),
    data_use=USES,
    operation=st.sampled_from(Operation),
    required=CATEGORIES,
    optional=CATEGORIES,
    window=WINDOWS,
)


@given(grants=st.lists(LIKELY, max_size=3), request=st.just(REQUEST) | REQUESTS, now=MOMENTS, blocked=st.booleans())
def test_an_access_is_permitted_exactly_when_the_rules_say_so(
    grants: list[KnownGrant], request: AccessRequest, now: datetime, *, blocked: bool
) -> None:
    answer = decide(Consent(request.subject, tuple(grants), blocked=blocked), request, now)
    covering = [known for known in grants if permitted_by_the_rules(known, request, now)]
    assert isinstance(answer, Permit) == (bool(covering) and not blocked)
    if isinstance(answer, Permit):
        assert answer.commitment == covering[0].commitment
        assert request.required <= answer.categories <= request.required | request.optional
        assert answer.categories <= covering[0].terms.categories


READ = LedgerReading(read_at=1000, block_time=990, matches=True)


@pytest.mark.parametrize(
    ("reading", "at", "refusal"),
    [
        (READ, 1100, None),
        (READ, 1110, None),
        (READ, 1111, Reason.LEDGER_STALE),
        (replace(READ, block_time=1000), 1120, None),
        (replace(READ, block_time=2000), 1121, Reason.LEDGER_STALE),
        (replace(READ, read_at=2000), 1111, Reason.LEDGER_STALE),
        (replace(READ, matches=False), 1000, Reason.LEDGER_MISMATCH),
        (replace(READ, matches=False), 9999, Reason.LEDGER_MISMATCH),
        (LedgerReading(0, 0, matches=True), 1000, Reason.LEDGER_STALE),
    ],
)
def test_an_old_or_untrue_reading_of_the_ledger_refuses(
    reading: LedgerReading, at: int, refusal: Reason | None
) -> None:
    assert ledger_refusal(reading, datetime.fromtimestamp(at, UTC), max_staleness=120) == refusal
