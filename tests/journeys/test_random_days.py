"""After random days the verifier accepts what is whole, names what is not, and a plain recomputation says the same."""

from pathlib import Path
from random import Random
from typing import Final

import pytest

from consent.services.bundles.scopes import Scope
from tests.journeys.days import Days
from tests.journeys.evidence import Auditor, failed
from tests.journeys.recomputed import broken
from tests.services.house import DICTIONARY, PARAMETERS, House, Template

FEW: Final = 4
ACTS: Final = 18
DIFFER: Final = 60
JUDGED: Final = {
    "log.entries", "chain.history", "consents.signed", "access.consented", "access.expired", "access.stopped",
    "access.blocked", "predictions", "stops.published", "models.served", "chain.models", "receipts",
}  # fmt: skip
"""With what is said of each release."""
SEEDS: Final = [pytest.param(seed, marks=[pytest.mark.soak] if seed >= FEW else []) for seed in range(60)]


@pytest.mark.sqlite_only
@pytest.mark.parametrize("seed", SEEDS)
def test_the_verifier_and_a_plain_recomputation_agree_on_random_days(
    seed: int, template: Template, tmp_path: Path
) -> None:
    with House.copied(template, tmp_path / "home") as house:
        days = Days(house, Random(seed))
        days.begin()
        acts = [days.act() for _ in range(ACTS)]
        house.publish()
        honest = judged(house, tmp_path, days)
        assert honest == set(), acts
        for _ in range(seed % 3 + 1):
            days.cheat()
        found = judged(house, tmp_path, days)
        assert found or not days.cheated, days.cheated


def judged(house: House, folder: Path, days: Days) -> set[str]:
    """Return which rules do not hold of a bundle of everything: two voices say the same."""
    house.anchor()
    auditor = Auditor(house, folder)
    policy = auditor.policy()
    assert policy.chain is not None
    path = auditor.bundle(Scope.everything())
    found = auditor.verified(path, policy, days.receipts)
    told = {name for name in failed(found) if name in JUDGED or name.startswith("release.")}
    assert told == broken(path, policy.chain.view, policy.log.keys[0], days.receipts, DIFFER), failed(found)
    assert set(failed(found)) == told
    return told


def test_an_ignored_stop_is_caught_by_its_receipt(template: Template, tmp_path: Path) -> None:
    """The operator puts everything back to before the stop, goes on, and anchors what never heard of it."""
    with House.copied(template, tmp_path / "home") as house:
        subject, *others = house.people[:50]
        house.grant(subject, *others)
        house.publish()
        before = Template(house.settings.home, house.wallets)
    with House.copied(before, tmp_path / "fork") as fork:
        [receipt] = fork.stop(subject)
    with House.copied(before, tmp_path / "goes-on") as house:
        house.open.training.train("kidneys", DICTIONARY, PARAMETERS)
        house.anchor()
        auditor = Auditor(house, tmp_path)
        policy, path = auditor.policy(), auditor.bundle(Scope.everything())
        assert failed(auditor.verified(path, policy)) == {}
        found = failed(auditor.verified(path, policy, [receipt]))
    assert list(found) == ["receipts"]
    assert f"entry {receipt.index}" in found["receipts"]
