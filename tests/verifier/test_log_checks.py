"""The log that a bundle stands on: signed by a key of the policy, co-signed, and the one that was seen before."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.domain.checkpoint import Checkpoint
from consent.domain.hashing import canonical_json
from consent.domain.merkle import root_of
from consent.ports import Anchored
from consent.verifier.policy import Policy
from tests.verifier.asking import failure, told
from tests.verifier.workshop import Workshop, lines, pack

Files = dict[str, bytes]


@pytest.fixture
def life() -> Workshop:
    """Return a life with some entries, anchored after four of them."""
    life = Workshop()
    life.approve("heart")
    life.train("heart", [life.grant(life.enrol(), "heart")])
    life.anchored, life.kept = 4, [3]
    return life


def _packed(life: Workshop, path: Path, alter: Callable[[Files], object]) -> Path:
    """Write a bundle whose files were altered, and whose table of contents was made anew after that."""
    files = life.files()
    alter(files)
    return pack(path / "bundle.zip", life.contents(files))


def _lines(content: bytes) -> list[Any]:
    return [json.loads(line) for line in content.splitlines()]


def test_a_log_that_all_saw_alike_holds(life: Workshop, tmp_path: Path) -> None:
    """Signed, co-signed, anchored, kept."""
    policy = life.policy(signers=True)
    tree = life.tree()
    checkpoint = Checkpoint(policy.log.origin, len(life.entries), root_of(len(life.entries), tree.subtrees))
    certified = {"certificate.json": life.certificate(checkpoint, policy)}
    files = life.files()
    whole = {"checkpoint.txt": files.pop("checkpoint.txt"), **certified, **files}
    found = told(pack(tmp_path / "bundle.zip", life.contents(whole)), policy)
    assert [found[f"log.{name}"].holds for name in ("checkpoint", "certificate", "known", "anchored", "entries")] == (
        [True] * 5
    )
    assert "hospitals, patients" in found["log.certificate"].seen
    other = replace(checkpoint, size=checkpoint.size - 1)
    whole["certificate.json"] = life.certificate(other, policy)
    path = pack(tmp_path / "bundle.zip", life.contents(whole))
    assert failure(path, policy)[:2] == ("log.certificate", "certificate.json")


def test_what_the_policy_does_not_name_is_open_and_not_passed(life: Workshop, tmp_path: Path) -> None:
    """Neither signers, nor checkpoints that were kept, nor a chain."""
    life.kept = []
    found = told(life.write(tmp_path / "bundle.zip"), life.policy(chain=False))
    for name in ("log.certificate", "log.known", "log.anchored", "chain.identity", "chain.history", "access.consented"):
        assert found[name].holds is None
        assert "policy names no" in found[name].seen


def test_a_policy_with_signers_wants_a_certificate(life: Workshop, tmp_path: Path) -> None:
    """One that is left out is missing, not open; a malformed one is refused; nobody else's counts."""
    policy, name = life.policy(signers=True), "certificate.json"
    assert failure(life.write(tmp_path / "bundle.zip"), policy)[:2] == ("log.certificate", name)
    for content in (b"{}", b"[]", b"{", canonical_json({"version": 1, "bitmap": "", "signature": "", "x": 1})):
        files = life.files()
        whole = {"checkpoint.txt": files.pop("checkpoint.txt"), name: content, **files}
        path = pack(tmp_path / "bundle.zip", life.contents(whole))
        assert failure(path, policy)[:2] == ("log.certificate", name)


def test_a_checkpoint_of_another_key_or_origin_is_refused(life: Workshop, tmp_path: Path) -> None:
    """Nothing else is looked at then."""
    stranger = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    path, policy = life.write(tmp_path / "bundle.zip"), life.policy()
    found = told(path, replace(policy, log=replace(policy.log, keys=(stranger,))))
    assert list(found) == ["bundle.form", "bundle.signed"]
    assert found["bundle.signed"].holds is False
    found = told(path, replace(policy, log=replace(policy.log, origin="consentry/other")))
    assert list(found) == ["bundle.form", "bundle.signed", "bundle.files", "log.checkpoint"]
    assert found["log.checkpoint"].holds is False
    both = replace(policy.log, keys=(stranger, *policy.log.keys))
    assert failure(path, replace(policy, log=both)) == ("", "", "")


def _flipped(files: Files) -> None:
    note = files["checkpoint.txt"].decode()
    size = note.split("\n")[1]
    files["checkpoint.txt"] = note.replace(f"\n{size}\n", f"\n{int(size) + 1}\n").encode()


@pytest.mark.parametrize(
    "alter",
    [
        _flipped,
        lambda files: files.update({"checkpoint.txt": b""}),
        lambda files: files.update({"checkpoint.txt": b"\xff\xfe"}),
        lambda files: files.update({"checkpoint.txt": files["checkpoint.txt"] + b"\n"}),
        lambda files: files.update({"checkpoint.txt": files["checkpoint.txt"].replace(b"consentry", b"consentri")}),
    ],
)
def test_an_altered_checkpoint_is_named(life: Workshop, tmp_path: Path, alter: Callable[[Files], object]) -> None:
    """Its text, its signature, its bytes."""
    path = _packed(life, tmp_path, alter)
    assert failure(path, life.policy())[:2] == ("log.checkpoint", "checkpoint.txt")


def test_a_size_that_is_not_the_checkpoints_is_refused(life: Workshop, tmp_path: Path) -> None:
    """bundle.json and checkpoint.txt say one thing."""
    contents = life.contents(life.files())
    value = json.loads(contents["bundle.json"])
    for altered in ({"size": value["size"] + 1}, {"origin": "consentry/other"}):
        contents["bundle.json"] = canonical_json(value | altered)
        contents["bundle.sig"] = life.signature(contents["bundle.json"])
        assert failure(pack(tmp_path / "bundle.zip", contents), life.policy())[0] == "log.checkpoint"


