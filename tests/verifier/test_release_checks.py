"""Releases are signed, registered, and of rows each of which had a consent; what is served is the newest of them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.domain import dsse
from consent.domain.entry import Action
from consent.domain.hashing import Json
from consent.domain.manifest import rows_root
from consent.domain.terms import Operation
from tests.verifier.asking import failure, told
from tests.verifier.plain import DAY, HOUR, Made, Row
from tests.verifier.workshop import Workshop, lines, pack

RELEASE = "release.heart.1"


@pytest.fixture
def life() -> Workshop:
    """Return a life with a release of four rows."""
    life = Workshop()
    life.approve("heart")
    life.train("heart", [life.grant(life.enrol(), "heart") for _ in range(4)])
    return life


def _wrong(life: Workshop, path: Path) -> tuple[str, str]:
    return failure(life.write(path / "bundle.zip"), life.policy())[:2]


def _altered(life: Workshop, path: Path, name: str, alter: Callable[[list[Any]], object]) -> tuple[str, str]:
    files = life.files()
    found = [json.loads(line) for line in files[name].splitlines()]
    alter(found)
    files[name] = lines(found)
    return failure(pack(path / "bundle.zip", life.contents(files)), life.policy())[:2]


def _remade(life: Workshop, **altered: Any) -> None:
    """Let the operator sign another manifest, log it and register it."""
    made = life.releases[0]
    made.manifest = replace(made.manifest, **altered)
    made.envelope = life.envelope(made.manifest)
    hashed = made.manifest.hash().hex()
    life.changes[0] |= {"manifest": hashed, "model": made.manifest.model}
    for index, entry in enumerate(life.entries):
        if entry.action is Action.TRAIN:
            told: dict[str, Json] = {"manifest": hashed, "rows": made.manifest.rows, "block": made.manifest.block}
            life.entries[index] = replace(entry, facts=dict(entry.facts) | told)


def test_releases_one_after_the_other_hold(life: Workshop, tmp_path: Path) -> None:
    """Retired ones, ones of other studies, and readings of a training that came to nothing."""
    given = list(life.consents)
    life.approve("lung")
    life.stop(given[0])
    for consent in given[1:]:
        life.read(consent)
    life.train("heart", given[1:])
    life.train("lung", [life.grant(life.enrol(), "lung")])
    found = told(life.write(tmp_path / "bundle.zip"), life.policy())
    assert all(finding.holds is not False for finding in found.values())
    assert [name for name in found if name.startswith("release.")] == [
        f"release.{release}.{part}"
        for release in ("heart.1", "heart.2", "lung.1")
        for part in ("signed", "registered", "rows", "consents")
    ]


def test_a_manifest_that_nobody_trusted_signed_is_named(life: Workshop, tmp_path: Path) -> None:
    """Another key, another type, an altered payload, another release's; what rests on it is open."""
    made, stranger = life.releases[0], Ed25519PrivateKey.generate()
    public, payload = stranger.public_key().public_bytes_raw(), made.manifest.to_bytes()
    whole = json.loads(made.envelope)
    other = replace(made.manifest, release=2)
    for envelope in (
        dsse.sign(payload, dsse.MANIFEST_TYPE, public, stranger.sign),
        dsse.sign(payload, "text/plain", life.log_key.public_key().public_bytes_raw(), life.log_key.sign),
        json.dumps(whole | {"payload": whole["payload"][:-4]}).encode(),
        json.dumps(whole | {"signatures": []}).encode(),
        json.dumps({}).encode(),
        life.envelope(other),
    ):
        made.envelope = envelope
        found = told(life.write(tmp_path / "bundle.zip"), life.policy())
        assert (found[f"{RELEASE}.signed"].holds, found[f"{RELEASE}.signed"].item) == (False, "release heart/1")
        assert [found[f"{RELEASE}.{part}"].holds for part in ("registered", "rows", "consents")] == [None] * 3


