"""Bundles take no more memory for a longer log."""

import tracemalloc
from pathlib import Path

import pytest

from consent.domain.entry import Action, Entry
from consent.services.bundles.making import Bundles, Wanted
from consent.services.bundles.scopes import Scope
from tests.services.bundles.lives import bundles_of
from tests.services.house import House, Template

FEW, MANY = 4000, 24_000
ALLOWED = 300_000
"""Bytes by which two measurements of the same may differ; the entries alone are four million."""


def grown(house: House, entries: int) -> int:
    """Write so many refusals of one person's records into the log; return the size of the signed log."""
    refusal = Entry(1_800_000_000, "study:kidneys", Action.READ, "NO_GRANT", house.people[0], "kidneys", "train")
    with house.open.store.begin() as unit:
        house.open.log.append(unit, [refusal] * entries)
    with house.open.store.begin() as unit:
        house.open.log.checkpoint(unit)
        return unit.log.size()


def peak(bundles: Bundles, wanted: Wanted, file: Path) -> int:
    """Return how many bytes making a bundle took at most, of those that Python counts."""
    with file.open("w+b") as opened:
        tracemalloc.start()
        try:
            bundles.write(wanted, opened, "operator")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.sqlite_only
@pytest.mark.parametrize("kind", ["everything", "study", "patient"])
def test_six_times_as_many_entries_take_as_much_memory(template: Template, tmp_path: Path, kind: str) -> None:
    peaks = []
    for place, entries in enumerate((FEW, MANY)):
        with House.copied(template, tmp_path / f"home-{place}") as house:
            size, bundles = grown(house, entries), bundles_of(house)
            scopes = {
                "everything": Scope.everything(),
                "study": Scope.study("kidneys"),
                "patient": Scope.patient(house.people[0]),
            }
            peak(bundles, Wanted(Scope.period(0, 9), at=size), tmp_path / "first.zip")  # what is loaded once
            peaks.append(peak(bundles, Wanted(scopes[kind], at=size), tmp_path / "bundle.zip"))
    assert peaks[1] < peaks[0] + ALLOWED
