"""Whatever happens: each opening of somebody's records is exactly one line of their Activity."""

import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analytics.cohort import CohortQuery
from consent.domain.subject_request import RequestAction
from consent.domain.terms import Category, SubjectId
from consent.services.access import BlockedPersonError
from consent.services.granting import UnknownPatientError
from consent.services.portal.activity import Line, LineKind
from consent.services.received import Attachment
from consent.services.studies.count_budget import CountRefusedError
from consent.services.studies.predicting import LABEL as PREDICTION
from consent.services.studies.requesters import Themselves, Treating
from consent.services.studies.serving import ModelRefusedError, PredictionRefusedError
from consent.services.studies.training import TrainingError
from tests.services.house import DICTIONARY, INDEX, PARAMETERS, STUDY, House, Template, identifier_of, received
from tests.services.portal.patients import Portal
from tests.services.portal.test_activity import ACCESS, lines
from tests.services.served import BEDSIDE, built, predict
from tests.web import site
from vault import Access, Part, Vault

USES: Final = {LineKind.OPENED, LineKind.PREDICTED}


@pytest.fixture(scope="module")
def served(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Fifty people allow training and predictions, and the first release is ACTIVE."""
    return built(template, tmp_path_factory.mktemp("served") / "home")


@dataclass
class Openings:
    """Counts, apart from the product, whose records the vault hands out: once for each call and person."""

    of: Counter[str] = field(default_factory=Counter)
    under: Access | None = None

    def counting(self, method: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """Return a method of the vault that is counted as its stream is read."""

        def counted(*arguments: Any) -> Iterator[Any]:
            for opened in method(*arguments):
                self.of[opened.subject] += 1
                yield opened

        return counted

    def history(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that is counted each time it returns."""

        def counted(vault: Vault, connection: Any, gate: Any, access: Access, subject: str, *which: Any) -> Any:
            found = method(vault, connection, gate, access, subject, *which)
            self.of[subject] += 1
            self.under = access
            return found

        return counted

    def file(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that is counted, but for what is opened under the same access as the records before."""

        def counted(vault: Vault, connection: Any, gate: Any, access: Access, subject: str, *which: Any) -> Any:
            self.of[subject] += access is not self.under
            return method(vault, connection, gate, access, subject, *which)

        return counted

    def answer(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that is counted where it opens what a model said of somebody."""

        def counted(vault: Vault, label: str, parts: Sequence[Part]) -> Any:
            self.of.update(part.subject for part in parts if label == PREDICTION)
            return method(vault, label, parts)

        return counted


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> Openings:
    found = Openings()
    ways = {
        "_stream": found.counting,
        "_derived": found.counting,
        "history": found.history,
        "read_record": found.history,
    }
    ways |= {"read_attachment": found.file, "unseal_all": found.answer}
    for name, way in ways.items():
        monkeypatch.setattr(Vault, name, way(getattr(Vault, name)))
    return found


def opened(told: Sequence[Line]) -> int:
    return sum(line.kind in {LineKind.OPENED, LineKind.LOOKED} for line in told)


def opened_lines(portal: Portal, subject: SubjectId) -> int:
    return opened(lines(portal, subject))


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 20))])
def test_whatever_happens_each_opening_of_somebodys_records_is_exactly_one_line(
    served: Template, tmp_path: Path, openings: Openings, seed: int
) -> None:
    draw = Random(seed)
    with House.copied(served, tmp_path / "home") as house:
        portal = Portal.of(house)
        before = {subject: lines(portal, subject) for subject in house.people}
        acts = list(ACTS) * 3
        draw.shuffle(acts)
        for act in acts:
            ACTS[act](house, draw)
        told = {subject: lines(portal, subject) for subject in house.people}
        new = {subject: opened(told[subject]) - opened(before[subject]) for subject in house.people}
        assert new == {subject: openings.of[subject] for subject in house.people}
        assert all(told[subject][-len(before[subject]) :] == before[subject] for subject in house.people)
        assert sum(new.values()) > 100
        assert house.open.book.blocked


