"""The staff: a code makes a passkey, once and within a day; a passkey signs in until its holder is removed."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest

from consent import wiring
from consent.domain.entry import Action
from consent.ports import InvalidPasskeyError
from consent.services.desk.callers import Role
from consent.services.desk.staff import CODE_SECONDS, StaffError, StaffSignInError, UnknownStaffError
from consent.services.portal.signing_in import SignInError
from tests.authenticator import Authenticator
from tests.databases import bytes_at_rest
from tests.services.desk.desk import WEB, Desk
from tests.services.house import House
from tests.services.portal.patients import Portal, phone


def key(**changed: Any) -> Authenticator:
    """Return a passkey of the API's origin."""
    return Authenticator(**({"host": "api.localhost", "origin": "http://api.localhost:8001"} | changed))


@dataclass(frozen=True, slots=True)
class Door:
    """What a browser does at the staff's pages."""

    desk: Desk
    challenge: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def enrol(self, code: str, passkey: Authenticator) -> str:
        """Type a code and make a passkey."""
        digest = self.desk.staff.invited(code)
        assert digest is not None
        return self.make(digest, passkey)

    def make(self, digest: bytes, passkey: Authenticator) -> str:
        """Make a passkey under a code's digest."""
        staff = self.desk.staff
        return staff.enrol(digest, passkey.create(staff.passkeys.creation(self.challenge, bytes(32))), self.challenge)

    def sign_in(self, passkey: Authenticator) -> tuple[str, Role]:
        """Use a passkey, under a new challenge."""
        challenge = secrets.token_bytes(32)
        return self.desk.staff.sign_in(passkey.use(self.desk.staff.passkeys.request(challenge)), challenge)

    def enrolled(self, name: str = "records-office", role: Role = Role.OPERATOR) -> Authenticator:
        """Invite somebody and see them through."""
        passkey = key()
        assert self.enrol(self.desk.staff.invite(name, role), passkey) == name
        return passkey


@pytest.fixture
def door(desk: Desk) -> Door:
    return Door(desk)


# --------------------------------------------------------------------------------------------------------- invitations


def test_a_code_makes_a_passkey_and_the_passkey_signs_in_each_time_as_an_entry(door: Door) -> None:
    passkey = door.enrolled()
    for _ in range(2):
        assert door.sign_in(passkey) == ("records-office", Role.OPERATOR)
    told = [(entry["verdict"], entry["actor"], entry["facts"]) for entry in door.desk.said(Action.STAFF)]
    facts = {"name": "records-office", "role": "operator"}
    assert told == [(verdict, "operator", facts) for verdict in ("INVITED", "ENROLLED", "SIGNED_IN", "SIGNED_IN")]
    assert door.desk.staff.standing("records-office") is Role.OPERATOR


def test_an_auditor_is_the_logs_auditor(door: Door) -> None:
    assert door.sign_in(door.enrolled("audit", Role.AUDITOR)) == ("audit", Role.AUDITOR)
    assert [entry["actor"] for entry in door.desk.said(Action.STAFF)] == ["operator", "auditor", "auditor"]


def test_a_device_shows_the_staff_beside_the_key_and_no_name_of_a_patients(door: Door) -> None:
    options = door.desk.staff.passkeys.creation(bytes(32), bytes(32))
    assert options["user"]["name"] == options["user"]["displayName"] == "Consentry staff"
    assert options["rp"]["id"] == "api.localhost"


def test_a_code_counts_once_and_within_a_day(door: Door) -> None:
    staff = door.desk.staff
    code = staff.invite("records-office", Role.OPERATOR)
    digest = staff.invited(code)
    assert digest is not None
    assert staff.name_of(digest) == "records-office"
    door.desk.later(CODE_SECONDS - 2)
    assert staff.invited(code) == digest
    door.desk.later(2)
    assert (staff.invited(code), staff.name_of(digest)) == (None, None)
    with pytest.raises(StaffSignInError):
        door.make(digest, key())
    again = staff.invite("records-office", Role.OPERATOR)
    door.enrol(again, key())
    assert staff.invited(again) is None


