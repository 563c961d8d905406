"""What was signed is what the terms say, by the person's own key, and what the log means."""

import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.domain.entry import PERMIT, Action
from consent.domain.grant import certificate_digest
from consent.domain.signed_consent import SignedConsent
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.domain.terms import Category
from tests.verifier.asking import failure
from tests.verifier.plain import DAY, HOUR, ORIGIN
from tests.verifier.workshop import Workshop, lines, pack
from tests.wallets import Wallet

SIGNED, KEYS = "consents.signed", "keys.history"
CONSENTS = "consents.ndjson"


@pytest.fixture
def life() -> Workshop:
    """Return a life with a study that is open."""
    life = Workshop()
    life.approve("heart")
    return life


def _wrong(life: Workshop, path: Path) -> tuple[str, str]:
    return failure(life.write(path / "bundle.zip"), life.policy())[:2]


def _flip(signature: bytes) -> bytes:
    return signature[:5] + bytes([signature[5] ^ 1]) + signature[6:]


@pytest.mark.parametrize(
    "alter",
    [
        lambda signed: replace(signed, salt=bytes(32)),
        lambda signed: replace(signed, patient=Wallet.draw().address),
        lambda signed: replace(signed, expires=signed.expires + 1),
        lambda signed: replace(signed, publish_by=signed.publish_by + 1),
        lambda signed: replace(signed, signature=_flip(signed.signature)),
        lambda signed: replace(signed, signature=bytes(64)),
        lambda signed: replace(signed, certificate=_flip(signed.certificate)),
        lambda signed: replace(signed, certificate=bytes(64)),
        lambda signed: replace(signed, terms=replace(signed.terms, categories=frozenset(Category))),
        lambda signed: replace(signed, terms=replace(signed.terms, text_hash="11" * 32)),
        lambda signed: replace(signed, terms=replace(signed.terms, subject="00" * 16)),
        lambda signed: replace(signed, entry_key=bytes(32)),
    ],
)
def test_a_consent_of_which_anything_was_altered_is_named(
    life: Workshop, tmp_path: Path, alter: Callable[[SignedConsent], SignedConsent]
) -> None:
    """Whatever member it is; the log was written with the true one."""
    given = life.grant(life.enrol(), "heart")
    index = len(life.entries) - 1
    life.consents[given].signed = alter(life.consents[given].signed)
    name, item = _wrong(life, tmp_path)
    assert name == SIGNED
    assert item in {f"consent {given}", f"entry {index}"}


def test_a_consent_that_the_operator_made_up_is_named(life: Workshop, tmp_path: Path) -> None:
    """Signed by an address of the operator's, certified by no key of the patient's, logged and published."""
    ada, own = life.enrol(), Wallet.draw()

    def certified(signed: SignedConsent) -> SignedConsent:
        digest = certificate_digest(life.domain, ada.subject, signed.patient)
        return replace(signed, certificate=own.sign(digest))

    given = life.grant(ada, "heart", alter=certified)
    life.read(given)
    assert _wrong(life, tmp_path) == (SIGNED, f"consent {given}")


def test_terms_that_are_longer_than_what_was_signed_are_named(life: Workshop, tmp_path: Path) -> None:
    """The grant's end is that of its terms, whoever signs another."""
    ada, wallet = life.enrol(), Wallet.draw()

    def longer(signed: SignedConsent) -> SignedConsent:
        later = replace(signed, expires=signed.expires + DAY, patient=wallet.address)
        certificate = ada.wallet.sign(certificate_digest(life.domain, ada.subject, wallet.address))
        return replace(later, signature=wallet.sign(later.grant.digest(life.domain)), certificate=certificate)

    given = life.grant(ada, "heart", alter=longer)
    assert _wrong(life, tmp_path) == (SIGNED, f"consent {given}")


@pytest.mark.parametrize("name", ["private", "study", "categories", "subject"])
def test_an_entry_that_means_something_else_than_was_signed_is_named(life: Workshop, tmp_path: Path, name: str) -> None:
    """Another commitment, study, categories or person."""
    bob = life.enrol()
    life.grant(life.enrol(), "heart")
    index = len(life.entries) - 1
    members: dict[str, Any] = {
        "private": "00" * 32, "study": "lung", "categories": ("laboratory",), "subject": bob.subject,
    }  # fmt: skip
    life.entries[index] = replace(life.entries[index], **{name: members[name]})
    assert _wrong(life, tmp_path)[0] == SIGNED


def test_a_stop_must_mean_the_consent_that_it_names(life: Workshop, tmp_path: Path) -> None:
    """Only one that a restored installation wrote again may name it by its id alone."""
    given = life.grant(life.enrol(), "heart")
    index = life.stop(given)
    entry = life.entries[index]
    for altered, holds in (
        (replace(entry, private="00" * 32), False),
        (replace(entry, private=""), False),
        (replace(entry, private="", facts={"replayed": 1}), True),
        (replace(entry, private="00" * 32, facts={"replayed": 1}), False),
    ):
        life.entries[index] = altered
        assert (_wrong(life, tmp_path) == ("", "")) is holds


