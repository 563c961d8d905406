"""The kinds of research that a purpose is of."""

import pytest

from consent.domain.data_use import DataUse
from consent.domain.research import ResearchKind, kinds_of

ANY, HEALTH, ORIGINS, METHODS, PROFIT = (
    ResearchKind.ANY,
    ResearchKind.HEALTH,
    ResearchKind.ORIGINS,
    ResearchKind.METHODS,
    ResearchKind.PROFIT,
)
PURPOSES = {
    "general use": (DataUse(general_use=True), {ANY}),
    "health research": (DataUse(health_research=True), {HEALTH}),
    "one disease": (DataUse(diseases=frozenset({"MONDO:0005148"})), {HEALTH}),
    "ancestry": (DataUse(ancestry=True), {ORIGINS}),
    "methods only": (DataUse(methods=True), {METHODS}),
    "health and ancestry, with new methods": (
        DataUse(health_research=True, ancestry=True, methods=True),
        {HEALTH, ORIGINS, METHODS},
    ),
    "health for profit": (DataUse(health_research=True, non_profit_only=False), {HEALTH, PROFIT}),
    "for profit and nothing else": (DataUse(non_profit_only=False), {ANY, PROFIT}),
    "for no profit": (DataUse(health_research=True, non_profit_only=True), {HEALTH}),
    "nothing": (DataUse(), {ANY}),
}


@pytest.mark.parametrize("name", PURPOSES)
def test_a_purpose_is_of_every_kind_that_it_names(name: str) -> None:
    purpose, kinds = PURPOSES[name]
    assert kinds_of(purpose) == kinds
