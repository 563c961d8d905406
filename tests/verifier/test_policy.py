"""An auditor's policy: it is read as it stands, and whatever it cannot mean is refused without being repeated."""

import re
from pathlib import Path

import pytest

from consent.domain.checkpoint import CheckpointError
from consent.domain.note import NoteError
from consent.signatures import verifies
from consent.verifier.certificate import InvalidPolicyError
from consent.verifier.chain_view import ChainViewError
from consent.verifier.node import NodeError
from consent.verifier.policy import LogTrust, Policy, Rules, read_signers
from tests.verifier.logs import ORIGIN, TestLog
from tests.verifier.policies import ADDRESSES, CHAIN, LOG, VECTORS, VIEW, signers, written

MARK = "sesame"
NORTH, SOUTH, LEAGUE, CLOSED = VECTORS["signers"]


def test_a_whole_policy_is_read(tmp_path: Path) -> None:
    log = TestLog()
    (tmp_path / "kept.txt").write_text(log.note(7))
    kept = f'[log]\norigin = "{ORIGIN}"\nkeys = ["{log.public.hex()}"]\ncheckpoints = ["kept.txt"]\n'
    rules = "[rules]\nstop_within = 60\nclocks_differ = 5\n"
    policy = Policy.read(written(tmp_path, kept, CHAIN, signers(NORTH, LEAGUE, CLOSED), rules))
    assert policy.log == LogTrust(ORIGIN, (log.public,), (log.note(7),))
    assert policy.log.open(policy.log.checkpoints[0], verifies) == log.checkpoint(7)
    assert policy.chain is not None
    assert policy.chain.view == VIEW
    assert policy.chain.code_holds is None
    assert policy.signers is not None
    assert [signer.revoked for signer in policy.signers.signers] == [False, False, True]
    assert policy.rules == Rules(60, 5)


def test_chain_signers_and_rules_may_be_left_out(tmp_path: Path) -> None:
    policy = Policy.read(written(tmp_path, LOG))
    assert (policy.chain, policy.signers, policy.rules) == (None, None, Rules(86_400, 3600))


@pytest.mark.parametrize(("digit", "holds"), [("0", True), ("9", False)])
def test_code_is_held_against_what_the_view_saw(tmp_path: Path, digit: str, holds: bool) -> None:  # noqa: FBT001
    code = f'code = {{registry = "0x{("0" + digit) * 32}"}}\n'
    policy = Policy.read(written(tmp_path, LOG, CHAIN, code))
    assert policy.chain is not None
    assert policy.chain.code_holds is holds


def test_signers_are_read_without_asking_a_node(tmp_path: Path) -> None:
    nowhere = f'[chain]\n{ADDRESSES}node = "http://127.0.0.1:1"\n'
    policy = written(tmp_path, LOG, nowhere, signers(NORTH, LEAGUE))
    known, contract, log = read_signers(policy)
    assert [signer.name for signer in known.signers] == ["north", "kidney league"]
    assert (contract.chain_id, contract.address, log.origin) == (VIEW.chain_id, VIEW.anchor, ORIGIN)
    with pytest.raises(NodeError):
        Policy.read(policy)


@pytest.mark.parametrize("part", ["signers", "chain"])
def test_signers_need_their_parts(tmp_path: Path, part: str) -> None:
    parts = [LOG, CHAIN] if part == "signers" else [LOG, signers(NORTH, LEAGUE)]
    with pytest.raises(InvalidPolicyError):
        read_signers(written(tmp_path, *parts))