@pytest.mark.parametrize("altered", [{"manifest": "00" * 32}, {"model": "00" * 32}, {"rows": 5}, {"block": 1}])
def test_the_entry_of_the_training_names_the_same_release(
    life: Workshop, tmp_path: Path, altered: dict[str, Any]
) -> None:
    """Model, manifest, rows and block."""
    index = life.releases[0].trained
    life.entries[index] = replace(life.entries[index], facts=dict(life.entries[index].facts) | altered)
    assert _of_registration(life, tmp_path) == (False, f"entry {index}")


def _of_registration(life: Workshop, path: Path) -> tuple[bool | None, str]:
    """Return what is found of the first release's registration; what `chain.models` says of it comes before."""
    found = told(life.write(path / "bundle.zip"), life.policy())[f"{RELEASE}.registered"]
    return found.holds, found.item


def test_a_release_that_is_not_registered_as_it_is_is_named(life: Workshop, tmp_path: Path) -> None:
    """With another manifest on the chain, or nothing there."""
    life.changes[0]["manifest"] = "00" * 32
    assert _of_registration(life, tmp_path) == (False, "release heart/1")
    life.changes.clear()
    assert _of_registration(life, tmp_path) == (False, "release heart/1")


def test_a_release_that_was_registered_behind_the_view_is_not_confirmed(life: Workshop, tmp_path: Path) -> None:
    """A newer view says whether it is."""
    trust = life.policy().chain
    life.train("heart", list(life.consents))
    name, _, why = failure(life.write(tmp_path / "bundle.zip"), replace(life.policy(), chain=trust))
    assert (name, "newer view" in why) == ("release.heart.2.registered", True)


@pytest.mark.parametrize(
    "altered",
    [
        {"chain_id": 1}, {"registry": "00" * 20}, {"block": 10**6}, {"block_time": 1}, {"block_time": 2**40},
        {"block": 2}, {"block": 0},
    ],
)  # fmt: skip
def test_a_release_that_is_pinned_to_no_block_of_the_chain_is_named(
    life: Workshop, tmp_path: Path, altered: dict[str, Any]
) -> None:
    """Another chain, a block that is not there, a time that does not fit between its neighbours'."""
    _remade(life, **altered)
    assert _wrong(life, tmp_path)[0] == f"{RELEASE}.registered"


def test_a_release_pinned_to_the_last_block_names_that_one(life: Workshop, tmp_path: Path) -> None:
    """By its hash and its time."""
    _remade(life, block=life.block, block_hash=life.block_hash(life.block), block_time=life.now)
    assert _wrong(life, tmp_path) == ("", "")
    _remade(life, block_hash="00" * 32)
    assert _wrong(life, tmp_path)[0] == f"{RELEASE}.registered"


@pytest.mark.parametrize(
    "alter",
    [
        lambda found: found.pop(),
        lambda found: found.append(found[-1]),
        lambda found: found.reverse(),
        lambda found: found.clear(),
        lambda found: found[0].update(leaf="00" * 32),
        lambda found: found[0].update(opening="00" * 116),
        lambda found: found[0].update(opening=found[1]["opening"]),
        lambda found: found[0].update(opening="00"),
        lambda found: found[0].update(leaf=None),
        lambda found: found[0].update(more=1),
        lambda found: found[0].pop("consent"),
        lambda found: found.insert(0, []),
    ],
)
def test_rows_that_were_altered_are_named(life: Workshop, tmp_path: Path, alter: Callable[[list[Any]], object]) -> None:
    """Left out, added, moved, or opened to something else."""
    name, item = _altered(life, tmp_path, "rows/0.ndjson", alter)
    assert (name, item.startswith("rows/0.ndjson")) == (f"{RELEASE}.rows", True)


@pytest.mark.parametrize(
    "alter",
    [
        lambda found: found[0].update(consent=None),
        lambda found: found[0].update(consent=found[1]["consent"]),
        lambda found: found[0].update(consent="00" * 16),
        lambda found: found[0].update(opening=None, consent=None),
    ],
)
def test_a_row_of_another_consent_or_none_is_named(
    life: Workshop, tmp_path: Path, alter: Callable[[list[Any]], object]
) -> None:
    """Closed rows are those of erased people alone."""
    assert _altered(life, tmp_path, "rows/0.ndjson", alter)[0] == f"{RELEASE}.consents"


