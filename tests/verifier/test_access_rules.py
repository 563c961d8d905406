"""Each permitted access had a consent in force; the first that had none is named by its entry."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consent.domain.entry import PERMIT, Action
from consent.domain.history import Granted
from consent.domain.terms import Category, Operation
from consent.verifier.policy import Rules
from tests.verifier.asking import failure, told
from tests.verifier.plain import DAY, HOUR
from tests.verifier.workshop import Workshop

CONSENTED, EXPIRED, STOPPED, BLOCKED = (f"access.{name}" for name in ("consented", "expired", "stopped", "blocked"))


@pytest.fixture
def life() -> Workshop:
    """Return a life with a study that is open."""
    life = Workshop()
    life.approve("heart")
    return life


def _fails(life: Workshop, path: Path, name: str, index: int) -> bool:
    found = failure(life.write(path / "bundle.zip"), life.policy())
    return found[:2] == (name, f"entry {index}")


def test_accesses_under_consents_hold(life: Workshop, tmp_path: Path) -> None:
    """Readings of each operation, countings, refusals; what came after a second consent."""
    ada, bob = life.enrol(counted=True), life.enrol(counted=False)
    first = life.grant(ada, "heart")
    life.read(first)
    life.read(first, "predict")
    life.count(ada, "heart")
    life.refuse(bob, "heart")
    life.stop(first)
    life.read(life.grant(ada, "heart"))
    life.prefer(bob, counted=True)
    life.count(bob, "heart")
    found = told(life.write(tmp_path / "bundle.zip"), life.policy())
    assert [found[name].holds for name in (CONSENTED, EXPIRED, STOPPED, BLOCKED)] == [True] * 4
    assert found[CONSENTED].seen == "3 accesses, each with a consent that covers it; 2 countings allowed"


def test_an_access_without_a_grant_before_it_is_named(life: Workshop, tmp_path: Path) -> None:
    """Names no consent, names one that is granted only later, or one that nobody ever gave."""
    ada = life.enrol()
    given = life.grant(ada, "heart")
    life.read(given)
    index = life.read(given)
    for consent in ("", "00" * 16, life.grant(ada, "heart")):
        life.entries[index] = replace(life.entries[index], consent=consent)
        assert _fails(life, tmp_path, CONSENTED, index)


def test_an_access_to_somebody_elses_records_or_for_another_study_is_named(life: Workshop, tmp_path: Path) -> None:
    """A consent is one person's, for one study."""
    life.approve("lung")
    bob = life.enrol()
    index = life.read(life.grant(life.enrol(), "heart"))
    was = life.entries[index]
    for altered in (replace(was, subject=bob.subject), replace(was, subject=None), replace(was, study="lung")):
        life.entries[index] = altered
        assert _fails(life, tmp_path, CONSENTED, index)


def test_an_operation_or_category_that_was_not_allowed_is_named(life: Workshop, tmp_path: Path) -> None:
    """The terms say which."""
    only = life.grant(life.enrol(), "heart", operations=[Operation.PREDICT], categories=[Category.LABORATORY])
    index = life.read(only, "predict")
    was = life.entries[index]
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy()) == ("", "", "")
    for altered in (
        replace(was, operation="train"),
        replace(was, operation=""),
        replace(was, operation="export"),
        replace(was, categories=("demographics", "laboratory")),
    ):
        life.entries[index] = altered
        assert _fails(life, tmp_path, CONSENTED, index)


def test_a_consent_that_never_came_on_the_chain_permits_nothing(life: Workshop, tmp_path: Path) -> None:
    """Never granted there, granted much later, with another end, or behind what the auditor saw."""
    given = life.grant(life.enrol(), "heart", publish=False)
    index = life.read(given)
    assert _fails(life, tmp_path, CONSENTED, index)
    life.tick(2 * HOUR)
    life.publish(given)
    assert _fails(life, tmp_path, CONSENTED, index)
    late = life.read(given)
    del life.entries[index]
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy()) == ("", "", "")
    assert isinstance(life.events[0], Granted)
    life.events[0] = replace(life.events[0], expires=life.events[0].expires + DAY)
    assert _fails(life, tmp_path, CONSENTED, late - 1)


def test_clocks_may_differ_as_much_as_the_policy_says(life: Workshop, tmp_path: Path) -> None:
    """A grant may be dated a little after the access that it permits."""
    given = life.grant(life.enrol(), "heart", publish=False)
    life.read(given)
    life.publish(given)
    path = life.write(tmp_path / "bundle.zip")
    assert failure(path, life.policy()) == ("", "", "")
    assert failure(path, life.policy(rules=Rules(clocks_differ=30)))[0] == CONSENTED


