"""The chain as the bundle tells it is the chain that the auditor saw."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consent.domain.history import EMPTY_HISTORY, Granted, Revoked, fold
from consent.domain.typed_data import Address
from consent.ports import Head
from consent.verifier.chain_view import ChainView
from consent.verifier.policy import ChainTrust, Policy, Rules
from tests.verifier.asking import failure, told
from tests.verifier.plain import DAY, HOUR
from tests.verifier.workshop import Workshop, lines, pack

IDENTITY, EVENTS, HISTORY = (f"chain.{name}" for name in ("identity", "events", "history"))
STOPS = "stops.published"


@pytest.fixture
def life() -> Workshop:
    """Return a life with two consents, one of them stopped, and a model."""
    life = Workshop()
    life.approve("heart")
    first, second = (life.grant(life.enrol(), "heart") for _ in range(2))
    life.train("heart", [first, second])
    life.stop(second)
    life.tick(2 * DAY)
    return life


def _packed(life: Workshop, path: Path, alter: Callable[[dict[str, bytes]], object]) -> Path:
    files = life.files()
    alter(files)
    return pack(path / "bundle.zip", life.contents(files))


def _ndjson(name: str, alter: Callable[[list[Any]], object]) -> Callable[[dict[str, bytes]], None]:
    def altered(files: dict[str, bytes]) -> None:
        found = [json.loads(line) for line in files[name].splitlines()]
        alter(found)
        files[name] = lines(found)

    return altered


def _chain(alter: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, bytes]], None]:
    def altered(files: dict[str, bytes]) -> None:
        found = json.loads(files["chain.json"])
        alter(found)
        files["chain.json"] = lines([found])[:-1]

    return altered


def _seen(policy: Policy, **altered: Any) -> Policy:
    assert policy.chain is not None
    return replace(policy, chain=replace(policy.chain, view=replace(policy.chain.view, **altered)))


@pytest.mark.parametrize(
    "alter",
    [
        lambda found: found.update(chain_id=1),
        lambda found: found.update(registry="00" * 20),
        lambda found: found.update(model_registry="00" * 20),
        lambda found: found.update(log_anchor="00" * 20),
        lambda found: found.update(version=2),
        lambda found: found.update(version=True),
        lambda found: found.update(chain_id="7"),
        lambda found: found.update(registry="zz"),
        lambda found: found.update(more=1),
        lambda found: found.pop("log_anchor"),
    ],
)
def test_another_chain_than_the_auditor_means_is_named(
    life: Workshop, tmp_path: Path, alter: Callable[[dict[str, Any]], object]
) -> None:
    """Its id, its contracts; whoever brings a chain of their own in the bundle gains nothing."""
    path = _packed(life, tmp_path, _chain(alter))
    assert failure(path, life.policy())[:2] == (IDENTITY, "chain.json")


def test_a_signature_for_another_chain_counts_nowhere(life: Workshop, tmp_path: Path) -> None:
    """The policy says for which chain patients sign, and not the bundle."""
    policy = life.policy()
    assert policy.chain is not None
    view = replace(policy.chain.view, chain_id=1)
    other = ChainTrust(1, policy.chain.registry, policy.chain.models, policy.chain.anchor, view)
    found = told(life.write(tmp_path / "bundle.zip"), replace(policy, chain=other))
    assert (found[IDENTITY].holds, found["consents.signed"].holds) == (False, False)


def test_other_code_than_the_policy_says_is_named(life: Workshop, tmp_path: Path) -> None:
    """Where the policy says which."""
    policy, path = life.policy(), life.write(tmp_path / "bundle.zip")
    assert policy.chain is not None
    for code, name in (({"registry": bytes(32)}, ""), ({"registry": b"\x01" * 32}, IDENTITY)):
        assert failure(path, replace(policy, chain=replace(policy.chain, code=code)))[0] == name


def test_a_bundle_that_ends_before_the_auditors_view_is_refused(life: Workshop, tmp_path: Path) -> None:
    """Where something happened on the chain since; where nothing did, it still says all."""
    path = life.write(tmp_path / "bundle.zip")
    life.tick(60)
    assert failure(path, life.policy()) == ("", "", "")
    life.revoke(next(iter(life.consents)))
    name, item, why = failure(path, life.policy())
    assert (name, item, "made anew" in why) == (HISTORY, "events.ndjson", True)


@pytest.mark.parametrize(
    "alter",
    [
        lambda found: found.pop(),
        lambda found: found.pop(0),
        lambda found: found.clear(),
        lambda found: found[0].update(patient="00" * 20),
        lambda found: found[0].update(commitment="00" * 32),
        lambda found: found[0].update(expires=found[0]["expires"] + 1),
        lambda found: found[0].update(time=found[0]["time"] - 1),
        lambda found: found[0].update(block=found[0]["block"] - 1),
        lambda found: found[2].update(by="00" * 20),
        lambda found: found.insert(1, found[0]),
        lambda found: found.append(found[-1]),
        lambda found: found[-1].update(block=10**6, time=2**50),
    ],
)
def test_an_event_that_was_left_out_added_or_altered_gives_another_history(
    life: Workshop, tmp_path: Path, alter: Callable[[list[Any]], object]
) -> None:
    """Whatever it is; and what rests on events is open then, and not passed."""
    found = told(_packed(life, tmp_path, _ndjson("events.ndjson", alter)), life.policy())
    assert (found[EVENTS].holds, found[HISTORY].holds) == (True, False)
    assert found["access.expired"].holds is None
    assert "rests on chain.history" in found["access.expired"].seen


@pytest.mark.parametrize(
    "alter",
    [
        lambda found: found.reverse(),
        lambda found: found.insert(0, found.pop()),
        lambda found: found[1].update(block=found[0]["block"]),
        lambda found: found[1].update(time=found[0]["time"] - 1),
        lambda found: found[-1].update(block=10**6),
        lambda found: found[-1].update(time=2**50),
        lambda found: found.append(found[-1] | {"block": 10**6}),
        lambda found: found[0].update(kind="revoked"),
        lambda found: found[0].update(kind=["granted"]),
        lambda found: found[0].update(patient="AA" * 20),
        lambda found: found[0].update(expires=str(2**64)),
        lambda found: found[0].update(expires=str(2**53 - 1)),
        lambda found: found[0].update(expires="0" + str(2**60)),
        lambda found: found[0].update(expires=-1),
        lambda found: found[0].update(expires=True),
        lambda found: found[0].update(expires=1.5),
        lambda found: found[0].update(more=1),
        lambda found: found[0].pop("time"),
        lambda found: found.insert(0, None),
        lambda found: found.insert(0, {}),
    ],
)
def test_events_out_of_order_or_of_another_form_are_named(
    life: Workshop, tmp_path: Path, alter: Callable[[list[Any]], object]
) -> None:
    """By their line."""
    name, item, _ = failure(_packed(life, tmp_path, _ndjson("events.ndjson", alter)), life.policy())
    assert (name, item.startswith("events.ndjson line ")) == (EVENTS, True)


def test_events_behind_the_view_are_said_and_count_only_against(life: Workshop, tmp_path: Path) -> None:
    """A revocation that only the bundle tells of ends a consent; a grant that only it tells of gives none."""
    trust = life.policy().chain
    given = next(iter(life.consents))
    life.revoke(given)
    life.tick(2 * HOUR)
    index = life.read(given)
    policy = replace(life.policy(), chain=trust)
    found = told(life.write(tmp_path / "bundle.zip"), policy)
    assert found[HISTORY].holds is True
    assert "1 later event" in found[HISTORY].seen
    assert (found["access.stopped"].holds, found["access.stopped"].item) == (False, f"entry {index}")


def test_a_view_of_another_history_fails_the_bundle(life: Workshop, tmp_path: Path) -> None:
    """The auditor's view counts, and nothing else."""
    path = life.write(tmp_path / "bundle.zip")
    assert failure(path, _seen(life.policy(), history=bytes(32)))[:2] == (HISTORY, "events.ndjson")


