"""What an operator who holds the log key and writes what they like would try; each was accepted once."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from consent.domain.entry import PERMIT, Action, blinded
from consent.domain.hashing import Json
from consent.domain.history import Granted
from tests.verifier.asking import failure, told
from tests.verifier.plain import DAY, HOUR, Made, Person, Row
from tests.verifier.workshop import Workshop, pack

SIGNED, RECEIPTS = "consents.signed", "receipts"
NOBODY: Final = "ff" * 16


@pytest.fixture
def life() -> Workshop:
    """Return a life with a study that is open."""
    life = Workshop()
    life.approve("heart")
    return life


def _fails(life: Workshop, folder: Path) -> tuple[str, str]:
    found = failure(life.write(folder / "bundle.zip"), life.policy(), life.receipts)
    return found[:2]


def _private(life: Workshop, consent: str) -> str:
    given = life.consents[consent]
    return blinded(given.signed.entry_key, given.commitment, given.signed.patient)


def _stop(life: Workshop, person: Person, consent: str, verdict: str, named: str) -> int:
    """Write what is no stop, and hand out a receipt of one."""
    private = _private(life, consent) if named == consent else "00" * 32
    index = life.log(
        "patient", Action.STOP, verdict, subject=person.subject, study="heart", consent=named, private=private
    )  # fmt: skip
    life.receipts.append(life.receipt("stop", life.consents[consent], index))
    return index


def test_one_consent_under_two_ids_is_named(life: Workshop, tmp_path: Path) -> None:
    """The patient stops the one, and the other would have been read until the revocation is on the chain."""
    first = life.grant(life.enrol(), "heart")
    given, second = life.consents[first], secrets.token_hex(16)
    life.consents[second] = replace(given, id=second)
    granted = next(entry for entry in life.entries if entry.consent == first)
    life.log(
        "patient", Action.GRANT, PERMIT, subject=granted.subject, study="heart",
        categories=granted.categories, consent=second, private=granted.private,
    )  # fmt: skip
    life.stop(first, publish=False)
    life.tick(20 * HOUR)
    life.read(second)
    life.revoke(first)
    assert _fails(life, tmp_path) == (SIGNED, f"consent {max(first, second)}")


@pytest.mark.parametrize(("verdict", "known"), [(PERMIT, True), ("REQUESTED", True), ("STOPPED", False)])
def test_a_stop_that_stops_nothing_is_named(life: Workshop, tmp_path: Path, verdict: str, known: bool) -> None:  # noqa: FBT001
    """It has another verdict, or names a consent that nobody gave: readings went on, receipt or not."""
    person = life.enrol()
    consent = life.grant(person, "heart")
    index = _stop(life, person, consent, verdict, consent if known else NOBODY)
    life.tick(20 * HOUR)
    life.read(consent)
    life.revoke(consent)
    assert _fails(life, tmp_path) == (SIGNED, f"entry {index}")
    found = told(tmp_path / "bundle.zip", life.policy(), life.receipts)
    assert (found[RECEIPTS].holds, found[RECEIPTS].item) == (False, f"receipt of the stop at entry {index}")


def test_a_stop_of_a_consent_that_came_on_the_chain_is_published(life: Workshop, tmp_path: Path) -> None:
    """Whatever the log says of the grant: that it never came there excuses nothing where it did."""
    consent = life.grant(life.enrol(), "heart")
    life.drop(consent)
    index = life.stop(consent, publish=False)
    life.tick(2 * DAY)
    assert _fails(life, tmp_path) == ("stops.published", f"entry {index}")


def test_an_entry_that_is_dated_back_counts_where_it_stands(life: Workshop, tmp_path: Path) -> None:
    """Behind the end of its consent, or a revocation that the patient published, by what stands before it."""
    ending, revoked = (
        life.grant(life.enrol(), "heart", expires=datetime(2027, month, 1, tzinfo=UTC)) for month in (2, 9)
    )
    then = life.now
    life.tick(DAY)
    life.revoke(revoked)
    life.tick(60 * DAY)
    life.refuse(life.enrol(), "heart")
    for consent, name in ((revoked, "access.stopped"), (ending, "access.expired")):
        now, life.now = life.now, then
        index = life.read(consent)
        life.now = now
        assert _fails(life, tmp_path) == (name, f"entry {index}")
        life.entries.pop()


def test_a_log_whose_clock_is_put_forward_is_named(life: Workshop, tmp_path: Path) -> None:
    """A key is replaced within minutes: the chain has the first consent of the new one days before its entry."""
    person, began = life.enrol(), life.now
    life.replace_key(person)
    consent = life.grant(person, "heart", publish=False)
    given, index, life.now, life.block = life.consents[consent], len(life.entries) - 1, began + 60, life.block + 1
    life.events.append(Granted(given.signed.patient, given.commitment, given.signed.expires, life.block, life.now))
    assert _fails(life, tmp_path) == (SIGNED, f"entry {index}")


def test_a_training_long_after_a_stop_is_named(life: Workshop, tmp_path: Path) -> None:
    """The rows were read before it, and the manifest is pinned to a block before it."""
    consents = [life.grant(life.enrol(), "heart") for _ in range(2)]
    for consent in consents:
        life.read(consent)
    openings = [(life.opening(life.consents[consent]), consent) for consent in consents]
    rows: list[Row] = sorted((opening.leaf(), opening, consent) for opening, consent in openings)
    life.tick(60)
    pinned = life.block, life.now
    life.stop(consents[0])
    life.tick(30 * DAY)
    now, (life.block, life.now) = (life.block, life.now), pinned
    made = life.made("heart", 1, rows)
    life.block, life.now = now
    life.entries[made.trained] = replace(life.entries[made.trained], time=life.now)
    life.releases.append(made)
    life.register(made)
    assert _fails(life, tmp_path)[0] == "release.heart.1.consents"


def _other(life: Workshop, made: Made) -> Made:
    """Put a model on the chain of which no rows are shown."""
    model = secrets.token_hex(32)
    while model < made.manifest.model:
        model = secrets.token_hex(32)
    life.served["heart"] = other = replace(made, manifest=replace(made.manifest, model=model))
    life.status(other, 1, "ab" * 32)
    return other


def _trained_twice(life: Workshop, made: Made) -> int:
    other = _other(life, made)
    index = life.log("study:heart", Action.TRAIN, "TRAINED", study="heart", facts=life.named(other))
    life.log("operator", Action.RELEASE, "ACTIVE", study="heart", facts=life.named(other))
    return index


def _released_another(life: Workshop, made: Made) -> int:
    other = _other(life, made)
    life.log("study:heart", Action.TRAIN, "TOO_FEW_ROWS", study="heart", facts={"model": other.manifest.model})
    return life.log("operator", Action.RELEASE, "ACTIVE", study="heart", facts=life.named(other))


def _numbered_by_text(life: Workshop, made: Made) -> int:
    facts: dict[str, Json] = {"release": "2", "model": _other(life, made).manifest.model}
    index = life.log("study:heart", Action.TRAIN, "TRAINED", study="heart", facts=facts)
    life.log("operator", Action.RELEASE, "ACTIVE", study="heart", facts=facts)
    life.served.clear()
    return index


@pytest.mark.parametrize("trick", [_trained_twice, _released_another, _numbered_by_text])
@pytest.mark.parametrize("kind", ["period", "study"])
def test_a_model_of_which_no_rows_are_shown_is_named(
    life: Workshop, tmp_path: Path, trick: Callable[[Workshop, Made], int], kind: str
) -> None:
    """It comes under the number of a release that holds, or under none."""
    made = life.train("heart", [life.grant(life.enrol(), "heart") for _ in range(2)])
    index = trick(life, made)
    scope = {"study": "heart"} if kind == "study" else {}
    found = told(life.write(tmp_path / "bundle.zip", kind, **scope), life.policy())
    assert (found["releases"].holds, found["releases"].item) == (False, f"entry {index}")


def test_a_registered_model_that_the_log_never_released_is_named_after_a_day(life: Workshop, tmp_path: Path) -> None:
    """An operator who leaves the release out has the model all the same."""
    made = life.train("heart", [life.grant(life.enrol(), "heart")])
    life.entries.pop()
    policy = life.policy()
    life.tick(DAY)
    life.refuse(life.enrol(), "heart")
    without = {**life.files(), "manifests.ndjson": b"", "served.ndjson": b""}
    del without["rows/0.ndjson"]
    found = told(pack(tmp_path / "bundle.zip", life.contents(without)), policy)
    assert (found["chain.models"].holds, found["chain.models"].item) == (False, f"model {made.manifest.model}")


def test_a_reading_that_says_not_what_was_read_is_named(life: Workshop, tmp_path: Path) -> None:
    """Nor does a prediction hide behind another operation."""
    consent = life.grant(life.enrol(), "heart")
    made = life.train("heart", [consent])
    index = life.read(consent)
    life.entries[index] = replace(life.entries[index], categories=())
    assert _fails(life, tmp_path) == ("access.consented", f"entry {index}")
    index = life.predict(consent, made)
    life.entries[index] = replace(life.entries[index], operation="train")
    found = told(life.write(tmp_path / "bundle.zip"), life.policy())
    assert (found["predictions"].holds, found["predictions"].item) == (False, f"entry {index}")


def test_a_second_first_key_is_named(life: Workshop, tmp_path: Path) -> None:
    """A bundle that leaves the first one out would show it as the person's."""
    person = life.enrol()
    index = life.log("patient", Action.ENROL, "KEY", subject=person.subject, facts={"key": "11" * 20})
    assert _fails(life, tmp_path) == ("keys.history", f"entry {index}")