def test_a_newer_code_takes_the_place_of_an_older_one(door: Door) -> None:
    older = door.desk.staff.invite("records-office", Role.OPERATOR)
    newer = door.desk.staff.invite("records-office", Role.OPERATOR)
    assert door.desk.staff.invited(older) is None
    assert door.enrol(newer, key()) == "records-office"


@pytest.mark.parametrize("typed", ["", "0000", "0000-0000-0000-0000-0000", "é", "\0" * 20])
def test_what_is_no_code_is_none(door: Door, typed: str) -> None:
    door.desk.staff.invite("records-office", Role.OPERATOR)
    assert door.desk.staff.invited(typed) is None


def test_of_a_code_nothing_is_kept_that_lets_in(door: Door) -> None:
    code = door.desk.staff.invite("records-office", Role.OPERATOR)
    at_rest = bytes_at_rest(door.desk.house.settings.home)
    assert b"records-office" in at_rest
    assert code.encode() not in at_rest
    assert code.replace("-", "").encode() not in at_rest


def test_another_code_adds_another_passkey(door: Door) -> None:
    first, second = door.enrolled(), door.enrolled()
    assert door.sign_in(first) == door.sign_in(second) == ("records-office", Role.OPERATOR)
    assert set(door.desk.staff.credentials("records-office")) == {first.credential, second.credential}
    [listed] = door.desk.staff.listed()
    assert (listed.name, listed.role, listed.stands, listed.passkeys) == ("records-office", Role.OPERATOR, True, 2)


def test_a_passkey_is_one_members(door: Door) -> None:
    passkey = door.enrolled()
    with pytest.raises(StaffSignInError, match="make another"):
        door.enrol(door.desk.staff.invite("audit", Role.AUDITOR), passkey)
    assert door.sign_in(passkey) == ("records-office", Role.OPERATOR)


REFUSED: Final[dict[str, Callable[[Desk], object]]] = {
    "a name in capitals": lambda desk: desk.staff.invite("Records", Role.OPERATOR),
    "no name": lambda desk: desk.staff.invite("", Role.OPERATOR),
    "a name with NUL": lambda desk: desk.staff.invite("records\0", Role.OPERATOR),
    "a long name": lambda desk: desk.staff.invite("a" * 64, Role.OPERATOR),
    "a researcher": lambda desk: desk.staff.invite("bob", Role.RESEARCHER),
    "a clinician": lambda desk: desk.staff.invite("bob", Role.CLINICIAN),
    "another role": lambda desk: desk.staff.invite("records-office", Role.AUDITOR),
}


@pytest.mark.parametrize("case", REFUSED)
def test_who_cannot_be_invited_is_not(door: Door, case: str) -> None:
    door.enrolled()
    before = door.desk.said(Action.STAFF), door.desk.staff.listed()
    with pytest.raises(StaffError):
        REFUSED[case](door.desk)
    assert (door.desk.said(Action.STAFF), door.desk.staff.listed()) == before


# ---------------------------------------------------------------------------------------------------------- signing in


FORGED: Final[dict[str, dict[str, Any]]] = {
    "the portal's origin": {"origin": "http://localhost:8000"},
    "the signing origin": {"origin": "http://sign.localhost:8000"},
    "another port": {"origin": "http://api.localhost:8000"},
    "a stranger's origin": {"origin": "http://api.localhost.evil.example:8001"},
    "another host": {"host": "localhost"},
    "nobody verified": {"verifies": False},
    "another key": {"key": Authenticator("a", "b").key},
}