def test_one_consent_is_granted_once_and_each_that_is_shown_was(life: Workshop, tmp_path: Path) -> None:
    """A second entry of the same, and a consent without one."""
    given = life.grant(life.enrol(), "heart")
    life.entries.append(life.entries[-1])
    assert _wrong(life, tmp_path) == (SIGNED, f"entry {len(life.entries) - 1}")
    del life.entries[-2:]
    life.read(given)
    assert _wrong(life, tmp_path)[0] == SIGNED


def _altered(life: Workshop, path: Path, alter: Callable[[list[Any]], object]) -> tuple[str, str]:
    files = life.files()
    found = [json.loads(line) for line in files[CONSENTS].splitlines()]
    alter(found)
    files[CONSENTS] = lines(found)
    return failure(pack(path / "bundle.zip", life.contents(files)), life.policy())[:2]


@pytest.mark.parametrize(
    "alter",
    [
        lambda found: found.reverse(),
        lambda found: found.append(found[-1]),
        lambda found: found.pop(),
        lambda found: found[0].update(revocation="00" * 64),
        lambda found: found[0].update(consent="x"),
        lambda found: found[0].update(more=1),
        lambda found: found[0].pop("signed"),
        lambda found: found[0]["signed"].update(more=1),
        lambda found: found[0]["signed"].update(signature="zz"),
        lambda found: found[0]["signed"].update(signature="00"),
        lambda found: found[0]["signed"].update(expires="1"),
        lambda found: found[0]["signed"].update(expires=-1),
        lambda found: found[0]["signed"].update(expires=1.5),
        lambda found: found[0]["signed"].update(publish_by=True),
        lambda found: found[0]["signed"].update(patient="00"),
        lambda found: found[0]["signed"].update(entry_key=""),
        lambda found: found[0]["signed"].update(terms=None),
        lambda found: found[0]["signed"]["terms"].update(expires="9999-99-99T00:00:00Z"),
        lambda found: found[0]["signed"]["terms"].update(version=2, wording="00" * 32),
        lambda found: found[0]["signed"]["terms"].update(language="es"),
        lambda found: found[0]["signed"]["terms"].update(categories=["abc"]),
        lambda found: found[0].update(signed=[]),
        lambda found: found[0].update(signed={}),
        lambda found: found.insert(0, []),
        lambda found: found.insert(0, "x"),
    ],
)
def test_a_line_of_consents_that_was_altered_is_named(
    life: Workshop, tmp_path: Path, alter: Callable[[list[Any]], object]
) -> None:
    """Order, kinds, members, spellings; never a traceback."""
    for _ in range(2):
        life.stop(life.grant(life.enrol(), "heart"))
    assert _altered(life, tmp_path, alter)[0] == SIGNED


def test_the_key_counts_that_was_in_force_then(life: Workshop, tmp_path: Path) -> None:
    """A consent under the first key, and one under the second; not one under the first once it was replaced."""
    ada = life.enrol()
    life.grant(ada, "heart")
    first = ada.wallet
    life.replace_key(ada)
    life.grant(ada, "heart")
    assert _wrong(life, tmp_path) == ("", "")
    ada.wallet = first
    given = life.grant(ada, "heart")
    assert _wrong(life, tmp_path) == (SIGNED, f"consent {given}")


def test_a_key_that_did_not_wait_is_ignored_and_named(life: Workshop, tmp_path: Path) -> None:
    """72 hours, whoever holds the log key."""
    index = life.replace_key(life.enrol(), wait=71 * HOUR)
    name, item = _wrong(life, tmp_path)
    assert name == KEYS
    assert item in {f"entry {index}", f"entry {index - 1}"}


def test_a_key_that_nobody_asked_for_is_named(life: Workshop, tmp_path: Path) -> None:
    """Signed by the log key, and by nobody else."""
    ada, own = life.enrol(), Wallet.draw()
    index = life.key_change("operator", "KEY_REPLACED", ada, {"key": own.address.hex(), "asked": 1})
    assert _wrong(life, tmp_path) == (KEYS, f"entry {index}")


def test_a_change_of_a_key_that_is_dated_back_is_named(life: Workshop, tmp_path: Path) -> None:
    """Else whoever holds the log key writes that somebody asked three days ago."""
    ada = life.enrol()
    life.tick(5 * DAY)
    life.approve("lung")
    life.now -= 4 * DAY
    life.replace_key(ada)
    name, item = _wrong(life, tmp_path)
    assert (name, item) == (KEYS, f"entry {len(life.entries) - 2}")


def test_any_of_the_policys_keys_may_have_signed_a_change(life: Workshop, tmp_path: Path) -> None:
    """A log key that was rotated leaves what it signed."""
    ada = life.enrol()
    life.replace_key(ada)
    old = life.log_key
    life.log_key = Ed25519PrivateKey.generate()
    life.grant(ada, "heart")
    path, policy = life.write(tmp_path / "bundle.zip"), life.policy()
    assert failure(path, policy)[0] == SIGNED
    both = replace(policy.log, keys=(*policy.log.keys, old.public_key().public_bytes_raw()))
    assert failure(path, replace(policy, log=both)) == ("", "", "")


