"""A study's life at the desk: who may do what of it in which state, and that everything else changes nothing."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from consent.domain.errors import ConsentError
from consent.domain.study import InvalidStudyError, StudyConflictError, StudyRefusedError
from consent.domain.study_draft import Review, StudyDraft
from consent.domain.terms import StudyReference
from consent.ports import Unit
from consent.services.desk.drafts import OPEN_DRAFTS, Drafts, PurposeNeedsAPersonError, UnknownStudyError
from consent.services.desk.study_views import StudyState
from consent.services.studies.approved import StudyClosedError, StudyNotApprovedError
from tests.services.desk.lives import OTHER, OWNER, drafts_of, kept, let_in, value
from tests.services.house import STUDY, House

NAMED: Final = STUDY.data_use.to_json() | {"other": ["COL", "IRB"]}
"""A purpose that a person must look at."""


@pytest.fixture
def drafts(house: House) -> Drafts:
    """The desk's drafts."""
    return drafts_of(house)


def submitted(house: House, study: str = "eyes", **changed: Any) -> Drafts:
    """Write a draft and hand it in."""
    drafts = drafts_of(house)
    drafts.write(OWNER, value(study, **changed), house.clock())
    drafts.submit(OWNER, study, house.clock())
    return drafts


def refused(house: House, kind: type[ConsentError], act: Callable[[], object], sentence: str | None = None) -> None:
    """Say that an act is refused and leaves everything as it was."""
    before = kept(house)
    with pytest.raises(kind, match=sentence):
        act()
    assert kept(house) == before


# ------------------------------------------------------------------------------------------------------------ the life


def test_a_study_goes_from_a_draft_to_its_end(house: House, drafts: Drafts) -> None:
    now, first = house.clock(), house.state().entries
    wrote = drafts.write(OWNER, value("eyes"), now)
    assert (wrote.state, wrote.client, wrote.study["ethics"]) == (StudyState.DRAFT, OWNER, "")
    assert drafts.submit(OWNER, "eyes", now).state is StudyState.SUBMITTED
    assert house.log(first) == [], "the log has decisions, and a draft is none"
    approved = drafts.approve("eyes", "EC 2026/9", now)
    assert (approved.ethics, approved.reference.id) == ("EC 2026/9", "eyes")
    for act, state in (
        (lambda: None, StudyState.APPROVED),
        (lambda: drafts.ask("eyes", now), StudyState.RECRUITING),
        (lambda: drafts.close("eyes", now, by="study:eyes"), StudyState.CLOSED),
    ):
        act()
        view = drafts.view("eyes", OWNER, {"eyes"})
        assert (view.state, view.study, view.definition) == (state, approved.to_json(), approved.hash())
        assert (view.client, view.created, view.review) == (OWNER, int(now.timestamp()), None)
    told = [(e["verdict"], e["actor"], e["study"]) for e in house.log(first)]
    assert told == [
        ("APPROVED", "operator", "eyes"),
        ("RECRUITING", "study:eyes", "eyes"),
        ("CLOSED", "study:eyes", "eyes"),
    ]
    assert house.log(first)[0]["facts"] == {
        "definition": approved.hash(),
        "ethics": "EC 2026/9",
        "text": approved.text_hash,
        "recruiting": False,
    }
    assert house.log(first)[1]["facts"] == {"definition": approved.hash(), "text": approved.text_hash}


def test_approval_makes_the_drafts_client_a_member_in_the_same_transaction(house: House) -> None:
    drafts = submitted(house)

    def fail(unit: Unit, client: str, study: str, now: int) -> None:
        let_in(unit, client, study, now)
        raise ZeroDivisionError

    before = kept(house)
    with pytest.raises(ZeroDivisionError):
        replace(drafts, allow=fail).approve("eyes", "EC 1", house.clock())
    assert kept(house) == before
    drafts.approve("eyes", "EC 1", house.clock())
    with house.open.store.reading() as unit:
        rows = unit.connection.execute(text("SELECT client, study FROM memberships"))
        assert list(map(tuple, rows)) == [(OWNER, "eyes")]


