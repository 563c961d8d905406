"""Everyone sees the chain: from the order and time of its events nobody learns which addresses are one person's.

A person's stops of one moment go out in slots of their own, drawn at random from a window. Say that the attacker even
knows the moment, and so the window, and how many consents each person stops. Over it other people's stops come evenly.
Then every event is as likely in one slot as in another; all that is known is how many events each batch holds, and that
none holds two of one person. Of a person with k events among batches of n1, n2 … events, all choices of k events in
different batches are alike, and there are e_k(n1, n2, …) of them, the elementary symmetric polynomial. So a named pair,
in batches b and c, is theirs with probability

    e_(k-2)(all batches but b and c) / e_k(all batches)

and one person's with the sum of that over the people. No rule of time and order does better than these chances of the
pairs that it names: more hits than their sum, and five standard deviations, means that something leaks. They are not
all alike: two events that are alone in their batches belong together more often than two in a crowd.
"""

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import combinations, permutations

import pytest

from consent.domain.history import Revoked
from consent.domain.publication import SLOT_SECONDS
from consent.domain.terms import SubjectId
from consent.ports import Errand
from tests.fake_ledger import FakeLedger
from tests.services.house import House, Template
from tests.services.node_house import restarted

WINDOW = 6 * 3600
OTHERS = 200
CONSENTS = range(2, 11)
"""How many consents each person has who stops everything."""
SIGMAS = 5
FEW = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """One event as the chain shows it, and whose it is, which it does not show: `batch` counts blocks with events."""

    batch: int
    position: int
    time: int
    owner: SubjectId


Pair = tuple[Seen, Seen]
Attack = Callable[[Sequence[Seen]], Iterator[Pair]]


# --------------------------------------------------------------------------------------------------------- attacks


def nearest_in_time(events: Sequence[Seen]) -> Iterator[Pair]:
    """Take each event with the one nearest to it in time, in another batch."""
    for event in events:
        others = [other for other in events if other.batch != event.batch]
        yield event, min(others, key=lambda other: abs(other.time - event.time))


def same_or_next_batch(events: Sequence[Seen]) -> Iterator[Pair]:
    """Take all pairs in one batch, and in two that follow each other."""
    return ((one, other) for one, other in combinations(events, 2) if abs(one.batch - other.batch) <= 1)


def same_position(events: Sequence[Seen]) -> Iterator[Pair]:
    """Take all pairs at the same place of two batches that follow each other."""
    near = ((one, other) for one, other in combinations(events, 2) if abs(one.batch - other.batch) == 1)
    return ((one, other) for one, other in near if one.position == other.position)


def next_batch(events: Sequence[Seen]) -> Iterator[Pair]:
    """Take the pairs in batches that follow each other, knowing that a batch never holds two of one person."""
    return ((one, other) for one, other in combinations(events, 2) if abs(one.batch - other.batch) == 1)


def loneliest(events: Sequence[Seen]) -> Iterator[Pair]:
    """Take all pairs in two batches of at most two events, where a person stands out most."""
    size = Counter(event.batch for event in events)
    alone = [event for event in events if size[event.batch] <= FEW]
    return ((one, other) for one, other in combinations(alone, 2) if one.batch != other.batch)


ATTACKS: dict[str, Attack] = {
    "loneliest batches": loneliest,
    "nearest in time": nearest_in_time,
    "same or next batch": same_or_next_batch,
    "same position": same_position,
    "next batch, never the same": next_batch,
}