# stops


def test_a_stop_that_is_not_on_the_chain_in_time_is_named(life: Workshop, tmp_path: Path) -> None:
    """Never, or a second too late."""
    given = next(iter(life.consents))
    index = life.stop(given, publish=False)
    stopped = life.now
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy()) == ("", "", "")  # it has time left
    life.tick(DAY)
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy()) == ("", "", "")
    life.tick(1)
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy())[:2] == (STOPS, f"entry {index}")
    life.revoke(given)
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy())[:2] == (STOPS, f"entry {index}")
    within = Rules(stop_within=life.now - stopped)
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy(rules=within)) == ("", "", "")


def test_a_grant_that_never_came_on_the_chain_needs_no_revocation_there(life: Workshop, tmp_path: Path) -> None:
    """The log says so."""
    given = life.grant(life.enrol(), "heart", publish=False)
    index = life.stop(given, publish=False)
    life.tick(2 * DAY)
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy())[:2] == (STOPS, f"entry {index}")
    life.drop(given)
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy()) == ("", "", "")


def test_a_revocation_behind_the_view_is_no_proof_of_a_stop(life: Workshop, tmp_path: Path) -> None:
    """An operator could make it up; the auditor makes a newer view."""
    given = next(iter(life.consents))
    index = life.stop(given, publish=False)
    life.tick(2 * DAY)
    trust = life.policy().chain
    consent = life.consents[given]
    life.events.append(
        Revoked(consent.signed.patient, consent.commitment, Address(bytes(20)), life.block + 1, life.now + 60)
    )
    life.tick(120)
    policy = replace(life.policy(), chain=trust)
    assert failure(life.write(tmp_path / "bundle.zip"), policy)[:2] == (STOPS, f"entry {index}")


def test_the_first_grant_and_the_first_revocation_of_a_commitment_stand(life: Workshop, tmp_path: Path) -> None:
    """Whatever strangers publish after them."""
    first, second = (life.consents[consent] for consent in life.consents)
    life.tick(60)
    again = Granted(first.signed.patient, first.commitment, 2**40, life.block, life.now)
    dead = Granted(second.signed.patient, second.commitment, second.signed.expires, life.block, life.now)
    stranger = Granted(Address(b"\x07" * 20), bytes(32), 2**63, life.block, life.now)
    life.events += [again, dead, stranger]
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy()) == ("", "", "")
    life.read(second.id)
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy())[0] == "access.stopped"


def test_the_view_of_these_tests_is_the_one_that_the_domain_folds(life: Workshop) -> None:
    """The workshop's own history is no other."""
    view = life.view()
    assert isinstance(view, ChainView)
    assert view.history == fold(EMPTY_HISTORY, life.events)
    assert view.block == Head(life.block, bytes.fromhex(life.block_hash(life.block)), life.now)