def test_a_refused_draft_says_why_and_may_be_changed_and_submitted_again(house: House) -> None:
    drafts, now = submitted(house), house.clock()
    view = drafts.refuse("eyes", "Say which years.", now)
    assert (view.state, view.reason) == (StudyState.REFUSED, "Say which years.")
    [entry] = house.log()[-1:]
    definition = StudyDraft.from_json(value("eyes")).hash()
    assert (entry["verdict"], entry["facts"]) == ("REFUSED", {"definition": definition, "reason": "Say which years."})
    changed = drafts.change(OWNER, "eyes", value("eyes", text="Of ten years."), now)
    assert (changed.state, changed.reason, changed.study["text"]) == (StudyState.DRAFT, "", "Of ten years.")
    drafts.submit(OWNER, "eyes", now)
    assert drafts.approve("eyes", "EC 1", now).text == "Of ten years."


@pytest.mark.parametrize("reason", ["", " ", "a\nb", "a\u202eb", "x" * 301], ids=ascii)
def test_a_refusal_has_a_reason_of_one_line(house: House, reason: str) -> None:
    drafts = submitted(house)
    refused(house, InvalidStudyError, lambda: drafts.refuse("eyes", reason, house.clock()), "a reason is one line")


# ----------------------------------------------------------------------------------------------------- a person's look


def test_what_a_submission_needs_is_said_at_once(house: House, drafts: Drafts) -> None:
    now = house.clock()
    drafts.write(OWNER, value("plain"), now)
    drafts.write(OWNER, value("named", data_use=NAMED), now)
    plain, named = drafts.submit(OWNER, "plain", now), drafts.submit(OWNER, "named", now)
    assert (plain.review, plain.names) == (Review.READY, ())
    assert (named.review, named.names) == (Review.NEEDS_A_PERSON, ("COL", "IRB"))


def test_a_purpose_that_no_consent_covers_cannot_be_submitted(house: House, drafts: Drafts) -> None:
    nothing = NAMED | {"health_research": False}
    assert drafts.write(OWNER, value("eyes", data_use=nothing), house.clock()).review is None
    refused(house, StudyRefusedError, lambda: drafts.submit(OWNER, "eyes", house.clock()), "names no research")


def test_a_resolution_stands_before_its_approval_and_the_study_is_free_of_what_was_resolved(house: House) -> None:
    drafts, now = submitted(house, data_use=NAMED), house.clock()
    refused(house, PurposeNeedsAPersonError, lambda: drafts.approve("eyes", "EC 1", now), "say why it may be")
    refused(house, PurposeNeedsAPersonError, lambda: drafts.approve("eyes", "EC 1", now, " "))
    refused(house, InvalidStudyError, lambda: drafts.approve("eyes", "EC 1", now, "a\nb"), "a reason is one line")
    approved = drafts.approve("eyes", "EC 1", now, "The board saw both.")
    assert approved.data_use == STUDY.data_use
    resolved, entry = house.log()[-2:]
    assert (resolved["verdict"], entry["verdict"]) == ("RESOLVED", "APPROVED")
    definition = StudyDraft.from_json(value("eyes", data_use=NAMED)).hash()
    facts = {"definition": definition, "names": ["COL", "IRB"], "reason": "The board saw both."}
    assert resolved["facts"] == facts
    assert entry["facts"]["definition"] == approved.hash() != definition
    assert drafts.view("eyes").reason == "The board saw both."


def test_a_reason_that_resolves_nothing_is_left_out(house: House) -> None:
    drafts = submitted(house)
    refused(house, InvalidStudyError, lambda: drafts.approve("eyes", "EC 1", house.clock(), "Why not."), "leave it out")


@pytest.mark.parametrize("ethics", ["", " ", "x" * 201])
def test_nothing_is_approved_without_an_ethics_reference(house: House, ethics: str) -> None:
    drafts = submitted(house)
    refused(house, InvalidStudyError, lambda: drafts.approve("eyes", ethics, house.clock()), "ethics")


