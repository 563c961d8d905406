"""Tokens: who gets one, for what, and how each ends at once when what it rests on does."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from consent import wiring
from consent.domain.entry import Action
from consent.domain.hashing import canonical_json
from consent.domain.terms import StudyReference
from consent.services.desk.callers import Caller, Role, Scope, TokenExpiredError, TokenInvalidError, TokenRefusedError
from consent.services.desk.tokens import (
    ACCESS_SECONDS,
    KEPT_SECONDS,
    MOST_PERSONAL,
    PERSONAL_SECONDS,
    Granted,
    Tokens,
)
from tests.assertions import AUDIENCE, Signer
from tests.databases import bytes_at_rest
from tests.services.desk.desk import KIDNEYS, Desk
from tests.services.house import STUDY, House

LUNGS: Final = replace(STUDY, reference=StudyReference("lungs", "Lungs", "The Test Hospital"))
ALL_OF_A_RESEARCHER: Final = {Scope.STUDIES, Scope.COUNTS, Scope.TRAIN, Scope.MODELS}


def refused(
    desk: Desk, reason: str, assertion: str, study: str | None = KIDNEYS, scopes: list[str] | None = None
) -> None:  # fmt: skip
    """See that no token is issued, and nothing is written."""
    with desk.house.open.store.reading() as unit:
        before = unit.log.size(), len(unit.api_tokens.of_client("ann"))
    with pytest.raises(TokenRefusedError) as caught:
        desk.tokens.grant(assertion, study, scopes)
    assert caught.value.reason == reason
    with desk.house.open.store.reading() as unit:
        assert (unit.log.size(), len(unit.api_tokens.of_client("ann"))) == before


# ------------------------------------------------------------------------------------------------------ access tokens


def test_who_signs_gets_a_token_of_the_study_for_a_quarter_of_an_hour(desk: Desk) -> None:
    granted = desk.granted()
    assert re.fullmatch(r"cst_[A-Za-z0-9_-]{43}", granted.token)
    assert granted.expires - desk.now in {ACCESS_SECONDS - 1, ACCESS_SECONDS}
    assert granted.token not in repr(granted)
    caller = desk.caller(granted)
    assert (caller.holder, caller.role, caller.study, caller.kind) == ("ann", Role.RESEARCHER, KIDNEYS, "access")
    assert caller.scopes == granted.scopes == ALL_OF_A_RESEARCHER
    assert (caller.token, caller.expires) == (granted.id, granted.expires)
    assert caller.actor == "study:kidneys"


def test_two_tokens_have_nothing_in_common_and_none_lies_in_the_database(desk: Desk) -> None:
    first, second = desk.granted(), desk.granted()
    assert first.token != second.token
    assert first.id != second.id
    at_rest = bytes_at_rest(desk.house.settings.home)
    assert first.id.encode() in at_rest
    parts = [one.token[start : start + 12] for one in (first, second) for start in (4, 16, 28)]
    assert not [part for part in parts if part.encode() in at_rest]


def test_without_a_study_a_researcher_writes_drafts_and_nothing_else(desk: Desk) -> None:
    caller = desk.caller(desk.granted(study=None))
    assert caller.study is None
    assert caller.scopes == {Scope.STUDIES}
    assert caller.actor == "researcher:ann"
    refused(desk, "scope", desk.signed(), None, ["counts"])


def test_a_clinician_has_a_role_of_their_own_and_needs_a_study(desk: Desk) -> None:
    ward = Signer.drawn("ward-seven", "EC")
    desk.register(ward, KIDNEYS, role=Role.CLINICIAN)
    caller = desk.caller(desk.granted(ward))
    assert caller.scopes == {Scope.PREDICT, Scope.MODELS}
    assert caller.actor == "treating:ward-seven"
    refused(desk, "scope", desk.signed(ward), None)
    refused(desk, "scope", desk.signed(ward), KIDNEYS, ["train"])


def test_fewer_scopes_may_be_asked_for_and_no_more(desk: Desk) -> None:
    granted = desk.tokens.grant(desk.signed(), KIDNEYS, ["counts"])
    assert granted.scopes == desk.caller(granted).scopes == {Scope.COUNTS}
    for scopes in (["operate"], ["counts", "audit"], ["everything"], ["COUNTS"], []):
        refused(desk, "scope", desk.signed(), KIDNEYS, scopes)


@pytest.mark.parametrize("study", ["lungs", "nothing", "", "KIDNEYS", "kidneys\0", "kidneys ", "k" * 64, "' OR 1=1 --"])
def test_a_study_that_is_not_the_clients_is_as_one_that_is_not_there(desk: Desk, study: str) -> None:
    desk.house.open.registration.approve(LUNGS, desk.house.clock())
    refused(desk, "study-not-approved", desk.signed(), study)


def test_a_token_of_one_study_is_none_of_another(desk: Desk) -> None:
    desk.house.open.registration.approve(LUNGS, desk.house.clock())
    desk.clients.allow("ann", "lungs")
    kidneys, lungs = desk.granted(), desk.granted(study="lungs")
    assert [desk.caller(one).study for one in (kidneys, lungs)] == [KIDNEYS, "lungs"]
    desk.clients.forbid("ann", "lungs")
    assert [desk.lets_in(one) for one in (kidneys, lungs)] == [True, False]


# --------------------------------------------------------------------------------------------------------- assertions


def test_an_assertion_counts_once_and_so_does_its_name_in_another(desk: Desk) -> None:
    assertion = desk.signed(jti="0123456789abcdef")
    desk.tokens.grant(assertion, KIDNEYS, None)
    refused(desk, "assertion-replayed", assertion)
    refused(desk, "assertion-replayed", desk.signed(jti="0123456789abcdef", exp=desk.now + 200))


def test_an_assertion_counts_once_until_it_would_not_hold_anyway_whatever_the_clock_does(desk: Desk) -> None:
    assertion = desk.signed(exp=desk.now + 300)
    desk.tokens.grant(assertion, KIDNEYS, None)
    desk.later(299 - 60)
    desk.granted()
    refused(desk, "assertion-replayed", assertion)
    desk.later(61 + 60)
    refused(desk, "assertion", assertion)
    desk.granted()  # clears what has expired
    desk.later(-120)
    refused(desk, "assertion-replayed", assertion)


def test_one_clients_jti_takes_nothing_from_anothers(desk: Desk) -> None:
    bob = Signer.drawn("bob")
    desk.register(bob, KIDNEYS)
    for signer in (desk.ann, bob):
        assert desk.lets_in(desk.tokens.grant(desk.signed(signer, jti="0123456789abcdef"), KIDNEYS, None))


def test_what_was_refused_for_another_reason_is_not_used_up(desk: Desk) -> None:
    assertion = desk.signed()
    refused(desk, "study-not-approved", assertion, "lungs")
    refused(desk, "scope", assertion, KIDNEYS, ["audit"])
    assert desk.lets_in(desk.tokens.grant(assertion, KIDNEYS, None))


def test_of_many_who_bring_one_assertion_at_once_one_gets_a_token(desk: Desk) -> None:
    """Each has a desk of its own, as processes have, on the same database."""
    house = desk.house
    others = [House.without_ledger(house.settings.home, house.wallets, house.clock) for _ in range(3)]
    together = threading.Barrier(4, timeout=30)
    got: list[str] = []

    def ask(tokens: Tokens, assertions: list[str]) -> None:
        for assertion in assertions:
            together.wait()
            try:
                tokens.grant(assertion, KIDNEYS, None)
                got.append("granted")
            except TokenRefusedError as error:
                got.append(error.reason)

    assertions = [desk.signed() for _ in range(5)]
    with others[0] as first, others[1] as second, others[2] as third:
        desks = [desk.tokens, *(wiring.tokens_of(one.open, AUDIENCE, one.clock) for one in (first, second, third))]
        threads = [threading.Thread(target=ask, args=(tokens, assertions)) for tokens in desks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(got) == ["assertion-replayed"] * 15 + ["granted"] * 5
    with house.open.store.reading() as unit:
        assert len(unit.api_tokens.of_client("ann")) == 5


def stranger(desk: Desk) -> str:
    return desk.signed(Signer.drawn("nobody"))


def wrong_key(desk: Desk) -> str:
    return desk.signed(Signer("ann", Signer.drawn("ann").key), header={"kid": desk.ann.kid})


def anothers_key(desk: Desk) -> str:
    """Bob signs with his own key that he is Ann."""
    bob = Signer.drawn("bob")
    desk.register(bob, KIDNEYS)
    return desk.signed(Signer("ann", bob.key))


def revoked_key(desk: Desk) -> str:
    desk.clients.revoke_key("ann", desk.ann.kid)
    return desk.signed()


def revoked_client(desk: Desk) -> str:
    desk.clients.revoke("ann")
    return desk.signed()


@pytest.mark.parametrize("case", [stranger, wrong_key, anothers_key, revoked_key, revoked_client])
def test_nothing_tells_who_is_registered(desk: Desk, case: Callable[[Desk], str]) -> None:
    with pytest.raises(TokenRefusedError) as caught:
        desk.tokens.grant(case(desk), KIDNEYS, None)
    assert caught.value.reason == "assertion"
    assert str(caught.value) == "this assertion does not hold: sign a new one with a key that is registered here"


# ------------------------------------------------------------------------------------------------------ at each use


@pytest.mark.parametrize(
    "token", ["", "cst_", "cst_" + "A" * 43, "A" * 47, "cst_" + "A" * 42 + "\0", "é" * 47, "x" * 9000, "\ud800" * 47]
)
def test_a_token_that_nobody_issued_is_unknown(desk: Desk, token: str) -> None:
    with pytest.raises(TokenInvalidError) as caught:
        desk.tokens.caller(token)
    assert str(caught.value) == "this token lets nobody in: ask for a new one"


def test_a_token_that_ran_out_says_so_for_a_while(desk: Desk) -> None:
    granted = desk.granted()
    desk.later(ACCESS_SECONDS - 2)
    assert desk.lets_in(granted)
    desk.later(2)
    with pytest.raises(TokenExpiredError):
        desk.tokens.caller(granted.token)
    desk.later(KEPT_SECONDS)
    desk.granted()
    with pytest.raises(TokenInvalidError):
        desk.tokens.caller(granted.token)


ENDS: Final[dict[str, Callable[[Desk], object]]] = {
    "the key is revoked": lambda desk: desk.clients.revoke_key("ann", desk.ann.kid),
    "the client is revoked": lambda desk: desk.clients.revoke("ann"),
    "the membership ends": lambda desk: desk.clients.forbid("ann", KIDNEYS),
    "the study is closed": lambda desk: desk.house.open.registration.close(KIDNEYS, desk.house.clock()),
    "the study is edited in the database": lambda desk: desk.write(
        "UPDATE studies SET definition = :other", other=canonical_json(LUNGS.to_json())
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_token_ends_at_once_when_what_it_rests_on_does_and_a_personal_one_with_it(desk: Desk, end: str) -> None:
    access = desk.granted()
    personal = desk.tokens.personal(desk.caller(access), 3600)
    assert [desk.lets_in(one) for one in (access, personal)] == [True, True]
    ENDS[end](desk)
    for one in (access, personal):
        with pytest.raises(TokenInvalidError):
            desk.tokens.caller(one.token)


@pytest.mark.parametrize("end", ENDS)
def test_no_personal_token_is_made_of_an_access_token_whose_ground_is_gone(desk: Desk, end: str) -> None:
    caller = desk.caller()
    ENDS[end](desk)
    with pytest.raises(TokenInvalidError):
        desk.tokens.personal(caller, 60)


def test_another_processs_revocation_counts_at_the_next_use(desk: Desk) -> None:
    granted, house = desk.granted(), desk.house
    with House.without_ledger(house.settings.home, house.wallets, house.clock) as other:
        wiring.clients_of(other.open, other.clock).revoke_key("ann", desk.ann.kid)
        assert not desk.lets_in(granted)


def test_one_keys_end_leaves_the_others_tokens(desk: Desk) -> None:
    second = Signer.drawn("ann", "EC")
    desk.clients.add_key("ann", second.jwk)
    first_token, second_token = desk.granted(), desk.granted(second)
    desk.clients.revoke_key("ann", desk.ann.kid)
    assert [desk.lets_in(one) for one in (first_token, second_token)] == [False, True]


def test_a_changed_study_stays_the_clients(desk: Desk) -> None:
    granted = desk.granted()
    desk.house.open.registration.change(replace(STUDY, text="It asks something else now."), desk.house.clock())
    assert desk.lets_in(granted)


def test_who_is_allowed_again_is_let_in_again(desk: Desk) -> None:
    granted = desk.granted()
    desk.clients.forbid("ann", KIDNEYS)
    desk.clients.allow("ann", KIDNEYS)
    assert not desk.lets_in(granted)
    assert desk.lets_in(desk.granted())


# --------------------------------------------------------------------------------------------------- personal tokens


def personal_refused(
    desk: Desk, reason: str, caller: Caller, seconds: int = 60, scopes: list[str] | None = None
) -> None:  # fmt: skip
    entries = len(desk.house.log())
    with pytest.raises(TokenRefusedError) as caught:
        desk.tokens.personal(caller, seconds, scopes)
    assert (caught.value.reason, len(desk.house.log())) == (reason, entries)


def test_a_personal_token_lasts_a_working_day_and_says_the_same_as_its_access_token(desk: Desk) -> None:
    access = desk.caller()
    granted = desk.tokens.personal(access, PERSONAL_SECONDS)
    caller = desk.caller(granted)
    assert (caller.kind, caller.holder, caller.study) == ("personal", "ann", KIDNEYS)
    assert caller.scopes == access.scopes
    desk.later(PERSONAL_SECONDS - 2)
    assert desk.lets_in(granted)
    desk.later(2)
    with pytest.raises(TokenExpiredError):
        desk.tokens.caller(granted.token)


def test_a_personal_tokens_issue_and_end_are_entries_without_a_secret(desk: Desk) -> None:
    caller = desk.caller()
    granted = desk.tokens.personal(caller, 60, ["counts"])
    assert desk.tokens.revoke(caller, granted.id)
    issued, ended = desk.said(Action.CLIENT)[-2:]
    assert (issued["verdict"], issued["actor"], issued["study"]) == ("TOKEN_ISSUED", "study:kidneys", KIDNEYS)
    facts = {"client": "ann", "token": granted.id, "kid": desk.ann.kid}
    assert issued["facts"] == facts | {"expires": granted.expires, "scopes": ["counts"]}
    assert (ended["verdict"], ended["facts"]) == ("TOKEN_REVOKED", facts)
    assert granted.token not in str(desk.house.log())


def test_an_access_tokens_issue_is_no_entry(desk: Desk) -> None:
    entries = len(desk.house.log())
    desk.granted()
    assert len(desk.house.log()) == entries


def test_a_personal_token_may_do_less_and_never_more(desk: Desk) -> None:
    access = desk.caller(desk.tokens.grant(desk.signed(), KIDNEYS, ["counts", "models"]))
    assert desk.tokens.personal(access, 60, ["counts"]).scopes == {Scope.COUNTS}
    assert desk.tokens.personal(access, 60).scopes == {Scope.COUNTS, Scope.MODELS}
    for scopes in (["train"], ["counts", "train"], [], ["predict"]):
        personal_refused(desk, "scope", access, 60, scopes)


@pytest.mark.parametrize("seconds", [0, -1, PERSONAL_SECONDS + 1, 2**40])
def test_a_personal_token_lasts_a_second_at_the_least_and_eight_hours_at_the_most(desk: Desk, seconds: int) -> None:
    personal_refused(desk, "seconds", desk.caller(), seconds)


def test_no_personal_token_comes_from_a_personal_one_a_clinicians_or_the_staffs(desk: Desk) -> None:
    ward = Signer.drawn("ward-seven")
    desk.register(ward, KIDNEYS, role=Role.CLINICIAN)
    personal_refused(desk, "not-allowed", desk.caller(desk.tokens.personal(desk.caller(), 60)))
    personal_refused(desk, "not-allowed", desk.caller(desk.granted(ward)))
    desk.staff.invite("ann", Role.OPERATOR)
    staff = desk.caller(desk.tokens.staff("ann", Role.OPERATOR, 60))
    personal_refused(desk, "not-allowed", staff)


def test_a_callers_word_gives_no_personal_token_when_its_access_token_is_gone(desk: Desk) -> None:
    caller = desk.caller()
    forged = replace(caller, token="f" * 16)
    personal = desk.tokens.personal(caller, 60)
    for word in (forged, replace(caller, token=personal.id), replace(caller, holder="bob")):
        with pytest.raises(TokenInvalidError):
            desk.tokens.personal(word, 60)
    widened = replace(caller, study="lungs", scopes=frozenset(Scope))
    assert desk.tokens.personal(widened, 60).scopes == ALL_OF_A_RESEARCHER
    desk.later(ACCESS_SECONDS)
    with pytest.raises(TokenInvalidError):
        desk.tokens.personal(caller, 60)


def test_a_client_sees_and_ends_its_own_personal_tokens_of_the_study_and_no_others(desk: Desk) -> None:
    desk.house.open.registration.approve(LUNGS, desk.house.clock())
    bob = Signer.drawn("bob")
    desk.register(bob, KIDNEYS)
    desk.clients.allow("ann", "lungs")
    ann, anns_lungs, bobs = desk.caller(), desk.caller(desk.granted(study="lungs")), desk.caller(desk.granted(bob))
    first, second = desk.tokens.personal(ann, 60), desk.tokens.personal(ann, 3600, ["counts"])
    short = desk.tokens.personal(ann, 60)
    elsewhere = desk.tokens.personal(anns_lungs, 60)
    assert [one.id for one in desk.tokens.own(bobs)] == []
    assert [one.id for one in desk.tokens.own(anns_lungs)] == [elsewhere.id]
    listed = desk.tokens.own(ann)
    assert {one.id: (one.expires, one.scopes) for one in listed} == {
        one.id: (one.expires, one.scopes) for one in (first, second, short)
    }
    assert not desk.tokens.revoke(bobs, first.id)
    assert not desk.tokens.revoke(anns_lungs, first.id)
    assert not desk.tokens.revoke(ann, ann.token), "an access token ends by itself"
    assert desk.tokens.revoke(ann, first.id)
    assert not desk.tokens.revoke(ann, first.id)
    assert [desk.lets_in(one) for one in (first, second, elsewhere)] == [False, True, True]
    desk.later(61)
    assert [one.id for one in desk.tokens.own(ann)] == [second.id]
    assert not desk.tokens.revoke(ann, short.id)


def test_a_member_of_the_staff_with_a_clients_name_sees_and_ends_none_of_its_tokens(desk: Desk) -> None:
    anns = desk.tokens.personal(desk.caller(desk.granted(study=None)), 60)
    desk.staff.invite("ann", Role.AUDITOR)
    staff = desk.caller(desk.tokens.staff("ann", Role.AUDITOR, 60))
    assert desk.tokens.own(staff) == []
    assert not desk.tokens.revoke(staff, anns.id)
    desk.staff.remove("ann")
    assert desk.lets_in(anns)


def test_a_client_has_so_many_personal_tokens_of_a_study_and_no_more(desk: Desk) -> None:
    caller = desk.caller()
    granted = [desk.tokens.personal(caller, 60) for _ in range(MOST_PERSONAL)]
    personal_refused(desk, "too-many", caller)
    desk.tokens.revoke(caller, granted[0].id)
    assert desk.lets_in(desk.tokens.personal(caller, 60))


# ------------------------------------------------------------------------------------------------------- the staff's


def test_a_token_of_the_staff_has_no_study_and_ends_with_its_holder(desk: Desk) -> None:
    desk.staff.invite("records-office", Role.OPERATOR)
    granted: Granted = desk.tokens.staff("records-office", Role.OPERATOR, 600)
    caller = desk.caller(granted)
    assert (caller.study, caller.kind, caller.actor) == (None, "staff", "operator")
    assert caller.scopes == {Scope.OPERATE, Scope.AUDIT, Scope.MODELS}
    assert desk.said(Action.STAFF)[-1]["facts"] == {
        "name": "records-office",
        "token": granted.id,
        "expires": granted.expires,
    }
    desk.staff.remove("records-office")
    assert not desk.lets_in(granted)


def test_nobody_gets_a_token_of_a_role_that_is_not_theirs(desk: Desk) -> None:
    desk.staff.invite("audit", Role.AUDITOR)
    for name, role in (("audit", Role.OPERATOR), ("nobody", Role.AUDITOR), ("ann", Role.RESEARCHER)):
        with pytest.raises(TokenInvalidError):
            desk.tokens.staff(name, role, 60)


def test_a_token_of_the_staff_never_lasts_longer_than_a_working_day(desk: Desk) -> None:
    desk.staff.invite("audit", Role.AUDITOR)
    granted = desk.tokens.staff("audit", Role.AUDITOR, 10 * PERSONAL_SECONDS)
    assert granted.expires <= desk.now + PERSONAL_SECONDS
