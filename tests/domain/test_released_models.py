"""What the log says of models, read entry by entry."""

from typing import Any

import pytest

from consent.domain.released_models import Release, ReleasedModels, turn_of

FIRST, SECOND = (Release("heart", number, f"{number}" * 64) for number in (1, 2))


def told(action: str, verdict: str, release: Release = FIRST) -> dict[str, Any]:
    facts = {"release": release.release, "model": release.model}
    return {"action": action, "verdict": verdict, "study": release.study, "facts": facts}


def after(*entries: dict[str, Any]) -> ReleasedModels:
    models = ReleasedModels()
    for entry in entries:
        turn = turn_of(entry)
        if turn is not None:
            models.take(turn)
    return models


def test_a_model_is_in_service_from_its_release_on() -> None:
    models = after(told("release", "ACTIVE"))
    assert models.is_active(FIRST)
    assert models.in_service() == {"heart": FIRST}


@pytest.mark.parametrize(
    "withdrawal", [("retire", "RETIRED"), ("retire", "SUSPENDED"), ("retire", "TOO_FEW_ROWS"), ("review", "RETIRED")]
)
def test_a_withdrawal_ends_it_done_or_decided(withdrawal: tuple[str, str]) -> None:
    models = after(told("release", "ACTIVE"), told(*withdrawal))
    assert not models.is_active(FIRST)
    assert models.in_service() == {}


def test_a_suspended_one_is_in_service_again_once_the_chain_has_it_so() -> None:
    entries = [told("release", "ACTIVE"), told("retire", "SUSPENDED"), told("review", "ACTIVATED")]
    assert not after(*entries).is_active(FIRST)
    assert after(*entries, told("release", "ACTIVE")).is_active(FIRST)


def test_the_newest_release_is_the_one_in_service_or_none_is() -> None:
    both = [told("release", "ACTIVE"), told("release", "ACTIVE", SECOND)]
    assert after(*both).in_service() == {"heart": SECOND}
    assert after(*both, told("retire", "RETIRED", SECOND)).in_service() == {}


def test_a_withdrawal_counts_by_the_model_whatever_study_it_names() -> None:
    withdrawn = told("retire", "RETIRED", FIRST._replace(study="", release=0))
    assert not after(told("release", "ACTIVE"), withdrawn).is_active(FIRST)


@pytest.mark.parametrize(
    "entry",
    [
        told("release", "REJECTED_BY_LEDGER"),
        told("train", "TRAINED"),
        told("release", "ACTIVE") | {"facts": None},
        told("release", "ACTIVE") | {"facts": {"release": True, "model": "1" * 64}},
        told("release", "ACTIVE") | {"facts": {"release": 1, "model": "x"}},
        told("release", "ACTIVE") | {"verdict": ["ACTIVE"]},
        {},
    ],
)
def test_other_entries_say_nothing_of_a_model(entry: dict[str, Any]) -> None:
    assert turn_of(entry) is None