def _with_rows(life: Workshop, consents: list[str], *, read: bool = True) -> Made:
    """Train a second release whose rows are of these consents, whatever may be said of them."""
    for consent in consents if read else []:
        life.read(consent)
    openings = [(life.opening(life.consents[consent]), consent) for consent in consents]
    rows: list[Row] = sorted((opening.leaf(), opening, consent) for opening, consent in openings)
    life.block += 1
    made = life.made("heart", 2, rows)
    life.releases.append(made)
    life.register(made)
    return made


def test_a_row_that_no_entry_read_is_named(life: Workshop, tmp_path: Path) -> None:
    """Unlogged, or read for the training before only."""
    _with_rows(life, list(life.consents), read=False)
    assert _wrong(life, tmp_path)[0] == "release.heart.2.consents"


def test_one_consent_gives_one_row(life: Workshop, tmp_path: Path) -> None:
    """Somebody's records do not count twice."""
    first = next(iter(life.consents))
    _with_rows(life, [first, first])
    assert _wrong(life, tmp_path)[0] == "release.heart.2.consents"


def test_a_row_whose_consent_was_not_in_force_at_the_pinned_block_is_named(life: Workshop, tmp_path: Path) -> None:
    """Revoked before it; not granted yet; only in the bundle's own events."""
    first, second, *_ = life.consents
    life.read(first)
    life.revoke(first)
    _with_rows(life, [second], read=True)
    assert _wrong(life, tmp_path) == ("", "")
    life.read(first)
    life.block += 1
    made = life.made("heart", 3, [(o.leaf(), o, first) for o in [life.opening(life.consents[first])]])
    life.releases.append(made)
    life.register(made)
    assert _wrong(life, tmp_path)[0] == "release.heart.3.consents"


def test_a_row_whose_consent_allows_no_training_is_named(life: Workshop, tmp_path: Path) -> None:
    """The reading of it is named as well, before it."""
    given = life.grant(life.enrol(), "heart", operations=[Operation.PREDICT])
    _with_rows(life, [given])
    found = told(life.write(tmp_path / "bundle.zip"), life.policy())
    assert (found["access.consented"].holds, found["release.heart.2.consents"].holds) == (False, False)


def test_rows_of_erased_people_are_counted_apart(life: Workshop, tmp_path: Path) -> None:
    """As many as there are, and no more."""
    gone = life.consents[next(iter(life.consents))].person
    life.erase(gone)
    found = told(life.write(tmp_path / "bundle.zip"), life.policy())
    assert all(finding.holds is not False for finding in found.values())
    assert found[f"{RELEASE}.consents"].seen == (
        "3 rows, each with a consent in force at the pinned block; 1 of erased people are no longer checkable"
    )
    made = life.releases[0]
    place = next(place for place, row in enumerate(made.rows) if row[1] is not None)
    made.rows[place] = (made.rows[place][0], None, None)
    assert _wrong(life, tmp_path) == (f"{RELEASE}.consents", "rows/0.ndjson")


def test_a_release_of_no_rows_but_those_of_the_manifest(life: Workshop, tmp_path: Path) -> None:
    """An operator who signs another root for other rows is found by the consents."""
    extra = life.opening(next(iter(life.consents.values())))
    made = life.releases[0]
    made.rows = sorted([*made.rows, (extra.leaf(), extra, None)])
    _remade(life, rows=5, rows_root=rows_root([leaf for leaf, *_ in made.rows]).hex())
    assert _wrong(life, tmp_path)[0] == f"{RELEASE}.consents"


def test_a_manifest_that_is_left_out_is_missed(life: Workshop, tmp_path: Path) -> None:
    """Of a release that the log says was made in this scope; of one that was never registered none is needed."""
    life.train("heart", list(life.consents), register=False)
    files = life.files()
    for name in ("rows/0.ndjson", "rows/1.ndjson"):
        del files[name]
    files["manifests.ndjson"] = b""
    path = pack(tmp_path / "bundle.zip", life.contents(files))
    assert failure(path, life.policy())[:2] == (f"{RELEASE}.signed", f"entry {life.releases[0].trained}")
    found = told(path, life.policy())
    assert not [name for name in found if name.startswith("release.heart.2")]