def in_any_row(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test with so many rows of acts; none is made smaller: the first act that fails is told as it is."""
    drawn = given(
        acts=st.lists(st.deferred(lambda: st.sampled_from(list(ACTS))), min_size=2, max_size=8),
        seed=st.integers(0, 2**32),
    )
    allowed = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    phases = [Phase.explicit, Phase.generate]
    quiet = settings(max_examples=examples, deadline=None, phases=phases, suppress_health_check=allowed)
    return lambda test: quiet(drawn(test))


def keep_count(house: House, openings: Openings, acts: Sequence[str], draw: Random) -> None:
    """Do the acts; after each, as many lines must have come as openings, for everybody, and none of the blocked."""
    portal = Portal.of(house)
    for act in acts:
        before = {subject: opened_lines(portal, subject) for subject in house.people}
        blocked = set(house.open.book.blocked)
        openings.of.clear()
        ACTS[act](house, draw)
        told = {subject: opened_lines(portal, subject) - before[subject] for subject in house.people}
        assert told == {subject: openings.of[subject] for subject in house.people}, act
        assert not blocked & openings.of.keys(), act


def keep_count_in_a_copy(served: Template, folder: Path, openings: Openings, acts: Sequence[str], seed: int) -> None:
    """Keep count in a house of the example's own."""
    with House.copied(served, folder / secrets.token_hex(8)) as house:
        keep_count(house, openings, acts, Random(seed))


@pytest.mark.sqlite_only
@in_any_row(examples=4)
def test_after_each_act_there_are_as_many_new_lines_as_openings(
    served: Template, tmp_path: Path, openings: Openings, acts: list[str], seed: int
) -> None:
    keep_count_in_a_copy(served, tmp_path, openings, acts, seed)


@pytest.mark.soak
@pytest.mark.sqlite_only
@in_any_row(examples=60)
def test_after_each_of_many_acts_there_are_as_many_new_lines_as_openings(
    served: Template, tmp_path: Path, openings: Openings, acts: list[str], seed: int
) -> None:
    keep_count_in_a_copy(served, tmp_path, openings, acts, seed)


NOTHING: Final = (PredictionRefusedError, ModelRefusedError, UnknownPatientError, BlockedPersonError)
"""What those say who give nothing out."""


def some(house: House, draw: Random, most: int = 5) -> list[SubjectId]:
    return draw.sample(house.people, draw.randint(1, most))


def living(house: House, draw: Random, most: int = 5) -> list[SubjectId]:
    return [subject for subject in some(house, draw, most) if subject not in house.open.book.blocked]


def read(house: House, draw: Random) -> None:
    """A study reads some people's records, whoever of them allowed it."""
    with house.open.store.reading() as unit:
        list(house.open.vault.read(unit.connection, house.gate(), ACCESS, some(house, draw, 20)))


def train(house: House, draw: Random) -> None:
    with suppress(TrainingError):
        house.open.training.train(BEDSIDE, DICTIONARY, replace(PARAMETERS, rounds=draw.randint(2, 9)))
    house.publish()


def ask(house: House, draw: Random) -> None:
    for subject in some(house, draw):
        with suppress(*NOTHING):
            predict(house, subject, Themselves() if draw.random() < 0.5 else Treating("ward-3"))


def count(house: House, draw: Random) -> None:
    house.open.preferences.prefer(living(house, draw, 30), house.clock(), counted=True)
    with suppress(CountRefusedError):
        house.open.counting.count(STUDY.reference.id, CohortQuery.everyone(INDEX))


def own(house: House, draw: Random) -> None:
    """A copy of everything for some people, files and all; a file of some of them came in just before."""
    for subject in some(house, draw):
        if draw.random() < 0.5 and subject not in house.open.book.blocked:
            attached(house, draw, subject)
        with suppress(BlockedPersonError):
            list(house.open.own_records.bundle(house.ask(subject, RequestAction.ACCESS)))


def attach(house: House, draw: Random) -> None:
    for subject in living(house, draw):
        attached(house, draw, subject)


def attached(house: House, draw: Random, subject: SubjectId) -> None:
    scan = Attachment(f"scan-{draw.randint(1, 3)}", Category.IMAGING, "application/dicom", "A scan")
    content = [draw.randbytes(draw.choice([0, 1, 4096]))]
    house.open.records.attach(identifier_of(house.people.index(subject)), scan, content, house.clock())


def look(house: House, draw: Random) -> None:
    """Somebody reads their records in the portal: kinds, and one of each kind."""
    with site.served(house) as served:
        for subject in some(house, draw, 2):
            browser = served.signed_in(subject)
            browser.get("/records")
            for kind in draw.sample(list(Category), 3):
                found = re.findall(rf'href="(/records/{kind}/[^"]+)"', browser.get(f"/records/{kind}").text)
                for path in draw.sample(found, min(1, len(found))):
                    browser.get(path)
                browser.get(f"/records/{kind}/no-such-record")


def risk(house: House, draw: Random) -> None:
    """Somebody asks for their own risk, and looks at the answer again."""
    room = Portal.of(house).room
    for subject in some(house, draw):
        given = [one for one in room.overview.running(subject, house.clock()).given if one.study == BEDSIDE]
        with suppress(*NOTHING):
            for one in given:
                index = room.risk.ask(subject, one, house.clock()).index
                room.risk.answer(subject, one, index - draw.randint(0, 1), house.clock())


def erase(house: House, draw: Random) -> None:
    """Somebody asks to be erased; the next time the ledger is looked after, all who asked before are."""
    for subject in living(house, draw, 2):
        house.open.erasures.request(house.ask(subject))
    if draw.random() < 0.5:
        house.anchor()
        house.open.keep_house()


def give(house: House, draw: Random) -> None:
    if subjects := living(house, draw):
        house.grant(*subjects)
    house.publish()


def stop(house: House, draw: Random) -> None:
    for subject in living(house, draw):
        house.stop(subject)


def bring(house: House, draw: Random) -> None:
    house.open.records.deposit(received(draw.randint(0, 59), creatinine=draw.uniform(0.5, 9)), house.clock())


ACTS: Final[dict[str, Callable[[House, Random], None]]] = {
    "read": read,
    "train": train,
    "ask": ask,
    "count": count,
    "own": own,
    "attach": attach,
    "look": look,
    "risk": risk,
    "give": give,
    "stop": stop,
    "bring": bring,
    "erase": erase,
}
