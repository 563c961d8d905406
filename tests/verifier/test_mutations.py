"""Whatever is altered in a bundle is found and named, whoever altered it; what nobody can find is listed here.

One life that has everything is told in a bundle of each kind. `make test` tries 200 alterations by the operator, drawn
over all of them, and `make soak` every one.
"""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from consent.domain.checkpoint import Checkpoint
from consent.domain.hashing import canonical_json
from consent.domain.note import unverified_text
from consent.verifier.policy import Policy
from tests.verifier.asking import told
from tests.verifier.mutants import Files, Mutant, from_inside, from_outside, from_the_table
from tests.verifier.plain import HOUR
from tests.verifier.workshop import Workshop, pack

DRAWN: Final = 200
SEED: Final = 9
KINDS: Final = ("period", "part", "patient", "study", "model", "receipt")
"""`part` is a period that leaves out what came first and last."""
UNSEEN: Final = frozenset({"an entry left out", "nothing said to be served"})
"""What of an operator's alterations nobody finds in one bundle:

    an entry left out           of a patient, study or model, or of what is told besides a period: a bundle has all
                                that its log says of them by the operator's word alone. A whole period's are all there.
    nothing said to be served   of a study that was in service at the checkpoint: it may have ended since
"""
UNSEEN_IN_THE_TABLE: Final = frozenset({"made", "scope made smaller"})
"""`made` is the operator's word; whoever asks for a period sees which one the bundle is of."""
EVERYTHING: Final = frozenset({"period", "receipt"})
"""Kinds of which no entry can be left out."""


@dataclass
class Told:
    """A life, with what an auditor knows of it, and the scope of each kind of bundle.

    Attributes:
        place: in which file bundles are written.
    """

    life: Workshop
    place: Path
    scopes: dict[str, dict[str, int | str]]
    policy: Policy = field(init=False)

    def __post_init__(self) -> None:
        self.policy = self.life.policy()

    def files(self, kind: str) -> Files:
        """Return a bundle's files but its table of contents."""
        return self.life.files(_kind(kind), **self.scopes[kind])

    def contents(self, kind: str, files: Files) -> Files:
        """Return files with their table of contents, signed by the operator."""
        return self.life.contents(files, _kind(kind), **self.scopes[kind])

    def signed(self, table: Any, files: Files) -> Files:
        """Return files with another table of contents, signed by the operator."""
        content = canonical_json(table)
        return {"bundle.json": content, "bundle.sig": self.life.signature(content), **files}

    def unseen(self, files: Files, policy: Policy | None = None) -> bool:
        """Say whether nothing is found wrong with a bundle; what is found is named."""
        found = told(pack(self.place, files), policy or self.policy).values()
        failed = [finding for finding in found if finding.holds is False]
        assert all(finding.item for finding in failed)
        return not failed


def _kind(kind: str) -> str:
    return "period" if kind == "part" else kind


