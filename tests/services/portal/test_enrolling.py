"""Enrolment: a code lets one person make one key, once, with two ways to it; a refusal stores nothing."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent.domain.errors import ConsentError
from consent.domain.hashing import sha256
from consent.domain.terms import SubjectId
from consent.ports import InvalidPasskeyError
from consent.services.portal.enrolling import CODE_SECONDS, EnrolmentError, NewWallet, Slot
from tests.databases import bytes_at_rest
from tests.services.house import House
from tests.services.portal.patients import Portal, phone, slot
from vault import DecryptionError


def kept(portal: Portal) -> object:
    """Return what no refusal may change."""
    return portal.house.state(), portal.rows(), dict(portal.house.open.book.enrolments)


# -------------------------------------------------------------------------------------------------------- invitations


def test_a_code_is_of_100_bits_in_groups_and_only_its_hash_is_kept(portal: Portal) -> None:
    wallet, other = portal.newcomer(900), portal.newcomer(901)
    codes = [portal.room.enrolling.invite(one.subject, portal.house.clock()) for one in (wallet, other)]
    assert [list(map(len, code.split("-"))) for code in codes] == [[4] * 5] * 2
    assert codes[0] != codes[1]
    content = bytes_at_rest(portal.house.settings.home)
    for code in codes:
        assert code.encode() not in content
        assert code.replace("-", "").encode() not in content


def test_a_code_is_found_however_it_is_typed_and_no_other(portal: Portal) -> None:
    invited, clock = portal.room.enrolling.invited, portal.house.clock
    code = portal.room.enrolling.invite(portal.newcomer().subject, clock())
    digest = invited(code, clock())
    assert digest is not None
    assert len(digest) == 32
    assert invited(code.lower().replace("-", "  ").replace("0", "o").replace("1", "l"), clock()) == digest
    other = code[:-1] + ("Z" if code[-1] != "Z" else "Y")
    for wrong in (other, code[:-1], code + "0", "", "U" * 20):
        assert invited(wrong, clock()) is None


def test_a_second_invitation_ends_the_first(portal: Portal) -> None:
    wallet, enrolling, now = portal.newcomer(), portal.room.enrolling, portal.house.clock()
    first, second = enrolling.invite(wallet.subject, now), enrolling.invite(wallet.subject, now)
    assert enrolling.invited(first, now) is None
    assert enrolling.invited(second, now) is not None


def test_a_code_lasts_fourteen_days_and_no_second_more(portal: Portal) -> None:
    wallet, enrolling, now = portal.newcomer(), portal.room.enrolling, portal.house.clock().replace(microsecond=0)
    assert CODE_SECONDS == 14 * 24 * 3600
    code, end = enrolling.invite(wallet.subject, now), now + timedelta(seconds=CODE_SECONDS)
    digest = enrolling.invited(code, end - timedelta(seconds=1))
    assert digest is not None
    assert enrolling.invited(code, end) is None
    challenge, before = portal.challenge(), kept(portal)
    with pytest.raises(EnrolmentError, match="too old"):
        enrolling.enrol(digest, portal.made(wallet, challenge), challenge, end)
    assert kept(portal) == before


def test_nobody_unknown_blocked_or_with_a_key_is_invited(portal: Portal) -> None:
    house, leaving = portal.house, portal.newcomer()
    portal.enrolled(leaving)
    house.open.erasures.request(house.ask(leaving.subject))
    before = kept(portal)
    for subject in (SubjectId("f" * 32), leaving.subject):
        with pytest.raises(EnrolmentError, match="erased"):
            portal.room.enrolling.invite(subject, house.clock())
    with pytest.raises(EnrolmentError, match="key already"):
        portal.room.enrolling.invite(house.people[0], house.clock())
    assert kept(portal) == before


# ---------------------------------------------------------------------------------------------------------- enrolment


@pytest.mark.parametrize("with_passkey", [True, False])
def test_an_enrolment_gives_a_key_two_ways_to_it_and_a_consent_that_counts(
    portal: Portal, *, with_passkey: bool
) -> None:
    house, wallet, passkey = portal.house, portal.newcomer(), phone() if with_passkey else None
    made = portal.enrolled(wallet, passkey)
    invited, keyed = house.log()[-2:]
    assert (invited["action"], invited["verdict"], invited["actor"]) == ("enrol", "INVITED", "operator")
    assert keyed["facts"] == {"identity": "letter", "key": wallet.enrolment_key.address.hex()}
    assert portal.room.enrolling.is_enrolled(wallet.subject)
    assert sorted(portal.room.enrolling.slots(wallet.subject), key=str) == sorted(made.slots, key=str)
    assert portal.room.signing_in.credentials(wallet.subject) == ([passkey.credential] if passkey else [])
    house.grant(wallet.subject)
    house.publish()
    assert house.verdict(wallet.subject) == "PERMIT"


def test_a_slot_is_found_by_its_id_with_the_address_that_it_opens_and_is_sealed_at_rest(portal: Portal) -> None:
    wallet = portal.newcomer()
    made = portal.enrolled(wallet)
    content = bytes_at_rest(portal.house.settings.home)
    for one in made.slots:
        assert portal.room.enrolling.slot(bytes.fromhex(one.id)) == (one, wallet.enrolment_key.address)
        for secret in (one.ciphertext, one.nonce, one.salt):
            assert secret.encode() not in content
            assert bytes.fromhex(secret) not in content
    assert portal.room.enrolling.slot(bytes(32)) is None


def test_a_slot_put_in_anothers_place_does_not_open(portal: Portal) -> None:
    wallet = portal.newcomer()
    one, other = portal.enrolled(wallet).slots
    with portal.house.open.store.begin() as unit:
        swapped = unit.accounts.slot(bytes.fromhex(one.id))
        assert swapped is not None
        unit.accounts.forget(wallet.subject)
        unit.accounts.add_slots([replace(swapped, id=bytes.fromhex(other.id))])
    with pytest.raises(DecryptionError):
        portal.room.enrolling.slot(bytes.fromhex(other.id))


def test_a_code_enrols_once(portal: Portal) -> None:
    wallet, enrolling, clock = portal.newcomer(), portal.room.enrolling, portal.house.clock
    code = enrolling.invite(wallet.subject, clock())
    digest = enrolling.invited(code, clock())
    assert digest is not None
    challenge = portal.challenge()
    enrolling.enrol(digest, portal.made(wallet, challenge), challenge, clock())
    before = kept(portal)
    assert enrolling.invited(code, clock()) is None
    again, challenge = replace(wallet, seed=bytes(32)), portal.challenge()
    with pytest.raises(EnrolmentError, match="was used"):
        enrolling.enrol(digest, portal.made(again, challenge), challenge, clock())
    assert kept(portal) == before


def test_whoever_is_being_erased_or_got_a_key_since_cannot_use_their_code(portal: Portal) -> None:
    house, leaving, given = portal.house, portal.newcomer(900), portal.newcomer(901)
    codes = [portal.invited(one.subject) for one in (leaving, given)]
    house.open.records.enrol_keys({one.subject: one.enrolment_key.address for one in (leaving, given)}, house.clock())
    house.open.erasures.request(house.ask(leaving.subject))
    before = kept(portal)
    for code, wallet in zip(codes, (leaving, given), strict=True):
        challenge = portal.challenge()
        made = portal.made(replace(wallet, seed=bytes([1]) * 32), challenge)
        with pytest.raises(EnrolmentError, match="was used"):
            portal.room.enrolling.enrol(code, made, challenge, house.clock())
    assert kept(portal) == before


Change = Callable[[Portal, NewWallet], NewWallet]
ONE_WAY: dict[str, Change] = {
    "no slot": lambda _, made: replace(made, slots=()),
    "one slot": lambda _, made: replace(made, slots=made.slots[:1]),
    "only the way back": lambda _, made: replace(made, slots=made.slots[1:]),
    "two ways back": lambda _, made: replace(made, slots=(made.slots[1], slot("recovery"))),
    "two keys and no way back": lambda _, made: replace(made, slots=(made.slots[0], slot("passkey"))),
    "three": lambda _, made: replace(made, slots=(*made.slots, slot("passphrase"))),
    "a passkey that was not made": lambda _, made: replace(made, slots=(slot("passkey"), made.slots[1])),
    "one id twice": lambda _, made: replace(made, slots=(made.slots[0], replace(made.slots[1], id=made.slots[0].id))),
}


@pytest.mark.parametrize("wrong", ONE_WAY)
def test_whoever_would_be_left_with_one_way_in_is_not_enrolled(portal: Portal, wrong: str) -> None:
    wallet, challenge = portal.newcomer(), portal.challenge()
    code = portal.invited(wallet.subject)
    made, before = ONE_WAY[wrong](portal, portal.made(wallet, challenge)), kept(portal)
    with pytest.raises(EnrolmentError):
        portal.room.enrolling.enrol(code, made, challenge, portal.house.clock())
    assert kept(portal) == before


def test_a_key_of_ones_own_app_comes_without_slots_and_signs_in(portal: Portal) -> None:
    wallet, challenge = portal.newcomer(), portal.challenge()
    code = portal.invited(wallet.subject)
    brought = NewWallet((), wallet.enrolment_key.address, portal.signed(wallet, challenge), brought=True)
    assert portal.room.enrolling.enrol(code, brought, challenge, portal.house.clock()) == wallet.subject
    assert portal.room.enrolling.slots(wallet.subject) == []
    again = portal.challenge()
    assert portal.room.signing_in.by_key(portal.signed(wallet, again), again) == wallet.subject


def test_a_key_of_ones_own_app_with_ways_in_is_not_enrolled(portal: Portal) -> None:
    wallet, challenge = portal.newcomer(), portal.challenge()
    code = portal.invited(wallet.subject)
    made, before = portal.made(wallet, challenge), kept(portal)
    mixed = [replace(made, brought=True), replace(made, slots=(), passkey={}, brought=True)]
    unsigned = replace(made, slots=(), signature=bytes(64), brought=True)
    for wrong in (*mixed, unsigned):
        with pytest.raises(EnrolmentError):
            portal.room.enrolling.enrol(code, wrong, challenge, portal.house.clock())
    assert kept(portal) == before


UNPROVEN: dict[str, Change] = {
    "nothing signed": lambda _, made: replace(made, signature=bytes(64)),
    "too short": lambda _, made: replace(made, signature=b""),
    "another challenge": lambda portal, made: replace(
        made, signature=portal.signed(portal.newcomer(902), portal.challenge())
    ),
    "another key": lambda portal, made: replace(made, enrolment=portal.newcomer(902).enrolment_key.address),
}


@pytest.mark.parametrize("wrong", UNPROVEN)
def test_a_key_that_did_not_sign_the_challenge_is_not_enrolled(portal: Portal, wrong: str) -> None:
    wallet, challenge = portal.newcomer(), portal.challenge()
    code = portal.invited(wallet.subject)
    made = UNPROVEN[wrong](portal, portal.made(wallet, challenge))
    before = kept(portal)
    with pytest.raises(EnrolmentError, match="did not sign"):
        portal.room.enrolling.enrol(code, made, challenge, portal.house.clock())
    assert kept(portal) == before


def test_a_signature_for_another_installation_or_another_time_proves_nothing(portal: Portal) -> None:
    wallet, challenge = portal.newcomer(), portal.challenge()
    code, elsewhere = portal.invited(wallet.subject), replace(portal, room=replace(portal.room, log="consentry/other"))
    before = kept(portal)
    for made in (elsewhere.made(wallet, challenge), portal.made(wallet, portal.challenge())):
        with pytest.raises(EnrolmentError, match="did not sign"):
            portal.room.enrolling.enrol(code, made, challenge, portal.house.clock())
    assert kept(portal) == before


def test_what_another_process_enrolled_meanwhile_is_nobodys_a_second_time(portal: Portal) -> None:
    house, first, second = portal.house, portal.newcomer(900), portal.newcomer(901)
    code, challenge = portal.invited(second.subject), portal.challenge()
    with House.without_ledger(house.settings.home, house.wallets) as beside:
        portal.enrolled(first)
        same_seed = portal.made(replace(second, seed=first.seed), challenge)
        with pytest.raises(EnrolmentError, match="somebody's"):
            Portal.of(beside).room.enrolling.enrol(code, same_seed, challenge, house.clock())


def test_what_is_somebody_elses_is_nobodys_a_second_time(portal: Portal) -> None:
    first, second, passkey = portal.newcomer(900), portal.newcomer(901), phone()
    theirs = portal.enrolled(first, passkey)
    code, challenge = portal.invited(second.subject), portal.challenge()
    fresh = portal.made(second, challenge)
    same_seed = portal.made(replace(second, seed=first.seed), challenge)
    same_slot = replace(fresh, slots=(fresh.slots[0], theirs.slots[1]))
    same_passkey = portal.made(second, challenge, (slot("passphrase"), slot("recovery")), passkey)
    before = kept(portal)
    for made in (same_seed, same_slot, same_passkey):
        with pytest.raises(EnrolmentError):
            portal.room.enrolling.enrol(code, made, challenge, portal.house.clock())
        assert kept(portal) == before
    portal.room.enrolling.enrol(code, fresh, challenge, portal.house.clock())


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "http://localhost:8000"},
        {"host": "localhost"},
        {"verifies": False},
        {"origin": "http://evil.example"},
    ],
)
def test_a_passkey_made_for_another_page_or_by_nobody_is_not_enrolled(portal: Portal, changed: dict[str, Any]) -> None:
    wallet, challenge = portal.newcomer(), portal.challenge()
    code = portal.invited(wallet.subject)
    made, before = portal.made(wallet, challenge, passkey=phone(**changed)), kept(portal)
    with pytest.raises(InvalidPasskeyError):
        portal.room.enrolling.enrol(code, made, challenge, portal.house.clock())
    assert kept(portal) == before


def test_a_passkey_of_another_challenge_or_another_slot_is_not_enrolled(portal: Portal) -> None:
    wallet, challenge, enrolling = portal.newcomer(), portal.challenge(), portal.room.enrolling
    code, now = portal.invited(wallet.subject), portal.house.clock()
    passkey = phone()
    made, before = portal.made(wallet, challenge, passkey=passkey), kept(portal)
    old = passkey.create(portal.room.passkeys.creation(portal.challenge(), bytes(32)))
    with pytest.raises(InvalidPasskeyError):
        enrolling.enrol(code, replace(made, passkey=old), challenge, now)
    for junk in ({}, {"rawId": 3}, {**made.passkey, "id": "AAAA"}, {**made.passkey, "response": {}}):  # type: ignore[dict-item]  # there is one
        with pytest.raises(InvalidPasskeyError):
            enrolling.enrol(code, replace(made, passkey=junk), challenge, now)
    name = sha256(passkey.credential).hex()
    for slots in (
        (slot("passkey"), slot("recovery")),
        (slot("passkey"), slot("recovery", name)),
    ):
        with pytest.raises(EnrolmentError, match="another one"):
            enrolling.enrol(code, replace(made, slots=slots), challenge, now)
    assert kept(portal) == before


# --------------------------------------------------------------------------------------------------------------- slots

HEX = {"id": 64, "salt": 64, "nonce": 24, "ciphertext": 96}
digits = st.sampled_from("0123456789abcdef")


@st.composite
def sound_slots(draw: st.DrawFn) -> dict[str, Any]:
    """Return a slot as a browser sends it."""
    kind = draw(st.sampled_from(["passkey", "passphrase", "recovery"]))
    drawn = {name: "".join(draw(st.lists(digits, min_size=size, max_size=size))) for name, size in HEX.items()}
    parameters = {"memory": 19456, "passes": 2, "lanes": 1} if kind == "passphrase" else {}
    return {"kind": kind, "parameters": parameters} | drawn


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=7),
    max_leaves=8,
)


@given(sound_slots())
@settings(deadline=None)
def test_a_sound_slot_is_read_and_written_alike(sent: dict[str, Any]) -> None:
    assert Slot.from_json(json.loads(json.dumps(sent))).to_json() == sent


@given(sound_slots(), st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_slot_with_any_field_wrong_is_refused(sent: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(sent)))
    wrong = data.draw(junk.filter(lambda value: value != sent[name]))
    with pytest.raises(EnrolmentError):
        Slot.from_json({**sent, name: wrong})
    with pytest.raises(EnrolmentError):
        Slot.from_json({other: value for other, value in sent.items() if other != name})
    with pytest.raises(EnrolmentError):
        Slot.from_json({**sent, data.draw(st.text().filter(lambda key: key not in sent)): ""})


@given(
    sound_slots(), st.sampled_from(sorted(HEX)), st.sampled_from([str.upper, "{} ".format, "{}\n".format, "0{}".format])
)
@settings(deadline=None)
def test_a_field_that_is_hex_of_another_kind_or_length_is_refused(
    sent: dict[str, Any], name: str, change: Callable[[str], str]
) -> None:
    if (changed := change(sent[name])) != sent[name]:
        with pytest.raises(EnrolmentError):
            Slot.from_json({**sent, name: changed})


@given(junk)
@settings(deadline=None)
def test_whatever_is_no_slot_is_refused_in_words_that_repeat_nothing(sent: object) -> None:
    with pytest.raises(ConsentError, match="load the page anew") as refused:
        Slot.from_json(sent)
    assert str(refused.value) == "the browser sent something else than a key: load the page anew and try once more"


def test_of_two_browsers_with_one_code_one_enrols(portal: Portal) -> None:
    """The other's process has not looked at the log since before the first enrolled."""
    house, wallet = portal.house, portal.newcomer()
    code, other, challenge = portal.invited(wallet.subject), replace(wallet, seed=bytes([7]) * 32), portal.challenge()
    with House.without_ledger(house.settings.home, house.wallets) as beside:
        portal.room.enrolling.enrol(code, portal.made(wallet, challenge), challenge, house.clock())
        with pytest.raises(EnrolmentError, match="was used"):
            Portal.of(beside).room.enrolling.enrol(code, portal.made(other, challenge), challenge, house.clock())
    assert len(portal.room.enrolling.slots(wallet.subject)) == 2
    assert house.open.book.enrolments[wallet.subject] == wallet.enrolment_key.address