def test_a_grant_behind_the_auditors_view_permits_nothing(life: Workshop, tmp_path: Path) -> None:
    """Only the bundle tells of it: who makes it up gains nothing."""
    old = life.policy()
    index = life.read(life.grant(life.enrol(), "heart"))
    path = life.write(tmp_path / "bundle.zip")
    name, item, why = failure(path, replace(life.policy(), chain=old.chain, log=old.log))
    assert (name, item) == (CONSENTED, f"entry {index}")
    assert "make a newer view" in why


def test_a_study_must_be_approved_before_and_not_closed(life: Workshop, tmp_path: Path) -> None:
    """At the access, whatever came later."""
    given = life.grant(life.enrol(), "lung")
    early = life.read(given)
    life.approve("lung")
    life.read(given)
    assert _fails(life, tmp_path, CONSENTED, early)
    del life.entries[early]
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy()) == ("", "", "")
    life.close("lung")
    late = life.read(given)
    assert _fails(life, tmp_path, CONSENTED, late)


def test_nobody_is_counted_who_did_not_allow_it(life: Workshop, tmp_path: Path) -> None:
    """Who never said so, and who took it back; the newest word counts."""
    ada = life.enrol()
    index = life.count(ada, "heart")
    assert _fails(life, tmp_path, CONSENTED, index)
    del life.entries[index]
    life.prefer(ada, counted=True)
    life.count(ada, "heart")
    life.prefer(ada, counted=False)
    assert _fails(life, tmp_path, CONSENTED, life.count(ada, "heart"))


def test_an_access_from_the_second_in_which_a_consent_ends_is_named(life: Workshop, tmp_path: Path) -> None:
    """The last second before is still covered."""
    ends = datetime(2027, 3, 1, tzinfo=UTC)
    given = life.grant(life.enrol(), "heart", expires=ends)
    index = life.read(given)
    second = int(ends.timestamp())
    life.now = second + DAY
    for time, holds in ((second - 1, True), (second, False), (second + 1, False)):
        life.entries[index] = replace(life.entries[index], time=time)
        assert _fails(life, tmp_path, EXPIRED, index) is not holds


def test_an_access_after_a_stop_is_named(life: Workshop, tmp_path: Path) -> None:
    """By the stop's entry, whether the chain has it or not."""
    given = life.grant(life.enrol(), "heart")
    life.stop(given, publish=False)
    assert _fails(life, tmp_path, STOPPED, life.read(given))


def test_an_access_long_after_a_revocation_on_the_chain_is_named(life: Workshop, tmp_path: Path) -> None:
    """Though the log has no stop of it: the patient revoked it by themselves."""
    given = life.grant(life.enrol(), "heart")
    life.revoke(given)
    life.read(given)
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy()) == ("", "", "")
    life.tick(2 * HOUR)
    assert _fails(life, tmp_path, STOPPED, life.read(given))


def test_a_stop_that_was_left_out_is_found_by_its_revocation(life: Workshop, tmp_path: Path) -> None:
    """A study's bundle without the stop's entry: the chain has it, and a day later nothing may be read."""
    given = life.grant(life.enrol(), "heart")
    stop = life.stop(given)
    life.tick(DAY)
    index = life.read(given)
    files = life.files("study", study="heart")
    del life.entries[stop]
    without = life.files("study", study="heart")
    assert files["entries.ndjson"] != without["entries.ndjson"]
    assert _fails(life, tmp_path, STOPPED, index - 1)


@pytest.mark.parametrize("verdict", [PERMIT, "NO_GRANT"])
def test_nobody_is_read_who_is_being_erased(life: Workshop, tmp_path: Path, verdict: str) -> None:
    """A permitted reading is named; a refused one is as it should be."""
    ada = life.enrol(counted=True)
    given = life.grant(ada, "heart")
    life.erase(ada, until="BLOCKED")
    again = life.grant(ada, "heart")
    index = life.read(again, verdict=verdict)
    assert given
    assert _fails(life, tmp_path, BLOCKED, index) is (verdict == PERMIT)