REFUSED: dict[str, tuple[str, ...]] = {
    "no TOML": (LOG, f"[{MARK}\n"),
    "deeper than Python": (LOG, "x = " + "[" * 5000),
    "another version": ("",),
    "no log": ("version_ = 1\n",),
    "an unknown part": (LOG, f"[{MARK}]\n"),
    "an unknown member of log": (LOG, f"{MARK} = 1\n"),
    "an origin with a space": (LOG.replace("consentry.", f"{MARK} "),),
    "an origin of another kind": (LOG.replace('"consentry.example/log"', "7"),),
    "no key": (re.sub(r"keys = .*", "keys = []", LOG),),
    "keys that are no list": (re.sub(r"keys = .*", f'keys = "{MARK}"', LOG),),
    "a short key": (LOG.replace("ab" * 32, "ab" * 31),),
    "a key in capitals": (LOG.replace("ab" * 32, "AB" * 32),),
    "a key twice": (re.sub(r"keys = \[(.*)\]", r"keys = [\1, \1]", LOG),),
    "a checkpoint that is not there": (LOG, f'checkpoints = ["{MARK}.txt"]\n'),
    "a checkpoint that is a folder": (LOG, 'checkpoints = ["."]\n'),
    "a chain id that is a text": (LOG, CHAIN.replace(f"id = {VIEW.chain_id}", f'id = "{MARK}"')),
    "a negative chain id": (LOG, CHAIN.replace(f"id = {VIEW.chain_id}", "id = -1")),
    "a chain id that is true": (LOG, CHAIN.replace(f"id = {VIEW.chain_id}", "id = true")),
    "an address without 0x": (LOG, CHAIN.replace("0x11", "11")),
    "a short address": (LOG, CHAIN.replace("0x1111", "0x11")),
    "no anchor": (LOG, re.sub(r"anchor = .*\n", "", CHAIN)),
    "neither view nor node": (LOG, CHAIN.replace('view = "view.json"\n', "")),
    "both view and node": (LOG, CHAIN, 'node = "http://127.0.0.1:1"\n'),
    "confirmations of a view": (LOG, CHAIN, "confirmations = 3\n"),
    "code of another contract": (LOG, CHAIN, f'code = {{{MARK} = "0x{"00" * 32}"}}\n'),
    "code that is no hash": (LOG, CHAIN, f'code = {{anchor = "{MARK}"}}\n'),
    "a view of another chain": (LOG, CHAIN.replace(f"id = {VIEW.chain_id}", "id = 7")),
    "a view of another registry": (LOG, CHAIN.replace("0x1111", "0x1211")),
    "a view of other models": (LOG, CHAIN.replace("0x2222", "0x2322")),
    "a view of another anchor": (LOG, re.sub(r'anchor = "0x..', 'anchor = "0x99', CHAIN)),
    "signers without a chain": (LOG, signers(NORTH, LEAGUE)),
    "no signers": (LOG, CHAIN, "[signers]\nversion = 3\ngroups = {a = 1}\nsigner = []\n"),
    "signers that are no list": (LOG, CHAIN, f'[signers]\nversion = 3\ngroups = {{a = 1}}\nsigner = "{MARK}"\n'),
    "a signer with an unknown member": (LOG, CHAIN, signers(NORTH, LEAGUE), f"{MARK} = 1\n"),
    "a signer twice": (LOG, CHAIN, signers(NORTH, NORTH, LEAGUE)),
    "a signer with another's proof": (LOG, CHAIN, signers(NORTH | {"proof": SOUTH["proof"]}, LEAGUE)),
    "a signer that is the identity": (LOG, CHAIN, signers(NORTH | {"public_key": "c0" + "00" * 47}, LEAGUE)),
    "a signer revoked by a number": (LOG, CHAIN, signers(NORTH, LEAGUE).replace("= false", "= 0")),
    "a group without signers": (LOG, CHAIN, signers(NORTH, LEAGUE, groups=f"{{hospitals = 1, {MARK} = 1}}")),
    "a group that needs nobody": (LOG, CHAIN, signers(NORTH, LEAGUE, groups="{hospitals = 0, patients = 1}")),
    "a group that needs too many": (LOG, CHAIN, signers(NORTH, LEAGUE, groups="{hospitals = 2, patients = 1}")),
    "a group that needs the revoked": (LOG, CHAIN, signers(CLOSED, LEAGUE)),
    "a group that needs a text": (LOG, CHAIN, signers(NORTH, LEAGUE, groups=f'{{hospitals = "{MARK}", patients = 1}}')),
    "groups that are a list": (LOG, CHAIN, signers(NORTH, LEAGUE, groups='["hospitals"]')),
    "a rule that is not known": (LOG, f"[rules]\n{MARK} = 1\n"),
    "a rule that is a fraction": (LOG, "[rules]\nstop_within = 1.5\n"),
    "a negative rule": (LOG, "[rules]\nclocks_differ = -1\n"),
}


@pytest.mark.parametrize("parts", REFUSED.values(), ids=REFUSED)
def test_what_a_policy_cannot_mean_is_refused_in_a_sentence_without_it(tmp_path: Path, parts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidPolicyError) as caught:
        Policy.read(written(tmp_path, *parts))
    assert MARK not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", ["", "version = 2\n", "version = true\n", 'version = "1"\n', "version = 1.0\n"])
def test_a_policy_has_a_version_that_is_known(tmp_path: Path, version: str) -> None:
    with pytest.raises(InvalidPolicyError):
        Policy.read(written(tmp_path, LOG, version=version))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x00", b"version = 1\n" * 2], ids=repr)
def test_what_is_no_toml_is_no_policy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "auditor.toml").write_bytes(content)
    with pytest.raises(InvalidPolicyError):
        Policy.read(tmp_path / "auditor.toml")


def test_a_file_that_is_not_there_or_too_large_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(InvalidPolicyError):
        Policy.read(tmp_path / "auditor.toml")
    with pytest.raises(InvalidPolicyError):
        Policy.read(written(tmp_path, LOG, "#" * 2**20))


def test_a_damaged_view_is_named_as_such(tmp_path: Path) -> None:
    policy = written(tmp_path, LOG, CHAIN)
    (tmp_path / "view.json").write_text("{}")
    with pytest.raises(ChainViewError):
        Policy.read(policy)


@pytest.mark.parametrize(
    "url", ["ftp://a/b", "file:///etc/passwd", "http://", "127.0.0.1:8545", "http://[", "http://a:x"]
)
def test_a_node_has_an_address_of_the_web(tmp_path: Path, url: str) -> None:
    with pytest.raises(NodeError):
        Policy.read(written(tmp_path, LOG, f'[chain]\n{ADDRESSES}node = "{url}"\n'))


def test_any_of_a_log_s_keys_may_have_signed_and_no_other() -> None:
    old, new, stranger = TestLog(), TestLog(), TestLog()
    trust = LogTrust(ORIGIN, (old.public, new.public))
    assert trust.open(old.note(3), verifies) == trust.open(new.note(3), verifies)
    with pytest.raises(NoteError):
        trust.open(stranger.note(3), verifies)
    with pytest.raises(NoteError):
        trust.open(new.note(3).replace("\n3\n", "\n4\n"), verifies)


def test_a_key_s_note_about_another_log_is_none_of_this(tmp_path: Path) -> None:
    from consent.domain.note import sign

    log = TestLog()
    text = TestLog(log.key, "consentry.example/other").checkpoint(3).to_text()
    with pytest.raises(CheckpointError):
        LogTrust(ORIGIN, (log.public,)).open(sign(text, ORIGIN, log.public, log.key.sign), verifies)
