"""What this installation makes is what the verifier reads: each kind of bundle holds, against a view of the chain."""

from collections.abc import Callable
from pathlib import Path

import pytest

from consent.services.bundles.scopes import Scope
from consent.verifier.policy import ChainTrust, LogTrust, Policy
from consent.wiring.chain_views import view_of_chain
from tests.services.bundles.lives import PREDICTED, bundles_of, model_of, person, written
from tests.services.house import DICTIONARY, PARAMETERS, House
from tests.services.served import BEDSIDE
from tests.verifier.asking import told

SCOPES: dict[str, Callable[[House], Scope]] = {
    "everything": lambda _: Scope.everything(),
    "period": lambda _: Scope.period(3, 9),
    "patient": lambda house: Scope.patient(person(house, PREDICTED)),
    "study": lambda _: Scope.study(BEDSIDE),
    "model": lambda house: Scope.model(model_of(house, BEDSIDE, 1)),
}


def policy_of(house: House) -> Policy:
    """Return what an auditor would know of a house, who looks at its chain now."""
    with bundles_of(house).chain() as chain:
        view = view_of_chain(chain.ledger)  # type: ignore[arg-type]  # the embedded chain
    trust = LogTrust(house.open.log.origin, (house.open.log.signer.public_key,))
    return Policy(trust, ChainTrust(view.chain_id, view.registry, view.models_at, view.anchor, view))


def wrong(house: House, scope: Scope, path: Path, policy: Policy, **wanted: int) -> list[tuple[str, str, str]]:
    """Return what does not hold of a bundle."""
    path.write_bytes(written(bundles_of(house), scope, **wanted))
    return [(one.name, one.item, one.seen) for one in told(path, policy).values() if one.holds is False]


@pytest.mark.parametrize("kind", SCOPES)
def test_each_kind_holds(reading_house: House, tmp_path: Path, kind: str) -> None:
    scope = SCOPES[kind](reading_house)
    assert wrong(reading_house, scope, tmp_path / "bundle.zip", policy_of(reading_house)) == []


def test_a_checkpoint_and_a_view_may_lie_on_either_side_of_what_happens(house: House, tmp_path: Path) -> None:
    """A release and a withdrawal: seen before they come, on a newer log; and after, on an older one."""
    before, path = policy_of(house), tmp_path / "bundle.zip"
    with house.open.store.begin() as unit:
        house.open.log.checkpoint(unit)
        size = unit.log.size()
    house.open.reviewing.retire("kidneys", 1, "the laboratory moved")
    house.publish()
    for policy in (before, policy_of(house)):
        for wanted in ({"at": size}, {}):
            assert wrong(house, Scope.everything(), path, policy, **wanted) == []
    house.open.training.train(BEDSIDE, DICTIONARY, PARAMETERS)
    house.publish()
    assert wrong(house, Scope.everything(), path, policy_of(house), at=size) == []
    assert wrong(house, Scope.everything(), path, policy_of(house)) == []