def _lived() -> tuple[Workshop, dict[str, dict[str, int | str]]]:
    """Let people enrol, agree, be counted, stop, change their key and be erased; have models made, used, withdrawn."""
    life = Workshop()
    life.operator("ann")
    life.operator("bob")
    ada, ben, cyd, dan, eve = (life.enrol(counted=counted) for counted in (True, None, False, None, None))
    life.approve("heart")
    life.approve("lungs")
    given = [life.grant(person, "heart") for person in (ada, ben, cyd, dan)]
    lungs = life.grant(ada, "lungs")
    life.drop(life.grant(cyd, "lungs", publish=False))
    life.tick(HOUR)
    life.prefer(eve, counted=True)
    first_of_part = len(life.entries)
    life.refuse(dan, "lungs")
    life.count(ada, "heart")
    first = life.train("heart", given)
    life.predict(given[0], first)
    life.kept.append(len(life.entries))
    life.stop(given[1])
    life.tick(HOUR)
    life.suspend(first)
    life.activate(first)
    life.erase(dan)
    life.give_own(ada)
    life.replace_key(cyd)
    second = life.train("heart", [given[0], given[2]])
    life.predict(given[2], second)
    life.retire(life.train("lungs", [lungs]))
    life.train("lungs", [lungs])
    last_of_part = len(life.entries)
    life.prefer(eve, counted=True)
    life.review(life.served["lungs"], "RETIRED")
    life.close("lungs")
    life.status(life.served.pop("lungs"), 3)
    life.tick(25 * HOUR)
    life.kept.append(len(life.entries) - 5)
    life.anchored = len(life.entries) - 2
    scopes: dict[str, dict[str, int | str]] = {
        "period": {"first": 0, "last": len(life.entries)},
        "part": {"first": first_of_part, "last": last_of_part},
        "patient": {"subject": ada.subject},
        "study": {"study": "heart"},
        "model": {"model": second.manifest.model},
        "receipt": {"index": life.receipts[0].index},
    }
    return life, scopes


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Return a life that has everything."""
    life, scopes = _lived()
    return Told(life, tmp_path_factory.mktemp("mutants") / "bundle.zip", scopes)


@pytest.mark.parametrize("kind", KINDS)
def test_what_nobody_altered_holds(lived: Told, kind: str) -> None:
    """All that is found below is found because of what was altered."""
    files = lived.files(kind)
    assert lived.unseen(lived.contents(kind, files))
    assert all(files[name] for name in files if name not in _empty(kind))


def _empty(kind: str) -> set[str]:
    """Return which files of a kind have nothing to tell in this life."""
    return set() if kind == "receipt" else {"receipts.ndjson"} | ({"manifests.ndjson"} if kind == "patient" else set())


# by whoever carries it


@pytest.mark.parametrize("kind", KINDS)
def test_an_alteration_by_whoever_carries_it_is_found(lived: Told, kind: str) -> None:
    """Each file: bits flipped, cut, longer, dropped, doubled, moved; the table of contents and its signature too."""
    whole = lived.contents(kind, lived.files(kind))
    assert [str(mutant) for mutant in from_outside(whole) if lived.unseen(mutant.files)] == []


# by the operator


def _unnamed(mutant: Mutant, kind: str) -> str:
    """Return which of `UNSEEN` an alteration is, empty where it is none."""
    if (mutant.file, mutant.done) == ("entries.ndjson", "dropped") and mutant.place.count(" ") == 1:
        return "" if kind in EVERYTHING else "an entry left out"
    said = (mutant.file, mutant.done, mutant.place.split(" ")[-1])
    return "nothing said to be served" if said == ("served.ndjson", "emptied", "model") else ""


def _unseen(lived: Told, mutants: Iterable[tuple[str, Mutant]]) -> list[str]:
    """Return the alterations that nobody finds and that are not among `UNSEEN`."""
    return [
        f"{kind}: {mutant}"
        for kind, mutant in mutants
        if lived.unseen(lived.contents(kind, mutant.files)) and _unnamed(mutant, kind) not in UNSEEN
    ]


def _all(lived: Told, kinds: Sequence[str]) -> Iterator[tuple[str, Mutant]]:
    return ((kind, mutant) for kind in kinds for mutant in from_inside(lived.files(kind)))


def test_alterations_by_the_operator_are_found(lived: Told) -> None:
    """Some of all of them; they sign what they altered anew."""
    drawn = random.Random(SEED).sample(list(_all(lived, KINDS)), DRAWN)
    assert {kind for kind, _ in drawn} == set(KINDS)
    assert _unseen(lived, drawn) == []


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_every_alteration_by_the_operator_is_found(lived: Told, kind: str) -> None:
    """Each member of each line, each line and each file: altered, emptied, dropped, doubled and moved."""
    assert _unseen(lived, _all(lived, [kind])) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_of_contents_that_says_something_else_is_found(lived: Told, kind: str) -> None:
    """The same files as evidence of something else, at another size, from another log."""
    files = lived.files(kind)
    table = json.loads(lived.contents(kind, files)["bundle.json"])
    others = [(_kind(kind), scope) for kind, scope in _scopes(lived)]
    for done, altered in from_the_table(table, others):
        if lived.unseen(lived.signed(altered, files)):
            assert _unnamed_in_the_table(table, altered) in UNSEEN_IN_THE_TABLE, done


def _scopes(lived: Told) -> Iterator[tuple[str, dict[str, int | str]]]:
    """Yield all that this life could give evidence of."""
    yield from lived.scopes.items()
    life = lived.life
    people = {entry.subject for entry in life.entries if entry.subject}
    named: list[tuple[str, str, Iterable[int | str]]] = [
        ("patient", "subject", sorted(people)),
        ("study", "study", ("heart", "lungs", "kidneys")),
        ("model", "model", [made.manifest.model for made in life.releases]),
        ("receipt", "index", [receipt.index for receipt in life.receipts]),
    ]
    yield from ((kind, {name: value}) for kind, name, values in named for value in values)


def _unnamed_in_the_table(table: dict[str, Any], altered: dict[str, Any]) -> str:
    """Return which of `UNSEEN_IN_THE_TABLE` an alteration is, empty where it is none."""
    if {name for name in table if table[name] != altered.get(name)} == {"made"}:
        return "made"
    before, after = table["scope"], altered["scope"]
    smaller = table["kind"] == altered["kind"] == "period" and (
        before["first"] <= after["first"] < after["last"] <= before["last"]
    )
    return "scope made smaller" if smaller else ""


def test_a_certificate_that_was_altered_is_found(lived: Told) -> None:
    """Each of its members, and the whole of it, where the policy says who co-signs."""
    policy, files = lived.life.policy(signers=True), lived.files("period")
    checkpoint = Checkpoint.from_text(unverified_text(files["checkpoint.txt"].decode()))
    names = list(files)
    at = names.index("checkpoint.txt") + 1
    certificate = {"certificate.json": lived.life.certificate(checkpoint, policy)}
    whole = dict([*list(files.items())[:at], *certificate.items(), *list(files.items())[at:]])
    assert lived.unseen(lived.contents("period", whole), policy)
    for mutant in from_inside(whole):
        if mutant.file == "certificate.json":
            assert not lived.unseen(lived.contents("period", mutant.files), policy), str(mutant)
