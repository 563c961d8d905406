"""Models on the chain are as the log says, as far as the auditor's view and the log can know of each other."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consent.domain.entry import Action
from consent.ports import ModelStatus
from consent.verifier.chain_view import RegisteredModel
from consent.verifier.policy import Policy
from tests.verifier.asking import failure, told
from tests.verifier.plain import DAY, HOUR, Made
from tests.verifier.workshop import Workshop

NAME = "chain.models"
HOLDS = ("", "", "")


@pytest.fixture
def life() -> Workshop:
    """Return a life with a model in service, since an hour and more."""
    life = Workshop()
    life.approve("heart")
    life.train("heart", [life.grant(life.enrol(), "heart")])
    life.tick(2 * HOUR)
    return life


@pytest.fixture
def made(life: Workshop) -> Made:
    """Return its model."""
    return life.releases[0]


def _wrong(life: Workshop, path: Path, policy: Policy | None = None) -> tuple[str, str]:
    return failure(life.write(path / "bundle.zip"), policy or life.policy())[:2]


def _model(made: Made) -> str:
    return f"model {made.manifest.model}"


def _go_on(life: Workshop, seconds: int = DAY + HOUR) -> None:
    """Let the log go on, a day beyond a view of now."""
    life.tick(seconds)
    life.log("operator", Action.LEDGER, "NOTED")


def test_what_became_of_models_holds_where_the_auditor_saw_it_so(life: Workshop, made: Made, tmp_path: Path) -> None:
    """Suspended, active again, retired by the next, and that by nobody."""
    life.suspend(made)
    _go_on(life)
    assert _wrong(life, tmp_path) == ("", "")
    life.activate(made)
    life.train("heart", list(life.consents))
    _go_on(life)
    policy = life.policy()
    _go_on(life)
    found = told(life.write(tmp_path / "bundle.zip"), policy)
    assert (found[NAME].holds, found[NAME].seen) == (True, "2 released models as the auditor saw it")


@pytest.mark.parametrize(
    "alter",
    [
        lambda changes: changes[0].update(manifest="00" * 32),
        lambda changes: changes[0].update(model="00" * 32),
        lambda changes: changes.clear(),
    ],
)
def test_another_registration_than_the_log_tells_of_is_named(
    life: Workshop, made: Made, tmp_path: Path, alter: Callable[[list[Any]], object]
) -> None:
    """With another manifest, of another model, or none."""
    alter(life.changes)
    assert _wrong(life, tmp_path) == (NAME, _model(made))


@pytest.mark.parametrize("act", [Workshop.suspend, Workshop.retire])
def test_a_model_that_the_log_withdrew_is_not_active_on_the_chain(
    life: Workshop, made: Made, tmp_path: Path, act: Callable[[Workshop, Made], int]
) -> None:
    """Whoever made it active again said nothing of it in the log."""
    act(life, made)
    life.tick(2 * HOUR)
    life.status(made, 1)
    assert _wrong(life, tmp_path) == (NAME, _model(made))


def test_a_model_that_was_retired_stays_so(life: Workshop, made: Made, tmp_path: Path) -> None:
    """The registry lets nobody bring it back."""
    life.retire(made)
    life.tick(2 * HOUR)
    life.status(made, 2)
    assert _wrong(life, tmp_path) == (NAME, _model(made))


def test_a_view_of_before_an_entry_need_not_know_what_it_says(life: Workshop, made: Made, tmp_path: Path) -> None:
    """Nor one from so shortly before that clocks may explain it; a day after it must."""
    before = life.policy()
    life.suspend(made)
    assert _wrong(life, tmp_path, before) == ("", "")
    life.changes.pop()
    life.tick(HOUR - 1)
    assert _wrong(life, tmp_path) == ("", "")
    life.tick(1)
    assert _wrong(life, tmp_path) == (NAME, _model(made))


def test_what_is_decided_may_be_on_the_chain_or_not_yet(life: Workshop, made: Made, tmp_path: Path) -> None:
    """An operator's word comes before the chain's."""
    life.suspend(made)
    life.review(made, "ACTIVATED")
    life.tick(2 * HOUR)
    assert _wrong(life, tmp_path) == ("", "")
    life.status(made, 1)
    _go_on(life)
    assert _wrong(life, tmp_path) == ("", "")


def test_the_log_has_a_day_to_say_what_came_on_the_chain(life: Workshop, made: Made, tmp_path: Path) -> None:
    """Then a model that was withdrawn without a word is named, by what the auditor saw before."""
    life.status(made, 2)
    policy, path = life.policy(), tmp_path / "bundle.zip"
    life.served.clear()
    found = told(life.write(path), policy)
    assert (found[NAME].holds, "of 1 one the auditor saw a later status" in found[NAME].seen) == (True, True)
    _go_on(life, DAY - HOUR)
    assert failure(life.write(path), policy) == HOLDS
    _go_on(life, 2 * HOUR)
    assert failure(life.write(path), policy)[:2] == (NAME, _model(made))


def test_a_model_that_only_the_auditor_saw_is_named(life: Workshop, tmp_path: Path) -> None:
    """Once the log had a day to say that it was released."""
    policy = life.policy()
    assert policy.chain is not None
    view = policy.chain.view
    more = dict(view.models) | {bytes(32): RegisteredModel(bytes(32), ModelStatus.ACTIVE)}
    policy = replace(policy, chain=replace(policy.chain, view=replace(view, models=more)))
    assert _wrong(life, tmp_path, policy) == ("", "")
    _go_on(life)
    assert _wrong(life, tmp_path, policy) == (NAME, f"model {'00' * 32}")


def test_a_release_without_a_training_is_named(life: Workshop, made: Made, tmp_path: Path) -> None:
    """By its entry; also in a bundle of a person, which tells of all trainings."""
    kept = life.entries[made.trained]
    life.entries[made.trained] = replace(kept, facts=dict(kept.facts) | {"release": 7})
    index = next(index for index, entry in enumerate(life.entries) if entry.action is Action.RELEASE)
    subject = life.entries[0].subject or next(e.subject for e in life.entries if e.subject)
    path = life.write(tmp_path / "bundle.zip", "patient", subject=str(subject))
    assert failure(path, life.policy())[:2] == (NAME, f"entry {index}")


def test_without_a_chain_nobody_confirms_what_is_registered(life: Workshop, tmp_path: Path) -> None:
    """That is said."""
    found = told(life.write(tmp_path / "bundle.zip"), life.policy(chain=False))
    assert (found[NAME].holds, found["models.served"].holds) == (None, None)
