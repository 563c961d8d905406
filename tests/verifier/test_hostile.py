"""Whatever stands in a bundle's files, something does not hold, and nothing else happens."""

import json
import random
import secrets
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from consent.domain.entry import Action, Entry
from consent.domain.hashing import Json
from consent.domain.terms import SubjectId
from consent.verifier.policy import Policy
from consent.verifier.run import verify
from tests.verifier.asking import failure
from tests.verifier.workshop import Workshop, pack

DEEP: Final = 200_000
LINES: Final[dict[str, bytes]] = {
    "empty": b"",
    "an empty line": b"\n",
    "no line feed": b"{}",
    "no object": b"null\n",
    "a number": b"1e999\n",
    "a long number": b"9" * 10_000 + b"\n",
    "no number": b"NaN\n",
    "infinity": b"-Infinity\n",
    "no UTF-8": b"\xff\xfe\x00\n",
    "UTF-16": '{"a":1}\n'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}\n",
    "brackets": b"[" * DEEP + b"\n",
    "closed brackets": b"[" * DEEP + b"]" * DEEP + b"\n",
    "braces": b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"\n",
    "brackets that Python just reads": b"[" * 900 + b"]" * 900 + b"\n",
    "texts without an end": b"[" * 33 + b'\\"' * DEEP + b"\n",
    "one name twice": b'{"index":0,"index":1}\n',
    "a lone surrogate": b'{"a":"\\ud800"}\n',
    "a zero byte": b"\x00\n",
    "carriage returns": b"{}\r\n",
    "spaces": b'{ "a": 1 }\n',
    "a class": b'{"__class__":"x","__proto__":{}}\n',
    "another language": '{"ключ":"значение","\U0001f600":1}\n'.encode(),
}


@pytest.fixture(scope="module")
def life() -> Workshop:
    """Return a life in which every file of a bundle has a line."""
    life = Workshop()
    life.approve("heart")
    given = [life.grant(life.enrol(), "heart") for _ in range(2)]
    life.train("heart", given)
    life.stop(given[1])
    life.kept = [2]
    return life


@pytest.fixture(scope="module")
def policy(life: Workshop) -> Policy:
    """Return the auditor's policy, without signers."""
    return life.policy()


NAMES: Final = (
    "checkpoint.txt", "consistency.ndjson", "chain.json", "events.ndjson", "consents.ndjson",
    "entries.ndjson", "manifests.ndjson", "rows/0.ndjson", "receipts.ndjson", "served.ndjson",
)  # fmt: skip
HELD_WITHOUT: Final = {("receipts.ndjson", "empty")}
"""No receipt need be brought."""


@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_something_else_is_found(
    life: Workshop, policy: Policy, tmp_path: Path, name: str, kind: str
) -> None:
    """In the place of each file, and behind its own lines; the table of contents is right again."""
    files = life.files()
    for content in (LINES[kind], files[name] + LINES[kind]):
        path = pack(tmp_path / "bundle.zip", life.contents(files | {name: content}))
        found = failure(path, policy)
        same = content == files[name] or (name, kind) in HELD_WITHOUT
        assert bool(found[0]) is not same
        assert found[1].isprintable()


@pytest.mark.parametrize("kind", LINES)
def test_a_table_of_contents_of_something_else_is_found(
    life: Workshop, policy: Policy, tmp_path: Path, kind: str
) -> None:
    """It is read first."""
    path = pack(tmp_path / "bundle.zip", {"bundle.json": LINES[kind]} | life.files())
    assert failure(path, policy)[:2] == ("bundle.form", "bundle.json")


@pytest.mark.parametrize(
    "altered",
    [
        {"version": 2}, {"kind": "all"}, {"scope": {}}, {"scope": {"first": 1, "last": 1}}, {"size": -1}, {"made": "x"},
        {"origin": ""}, {"files": {}}, {"files": []}, {"more": 1}, {"kind": "receipt"},
        {"scope": {"first": 0, "last": 999}},
    ],
)  # fmt: skip
def test_a_table_of_contents_that_contradicts_itself_is_found(
    life: Workshop, policy: Policy, tmp_path: Path, altered: dict[str, object]
) -> None:
    """Kinds, scopes, files."""
    whole = life.contents(life.files())
    told = json.dumps(json.loads(whole["bundle.json"]) | altered, separators=(",", ":"), sort_keys=True)
    path = pack(tmp_path / "bundle.zip", whole | {"bundle.json": told.encode()})
    assert failure(path, policy)[:2] == ("bundle.form", "bundle.json")