def test_an_operator_decides_on_what_they_read_only(house: House) -> None:
    drafts, now = submitted(house), house.clock()
    seen = drafts.view("eyes").definition
    drafts.change(OWNER, "eyes", value("eyes", text="Something else."), now)
    drafts.submit(OWNER, "eyes", now)
    refused(house, StudyConflictError, lambda: drafts.approve("eyes", "EC 1", now, seen=seen), "read it again")
    refused(house, StudyConflictError, lambda: drafts.refuse("eyes", "No.", now, seen=seen), "read it again")
    drafts.approve("eyes", "EC 1", now, seen=drafts.view("eyes").definition)


# -------------------------------------------------------------------------------------------------------- ids and eyes


def test_an_id_that_is_taken_is_refused_and_nobody_learns_by_whom(house: House, drafts: Drafts) -> None:
    now, told = house.clock(), set()
    submitted(house, "approved").approve("approved", "EC 1", now)
    drafts.write(OWNER, value("eyes"), now)
    for client, study in ((OWNER, "eyes"), (OTHER, "eyes"), (OTHER, "approved"), (OWNER, "approved")):
        before = kept(house)
        with pytest.raises(StudyConflictError) as caught:
            drafts.write(client, value(study), now)
        told.add(str(caught.value))
        assert kept(house) == before
    assert len(told) == 1
    refused(house, StudyConflictError, lambda: drafts.write(OTHER, value("kidneys"), now), "choose another")


def test_a_study_that_is_approved_from_a_file_takes_no_drafts_id(house: House, drafts: Drafts) -> None:
    drafts.write(OWNER, value("eyes"), house.clock())
    study = replace(STUDY, reference=StudyReference("eyes", "Eyes", "The Test Hospital"))
    approve = house.open.registration.approve
    refused(house, StudyConflictError, lambda: approve(study, house.clock()), "drafted")


def test_a_draft_is_its_clients_and_staffs_and_for_others_there_is_none(house: House, drafts: Drafts) -> None:
    now, told = house.clock(), set()
    drafts.write(OWNER, value("eyes"), now)
    assert drafts.view("eyes", OWNER) == drafts.view("eyes") == drafts.listed(OWNER)[0]
    assert drafts.listed(OTHER, {"eyes"}) == []
    for study in ("eyes", "nothing"):
        for act in (
            partial(drafts.view, study, OTHER, {study}),
            partial(drafts.submit, OTHER, study, now),
            partial(drafts.change, OTHER, study, value(study), now),
        ):
            before = kept(house)
            with pytest.raises(UnknownStudyError) as caught:
                act()
            told.add(str(caught.value))
            assert kept(house) == before
    assert len(told) == 2, "of a view and of an act; the same whether there is a draft or none"


def test_an_approved_study_is_seen_by_members_and_staff(house: House) -> None:
    drafts = submitted(house)
    drafts.approve("eyes", "EC 1", house.clock())
    assert drafts.view("eyes").client == OWNER
    assert drafts.view("eyes", OTHER, {"eyes"}).client is None, "whose it was is not theirs to know"
    assert [view.id for view in drafts.listed(OTHER, {"eyes"})] == ["eyes"]
    for client in (OTHER, OWNER):
        with pytest.raises(UnknownStudyError):
            drafts.view("eyes", client)
        assert drafts.listed(client) == []