def test_a_rewritten_log_is_caught_by_what_was_anchored_or_kept(life: Workshop, tmp_path: Path) -> None:
    """The operator has the log key, and signs whatever they like; the auditor has an anchor, or an old checkpoint."""
    policy = life.policy()
    life.entries[1] = replace(life.entries[1], time=life.entries[1].time + 1)
    path = life.write(tmp_path / "bundle.zip")
    assert failure(path, policy)[:2] == ("log.known", "kept checkpoint 1, of 3 entries")
    without = replace(policy, log=replace(policy.log, checkpoints=()))
    assert failure(path, without)[:2] == ("log.anchored", "the anchor of 4 entries")
    assert failure(path, life.policy()) == ("", "", "")  # whoever looks for the first time sees nothing


def test_a_shortened_log_is_caught_the_same_way(life: Workshop, tmp_path: Path) -> None:
    """Entries that were cut off at its end."""
    life.anchored = len(life.entries)
    policy = life.policy()
    del life.entries[-1]
    life.anchored = 0
    name, _, why = failure(life.write(tmp_path / "bundle.zip"), policy)
    assert (name, "--since" in why) == ("log.anchored", True)


@pytest.mark.parametrize(
    "alter",
    [
        lambda proofs: proofs[:0],
        lambda proofs: [one | {"proof": one["proof"][:-1]} for one in proofs],
        lambda proofs: [one | {"proof": one["proof"][::-1]} for one in proofs],
        lambda proofs: [one | {"proof": ["00" * 32, *one["proof"][1:]]} for one in proofs],
        lambda proofs: [proofs[0] | {"proof": proofs[1]["proof"]}, proofs[1] | {"proof": proofs[0]["proof"]}],
    ],
)
def test_a_proof_that_does_not_lead_there_is_refused(
    life: Workshop, tmp_path: Path, alter: Callable[[list[Any]], list[Any]]
) -> None:
    """Left out, cut, turned round, altered, exchanged: the checkpoint that was kept is named."""

    def altered(files: Files) -> None:
        files["consistency.ndjson"] = lines(alter(_lines(files["consistency.ndjson"])))

    assert failure(_packed(life, tmp_path, altered), life.policy())[0] == "log.known"


@pytest.mark.parametrize(
    "line",
    [
        {"old": 0, "new": 12, "proof": []},
        {"old": 1, "new": 2, "proof": []},
        {"old": -1, "new": 12, "proof": []},
        {"old": 1.5, "new": 12, "proof": []},
        {"old": True, "new": 12, "proof": []},
        {"old": 3, "new": 12, "proof": "x"},
        {"old": 3, "new": 12, "proof": ["x"]},
        {"old": 3, "new": 12, "proof": ["00" * 32] * 500},
        {"old": 3, "new": 12},
        {"old": 3, "new": 12, "proof": [], "more": 1},
        [1, 2],
        None,
    ],
)
def test_a_malformed_proof_is_refused(life: Workshop, tmp_path: Path, line: Any) -> None:
    """Sizes, hashes and members of another kind."""
    path = _packed(life, tmp_path, lambda files: files.update({"consistency.ndjson": lines([line])}))
    assert failure(path, life.policy())[0] == "log.checkpoint"


def test_a_checkpoint_of_before_the_first_entry_is_continued_by_every_log(life: Workshop, tmp_path: Path) -> None:
    """Its root is that of nothing; the same size needs the same root."""
    path, policy = life.write(tmp_path / "bundle.zip"), life.policy()
    size = len(life.entries)
    same = root_of(size, life.tree().subtrees)
    empty = base64.b16decode("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")
    for kept, root, holds in ((0, empty, True), (0, bytes(32), False), (size, same, True), (size, empty, False)):
        assert (failure(path, _kept(policy, life.note(kept, root)))[0] == "") is holds
    assert policy.chain is not None
    seen = replace(policy.chain.view, anchored=Anchored(size, bytes(32)))
    assert failure(path, replace(policy, chain=replace(policy.chain, view=seen)))[0] == "log.anchored"


def _kept(policy: Policy, *notes: str) -> Policy:
    return replace(policy, log=replace(policy.log, checkpoints=notes))


def test_all_sizes_that_a_bundle_leaves_out_are_named_at_once_and_a_fork_before_them(
    life: Workshop, tmp_path: Path
) -> None:
    """An auditor asks for another bundle once; what shows that the log was rewritten is no matter of asking."""
    path, policy = life.write(tmp_path / "bundle.zip"), life.policy()
    notes = [life.note(size, root_of(size, life.tree().subtrees)) for size in (2, 1, len(life.entries))]
    _, item, why = failure(path, _kept(policy, *notes))
    assert item == "kept checkpoint 1, of 2 entries"
    assert why.endswith("have it made with --since 1 --since 2")
    forked = life.note(len(life.entries), bytes(32))
    assert failure(path, _kept(policy, *notes, forked))[1] == f"kept checkpoint 4, of {len(life.entries)} entries"


def test_a_kept_note_that_the_log_never_signed_is_named(life: Workshop, tmp_path: Path) -> None:
    """The auditor's own file may be damaged too; lone surrogates are no trouble."""
    path = life.write(tmp_path / "bundle.zip")
    for note in ("nothing", "\ud800\n", "", life.policy().log.checkpoints[0].replace("3", "4")):
        assert failure(path, _kept(life.policy(), note))[:2] == ("log.known", "kept checkpoint 1")
