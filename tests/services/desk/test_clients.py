"""Clients: each change of them is an entry of the log, takes effect at once, and ends nothing of anybody else's."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from consent.domain.entry import Action
from consent.domain.terms import StudyReference
from consent.ports import InvalidClientKeyError
from consent.services.desk.callers import CLIENT_ROLES, SCOPES_OF, STAFF_ROLES, STUDY_BOUND, Role, Scope
from consent.services.desk.clients import MOST_KEYS, ClientError, UnknownClientError
from consent.services.studies.approved import StudyClosedError, StudyNotApprovedError
from tests.assertions import Signer
from tests.services.desk.desk import KIDNEYS, Desk
from tests.services.house import STUDY

LUNGS: Final = replace(STUDY, reference=StudyReference("lungs", "Lungs", "The Test Hospital"))


def entries(desk: Desk) -> list[tuple[str, str, dict[str, Any]]]:
    return [(entry["verdict"], entry.get("study", ""), entry["facts"]) for entry in desk.said(Action.CLIENT)]


def test_every_role_has_its_scopes_and_is_a_clients_or_the_staffs() -> None:
    assert set(SCOPES_OF) == set(Role) == CLIENT_ROLES | STAFF_ROLES
    assert not CLIENT_ROLES & STAFF_ROLES
    assert set().union(*SCOPES_OF.values()) == set(Scope)
    assert {Scope.STUDIES, Scope.AUDIT, Scope.OPERATE} == set(Scope) - STUDY_BOUND
    for role in CLIENT_ROLES:
        assert not SCOPES_OF[role] & {Scope.AUDIT, Scope.OPERATE}
    for role in STAFF_ROLES:
        assert not SCOPES_OF[role] & {Scope.COUNTS, Scope.TRAIN, Scope.PREDICT}, "who approves asks for nothing"


def test_a_clients_life_is_in_the_log_and_its_title_is_not(desk: Desk) -> None:
    second = Signer.drawn("ann", "EC")
    assert desk.clients.add_key("ann", second.jwk) == second.kid
    desk.clients.revoke_key("ann", desk.ann.kid)
    desk.clients.forbid("ann", KIDNEYS)
    desk.clients.revoke("ann")
    assert entries(desk) == [
        ("REGISTERED", "", {"client": "ann", "role": "researcher", "kid": desk.ann.kid}),
        ("ALLOWED", KIDNEYS, {"client": "ann", "role": "researcher"}),
        ("KEY_ADDED", "", {"client": "ann", "role": "researcher", "kid": second.kid}),
        ("KEY_REVOKED", "", {"client": "ann", "kid": desk.ann.kid}),
        ("FORBIDDEN", KIDNEYS, {"client": "ann"}),
        ("REVOKED", "", {"client": "ann", "role": "researcher"}),
    ]
    assert {entry["actor"] for entry in desk.said(Action.CLIENT)} == {"operator"}
    assert "A program" not in str(desk.house.log())


def test_clients_are_listed_with_what_counts_of_them(desk: Desk) -> None:
    ward, second = Signer.drawn("ward-seven"), Signer.drawn("ann")
    desk.register(ward, role=Role.CLINICIAN)
    desk.clients.add_key("ann", second.jwk)
    desk.clients.revoke_key("ann", desk.ann.kid)
    ann, seven = desk.clients.listed()
    assert (ann.client, ann.role, ann.title) == ("ann", Role.RESEARCHER, "A program")
    assert (ann.stands, ann.studies) == (True, (KIDNEYS,))
    assert {key.kid: key.stands for key in ann.keys} == {desk.ann.kid: False, second.kid: True}
    assert (seven.client, seven.role, seven.studies) == ("ward-seven", Role.CLINICIAN, ())
    desk.clients.revoke("ann")
    ann, _ = desk.clients.listed()
    assert (ann.stands, {key.stands for key in ann.keys}) == (False, {False})


REFUSED: Final[dict[str, Callable[[Desk], object]]] = {
    "a name in capitals": lambda desk: desk.register(Signer.drawn("Ann")),
    "a name that is empty": lambda desk: desk.register(Signer.drawn("")),
    "a name of 64 letters": lambda desk: desk.register(Signer.drawn("a" * 64)),
    "a name with NUL": lambda desk: desk.register(Signer.drawn("bob\0")),
    "a name with a line break": lambda desk: desk.register(Signer.drawn("bob\n")),
    "a name that is taken": lambda desk: desk.register(Signer.drawn("ann")),
    "an operator's role": lambda desk: desk.register(Signer.drawn("bob"), role=Role.OPERATOR),
    "an auditor's role": lambda desk: desk.register(Signer.drawn("bob"), role=Role.AUDITOR),
    "no title": lambda desk: desk.clients.register("bob", Role.RESEARCHER, "", Signer.drawn("bob").jwk),
    "a title of two lines": lambda desk: desk.clients.register("bob", Role.RESEARCHER, "a\nb", Signer.drawn("bob").jwk),
    "a title with NUL": lambda desk: desk.clients.register("bob", Role.RESEARCHER, "a\0b", Signer.drawn("bob").jwk),
    "a long title": lambda desk: desk.clients.register("bob", Role.RESEARCHER, "a" * 201, Signer.drawn("bob").jwk),
    "a key of another client": lambda desk: desk.register(Signer("bob", desk.ann.key)),
    "its own key again": lambda desk: desk.clients.add_key("ann", desk.ann.jwk),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_registered_changes_nothing(desk: Desk, case: str) -> None:
    before = entries(desk), desk.clients.listed()
    with pytest.raises(ClientError):
        REFUSED[case](desk)
    assert (entries(desk), desk.clients.listed()) == before


def test_a_private_key_is_never_stored(desk: Desk) -> None:
    with pytest.raises(InvalidClientKeyError):
        desk.clients.register("bob", Role.RESEARCHER, "A program", Signer.drawn("bob").jwk | {"d": "AAAA"})
    assert [client.client for client in desk.clients.listed()] == ["ann"]


def test_a_name_and_a_key_that_ended_are_never_given_again(desk: Desk) -> None:
    second = Signer.drawn("ann")
    desk.clients.add_key("ann", second.jwk)
    desk.clients.revoke_key("ann", second.kid)
    with pytest.raises(ClientError, match="registered before"):
        desk.clients.add_key("ann", second.jwk)
    desk.clients.revoke("ann")
    for signer in (Signer.drawn("ann"), Signer("bob", desk.ann.key)):
        with pytest.raises(ClientError, match="registered before"):
            desk.register(signer)


UNKNOWN: Final[dict[str, Callable[[Desk], object]]] = {
    "a key for nobody": lambda desk: desk.clients.add_key("bob", Signer.drawn("bob").jwk),
    "nobody revoked": lambda desk: desk.clients.revoke("bob"),
    "nobody's key revoked": lambda desk: desk.clients.revoke_key("ann", "A" * 43),
    "a key of another": lambda desk: desk.clients.revoke_key("bob", desk.ann.kid),
    "nobody allowed": lambda desk: desk.clients.allow("bob", KIDNEYS),
    "nobody forbidden": lambda desk: desk.clients.forbid("bob", KIDNEYS),
    "no member": lambda desk: desk.clients.forbid("ann", "lungs"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_who_is_not_there_is_not_found_and_nothing_changes(desk: Desk, case: str) -> None:
    before = entries(desk), desk.clients.listed()
    with pytest.raises(UnknownClientError):
        UNKNOWN[case](desk)
    assert (entries(desk), desk.clients.listed()) == before


ENDED: Final[dict[str, Callable[[Desk], object]]] = {
    "a key": lambda desk: desk.clients.revoke_key("ann", desk.ann.kid),
    "a membership": lambda desk: desk.clients.forbid("ann", KIDNEYS),
    "a client": lambda desk: desk.clients.revoke("ann"),
}


@pytest.mark.parametrize("case", ENDED)
def test_what_ended_once_does_not_end_twice(desk: Desk, case: str) -> None:
    ENDED[case](desk)
    with pytest.raises(UnknownClientError):
        ENDED[case](desk)


def test_a_client_that_ended_gets_no_study_and_no_key(desk: Desk) -> None:
    desk.clients.revoke("ann")
    with pytest.raises(UnknownClientError):
        desk.clients.allow("ann", KIDNEYS)
    with pytest.raises(UnknownClientError):
        desk.clients.add_key("ann", Signer.drawn("ann").jwk)


def test_only_an_open_study_is_allowed_and_twice_is_once(desk: Desk) -> None:
    with pytest.raises(StudyNotApprovedError):
        desk.clients.allow("ann", "lungs")
    desk.house.open.registration.approve(LUNGS, desk.house.clock())
    desk.clients.allow("ann", "lungs")
    before = entries(desk)
    desk.clients.allow("ann", "lungs")
    assert entries(desk) == before
    desk.house.open.registration.close("lungs", desk.house.clock())
    with pytest.raises(StudyClosedError):
        desk.clients.allow("ann", "lungs")


def test_an_approval_that_fails_makes_nobody_a_member(desk: Desk) -> None:
    desk.clients.forbid("ann", KIDNEYS)
    with pytest.raises(ZeroDivisionError), desk.house.open.store.begin() as unit:  # noqa: PT012  # the transaction fails
        desk.clients.allow_within(unit, "ann", KIDNEYS)
        raise ZeroDivisionError
    assert entries(desk)[-1][0] == "FORBIDDEN"
    [ann] = desk.clients.listed()
    assert ann.studies == ()


def test_a_client_has_so_many_keys_that_count_and_no_more(desk: Desk) -> None:
    for _ in range(MOST_KEYS - 1):
        desk.clients.add_key("ann", Signer.drawn("ann").jwk)
    with pytest.raises(ClientError, match="at most"):
        desk.clients.add_key("ann", Signer.drawn("ann").jwk)
    desk.clients.revoke_key("ann", desk.ann.kid)
    desk.clients.add_key("ann", Signer.drawn("ann").jwk)


def test_a_membership_that_was_altered_is_written_anew(desk: Desk) -> None:
    desk.write("UPDATE memberships SET mac = NULL")
    assert desk.clients.listed()[0].studies == ()
    desk.clients.allow("ann", KIDNEYS)
    assert desk.lets_in(desk.granted())