def test_files_that_are_left_out_added_exchanged_or_moved_are_named(
    life: Workshop, policy: Policy, tmp_path: Path
) -> None:
    """Each in turn, though the table of contents stays."""
    whole = life.contents(life.files())
    for name in NAMES:
        without = {other: content for other, content in whole.items() if other != name}
        assert failure(pack(tmp_path / "bundle.zip", without), policy)[:2] == ("bundle.form", name)
        other = whole | {name: whole[name][::-1]}
        assert failure(pack(tmp_path / "bundle.zip", other), policy)[0] in {"bundle.files", "bundle.form", ""}
        last = without | {name: whole[name]}
        moved = ("", "") if list(last) == list(whole) else ("bundle.form", "the archive")
        assert failure(pack(tmp_path / "bundle.zip", last), policy)[:2] == moved
    more = whole | {"rows/1.ndjson": b""}
    assert failure(pack(tmp_path / "bundle.zip", more), policy)[:2] == ("bundle.form", "rows/1.ndjson")
    altered = whole | {"events.ndjson": whole["events.ndjson"].replace(b"granted", b"revoked")}
    assert failure(pack(tmp_path / "bundle.zip", altered), policy)[:2] == ("bundle.files", "events.ndjson")


def test_an_archive_without_a_table_of_contents_is_no_bundle(policy: Policy, tmp_path: Path) -> None:
    """Whatever else it has."""
    path = pack(tmp_path / "bundle.zip", {"entries.ndjson": b"{}\n"})
    assert failure(path, policy)[:2] == ("bundle.form", "bundle.json")


def test_random_bytes_are_no_bundle(policy: Policy, tmp_path: Path) -> None:
    """Whatever their number; with the marks of a zip archive at the right places too."""
    path, draw = tmp_path / "bundle.zip", random.Random(4)
    for length in range(0, 400, 7):
        content = bytearray(secrets.token_bytes(length))
        for mark in (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"):
            place = draw.randrange(length + 1)
            content[place : place + 4] = mark
        path.write_bytes(bytes(content) + b"PK\x05\x06" + bytes(18))
        assert failure(path, policy)[0] == "bundle.form"
        path.write_bytes(content)
        assert failure(path, policy)[0] == "bundle.form"


def test_an_archive_that_another_program_made_is_refused(life: Workshop, policy: Policy, tmp_path: Path) -> None:
    """With the right files, and another form: one form is all that is read."""
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in life.contents(life.files()).items():
            archive.writestr(name, content)
    assert failure(path, policy)[0] == "bundle.form"


@pytest.mark.parametrize("depth", [20, 33, 100, 200, 300, 400])
def test_what_a_log_key_signed_may_nest_a_little(tmp_path: Path, depth: int) -> None:
    """Deeper than anything of ours is not read on, at whatever depth somebody's stack would end."""
    life = Workshop()
    life.approve("heart")
    given = life.grant(life.enrol(), "heart")
    life.train("heart", [given])
    nested: Json = "[{"
    for _ in range(depth):
        nested = [nested]
    facts: dict[str, Json] = {
        "key": "00" * 20,
        "due": 1,
        "requested": 1,
        "nonce": "00" * 16,
        "patient": "00",
        "x": nested,
    }
    life.entries.append(Entry(life.now, "patient", Action.ENROL, "KEY_ASKED", given_subject(life), facts=facts))
    name, item, _ = failure(life.write(tmp_path / "bundle.zip"), life.policy())
    expected = "keys.history" if depth < 30 else "log.entries"  # the entry's own levels come on top
    assert (name, item) == (expected, f"entry {len(life.entries) - 1}")
    del life.entries[-1]
    made = life.releases[0]
    made.manifest = replace(made.manifest, parameters={"x": nested})
    made.envelope = life.envelope(made.manifest)
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy())[0].startswith("release.heart.1.")


def given_subject(life: Workshop) -> SubjectId:
    """Return somebody of a life."""
    return next(iter(life.consents.values())).person.subject


def test_what_is_found_comes_before_the_rest_is_read(life: Workshop, policy: Policy, tmp_path: Path) -> None:
    """One check after the other, so that nobody waits for the last one to see the first."""
    found = verify(life.write(tmp_path / "bundle.zip"), policy)
    assert next(found).name == "bundle.form"
    (tmp_path / "bundle.zip").write_bytes(b"")
    assert [finding.holds for finding in found] == [False]
