"""Bundles of each kind of a hospital in which much happened are verified, with the receipts of its patients."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consent.demo.auditor import VIEW, policy
from consent.domain.entry import PERMIT, Action, Entry
from consent.domain.receipt import Receipt
from consent.services.bundles.receipts import receipt_bundle
from consent.services.bundles.scopes import Scope
from consent.verifier.policy import Policy
from consent.verifier.run import verify
from consent.wiring.chain_views import chain_to_view, view_of_chain
from tests.services.bundles.lives import (
    AGREED,
    ERASED,
    LATE,
    LEAVING,
    PREDICTED,
    STOPPED,
    bundles_of,
    lived,
    model_of,
    written,
)
from tests.services.house import House, Template
from tests.services.served import BEDSIDE


@pytest.fixture(scope="module")
def told(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    return lived(template, tmp_path_factory.mktemp("told") / "home")


@pytest.fixture(scope="module")
def house(told: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House.copied(told, tmp_path_factory.mktemp("house") / "home") as opened:
        yield opened


def policy_of(house: House, folder: Path) -> Policy:
    """Return the policy of an auditor who saw the chain as it is now."""
    with chain_to_view(house.open.places.home) as chain:
        view = view_of_chain(chain)
    (folder / VIEW).write_bytes(view.to_bytes())
    (folder / "policy.toml").write_text(policy(house.open, view, []))
    return Policy.read(folder / "policy.toml")


def unsound(house: House, folder: Path, scope: Scope, *receipts: Receipt) -> list[str]:
    """Have a bundle made and verified; return what does not hold, or is open though this policy could say."""
    file = folder / "bundle.zip"
    file.write_bytes(written(bundles_of(house), scope))
    findings = list(verify(file, policy_of(house, folder), receipts))
    allowed = {"log.certificate", "log.known"} | (set() if receipts else {"receipts"})
    assert {"access.consented", "models.served"} < {one.name for one in findings}
    return [
        f"{one.name}: {one.item} {one.seen}"
        for one in findings
        if one.holds is False or (one.holds is None and one.name not in allowed)
    ]


SCOPES: dict[str, Callable[[House], Scope]] = {
    **{
        f"patient {place}": lambda house, place=place: Scope.patient(house.people[place])  # type: ignore[misc]  # bound now
        for place in (STOPPED, ERASED, LEAVING, PREDICTED, LATE, 59)
    },
    "study": lambda _: Scope.study("kidneys"),
    "study with predictions": lambda _: Scope.study(BEDSIDE),
    "model": lambda house: Scope.model(model_of(house, "kidneys", 1)),
    "retired model": lambda house: Scope.model(model_of(house, BEDSIDE, 1)),
    "served model": lambda house: Scope.model(model_of(house, BEDSIDE, 2)),
    "everything": lambda _: Scope.everything(),
    "first days": lambda _: Scope.period(0, 200),
    "last days": lambda house: Scope.period(len(house.log()) - 30, len(house.log())),
    **{f"entry {place}": lambda _, place=place: Scope.period(place, place + 1) for place in range(0, 500, 60)},  # type: ignore[misc]
}


@pytest.mark.parametrize("name", SCOPES)
def test_a_bundle_of_each_kind_is_verified(house: House, tmp_path: Path, name: str) -> None:
    assert unsound(house, tmp_path, SCOPES[name](house)) == []


def test_receipts_are_found_in_it(told: Template, tmp_path: Path) -> None:
    with House.copied(told, tmp_path / "home") as house:
        receipts = [*house.grant(house.people[AGREED + 1]), *house.stop(house.people[AGREED - 1])]
        receipts.append(house.open.erasures.receipt(house.people[ERASED]))
        assert unsound(house, tmp_path, Scope.everything(), *receipts) == []
        altered = replace(receipts[0], time=receipts[0].time + 1)
        [wrong] = unsound(house, tmp_path, Scope.everything(), altered)
        assert wrong.startswith("receipts: ")


def test_the_bundle_of_a_receipt_is_verified(told: Template, tmp_path: Path) -> None:
    file = tmp_path / "evidence.zip"
    with House.copied(told, tmp_path / "home") as house:
        [receipt, *_] = house.stop(house.people[AGREED - 2])
        with house.open.store.begin() as unit:
            house.open.log.checkpoint(unit)
        with house.open.store.reading() as unit:
            file.write_bytes(receipt_bundle(unit, receipt, 1_800_000_000, house.open.log.signer.sign) or b"")
        findings = {one.name: one.holds for one in verify(file, policy_of(house, tmp_path))}
    assert findings["receipts"] is findings["log.entries"] is findings["log.anchored"] is True
    assert False not in findings.values()


@pytest.mark.parametrize("kind", ["patient", "study", "everything"])
def test_an_access_after_a_stop_is_found_in_each_kind_that_it_belongs_to(
    told: Template, tmp_path: Path, kind: str
) -> None:
    """An operator who goes on reading, and whose log is signed all the same."""
    with House.copied(told, tmp_path / "home") as house:
        subject = house.people[AGREED - 3]
        entry = next(one for one in house.open.book.entries(subject) if one.terms.study.id == "kidneys")
        house.stop(subject)
        now, categories = int(house.clock().timestamp()), ("demographics", "outcomes")
        ignoring = Entry(
            now, "study:kidneys", Action.READ, PERMIT, subject, "kidneys", "train", categories, consent=entry.id
        )
        with house.open.store.begin() as unit:
            [placed] = house.open.log.append(unit, [ignoring])
        scopes = {"patient": Scope.patient(subject), "study": Scope.study("kidneys"), "everything": Scope.everything()}
        [wrong] = unsound(house, tmp_path, scopes[kind])
        assert wrong.startswith(f"access.stopped: entry {placed.index} ")