def test_a_manifest_of_another_scope_is_named(life: Workshop, tmp_path: Path) -> None:
    """A bundle holds what it is evidence of, and no more."""
    given = life.consents[next(iter(life.consents))]
    files = life.files("patient", subject=given.person.subject)
    more = {name: content for name, content in life.files().items() if name.startswith(("manifests", "rows/"))}
    ordered = {name: (files | more)[name] for name in life.files()}
    path = pack(tmp_path / "bundle.zip", life.contents(ordered, "patient", subject=given.person.subject))
    assert failure(path, life.policy())[:2] == (f"{RELEASE}.signed", "release heart/1")


def test_an_envelope_is_spelled_as_the_log_key_writes_it(life: Workshop, tmp_path: Path) -> None:
    """One signature, which names its key; whatever else DSSE would let through cannot be checked."""
    made = life.releases[0]
    whole = json.loads(made.envelope)
    [signature] = whole["signatures"]
    for signatures in (
        [signature, signature],
        [{"sig": signature["sig"]}],
        [signature | {"keyid": "00" * 32}, signature],
    ):
        made.envelope = json.dumps(whole | {"signatures": signatures}).encode()
        assert _wrong(life, tmp_path) == (f"{RELEASE}.signed", "release heart/1")


def test_rows_and_manifests_belong_together(life: Workshop, tmp_path: Path) -> None:
    """One file of rows for each, in order."""
    files = life.files()
    manifests = files["manifests.ndjson"]
    for altered in (
        {"manifests.ndjson": b""},
        {"manifests.ndjson": manifests + manifests},
        {"manifests.ndjson": b"{}\n"},
        {"manifests.ndjson": manifests.replace(b'"release":1', b'"release":-1')},
        {"manifests.ndjson": manifests.replace(b'"study":"heart"', b'"study":"../heart"')},
    ):
        path = pack(tmp_path / "bundle.zip", life.contents(files | altered))
        assert failure(path, life.policy())[0] == "releases"


def test_a_release_whose_training_is_not_in_the_log_is_named(life: Workshop, tmp_path: Path) -> None:
    """Nor one that the log never says was released."""
    trained = life.releases[0].trained
    kept = life.entries[trained]
    life.entries[trained] = replace(kept, verdict="STARTED")
    assert _of_registration(life, tmp_path) == (False, "release heart/1")
    life.entries[trained] = kept
    released = next(index for index, entry in enumerate(life.entries) if entry.action is Action.RELEASE)
    life.entries[released] = replace(life.entries[released], verdict="REJECTED_BY_LEDGER")
    assert _wrong(life, tmp_path)[0] == f"{RELEASE}.registered"


# what is served


@pytest.mark.parametrize(
    "alter",
    [
        lambda found: found[0].update(model="00" * 32),
        lambda found: found[0].update(release=2),
        lambda found: found[0].update(study="lung"),
        lambda found: found.append(found[0]),
        lambda found: found.append(found[0] | {"study": "lung"}),
        lambda found: found[0].update(study="\x1b[31m"),
        lambda found: found[0].update(release=-1),
        lambda found: found[0].pop("model"),
        lambda found: found.insert(0, {}),
        lambda found: found.clear(),
    ],
)
def test_other_bytes_than_the_registered_ones_in_service_are_named(
    life: Workshop, tmp_path: Path, alter: Callable[[list[Any]], object]
) -> None:
    """Whatever the database serves: its hash is not the newest released."""
    assert _altered(life, tmp_path, "served.ndjson", alter)[0] == "models.served"


def test_an_older_or_retired_release_in_service_is_named(life: Workshop, tmp_path: Path) -> None:
    """The newest alone, and only while it is active."""
    first = life.releases[0]
    life.train("heart", list(life.consents))
    life.served["heart"] = first
    assert _wrong(life, tmp_path) == ("models.served", "the model served for heart")
    life.served["heart"] = life.releases[1]
    life.tick(DAY)
    life.status(life.releases[1], 2)
    assert _wrong(life, tmp_path) == ("models.served", "the model served for heart")