# ------------------------------------------------------------------------------------------------------ what happens


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Two hundred people with one consent at a time, and nine with two to ten, over a ledger in memory."""
    home = tmp_path_factory.mktemp("crowd")
    template = Template.built(home / "template", range(OTHERS + len(CONSENTS)))
    with House.copied(template, home / "home") as house:
        keys = house.open.ledger._held_keys()  # type: ignore[attr-defined]  # a chain's own
        house.open = restarted(house.open, FakeLedger(keys, lambda: int(house.clock().timestamp())))
        house.open.follower.rebuild()
        yield house


def at(house: House, second: float) -> None:
    house.clock.ahead = timedelta(seconds=second - time.time())


def consent_anew(house: House) -> dict[SubjectId, int]:
    """Let everybody consent; return how many consents each has. They are not published here."""
    each = dict.fromkeys(house.people[:OTHERS], 1)
    each |= dict(zip(house.people[OTHERS:], CONSENTS, strict=True))
    signed = [house.signed(s) for s, many in each.items() for _ in range(many)]
    house.open.granting.accept(signed, house.clock())
    with house.open.store.begin() as unit:
        house.open.outbox.on(unit).remove(Errand.GRANT, [(one.patient, one.details.commitment) for one in signed])
    return each


def stop_everything(house: House, subject: SubjectId, window: int) -> None:
    running = [entry.id for entry in house.open.book.entries(subject) if not entry.stopped]
    replace(house.open.granting, publication_window=window).stop(subject, running, house.clock())


def watched(house: House, window: int, turn: int, rng: random.Random) -> list[Seen]:
    """Let single stops come evenly over twelve hours and nine people stop all in their middle; return what is seen.

    The events are those of the six hours after that moment.
    """
    begun = int(time.time()) // SLOT_SECONDS * SLOT_SECONDS + (turn + 1) * 48 * 3600
    at(house, begun)
    each, middle = consent_anew(house), begun + WINDOW
    moments = {s: (middle + rng.random() * SLOT_SECONDS if many > 1 else begun + rng.random() * 2 * WINDOW) for s, many in each.items()}  # fmt: skip  # noqa: E501
    waiting = sorted(moments, key=lambda subject: moments[subject], reverse=True)
    for slot in range(begun + SLOT_SECONDS, begun + 3 * WINDOW + 2 * SLOT_SECONDS, SLOT_SECONDS):
        while waiting and moments[waiting[-1]] < slot:
            subject = waiting.pop()
            at(house, moments[subject])
            stop_everything(house, subject, window)
        at(house, slot + 1)
        house.open.relayer.publish(house.clock)
    return list(seen(house, middle, middle + WINDOW + SLOT_SECONDS))


def seen(house: House, after: int, until: int) -> Iterator[Seen]:
    """Yield what the chain shows of the time between two seconds."""
    owners = {entry.commitment: subject for subject in house.people for entry in house.open.book.entries(subject)}
    ledger = house.open.ledger
    events = [event for event in ledger.events(0, ledger.head().number) if after < event.time < until]
    places = {block: place for place, block in enumerate(sorted({event.block for event in events}))}
    filled = dict.fromkeys(places, 0)
    for event in events:
        assert isinstance(event, Revoked)
        yield Seen(places[event.block], filled[event.block], event.time, owners[event.commitment])
        filled[event.block] += 1


@dataclass(slots=True)
class Score:
    """How often an attack was right, and how often chance would be."""

    guesses: int = 0
    hits: int = 0
    expected: float = 0.0

    def add(self, pairs: Sequence[Pair], chances: Mapping[tuple[int, int], float]) -> None:
        """Count guesses of one turn; `chances` are those of a pair in two batches, and nothing for two in one."""
        self.guesses += len(pairs)
        self.hits += sum(one.owner == other.owner for one, other in pairs)
        self.expected += sum(chances.get((one.batch, other.batch), 0) for one, other in pairs)

    @property
    def most(self) -> float:
        """The most hits that chance explains."""
        return self.expected + SIGMAS * math.sqrt(max(self.expected, 1))


def chances_of(events: Sequence[Seen]) -> dict[tuple[int, int], float]:
    """Return the probability that two events in two batches are one person's, from the batches' sizes alone."""
    sizes = Counter(event.batch for event in events)
    whole = _symmetric(sizes.values())
    return {
        (b, c): sum(rest[many - 2] / whole[many] for many in CONSENTS)
        for b, c in permutations(sizes, 2)
        if (rest := _symmetric(size for batch, size in sizes.items() if batch not in {b, c}))
    }


def _symmetric(sizes: Iterable[int]) -> list[int]:
    """Return the elementary symmetric polynomials of the sizes, of degree 0 to that of the most consents."""
    found = [1] + [0] * max(CONSENTS)
    for size in sizes:
        for degree in range(max(CONSENTS), 0, -1):
            found[degree] += size * found[degree - 1]
    return found


def scores(house: House, window: int, turns: range) -> dict[str, Score]:
    rng, found = random.Random(), {name: Score() for name in ATTACKS}
    for turn in turns:
        events = watched(house, window, turn, rng)
        pairs = list(combinations(events, 2))
        own = [pair for pair in pairs if pair[0].owner == pair[1].owner]
        assert len(own) == sum(math.comb(many, 2) for many in CONSENTS), "all were published in their window"
        assert all(one.batch != other.batch for one, other in own), "no batch holds two of one person"
        chances = chances_of(events)
        for name, attack in ATTACKS.items():
            found[name].add(list(attack(events)), chances)
    return found


def told(found: dict[str, Score]) -> str:
    return "; ".join(f"{name}: {s.hits} of {s.guesses}, by chance {s.expected:.1f}" for name, s in found.items())


@pytest.mark.parametrize("turns", [3, pytest.param(40, marks=pytest.mark.soak)])
def test_nobody_learns_whose_addresses_belong_together(crowd: House, turns: int) -> None:
    found = scores(crowd, WINDOW, range(turns))
    for name, score in found.items():
        assert score.hits <= score.most, f"{name} leaks ({told(found)})"


def test_without_spreading_everybody_would(crowd: House) -> None:
    """The test above can fail: where nothing waits, a person's stops follow each other."""
    found = scores(crowd, 0, range(100, 102))
    for name in ("same or next batch", "next batch, never the same"):
        assert found[name].hits > found[name].most, told(found)