@pytest.mark.parametrize("forged", FORGED)
def test_an_answer_that_was_made_elsewhere_or_by_anybody_signs_nobody_in(door: Door, forged: str) -> None:
    passkey = door.enrolled()
    before = door.desk.said(Action.STAFF)
    with pytest.raises(InvalidPasskeyError):
        door.sign_in(replace(passkey, **FORGED[forged]))
    assert door.desk.said(Action.STAFF) == before


@pytest.mark.parametrize("forged", [name for name in FORGED if name != "another key"])
def test_a_passkey_that_was_made_elsewhere_is_not_stored_and_the_code_lives_on(door: Door, forged: str) -> None:
    code = door.desk.staff.invite("records-office", Role.OPERATOR)
    with pytest.raises(InvalidPasskeyError):
        door.enrol(code, key(**FORGED[forged]))
    assert door.enrol(code, key()) == "records-office"


def test_an_answer_to_another_challenge_signs_nobody_in(door: Door) -> None:
    passkey = door.enrolled()
    answer = passkey.use(door.desk.staff.passkeys.request(bytes(32)))
    with pytest.raises(InvalidPasskeyError):
        door.desk.staff.sign_in(answer, bytes([1]) * 32)


@pytest.mark.parametrize("back", [0, 1, 5])
def test_a_copy_whose_counter_stays_behind_signs_nobody_in(door: Door, back: int) -> None:
    passkey = door.enrolled()
    for _ in range(6):
        door.sign_in(passkey)
    copy = replace(passkey, counter=passkey.counter - 1 - back)
    with pytest.raises(InvalidPasskeyError):
        door.sign_in(copy)
    door.sign_in(passkey)


def test_a_passkey_that_does_not_count_signs_in_too(door: Door) -> None:
    passkey = key(counts=0)
    door.enrol(door.desk.staff.invite("records-office", Role.OPERATOR), passkey)
    for _ in range(2):
        assert door.sign_in(passkey) == ("records-office", Role.OPERATOR)


def test_a_patients_passkey_signs_no_staff_in_and_a_staffs_no_patient(door: Door) -> None:
    house = door.desk.house
    portal, patients, staffs = Portal.of(house), phone(), door.enrolled()
    portal.enrolled(portal.newcomer(), patients)
    with pytest.raises(StaffSignInError):
        door.sign_in(patients)
    challenge = secrets.token_bytes(32)
    with pytest.raises(SignInError):
        portal.room.signing_in.by_passkey(staffs.use(portal.room.passkeys.request(challenge)), challenge)


@pytest.mark.parametrize("answer", [{}, {"rawId": 7}, {"rawId": "é"}, {"rawId": "AAAA", "response": []}])
def test_an_answer_of_whatever_else_signs_nobody_in(door: Door, answer: dict[str, Any]) -> None:
    door.enrolled()
    with pytest.raises((InvalidPasskeyError, StaffSignInError)):
        door.desk.staff.sign_in(answer, bytes(32))


# -------------------------------------------------------------------------------------------------------------- the end


def test_who_is_removed_stands_no_more_and_signs_in_no_more(door: Door) -> None:
    passkey, other = door.enrolled(), door.enrolled("audit", Role.AUDITOR)
    code = door.desk.staff.invite("records-office", Role.OPERATOR)
    door.desk.staff.remove("records-office")
    assert door.desk.staff.standing("records-office") is None
    assert door.desk.staff.invited(code) is None
    with pytest.raises(StaffSignInError):
        door.sign_in(passkey)
    assert door.desk.staff.credentials("records-office") == []
    last = door.desk.said(Action.STAFF)[-1]
    assert (last["verdict"], last["facts"]) == ("REMOVED", {"name": "records-office", "role": "operator"})
    assert {one.name: one.stands for one in door.desk.staff.listed()} == {"audit": True, "records-office": False}
    assert door.sign_in(other) == ("audit", Role.AUDITOR)