def test_what_the_log_withdrew_is_not_said_to_be_served(life: Workshop, tmp_path: Path) -> None:
    """Decided or done; and of what is active again it is said."""
    made = life.releases[0]
    life.suspend(made)
    assert _wrong(life, tmp_path) == ("", "")
    line = {"study": "heart", "release": 1, "model": made.manifest.model}
    assert _altered(life, tmp_path, "served.ndjson", lambda found: found.append(line))[0] == "models.served"
    life.activate(made)
    assert _wrong(life, tmp_path) == ("", "")
    assert _altered(life, tmp_path, "served.ndjson", lambda found: found.clear())[0] == "models.served"
    life.review(made, "RETIRED")
    assert life.files()["served.ndjson"] == b""
    assert _wrong(life, tmp_path) == ("", "")


def test_a_bundle_says_what_is_served_of_its_scope(life: Workshop, tmp_path: Path) -> None:
    """All studies where it is of a person or a period; one where it is of a study or a model."""
    life.approve("lung")
    ada = life.enrol()
    made = life.train("lung", [life.grant(ada, "lung")])
    for kind, scope, count in (
        ("period", {}, 2),
        ("patient", {"subject": ada.subject}, 2),
        ("study", {"study": "lung"}, 1),
        ("model", {"model": made.manifest.model}, 1),
    ):
        files = life.files(kind, **scope)
        served = files["served.ndjson"].splitlines(keepends=True)
        assert len(served) == count
        assert failure(pack(tmp_path / "bundle.zip", life.contents(files, kind, **scope)), life.policy())[0] == ""
        for altered in (served[1:], [*life.files()["served.ndjson"].splitlines(keepends=True)[: 3 - count], b""]):
            files["served.ndjson"] = b"".join(altered)
            path = pack(tmp_path / "bundle.zip", life.contents(files, kind, **scope))
            assert failure(path, life.policy())[0] == "models.served"


def test_nothing_needs_to_be_served(life: Workshop, tmp_path: Path) -> None:
    """And that is said."""
    life.served.clear()
    found = told(life.write(tmp_path / "bundle.zip"), life.policy())
    assert found["models.served"].holds is True
    assert "nothing is served any more of 1 study" in found["models.served"].seen


def test_a_release_that_no_entry_trained_is_named(life: Workshop, tmp_path: Path) -> None:
    """Registered and released past the log of trainings."""
    made = life.releases[0]
    hidden = life.made("heart", 2, made.rows)
    del life.entries[-1]
    index = life.register(hidden)
    assert _wrong(life, tmp_path) == ("chain.models", f"entry {index}")


def test_a_part_of_the_log_says_nothing_of_what_came_behind_it(life: Workshop, tmp_path: Path) -> None:
    """Releases and their trainings stand in every bundle, and manifests only where its scope has them."""
    life.train("heart", list(life.consents))
    size = len(life.entries)
    for last in range(1, size + 1):
        path = life.write(tmp_path / "bundle.zip", first=0, last=last)
        assert failure(path, life.policy()) == ("", "", "")
    for first in range(size):
        path = life.write(tmp_path / "bundle.zip", first=first, last=size)
        assert failure(path, life.policy()) == ("", "", "")


def test_a_model_on_the_chain_that_the_log_never_trained_is_named(life: Workshop, tmp_path: Path) -> None:
    """Where the log went on after it: all trainings are in every bundle."""
    hidden = life.made("heart", 2, life.releases[0].rows)
    del life.entries[-1]
    life.status(hidden, 1, hidden.manifest.hash().hex())
    assert _wrong(life, tmp_path) == ("", "")  # the log may end before what the auditor saw
    policy = life.policy()
    life.tick(2 * HOUR)
    life.approve("lung")
    for kind, scope in (("period", {}), ("study", {"study": "heart"})):
        path = life.write(tmp_path / "bundle.zip", kind, **scope)
        assert failure(path, policy)[:2] == ("chain.models", f"model {hidden.manifest.model}")