def test_nobody_but_the_person_looks_at_records_as_they_do(life: Workshop, tmp_path: Path) -> None:
    """Nor in ways that are none, nor once they asked to be erased."""
    person = life.enrol()
    life.log("patient", Action.ACCESS, PERMIT, subject=person.subject, operation="view")
    life.log("auditor:audrey", Action.ACCESS, PERMIT, subject=person.subject, operation="audit")
    assert _fails(life, tmp_path) == ("", "")
    for actor, operation in (("operator", "view"), ("patient", "audit"), ("operator", "all")):
        index = life.log(actor, Action.ACCESS, PERMIT, subject=person.subject, operation=operation)
        assert _fails(life, tmp_path) == ("access.own", f"entry {index}")
        life.entries.pop()
    life.erase(person)
    index = life.log("auditor:audrey", Action.ACCESS, PERMIT, subject=person.subject, operation="audit")
    assert _fails(life, tmp_path) == ("access.own", f"entry {index}")


def test_a_counting_of_nobody_is_named(life: Workshop, tmp_path: Path) -> None:
    """As is a word on being counted of nobody."""
    life.log("patient", Action.PREFER, "COUNTED")
    index = life.log("study:heart", Action.READ, PERMIT, study="heart", operation="count", categories=("demographics",))
    assert _fails(life, tmp_path) == ("access.consented", f"entry {index}")


def test_a_policy_without_a_chain_leaves_revocations_open(life: Workshop, tmp_path: Path) -> None:
    """The bundle may have left one out."""
    consent = life.grant(life.enrol(), "heart")
    life.revoke(consent)
    life.tick(DAY)
    life.read(consent)
    life.events.pop()
    assert told(life.write(tmp_path / "bundle.zip"), life.policy(chain=False))["access.stopped"].holds is None


def test_a_period_that_begins_later_says_what_it_does_not_show(life: Workshop, tmp_path: Path) -> None:
    """Such as the first key of somebody, a stop, or an erasure."""
    life.read(life.grant(life.enrol(), "heart"))
    last = len(life.entries)
    for first, said in ((0, False), (2, True)):
        found = told(life.write(tmp_path / "bundle.zip", first=first, last=last), life.policy())
        assert ("rests on the installation's word" in found["log.entries"].seen) is said
