"""Figures that no honest server sends are shown as something, or as nothing, and break nothing."""

import pytest

from consent.cli.research.predictions import _risk
from consent.cli.research.showing import moment


@pytest.mark.parametrize("seconds", [None, -1, 253_402_300_800, 2**53 - 1, 10**20])
def test_a_second_that_is_in_no_calendar_is_not_told(seconds: int | None) -> None:
    assert moment(seconds) == ""


def test_the_last_second_of_the_calendar_is_told() -> None:
    assert moment(253_402_300_799) == "9999-12-31 23:59Z"


@pytest.mark.parametrize(("log_odds", "risk"), [(-1e6, 0), (0, 0.5), (1e300, 1)])
def test_log_odds_as_no_model_has_them_are_a_risk_all_the_same(log_odds: float, risk: float) -> None:
    assert _risk(log_odds) == pytest.approx(risk)
