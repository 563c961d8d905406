"""No training set ever holds a row that was refused, whatever happens before, between and during trainings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analytics import row_hash
from consent.domain.terms import SubjectId, month_end_after
from consent.ports import Revocations
from consent.services.studies.training import Trained, TrainingError
from tests.anvil import Anvil
from tests.journeys.training_sets import LIMITS, Expectation, exactly, found
from tests.services.house import DICTIONARY, PARAMETERS, STUDY, House, Template, received
from tests.services.node_house import NodeHouse

CONFIRMATIONS: Final = 5

someone = st.integers(0, 59)
acts = st.one_of(
    st.tuples(st.just("grant"), someone, st.sampled_from(LIMITS), st.sampled_from([1, 2, 12])),
    st.tuples(st.just("stop"), someone),
    st.tuples(st.just("revoke"), someone),
    st.tuples(st.just("erase"), someone),
    st.tuples(st.just("measure"), someone, st.sampled_from([0.7, 1.9, 4.2])),
    st.tuples(st.just("months"), st.integers(1, 3)),
    st.tuples(st.just("read")),
)  # fmt: skip


class Journey:
    """A hospital, and what its training set must be."""

    def __init__(self, house: House) -> None:
        self.house, self.knows = house, Expectation.of(house)

    def act(self, kind: str, *with_: object) -> None:
        """Let something happen, on the chain too, and compare what a training would read."""
        getattr(self, kind)(*with_)
        self.house.publish()
        self.compare()

    def grant(self, number: int, limits: dict[str, object], months: int) -> None:
        """Let somebody sign terms of their own."""
        person = self.person(number)
        if person not in self.knows.blocked:
            expires = month_end_after(self.house.clock(), months)
            self.house.grant(person, expires=expires, **limits)

    def stop(self, number: int) -> None:
        """Let somebody stop all that they ever signed."""
        person = self.person(number)
        if person not in self.knows.blocked:
            self.knows.stopped |= {entry.commitment for entry in self.house.open.book.entries(person)}
            self.house.stop(person)

    def revoke(self, number: int) -> None:
        """Let somebody relay the patient's own revocation past this installation."""
        person = self.person(number)
        entries = self.house.open.book.entries(person)
        if entries:
            own = self.house.wallets[person].revoke(entries[0].commitment, self.house.open.domain)
            self.house.open.ledger.send(Revocations([own]))

    def erase(self, number: int) -> None:
        """Let somebody ask to be erased."""
        person = self.person(number)
        if person not in self.knows.blocked:
            self.knows.blocked.add(person)
            self.house.open.erasures.request(self.house.ask(person))

    def measure(self, number: int, level: float) -> None:
        """Let a measurement be corrected: a row that was kept is one of yesterday's."""
        person = self.person(number)
        if person not in self.knows.blocked:
            self.knows.levels[person] = level
            self.house.open.records.deposit(received(number, creatinine=level), self.house.clock())

    def months(self, number: int) -> None:
        """Let time pass, and consents run out."""
        self.house.clock.ahead += timedelta(days=31 * number)

    def read(self) -> None:
        """Do nothing but read."""

    def person(self, number: int) -> SubjectId:
        """Return who has this number."""
        return self.house.people[number % len(self.house.people)]

    def compare(self) -> None:
        """Compare what would be read now, and see that a stale ledger is read by nobody."""
        read = self.house.open.training.read(STUDY, DICTIONARY)
        expected = exactly(self.knows.rows(self.house, self.house.clock()))
        assert found(read.rows) == expected
        stale = replace(self.house.open.training, follow=lambda _: None)
        ahead, self.house.clock.ahead = self.house.clock.ahead, self.house.clock.ahead + timedelta(seconds=500)
        assert not stale.read(STUDY, DICTIONARY).rows, "and nobody is read on a ledger that was not"
        self.house.clock.ahead = ahead

    def train(self, meanwhile: int) -> None:
        """Train for good while somebody stops, and compare what the release answers for."""
        left = iter([meanwhile])

        def report(stage: str) -> None:
            if stage == "checking":
                for number in left:
                    self.stop(number)

        try:
            trained = self.house.open.training.train("kidneys", DICTIONARY, PARAMETERS, report=report)
        except TrainingError:
            return
        self.require_answers_for_exactly_those(trained)

    def require_answers_for_exactly_those(self, trained: Trained) -> None:
        """Compare rows, openings and manifest with what they must be."""
        expected = self.knows.rows(self.house, self.house.clock())
        assert found(trained.rows) == exactly(expected)
        openings = self.house.open.evidence.of_release(trained.stored).openings.values()
        vault = self.house.open.vault
        assert {(o.commitment, o.row) for o in openings if o} == {
            (commitment, vault.mac(subject, row_hash(row))) for subject, (commitment, row) in expected.items()
        }
        assert trained.manifest.rows == len(expected) == len(openings)


@contextmanager
def journey(template: Template) -> Iterator[Journey]:
    """Give a journey of its own copy."""
    with TemporaryDirectory() as folder, House.copied(template, Path(folder) / "home") as house:
        yield Journey(house)


def travel(template: Template, happened: list[tuple[object, ...]], meanwhile: int) -> None:
    with journey(template) as going:
        for kind, *with_ in happened:
            going.act(str(kind), *with_)
        going.train(meanwhile)


paths = given(happened=st.lists(acts, min_size=4, max_size=14), meanwhile=someone)
quiet = partial(
    settings,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.generate],  # a failure is not made smaller: each run of one takes seconds
)


@quiet(max_examples=4)
@paths
def test_a_training_set_is_exactly_those_who_consent(
    consenting: Template, happened: list[tuple[object, ...]], meanwhile: int
) -> None:
    travel(consenting, happened, meanwhile)


@pytest.mark.soak
@quiet(max_examples=300)
@paths
def test_a_training_set_is_exactly_those_who_consent_for_long(
    consenting: Template, happened: list[tuple[object, ...]], meanwhile: int
) -> None:
    travel(consenting, happened, meanwhile)


ways = st.one_of(
    st.tuples(st.just("grant"), st.integers(0, 7)),
    st.tuples(st.just("stop"), st.integers(0, 7)),
    st.tuples(st.just("advance"), st.integers(1, 7)),
    st.tuples(st.just("reorg"), st.integers(1, 4)),
)


def reorganise(node: Anvil, home: Path, happened: list[tuple[str, int]]) -> None:
    """Compare after each act on a chain whose newest blocks are replaced."""
    with NodeHouse.built(node, home, CONFIRMATIONS) as house:
        knows = Expectation.of(house)
        for kind, number in happened:
            match kind:
                case "grant":
                    house.grant(house.people[number])
                    house.advance()
                case "stop":
                    knows.stopped |= {entry.commitment for entry in house.open.book.entries(house.people[number])}
                    house.stop(house.people[number])
                    house.advance()
                case "advance":
                    house.advance(number)
                case _:
                    house.node.reorg(number)
                    house.later()
            read = house.open.training.read(STUDY, DICTIONARY)
            assert found(read.rows) == exactly(knows.rows(house, house.clock()))


@quiet(max_examples=4)
@given(happened=st.lists(ways, min_size=4, max_size=14))
def test_a_training_set_follows_a_chain_that_is_reorganised(
    tmp_path_factory: pytest.TempPathFactory, happened: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("reorganised")
    with Anvil(folder / "anvil") as node:
        reorganise(node, folder / "home", happened)
