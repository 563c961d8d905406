"""Review: a suspended release is served once an operator says so, one that failed the release gate never."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from analytics import Parameters
from consent.domain.bounds import Bounds
from consent.ports import ModelStatus
from consent.services.studies.reviewing import ReviewError
from consent.services.studies.serving import ModelRefusedError, load_active
from consent.services.studies.training import Trained
from tests.services.house import DICTIONARY, PARAMETERS, STUDY, House, Template

STRICT = replace(
    STUDY, reference=replace(STUDY.reference, id="strict"), bounds=Bounds(1.0, 0.9, 1.1), ethics="EC 2026/3"
)
TELLTALE = Parameters(features=DICTIONARY.names, rounds=8, depth=10, min_child_weight=0)


@pytest.fixture(scope="module")
def reviewed(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Fifty people consent to a study that asks for a perfect model, and its first release is registered."""
    home = tmp_path_factory.mktemp("reviewed") / "home"
    with House.copied(template, home) as house:
        house.open.registration.approve(STRICT, house.clock())
        house.grant(*house.people[:-10], study=STRICT.reference)
        house.publish()
        train(house)
    return Template(home, template.wallets)


@pytest.fixture
def house(reviewed: Template, tmp_path: Path) -> Iterator[House]:
    with House.copied(reviewed, tmp_path / "home") as opened:
        yield opened


def train(house: House, parameters: Parameters = PARAMETERS) -> Trained:
    trained = house.open.training.train("strict", DICTIONARY, parameters)
    house.publish()
    return trained


def content(house: House, release: int = 1) -> bytes:
    with house.open.store.reading() as unit:
        return unit.studies.releases("strict")[release - 1].model


def status(house: House, release: int = 1) -> ModelStatus:
    with house.open.store.reading() as unit:
        return house.open.ledger.model_status(unit.studies.releases("strict")[release - 1].model_hash)


def load(house: House) -> object:
    return load_active(house.open.store, house.open.projection, content(house), house.clock(), 120)


def test_a_release_outside_the_studys_bounds_is_suspended_and_the_log_says_why(house: House) -> None:
    assert status(house) is ModelStatus.SUSPENDED
    [trained] = [entry for entry in house.log() if entry["action"] == "train"]
    assert any("the study asks for at least 1" in sentence for sentence in trained["facts"]["suspended"])
    with pytest.raises(ModelRefusedError, match="SUSPENDED"):
        load(house)


def test_an_operator_activates_it_and_it_is_served_once_the_ledger_says_so(house: House) -> None:
    before = house.state()
    house.open.reviewing.activate("strict", 1, "good enough for a pilot")
    [entry] = house.log(before.entries)
    assert (entry["actor"], entry["action"], entry["verdict"], entry["study"]) == (
        "operator",
        "review",
        "ACTIVATED",
        "strict",
    )
    assert (entry["facts"]["release"], entry["facts"]["reason"]) == (1, "good enough for a pilot")
    with pytest.raises(ModelRefusedError, match="SUSPENDED"):
        load(house)
    house.publish()
    house.follow()
    assert status(house) is ModelStatus.ACTIVE
    load(house)


def test_an_operator_retires_a_release_and_it_is_refused_at_once_and_for_good(house: House) -> None:
    house.open.reviewing.activate("strict", 1, "good enough")
    house.publish()
    house.follow()
    house.open.reviewing.retire("strict", 1, "not good enough after all")
    with pytest.raises(ModelRefusedError, match="RETIRED"):
        load(house)
    house.publish()
    assert status(house) is ModelStatus.RETIRED
    for decide in (house.open.reviewing.activate, house.open.reviewing.retire):
        with pytest.raises(ReviewError):
            decide("strict", 1, "again")


def nothing_comes_of(house: House, told: str, release: int = 1, reason: str = "why not", study: str = "strict") -> None:
    before = house.state()
    with pytest.raises(ReviewError, match=told):
        house.open.reviewing.activate(study, release, reason)
    assert house.state() == before


def test_a_model_that_failed_the_release_gate_is_never_activated(house: House) -> None:
    assert train(house, TELLTALE).gate.failures()
    assert status(house, 2) is ModelStatus.SUSPENDED
    nothing_comes_of(house, "may never be served.*fewer than 10 people", release=2)


def test_an_active_release_and_one_that_another_followed_are_not_activated(house: House) -> None:
    train(house, replace(PARAMETERS, rounds=9))
    nothing_comes_of(house, "newest release")
    house.open.reviewing.activate("strict", 2, "good enough")
    nothing_comes_of(house, "while it is suspended", release=2)


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 301])
def test_a_decision_needs_a_reason_of_one_line(house: House, reason: str) -> None:
    nothing_comes_of(house, "one line", reason=reason)


def test_what_is_not_there_is_not_decided_on(house: House) -> None:
    nothing_comes_of(house, "no such release", release=7)
    nothing_comes_of(house, "no such release", study="hearts")