def test_a_list_goes_by_time_and_id_and_keeps_its_order_when_a_draft_is_approved(house: House, drafts: Drafts) -> None:
    day = timedelta(days=1)
    later = house.clock() + day
    for study, at in (("b", later), ("a", later), ("c", later - 2 * day)):
        drafts.write(OWNER, value(study), at)
    drafts.write(OTHER, value("d"), later + day)
    mine = [(view.created, view.id) for view in drafts.listed(OWNER)]
    assert mine == sorted(mine)
    assert [name for _, name in mine] == ["c", "a", "b"]
    drafts.submit(OWNER, "c", later + day)
    drafts.approve("c", "EC 1", later + day)
    assert [(view.created, view.id) for view in drafts.listed(OWNER, {"c", "no-study"})] == mine
    assert [view.id for view in drafts.listed()] == ["c", "kidneys", "a", "b", "d"]
    kidneys = drafts.view("kidneys")
    assert (kidneys.state, kidneys.client, kidneys.created) == (StudyState.RECRUITING, None, house.log()[-2]["time"])


def test_a_client_has_so_many_open_drafts(house: House, drafts: Drafts) -> None:
    for number in range(OPEN_DRAFTS):
        drafts.write(OWNER, value(f"s{number}"), house.clock())
    refused(house, StudyConflictError, lambda: drafts.write(OWNER, value("eyes"), house.clock()), "so many drafts")
    drafts.write(OTHER, value("eyes"), house.clock())
    drafts.submit(OWNER, "s0", house.clock())
    drafts.approve("s0", "EC 1", house.clock())
    drafts.write(OWNER, value("ears"), house.clock())


def test_a_draft_keeps_its_id(house: House, drafts: Drafts) -> None:
    drafts.write(OWNER, value("eyes"), house.clock())
    change = drafts.change
    refused(house, InvalidStudyError, lambda: change(OWNER, "eyes", value("ears"), house.clock()), "keeps its id")


# ------------------------------------------------------------------------------------------------------------ altered


def edit(house: House, statement: str, **values: object) -> None:
    with house.open.store.begin() as unit:
        unit.connection.execute(text(statement), values)


def test_a_damaged_row_is_no_draft_and_the_others_go_on(house: House, drafts: Drafts) -> None:
    drafts.write(OWNER, value("eyes"), house.clock())
    drafts.write(OWNER, value("ears"), house.clock())
    edit(house, "UPDATE drafts SET definition = :no WHERE study = 'eyes'", no=b'{"id": 1}')
    assert [view.id for view in drafts.listed(OWNER)] == ["ears"]
    refused(house, UnknownStudyError, lambda: drafts.submit(OWNER, "eyes", house.clock()))


def test_a_row_that_says_what_was_not_decided_decides_nothing(house: House) -> None:
    """One that was altered is none; one that was there once, with its MAC, can be put back."""
    drafts = submitted(house)
    with house.open.store.reading() as unit:
        before = unit.drafts.get("eyes")
    assert before is not None
    drafts.approve("eyes", "EC 1", house.clock())
    with house.open.store.begin() as unit:
        unit.drafts.change(before)
    refused(house, StudyConflictError, lambda: drafts.approve("eyes", "EC 2", house.clock()), "registered already")
    submitted(house, "ears")
    for altered in ("state = 'approved'", "client = 'firm-lab'", "definition = '{}'"):
        edit(house, f"UPDATE drafts SET {altered} WHERE study = 'ears'")  # noqa: S608  # ours
        refused(house, UnknownStudyError, lambda: drafts.approve("ears", "EC 1", house.clock()))


def test_a_study_that_is_not_as_it_was_approved_is_not_shown(house: House) -> None:
    drafts = submitted(house)
    approved = drafts.approve("eyes", "EC 1", house.clock())
    with house.open.store.begin() as unit:
        unit.studies.replace(replace(approved, text="Something else."))
    with pytest.raises(StudyNotApprovedError):
        drafts.view("eyes")
    assert [view.id for view in drafts.listed()] == ["kidneys"]


# ------------------------------------------------------------------------------------- each act in each state, and not

