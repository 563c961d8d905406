"""Two processes on one installation: what one acknowledged, the other goes by at its next decision."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from consent.services.granting import UnknownPatientError
from tests.services.house import House, Template
from vault import KeyNotFoundError


@dataclass(frozen=True, slots=True)
class Pair:
    """The process that runs the ledger, and one beside it; neither tells the other anything."""

    ledger: House
    beside: House


@pytest.fixture
def pair(template: Template, tmp_path: Path) -> Iterator[Pair]:
    """Open one installation twice."""
    home = tmp_path / "home"
    with House.copied(template, home) as house, House.without_ledger(home, template.wallets) as beside:
        yield Pair(house, beside)


@pytest.fixture(params=["beside the ledger's process", "in the ledger's process"])
def acting(request: pytest.FixtureRequest, pair: Pair) -> tuple[House, House]:
    """The process that acts, and the one that looks."""
    there, here = pair.ledger, pair.beside
    return (here, there) if request.param.startswith("beside") else (there, here)


def publish(pair: Pair) -> int:
    return sum(batch.items for batch in pair.ledger.open.relayer.publish(pair.ledger.clock))


def test_a_grant_taken_in_one_process_is_known_to_the_other_at_once(pair: Pair, acting: tuple[House, House]) -> None:
    here, there = acting
    pair.ledger.follow()
    subject = here.people[0]
    assert there.verdict(subject) == "NO_GRANT"
    here.grant(subject)
    assert there.verdict(subject) == "NOT_FINAL"
    assert publish(pair) == 1
    assert [house.verdict(subject) for house in (here, there)] == ["PERMIT"] * 2


def test_a_stop_in_one_process_refuses_in_the_other_at_its_next_decision(
    pair: Pair, acting: tuple[House, House]
) -> None:
    here, there = acting
    subject = here.people[0]
    here.grant(subject)
    publish(pair)
    assert there.verdict(subject) == "PERMIT"
    here.stop(subject)
    assert there.verdict(subject) == "STOPPED"
    assert publish(pair) == 1
    assert there.verdict(subject) == "STOPPED"


def test_a_stop_is_known_even_when_another_consent_could_not_be_opened_at_that_moment(pair: Pair) -> None:
    """The epoch's key is away while there is news: the stop among it must not be passed over for good."""
    here, there = pair.ledger, pair.beside
    subject, other, erased = here.people[:3]
    here.grant(subject)
    here.grant(erased)
    publish(pair)
    assert there.verdict(subject) == "PERMIT"
    here.erase(erased)
    here.grant(other)
    here.stop(subject)
    replicas = there.settings.replicas
    for replica in replicas:
        replica.rename(replica.with_suffix(".away"))
    with pytest.raises(Exception, match=r"(?i)epoch|replica"):
        there.verdict(subject)
    for replica in replicas:
        shutil.move(replica.with_suffix(".away"), replica)
    assert there.verdict(subject) == "STOPPED"
    publish(pair)
    assert [there.verdict(person) for person in (subject, other, erased)] == ["STOPPED", "PERMIT", "BLOCKED"]


def test_an_erasure_in_one_process_is_followed_by_the_other(pair: Pair, acting: tuple[House, House]) -> None:
    here, there = acting
    subject, other, newcomer = here.people[:3]
    here.grant(subject, other)
    publish(pair)
    sealed = there.open.vault.seal(subject, "note", b"a word")
    assert there.verdict(subject) == "PERMIT"
    here.open.erasures.request(here.ask(subject))
    assert there.verdict(subject) == "BLOCKED"
    assert publish(pair) == 1
    pair.ledger.anchor()
    pair.ledger.open.keep_house()
    assert [there.verdict(person) for person in (subject, other)] == ["BLOCKED", "PERMIT"]
    with pytest.raises(KeyNotFoundError):
        there.open.vault.unseal(subject, "note", sealed)
    with pytest.raises(UnknownPatientError):
        there.grant(subject)
    there.grant(newcomer)
    assert here.verdict(newcomer) == "NOT_FINAL", "sealed in the epoch that lives"
    assert publish(pair) == 1
    assert [house.verdict(newcomer) for house in (here, there)] == ["PERMIT"] * 2
