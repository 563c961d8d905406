"""The same people give the same model, byte by byte, through a whole installation."""

import random
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import pytest

from consent.domain.terms import SubjectId
from tests.services.house import COHORT, DICTIONARY, PARAMETERS, STUDY, House, Template, identifier_of

EVERYBODY: Final = range(COHORT)


def subject(house: House, number: int) -> SubjectId:
    found = house.open.records.subject_of(identifier_of(number))
    assert found is not None
    return found


def model(house: House) -> str:
    trained = house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS)
    house.publish()
    return trained.manifest.model


def from_nothing(home: Path, order: Sequence[int]) -> str:
    """Import people in this order into a new installation, let all consent, and train."""
    template = Template.built(home / "template", order)
    with House.copied(template, home / "home") as house:
        house.grant(*(subject(house, number) for number in order))
        house.publish()
        return model(house)


def withdrawing(template: Template, home: Path, gone: Collection[int]) -> str:
    """Train on everybody, let some withdraw, and train again."""
    with House.copied(template, home) as house:
        house.grant(*(subject(house, number) for number in EVERYBODY))
        house.publish()
        first = model(house)
        for number in gone:
            house.stop(subject(house, number))
        house.publish()
        second = model(house)
    assert second != first
    return second


@pytest.mark.parametrize("count", [2, pytest.param(6, marks=pytest.mark.soak)])
def test_orders_of_import_give_one_model(tmp_path: Path, count: int) -> None:
    orders = [random.Random(seed).sample(EVERYBODY, COHORT) for seed in range(count)]
    assert len({from_nothing(tmp_path / str(place), order) for place, order in enumerate(orders)}) == 1


@pytest.mark.parametrize("count", [1, 10])
def test_withdrawing_gives_the_model_of_an_installation_that_never_had_them(tmp_path: Path, count: int) -> None:
    gone = random.Random(count).sample(EVERYBODY, count)
    template = Template.built(tmp_path / "all")
    never = from_nothing(tmp_path / "never", [number for number in EVERYBODY if number not in gone])
    assert withdrawing(template, tmp_path / "home", gone) == never
