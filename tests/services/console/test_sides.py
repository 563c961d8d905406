"""Every way in which the sides of a consent may not agree, each made from a true one by one alteration."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from consent.domain.grant import PUBLISH_WITHIN_SECONDS
from consent.domain.terms import Category, StudyReference, SubjectId
from consent.ports import ProjectedGrant
from consent.services.auditing import STOP_WITHIN
from consent.services.console.chronicle import Told
from consent.services.console.console import Console
from consent.services.console.sides import ConsentState, Difference, Sides, differences, state_of
from tests.services.audited import Past, second_of

D = Difference
LONG_AGO = 1_000_000


@pytest.fixture(scope="module")
def true(past: Past, console: Console) -> Sides:
    """A consent in force, as all sides have it."""
    with past.house.open.store.reading() as unit:
        console.reconciling.follow(unit)
        [sides] = console.reconciling.of(unit, [past.consent_of(past.standing[0])])
    return sides


def of(sides: Sides, past: Past) -> set[Difference]:
    book = past.house.open.book
    return set(differences(sides, book.recover, book.domain, second_of(past.house.clock())))


def signed(**changed: Any) -> Callable[[Sides], Sides]:
    return lambda sides: replace(sides, signed=replace(sides.signed, **changed))  # type: ignore[type-var]  # there


def terms(**changed: Any) -> Callable[[Sides], Sides]:
    return lambda sides: replace(sides, signed=replace(sides.signed, terms=replace(sides.signed.terms, **changed)))  # type: ignore[type-var, union-attr]  # there


def given(**changed: Any) -> Callable[[Sides], Sides]:
    return lambda sides: replace(sides, given=replace(sides.given, **changed))  # type: ignore[type-var]  # there


def row(**changed: Any) -> Callable[[Sides], Sides]:
    return lambda sides: replace(sides, row=replace(sides.row, **changed))  # type: ignore[type-var]  # there


def chain(**changed: Any) -> Callable[[Sides], Sides]:
    return lambda sides: replace(sides, chain=replace(sides.chain, **changed))  # type: ignore[type-var]  # there


def stopped(time: int) -> Callable[[Sides], Sides]:
    told = Told(7, time, "patient", "STOPPED", {})
    return lambda sides: row(stopped=True)(replace(sides, stopped=told))


def all_of(*alterations: Callable[[Sides], Sides]) -> Callable[[Sides], Sides]:
    def altered(sides: Sides) -> Sides:
        for alteration in alterations:
            sides = alteration(sides)
        return sides

    return altered


STRANGER = SubjectId("e" * 32)
ANOTHER = StudyReference("hearts", "Hearts", "Another Hospital")
LATER = datetime(2099, 1, 1, tzinfo=UTC)
CASES: list[tuple[str, Callable[[Sides], Sides], set[Difference]]] = [
    ("no entry", lambda sides: replace(sides, given=None), {D.NOT_LOGGED}),
    ("no row", lambda sides: replace(sides, row=None, signed=None, legible=False), {D.ROW_MISSING}),
    ("does not open", lambda sides: replace(sides, signed=None, legible=False), {D.UNREADABLE}),
    ("a wording of nobody's", terms(version=2, wording="0" * 64), {D.OTHER_WORDS}),
    ("another person in the log", given(subject=STRANGER), {D.OTHER_SUBJECT}),
    ("another person in the row", row(subject=STRANGER), {D.OTHER_SUBJECT}),
    ("another person signed", terms(subject=STRANGER), {D.OTHER_SUBJECT, D.SIGNATURE, D.OTHER_COMMITMENT}),
    ("another study in the log", given(study="hearts"), {D.OTHER_STUDY}),
    ("another study signed", terms(study=ANOTHER), {D.OTHER_STUDY, D.SIGNATURE, D.OTHER_COMMITMENT}),
    ("more in the log than was signed", given(categories=("demographics", "genomics")), {D.OTHER_CATEGORIES}),
    (
        "more signed than the log has",
        terms(categories=frozenset({Category.GENOMICS})),
        {D.OTHER_CATEGORIES, D.SIGNATURE, D.OTHER_COMMITMENT},
    ),
    ("another commitment in the log", given(private="0" * 64), {D.OTHER_COMMITMENT}),
    ("another key of the entry", signed(entry_key=bytes(32)), {D.OTHER_COMMITMENT}),
    ("another salt", signed(salt=bytes(32)), {D.SIGNATURE, D.OTHER_COMMITMENT}),
    ("another signature", signed(signature=bytes(64)), {D.SIGNATURE}),
    ("not certified", lambda sides: replace(sides, certified=False), {D.CERTIFICATE}),
    ("another end signed", signed(expires=4_000_000_000), {D.SIGNATURE, D.OTHER_EXPIRY}),
    ("another end in the terms", terms(expires=LATER), {D.SIGNATURE, D.OTHER_EXPIRY, D.OTHER_COMMITMENT}),
    ("another end on the chain", chain(expires=4_000_000_000), {D.OTHER_EXPIRY}),
    ("a stop in the row alone", row(stopped=True), {D.STOP_NOT_LOGGED}),
    ("a stop in the log alone", all_of(stopped(4_000_000_000), row(stopped=False)), {D.STOP_NOT_STORED}),
    ("nowhere on the chain", all_of(given(time=LONG_AGO), lambda s: replace(s, chain=None)), {D.NOT_ON_CHAIN}),
    (
        "not granted on the chain",
        all_of(given(time=LONG_AGO), chain(granted_block=None, expires=None)),
        {D.NOT_ON_CHAIN},
    ),
    ("a stop that the chain does not have", stopped(LONG_AGO), {D.STOP_NOT_ON_CHAIN}),
]


@pytest.mark.parametrize(("alteration", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_alteration_is_named(
    true: Sides, past: Past, alteration: Callable[[Sides], Sides], expected: set[Difference]
) -> None:
    assert of(true, past) == set()
    assert of(alteration(true), past) == expected


def test_every_difference_has_a_case() -> None:
    assert set().union(*(case[2] for case in CASES)) == set(Difference)


def test_what_may_be_on_its_way_is_no_difference(true: Sides, past: Past) -> None:
    now = second_of(past.house.clock())
    waiting = replace(given(time=now - PUBLISH_WITHIN_SECONDS)(true), chain=None)
    assert of(waiting, past) == set()
    assert of(stopped(now - STOP_WITHIN)(true), past) == set()
    never = replace(given(time=LONG_AGO)(true), chain=None, undone=Told(8, now, "relayer", "EXPIRED_UNPUBLISHED", {}))
    assert of(never, past) == set()


def test_what_an_erased_person_signed_neither_agrees_nor_differs(true: Sides, past: Past) -> None:
    assert of(replace(given(study="hearts")(true), gone=True), past) == set()


@pytest.mark.parametrize(
    ("alteration", "state"),
    [
        (lambda sides: sides, ConsentState.IN_FORCE),
        (lambda sides: replace(sides, gone=True), ConsentState.GONE),
        (lambda sides: replace(sides, undone=Told(8, 1, "relayer", "EXPIRED_UNPUBLISHED", {})), ConsentState.NEVER),
        (stopped(LONG_AGO), ConsentState.STOPPED),
        (chain(revoked_block=3), ConsentState.REVOKED),
        (chain(dropped_block=3), ConsentState.REVOKED),
        (lambda sides: replace(sides, signed=None, legible=False), ConsentState.ILLEGIBLE),
        (lambda sides: replace(sides, chain=None), ConsentState.WAITING),
        (chain(granted_block=None), ConsentState.WAITING),
        (chain(expires=LONG_AGO), ConsentState.EXPIRED),
    ],
)
def test_how_a_consent_stands(
    true: Sides, past: Past, alteration: Callable[[Sides], Sides], state: ConsentState
) -> None:  # fmt: skip
    assert state_of(alteration(true), second_of(past.house.clock())) is state


def test_the_chain_is_asked_for_what_was_signed_and_nothing_else(true: Sides) -> None:
    assert isinstance(true.chain, ProjectedGrant)
    assert true.signed is not None
    assert true.chain.patient == true.signed.patient
    assert true.details() is not None
