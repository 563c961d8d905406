"""Explanations: exact contributions in named features and values as people read them."""

import math
import random
from dataclasses import replace
from typing import Any

import pytest

from analytics import Dictionary, Model, Parameters, Row, fit
from analytics.features import Feature, Kind, Reducer
from consent.services.studies.explaining import Contribution, ExplanationError, estimate
from tests.services.house import DICTIONARY

CHANCE = random.Random(5)


def invented(people: int) -> list[Row]:
    """Return rows of which some miss a value; the outcome depends on both features."""
    rows = []
    for _ in range(people):
        age, level = CHANCE.uniform(40, 90), CHANCE.choice([math.nan, CHANCE.uniform(0.5, 9)])
        risk = (age - 40) / 60 + (0 if math.isnan(level) else level / 12) + CHANCE.uniform(-0.3, 0.3)
        rows.append(Row((age, level), int(risk > 0.8)))
    return rows


@pytest.fixture(scope="module")
def model() -> Model:
    return fit(invented(1500), Parameters(features=DICTIONARY.names))


def test_contributions_add_up_to_the_models_own_log_odds_in_every_row(model: Model) -> None:
    rows = invented(300)
    for row, probability in zip(rows, model.predict(rows), strict=True):
        found = estimate(model, DICTIONARY, row.features)
        parts = math.fsum([found.base, *(one.log_odds for one in found.contributions)])
        assert abs(parts - found.log_odds) <= 1e-5
        assert found.probability == probability
        assert abs(1 / (1 + math.exp(-found.log_odds)) - probability) <= 1e-5


class Crooked(Model):
    """A model whose explanation is another one's."""

    def explain(self, rows: Any) -> Any:
        """Give every part a little too much."""
        return super().explain(rows) + 1e-4


def test_parts_that_do_not_add_up_are_given_to_nobody(model: Model) -> None:
    with pytest.raises(ExplanationError, match="do not add up"):
        estimate(Crooked(model.content, model.booster), DICTIONARY, (60.0, 1.0))


def shown(kind: Kind, value: float, **more: Any) -> str:
    """Return how a value of this kind is told."""
    feature = Feature("x", "X", "laboratory", "Observation", kind, Reducer.LAST, **more)
    other = replace(DICTIONARY, features=(feature, DICTIONARY.features[1]))
    return told(other, value).shown


def told(dictionary: Dictionary, value: float) -> Contribution:
    rows = [Row((float(n % 2), math.nan), n % 2) for n in range(40)]
    return estimate(fit(rows, Parameters(features=("x", "creatinine"))), dictionary, (value, math.nan)).contributions[0]


def test_values_are_told_as_people_read_them() -> None:
    assert shown(Kind.QUANTITY, 1.23456, unit="mg/dL") == "1.235 mg/dL"
    assert shown(Kind.QUANTITY, math.nan, unit="mg/dL") == ""
    assert shown(Kind.AGE, 61.6) == "62 years"
    assert [shown(Kind.PRESENT, value) for value in (0, 1, 3)] == ["no", "yes", "3 times"]
    assert [shown(Kind.CODED, value, values=(("male", 1.0),)) for value in (1, 0.5)] == ["male", "0.5"]


def test_a_sentence_says_value_and_effect() -> None:
    raising = Contribution("creatinine", "Creatinine", "1.9 mg/dL", 1.9, 0.4123)
    assert raising.sentence() == "Creatinine: 1.9 mg/dL; raises the estimate (+0.412)"
    lowering, silent = replace(raising, log_odds=-0.1), replace(raising, shown="", value=None, log_odds=0.0)
    assert lowering.sentence() == "Creatinine: 1.9 mg/dL; lowers the estimate (-0.100)"
    assert silent.sentence() == "Creatinine: not recorded; changes nothing"