def test_accesses_of_erased_people_are_counted_apart(life: Workshop, tmp_path: Path) -> None:
    """Never as passed; what the log alone shows of them is still checked."""
    ada, bob = life.enrol(), life.enrol()
    consents = [life.grant(ada, "heart"), life.grant(bob, "heart")]
    for consent in consents:
        life.read(consent)
    life.erase(ada)
    found = told(life.write(tmp_path / "bundle.zip"), life.policy())
    assert all(finding.holds is not False for finding in found.values())
    assert found[CONSENTED].seen == (
        "1 access, each with a consent that covers it; 1 of erased people are no longer checkable"
    )
    stop = next(index for index, entry in enumerate(life.entries) if entry.action is Action.STOP)
    life.entries.insert(stop + 1, replace(life.entries[stop - 3], time=life.entries[stop].time))
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy())[0] == STOPPED


def test_what_somebody_signed_may_be_missing_only_when_they_were_erased(life: Workshop, tmp_path: Path) -> None:
    """Who hides a consent of a living person is found."""
    ada = life.enrol()
    index = len(life.entries)
    life.read(life.grant(ada, "heart"))
    life.erased.add(ada.subject)
    assert _fails(life, tmp_path, "consents.signed", index)
    life.erased.clear()
    life.erase(ada, until="BLOCKED")
    life.erased.add(ada.subject)
    assert _fails(life, tmp_path, "consents.signed", index)


Alteration = Callable[[Workshop, str], int]


def _unread(life: Workshop, given: str) -> int:
    return life.predict(given, life.releases[0], read=False)


def _read_by_another(life: Workshop, given: str) -> int:
    life.read(given, "predict", actor="treating:other")
    return life.predict(given, life.releases[0], read=False)


def _twice(life: Workshop, given: str) -> int:
    life.predict(given, life.releases[0])
    return life.predict(given, life.releases[0], read=False)


def _late(life: Workshop, given: str) -> int:
    life.read(given, "predict", actor="treating:ward-3")
    life.tick(2 * HOUR)
    return life.predict(given, life.releases[0], read=False)


def _after_a_stop(life: Workshop, given: str) -> int:
    life.read(given, "predict", actor="treating:ward-3")
    life.stop(given, publish=False)
    return life.predict(given, life.releases[0], read=False)


def _of_a_retired_model(life: Workshop, given: str) -> int:
    life.retire(life.releases[0])
    life.tick(2 * HOUR)
    return life.predict(given, life.releases[0])


def _of_an_unregistered_model(life: Workshop, given: str) -> int:
    return life.predict(given, life.train("heart", [given], register=False))


def _before_its_registration(life: Workshop, given: str) -> int:
    made = life.train("heart", [given], register=False)
    index = life.predict(given, made)
    life.tick(2 * HOUR)
    life.register(made)
    return index


def _under_another_number(life: Workshop, given: str) -> int:
    index = life.predict(given, life.releases[0])
    entry = life.entries[index]
    life.entries[index] = replace(entry, facts=dict(entry.facts) | {"release": 7})
    return index


def _of_another_category(life: Workshop, given: str) -> int:
    index = life.predict(given, life.releases[0])
    life.entries[index] = replace(life.entries[index], categories=("genomics",))
    return index


def _without_facts(life: Workshop, given: str) -> int:
    index = life.predict(given, life.releases[0])
    life.entries[index] = replace(life.entries[index], facts={})
    return index


@pytest.mark.parametrize(
    "make",
    [
        _unread, _read_by_another, _twice, _late, _after_a_stop, _of_a_retired_model, _of_an_unregistered_model,
        _before_its_registration, _under_another_number, _of_another_category, _without_facts,
    ],
)  # fmt: skip
def test_a_prediction_that_nothing_permits_is_named(life: Workshop, tmp_path: Path, make: Alteration) -> None:
    """Without its reading, its consent or an active model."""
    given = life.grant(life.enrol(), "heart")
    life.train("heart", [given])
    life.predict(given, life.releases[0])
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy()) == ("", "", "")
    index = make(life, given)
    life.tick(DAY)
    found = told(life.write(tmp_path / "bundle.zip"), life.policy())
    assert (found["predictions"].holds, found["predictions"].item) == (False, f"entry {index}")


def test_a_prediction_under_another_consent_than_its_reading_holds_where_that_covers_it(
    life: Workshop, tmp_path: Path
) -> None:
    """Where the first was stopped between the two, and another one stands."""
    ada = life.enrol()
    first, second = life.grant(ada, "heart"), life.grant(ada, "heart")
    life.train("heart", [second])
    life.read(first, "predict", actor="treating:ward-3")
    life.stop(first)
    life.predict(second, life.releases[0], read=False)
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy()) == ("", "", "")