Act = Callable[[Drafts, str, Any], object]
ACTS: Final[dict[str, Act]] = {
    "write": lambda drafts, study, now: drafts.write(OWNER, value(study), now),
    "change": lambda drafts, study, now: drafts.change(OWNER, study, value(study, text="Changed."), now),
    "submit": lambda drafts, study, now: drafts.submit(OWNER, study, now),
    "refuse": lambda drafts, study, now: drafts.refuse(study, "No.", now),
    "approve": lambda drafts, study, now: drafts.approve(study, "EC 1", now),
    "ask": lambda drafts, study, now: drafts.ask(study, now),
    "close": lambda drafts, study, now: drafts.close(study, now),
    "write as another": lambda drafts, study, now: drafts.write(OTHER, value(study), now),
    "change as another": lambda drafts, study, now: drafts.change(OTHER, study, value(study), now),
    "submit as another": lambda drafts, study, now: drafts.submit(OTHER, study, now),
}
LIFE: Final[dict[str, dict[str, str]]] = {
    "none": {"write": "draft"},
    "draft": {"change": "draft", "submit": "submitted"},
    "submitted": {"change": "draft", "refuse": "refused", "approve": "approved"},
    "refused": {"change": "draft"},
    "approved": {"ask": "recruiting", "close": "closed"},
    "recruiting": {"close": "closed"},
    "closed": {},
}
"""Which acts there are in each state, and where they lead; every other act is refused."""
WAYS: Final = {
    "none": (),
    "draft": ("write",),
    "submitted": ("write", "submit"),
    "refused": ("write", "submit", "refuse"),
    "approved": ("write", "submit", "approve"),
    "recruiting": ("write", "submit", "approve", "ask"),
    "closed": ("write", "submit", "approve", "ask", "close"),
}
REFUSALS: Final = (StudyConflictError, UnknownStudyError, StudyNotApprovedError, StudyClosedError)
_NUMBERS: Final = itertools.count()


def state_of(drafts: Drafts, study: str) -> str:
    try:
        return drafts.view(study, OWNER, {study}).state.value
    except UnknownStudyError:
        return "none"


def step(house: House, study: str, state: str, act: str) -> str:
    """Do an act in a state; return the next one, having looked that it came about or that nothing changed."""
    drafts, before = drafts_of(house), kept(house)
    if act in LIFE[state]:
        ACTS[act](drafts, study, house.clock())
        assert kept(house) != before or act == "change"
    else:
        with pytest.raises(REFUSALS):
            ACTS[act](drafts, study, house.clock())
        assert kept(house) == before
    expected = LIFE[state].get(act, state)
    assert state_of(drafts, study) == expected
    return expected


@pytest.mark.parametrize("state", LIFE)
def test_each_act_leads_where_it_should_or_is_refused_with_nothing_changed(shared_house: House, state: str) -> None:
    for act in ACTS:
        if (state, act) == ("none", "write as another"):
            continue  # it is theirs then
        study, now = f"life-{next(_NUMBERS)}", "none"
        for done in WAYS[state]:
            now = step(shared_house, study, now, done)
        assert now == state
        step(shared_house, study, state, act)


def test_no_walk_through_a_life_finds_another_way(shared_house: House) -> None:
    @settings(max_examples=25)
    @given(st.lists(st.sampled_from(sorted(ACTS)), max_size=25))
    def walk(acts: list[str]) -> None:
        study = f"life-{next(_NUMBERS)}"
        state = step(shared_house, study, "none", "write")
        for act in acts:
            state = step(shared_house, study, state, act)

    walk()


def test_the_log_names_who_of_the_staff_decided(house: House) -> None:
    drafts, first = submitted(house, data_use=NAMED), house.state().entries
    drafts.refuse("eyes", "Not yet.", house.clock(), by="dr-who")
    drafts.change(OWNER, "eyes", value("eyes", data_use=NAMED), house.clock())
    drafts.submit(OWNER, "eyes", house.clock())
    drafts.approve("eyes", "EC 1", house.clock(), "Looked at it.", by="dr-who")
    named = {entry["verdict"]: entry["facts"]["by"] for entry in house.log(first) if entry["action"] == "approve"}
    assert named == dict.fromkeys(("REFUSED", "RESOLVED", "APPROVED"), "dr-who")
