"""SIGKILL between any two durable acts of an erasure and of a turn: it finishes or has not begun, and nobody else pays.

The process that erases runs the ledger, as `consentry ledger` does, and kills itself just before its n-th act. A fresh
process opens what is left, finds that its parts agree, and sees the erasure through when asked.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from consent.demo.wallets import Wallet
from consent.domain.request_file import RequestFile
from consent.domain.terms import SubjectId
from tests.databases import KINDS, Kind, copy_databases, remove_home
from tests.journeys.dying import Fate, acts_of, killed
from tests.journeys.surviving import (
    Records,
    assert_all_agree,
    assert_gone,
    built,
    contents,
    finish,
    is_final,
    opened,
    states,
)
from tests.services.house import House

PEOPLE = range(6)
A_FEW = {"sqlite": 12, "postgresql": 5}
FORKING = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@dataclass(frozen=True, slots=True)
class Hospital:
    """A closed installation: three people consented on chain, one of whom consents anew; and how they ask for erasure.

    Attributes:
        home: to make copies of.
        wallets: of everyone; the first one is who is erased.
        records: what everyone's records hold.
        request: the first one's.
    """

    home: Path
    wallets: dict[SubjectId, Wallet]
    records: Records
    request: RequestFile

    @property
    def subject(self) -> SubjectId:
        """Who is erased."""
        return next(iter(self.wallets))

    @property
    def others(self) -> list[SubjectId]:
        """Everybody else."""
        return list(self.wallets)[1:]

    def copy(self, home: Path) -> Path:
        """Make a copy, databases and all."""
        shutil.copytree(self.home, home)
        copy_databases(self.home, home)
        return home

    def erase(self, fate: Fate, home: Path) -> None:
        """Erase the first person in a process that counts what it does, until it has closed the installation."""
        with pytest.MonkeyPatch.context() as patch, opened(home, self.wallets) as house:
            fate.watch(patch)
            house.open.erasures.request(self.request)
            house.anchor()
            house.open.keep_house()
            assert is_final(house, self.subject)

    def turn(self, fate: Fate, home: Path) -> None:
        """Turn the epoch for its own sake."""
        with pytest.MonkeyPatch.context() as patch, opened(home, self.wallets) as house:
            fate.watch(patch)
            house.turn_epoch()

    def open_again(self, fate: Fate, home: Path) -> None:
        """Open what a crash left, and die in that too."""
        with pytest.MonkeyPatch.context() as patch:
            fate.watch(patch)
            with opened(home, self.wallets) as house:
                finish(house, self.subject, self.request)


Run = Callable[[Fate, Path], None]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """On which databases."""
    chosen: Kind = request.param
    return chosen


@pytest.fixture(scope="module")
def hospital(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """Build the installation."""
    home = tmp_path_factory.mktemp("hospital") / "home"
    template = built(home, PEOPLE, kind)
    with opened(home, template.wallets) as house:
        house.grant(*house.people[:3])
        house.publish()
        house.grant(house.people[0])
        request, records = house.ask(house.people[0]), contents(house, house.people)
    assert all(len(of_one) == 3 for of_one in records.values())
    yield Hospital(home, template.wallets, records, request)
    remove_home(home)


def check_what_is_left(hospital: Hospital, home: Path) -> list[str]:
    """Open, check, finish, open again and check; return the states that the erasure had reached at first."""
    subject = hospital.subject
    with opened(home, hospital.wallets) as house:
        reached = states(house, subject)
        assert_all_agree(house)
        assert contents(house, hospital.others) == {other: hospital.records[other] for other in hospital.others}
        assert [house.verdict(other) for other in hospital.others[:2]] == ["PERMIT"] * 2
        assert (house.verdict(subject) == "BLOCKED") == bool(reached)
        if "KEY_DELETED" not in reached:
            assert contents(house, [subject]) == {subject: hospital.records[subject]}
        finish(house, subject, hospital.request)
    with opened(home, hospital.wallets) as house:
        assert not house.open.replayed
        assert_all_agree(house)
        assert_gone(house, subject, PEOPLE[0])
        assert contents(house, hospital.others) == {other: hospital.records[other] for other in hospital.others}
        assert house.open.keys.subjects() == sorted(hospital.others)
        assert house.state().outbox == 0
    return reached


def kill_at_each(hospital: Hospital, folder: Path, run: Run, dies_at: range) -> list[list[str]]:
    """Kill a run at these acts, each time from a fresh copy; return what the erasures had reached."""
    reached = []
    for act in dies_at:
        home = hospital.copy(folder / f"{act}")
        assert killed(lambda fate, home=home: run(fate, home), act), f"there is no act {act}"  # type: ignore[misc]
        reached.append(check_what_is_left(hospital, home))
        remove_home(home)
    return reached


def number_of_acts(hospital: Hospital, folder: Path, run: Run) -> int:
    """Let a run live, and count what it does."""
    home = hospital.copy(folder / "lives")
    acts = acts_of(lambda fate: run(fate, home), folder / "acts")
    assert {"commit", "fsync"} <= set(acts)
    remove_home(home)
    return len(acts)


@FORKING
def test_a_kill_anywhere_in_an_erasure_leaves_one_that_finishes_or_has_not_begun(
    hospital: Hospital, kind: Kind, tmp_path: Path
) -> None:
    acts = number_of_acts(hospital, tmp_path, hospital.erase)
    assert acts > 50
    reached = kill_at_each(hospital, tmp_path, hospital.erase, range(1, acts + 1, acts // (A_FEW[kind] - 1)))
    assert [] in reached
    assert sorted(reached, key=len) == reached


@FORKING
def test_a_kill_anywhere_in_a_turn_leaves_one_epoch(hospital: Hospital, kind: Kind, tmp_path: Path) -> None:
    acts = number_of_acts(hospital, tmp_path, hospital.turn)
    assert acts > 20
    kill_at_each(hospital, tmp_path, hospital.turn, range(2, acts + 1, acts // (A_FEW[kind] // 2)))


@pytest.mark.soak
@FORKING
@pytest.mark.parametrize("what", ["erase", "turn"])
def test_so_it_is_at_every_single_act(hospital: Hospital, tmp_path: Path, what: str) -> None:
    run: Run = getattr(hospital, what)
    kill_at_each(hospital, tmp_path, run, range(1, number_of_acts(hospital, tmp_path, run) + 1))


@pytest.mark.soak
@FORKING
def test_so_it_is_when_whoever_opens_what_is_left_is_killed_too(hospital: Hospital, tmp_path: Path) -> None:
    acts = number_of_acts(hospital, tmp_path, hospital.erase)
    for first in range(1, acts + 1, 5):
        home = hospital.copy(tmp_path / f"{first}")
        assert killed(lambda fate, home=home: hospital.erase(fate, home), first)  # type: ignore[misc]
        for second in range(1 + first % 3, 60, 9):
            if not killed(lambda fate, home=home: hospital.open_again(fate, home), second):  # type: ignore[misc]
                break
        check_what_is_left(hospital, home)
        remove_home(home)


def test_the_checks_notice_a_record_that_is_lost(hospital: Hospital, tmp_path: Path) -> None:
    """The tests above can fail."""
    home = hospital.copy(tmp_path / "home")
    with opened(home, hospital.wallets) as house:
        _lose(house, hospital.others[0])
    with pytest.raises(AssertionError):
        check_what_is_left(hospital, home)
    remove_home(home)


def _lose(house: House, subject: SubjectId) -> None:
    with house.open.store.begin() as unit:
        unit.connection.exec_driver_sql(f"DELETE FROM vault_records WHERE subject = '{subject}'")  # noqa: S608  # ours