def test_the_name_of_somebody_removed_is_never_given_again(door: Door) -> None:
    """A session or a token that was left behind would be the newcomer's."""
    door.enrolled()
    door.desk.staff.remove("records-office")
    for role in (Role.OPERATOR, Role.AUDITOR):
        with pytest.raises(StaffError, match="was removed"):
            door.desk.staff.invite("records-office", role)


def test_nobody_is_removed_twice_or_without_being_there(door: Door) -> None:
    door.enrolled()
    door.desk.staff.remove("records-office")
    for name in ("records-office", "nobody", ""):
        with pytest.raises(UnknownStaffError):
            door.desk.staff.remove(name)


def test_another_processs_removal_counts_at_the_next_request(door: Door) -> None:
    passkey, house = door.enrolled(), door.desk.house
    with House.without_ledger(house.settings.home, house.wallets, house.clock) as other:
        wiring.staff_of(other.open, WEB, other.clock).remove("records-office")
        assert door.desk.staff.standing("records-office") is None
        with pytest.raises(StaffSignInError):
            door.sign_in(passkey)


def test_rows_from_before_a_removal_are_put_back_in_vain(door: Door) -> None:
    passkey = door.enrolled()
    with door.desk.house.open.store.begin() as unit:
        [member] = unit.connection.exec_driver_sql("SELECT mac FROM staff").all()
        [kept] = unit.connection.exec_driver_sql("SELECT public_key, count, mac FROM staff_credentials").all()
    door.desk.staff.remove("records-office")
    door.desk.write("UPDATE staff SET revoked = NULL, mac = :mac", mac=bytes(member.mac))
    door.desk.write(
        "INSERT INTO staff_credentials (credential, name, public_key, count, mac) "
        "VALUES (:id, 'records-office', :key, :count, :mac)",
        id=passkey.credential,
        key=bytes(kept.public_key),
        count=kept.count,
        mac=bytes(kept.mac),
    )
    assert door.desk.staff.credentials("records-office") == [passkey.credential], "the row is whole"
    with pytest.raises(StaffSignInError):
        door.sign_in(passkey)
    assert door.desk.staff.standing("records-office") is None


CHANGES: Final = [
    "UPDATE staff SET name = 'eve'",
    "UPDATE staff SET role = 'auditor'",
    "UPDATE staff SET created = created + 1",
    "UPDATE staff SET revoked = 1",
    "UPDATE staff SET mac = NULL",
    "UPDATE staff_credentials SET credential = :other",
    "UPDATE staff_credentials SET name = 'audit'",
    "UPDATE staff_credentials SET public_key = :other",
    "UPDATE staff_credentials SET count = 0 - 1",
    "UPDATE staff_credentials SET mac = NULL",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_was_altered_signs_nobody_in(door: Door, change: str) -> None:
    passkey = door.enrolled()
    door.desk.write(change, **({"other": b"\x01" * 32} if ":other" in change else {}))
    with pytest.raises(StaffSignInError):
        door.sign_in(passkey)
    if " staff " in change:
        assert door.desk.staff.standing("records-office") is None


INVITATIONS: Final = [
    "UPDATE staff_invitations SET name = 'audit'",
    "UPDATE staff_invitations SET expires = expires + 1",
    "UPDATE staff_invitations SET mac = NULL",
    "UPDATE staff_invitations SET digest = :other",
]


@pytest.mark.parametrize("change", INVITATIONS)
def test_an_invitation_that_was_altered_lets_nobody_make_a_key(door: Door, change: str) -> None:
    door.enrolled("audit", Role.AUDITOR)
    code = door.desk.staff.invite("records-office", Role.OPERATOR)
    digest = door.desk.staff.invited(code)
    assert digest is not None
    door.desk.write(change, **({"other": b"\x01" * 32} if ":other" in change else {}))
    assert door.desk.staff.invited(code) is None
    for known in (digest, b"\x01" * 32):
        with pytest.raises(StaffSignInError):
            door.make(known, key())