# erasures


def test_erasures_of_both_kinds_hold(life: Workshop, tmp_path: Path) -> None:
    """As the person asked, and as two operators did."""
    life.operator("one")
    life.operator("two")
    ada, bob = life.enrol(), life.enrol()
    life.grant(ada, "heart")
    life.erase(ada)
    life.erase(bob, by="operator")
    assert _wrong(life, tmp_path) == ("", "")


def test_a_key_that_is_deleted_unasked_is_named(life: Workshop, tmp_path: Path) -> None:
    """Signed by nobody, by another key, or by one operator: an operator could hide accesses so."""
    life.operator("one")
    ada, bob = life.enrol(), life.enrol()
    ada.wallet = Wallet.draw()
    index = life.erase(ada, until="KEY_DELETED")
    assert _wrong(life, tmp_path) == ("erasures", f"entry {index}")
    del life.entries[index - 2 :]
    index = life.erase(bob, until="KEY_DELETED", by="operator")
    assert _wrong(life, tmp_path) == ("erasures", f"entry {index}")
    life.entries[index - 2] = replace(life.entries[index - 2], facts={})
    assert _wrong(life, tmp_path) == ("erasures", f"entry {index}")


def test_a_request_of_another_person_or_time_authorises_nothing(life: Workshop, tmp_path: Path) -> None:
    """It names one person, and is a month old at most."""
    ada, bob = life.enrol(), life.enrol()
    index = life.erase(ada, until="KEY_DELETED")
    asked = life.entries[index - 2]
    stale = SubjectRequest(RequestAction.ERASE, ada.subject, ORIGIN, asked.time - 40 * DAY, "00" * 16)
    signed = ada.wallet.sign(stale.digest(life.domain)).hex()
    for altered in (
        replace(asked, subject=bob.subject),
        replace(asked, facts={"requested": stale.requested, "nonce": stale.nonce, "patient": signed}),
    ):
        life.entries[index - 2] = altered
        assert _wrong(life, tmp_path) == ("erasures", f"entry {index}")


@pytest.mark.parametrize("left_out", ["BLOCKED", "KEY_DELETED", "EPOCH_TURNED"])
def test_a_state_that_is_left_out_is_missed_at_the_next(life: Workshop, tmp_path: Path, left_out: str) -> None:
    """They follow each other."""
    last = life.erase(life.enrol())
    place = next(index for index, entry in enumerate(life.entries) if entry.verdict == left_out)
    del life.entries[place]
    assert last > place
    assert _wrong(life, tmp_path) == ("erasures", f"entry {place}")


def test_an_erasure_is_final_on_its_day_and_not_before(life: Workshop, tmp_path: Path) -> None:
    """The entry of the turned epoch says which."""
    index = life.erase(life.enrol())
    turned = life.entries[index - 1]
    life.entries[index - 1] = replace(turned, facts={"final_at": life.entries[index].time + 1})
    assert _wrong(life, tmp_path) == ("erasures", f"entry {index}")


# somebody's own records


def test_records_are_given_out_to_who_signed_for_them(life: Workshop, tmp_path: Path) -> None:
    """By themselves, or by two operators; looking while signed in needs no signature."""
    life.operator("one")
    life.operator("two")
    ada = life.enrol()
    life.give_own(ada)
    request = SubjectRequest(RequestAction.ACCESS, ada.subject, ORIGIN, life.now, secrets.token_hex(16))
    approvals = [[name, key.sign(request.signed_bytes()).hex()] for name, key in life.operators.items()]
    facts = {"requested": request.requested, "nonce": request.nonce, "approvals": approvals}
    life.log("operator", Action.ACCESS, PERMIT, subject=ada.subject, facts=facts)
    life.log("patient", Action.ACCESS, PERMIT, subject=ada.subject, operation="view")
    life.log("auditor:one", Action.ACCESS, PERMIT, subject=ada.subject, operation="audit")
    assert _wrong(life, tmp_path) == ("", "")


def test_records_that_nobody_signed_for_are_named(life: Workshop, tmp_path: Path) -> None:
    """Without a signature, with one of another time or request, with one twice, after asking to be erased."""
    ada, bob = life.enrol(), life.enrol()
    for altered in ({"patient": "00" * 64}, {"nonce": "00" * 16}, {"requested": 1}, {"patient": 7}, {"approvals": 1}):
        index = life.give_own(ada, **altered)
        if "approvals" not in altered:
            assert _wrong(life, tmp_path) == ("access.own", f"entry {index}")
            del life.entries[index]
    index = life.log("operator", Action.ACCESS, PERMIT, subject=ada.subject)
    assert _wrong(life, tmp_path) == ("access.own", f"entry {index}")
    del life.entries[index]
    life.entries.append(life.entries[-1])
    assert _wrong(life, tmp_path) == ("access.own", f"entry {index}")
    del life.entries[-1]
    life.erase(bob, until="BLOCKED")
    index = life.log("patient", Action.ACCESS, PERMIT, subject=bob.subject, operation="view")
    assert _wrong(life, tmp_path) == ("access.own", f"entry {index}")
