"""Signing in and exit codes, before a server that says what it is told to: the profile, and what is kept nowhere."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from consent.cli.errors import BROKEN, NOT_FOUND, NOT_VERIFIED, REFUSED, SIGN_IN, USAGE
from consent.client import ClientKey
from tests.cli.test_commands import ROOT, Ran, consentry, refused
from tests.client.speaking import Said, Speaker, listed, speaking

ME: Final = {
    "holder": "kidney-team",
    "role": "researcher",
    "study": "kidneys",
    "scopes": ["studies", "counts"],
    "expires": 1_800_000_000,
    "kind": "access",
}
COUNT: Final = {"people": 415, "english": "Everybody.", "epsilon": 0.5, "left": 2.5, "question": "aa" * 32}
JOB: Final = {
    "id": "ab" * 16,
    "kind": "train",
    "study": "kidneys",
    "state": "done",
    "progress": {"step": "", "done": 0, "total": 0},
    "created": 1_800_000_000,
    "finished": 1_800_000_060,
    "outcome": {"release": 3, "model": "cc" * 32, "manifest": "dd" * 32, "suspended": []},
    "failure": None,
}
MODEL: Final = {
    "study": "kidneys", "release": 1, "status": "ACTIVE", "model": "aa", "manifest": "bb", "rows": None, "auroc": 0.5,
    "calibration_slope": None, "cohort": "", "dictionary": "cc", "features": [], "outcome": "", "horizon_days": 1,
    "flow": {}, "evaluation": {}, "gate": {},
}  # fmt: skip
UNSIGNED: Final = {"manifest": {}, "hash": "", "envelope": {}, "log_key": "ab" * 32}


class Desk:
    """Somebody's home folder, their key outside it, and the server that they ask."""

    def __init__(self, folder: Path, speaker: Speaker) -> None:
        self.folder, self.home, self.speaker = folder, folder / "home", speaker
        self.home.mkdir()
        self.key = folder / "team.json"
        ClientKey.drawn("kidney-team", speaker.api).write(self.key)

    def run(self, *arguments: object, **environment: str) -> Ran:
        """Run a command."""
        return consentry(*arguments, **{"HOME": str(self.home), "XDG_CONFIG_HOME": "", **environment})

    def sign_in(self, *arguments: object, **environment: str) -> Ran:
        """Sign in, for the study unless another is named."""
        self.speaker.say(Said.json(ME))
        return self.run("login", self.speaker.api, "--key", self.key, *arguments, **environment)

    @property
    def profile(self) -> Path:
        """Where the profile belongs."""
        return self.home / ".config" / "consentry" / "profile.json"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with speaking() as speaker:
        yield Desk(tmp_path, speaker)


@pytest.fixture
def signed_in(desk: Desk) -> Desk:
    assert desk.sign_in("--study", "kidneys").returncode == 0
    return desk


def query(desk: Desk) -> Path:
    file = desk.folder / "query.json"
    file.write_text('{"version": 1, "index": {"day": "2020-06-15"}, "where": {"all": []}}')
    return file


def kept(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]


# --- the profile


def test_signing_in_keeps_who_one_is_for_its_owner_alone_and_no_key_and_no_token(desk: Desk) -> None:
    usual = os.umask(0)
    try:
        ran = desk.sign_in("--study", "kidneys")
    finally:
        os.umask(usual)
    assert (ran.returncode, "kidney-team, researcher" in ran.stdout) == (0, True), ran.stderr
    assert kept(desk.home) == [desk.profile]
    assert (desk.profile.stat().st_mode & 0o777, desk.profile.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert json.loads(desk.profile.read_text()) == {
        "version": 1, "api": desk.speaker.api, "client": "kidney-team", "key": str(desk.key), "study": "kidneys",
    }  # fmt: skip


def test_the_profile_lies_where_xdg_says_if_that_is_absolute(desk: Desk, tmp_path: Path) -> None:
    assert desk.sign_in(XDG_CONFIG_HOME=str(tmp_path / "xdg")).returncode == 0
    assert kept(tmp_path / "xdg") == [tmp_path / "xdg" / "consentry" / "profile.json"]
    assert desk.sign_in(XDG_CONFIG_HOME="relative").returncode == 0
    assert kept(desk.home) == [desk.profile]


def test_another_sign_in_takes_the_place_of_the_first_and_one_that_fails_does_not(signed_in: Desk) -> None:
    assert signed_in.sign_in("--study", "hearts").returncode == 0
    before = signed_in.profile.read_bytes()
    assert b"hearts" in before
    signed_in.speaker.tokens = [Said.problem("assertion-invalid", 401)]
    refused(signed_in.run("login", signed_in.speaker.api, "--key", signed_in.key), SIGN_IN, "assertion-invalid")
    assert signed_in.profile.read_bytes() == before


def test_a_key_file_of_another_client_is_refused_before_anything_is_sent(desk: Desk) -> None:
    refused(desk.sign_in("--client", "heart-team"), USAGE, "another client's")
    assert not desk.speaker.heard
    assert desk.sign_in("--client", "kidney-team").returncode == 0


def test_a_key_file_that_others_may_read_is_refused(desk: Desk) -> None:
    desk.key.chmod(0o640)
    refused(desk.sign_in(), USAGE, "others may read")
    assert not desk.profile.exists()


def test_the_server_is_the_named_one_else_the_key_files(desk: Desk) -> None:
    desk.speaker.say(Said.json(ME))
    assert desk.run("login", "--key", desk.key).returncode == 0
    elsewhere = desk.folder / "elsewhere.json"
    ClientKey.drawn("kidney-team", "https://api.example.org").write(elsewhere)
    assert desk.run("login", desk.speaker.api, "--key", elsewhere).returncode == 0
    assert json.loads(desk.profile.read_text())["api"] == desk.speaker.api


def test_an_address_without_tls_is_refused(desk: Desk) -> None:
    refused(desk.run("login", "http://api.example.org", "--key", desk.key), USAGE, "must be https")


def test_a_key_file_that_became_another_clients_signs_nothing(signed_in: Desk) -> None:
    signed_in.key.unlink()
    ClientKey.drawn("heart-team", signed_in.speaker.api).write(signed_in.key)
    signed_in.speaker.heard.clear()
    refused(signed_in.run("cohort", "list"), SIGN_IN, "sign in again")
    assert not signed_in.speaker.heard


@pytest.mark.parametrize("text", ["", "[]", "{}", "\ud800", '{"version": 2}', "[" * 9999, '{"version": 1, "api": 1}'])
def test_a_profile_that_is_none_says_to_sign_in_again(signed_in: Desk, text: str) -> None:
    signed_in.profile.write_bytes(text.encode(errors="surrogatepass"))
    refused(signed_in.run("study", "list"), SIGN_IN, "sign in again")


def test_nobody_asks_anything_before_they_signed_in(desk: Desk) -> None:
    refused(desk.run("study", "list"), SIGN_IN, "consentry login --key FILE")
    assert not desk.speaker.heard


# --- tokens and studies


def test_a_personal_token_is_printed_once_and_kept_nowhere(desk: Desk) -> None:
    token = {"id": "ee" * 8, "token": "cst_of-a-notebook", "study": "kidneys", "scopes": [], "created": 1, "expires": 2}
    desk.speaker.say(Said.json(ME), Said.json(token))
    ran = desk.run("login", desk.speaker.api, "--key", desk.key, "--personal", 2)
    assert (ran.returncode, ran.stdout.count("cst_of-a-notebook")) == (0, 1)
    assert json.loads(desk.speaker.asked[1].body) == {"seconds": 7200}
    assert all("cst_of" not in file.read_text() for file in kept(desk.home))
    refused(desk.run("login", desk.speaker.api, "--key", desk.key, "--personal", 9), USAGE, "--personal")


def test_a_verb_is_for_the_named_study_else_for_the_profiles(signed_in: Desk) -> None:
    signed_in.speaker.say(listed([]))
    assert signed_in.run("cohort", "list").returncode == 0
    assert signed_in.run("cohort", "list", "--study", "hearts").returncode == 0
    paths = [heard.path.partition("?")[0] for heard in signed_in.speaker.asked[-2:]]
    assert paths == ["/v1/studies/kidneys/cohorts", "/v1/studies/hearts/cohorts"]
    assert [b"resource=kidneys" in one.body for one in signed_in.speaker.signed_in[-2:]] == [True, False]


def test_a_verb_without_any_study_asks_for_one(desk: Desk) -> None:
    desk.sign_in()
    for command in (("cohort", "list"), ("request", "send"), ("model", "list"), ("predict", "--aggregate")):
        refused(desk.run(*command), USAGE, "give --study ID")


def test_studies_are_asked_for_with_a_token_of_no_study(signed_in: Desk) -> None:
    signed_in.speaker.say(listed([]))
    assert "No study yet" in signed_in.run("study", "list").stdout
    assert b"resource" not in signed_in.speaker.signed_in[-1].body


# --- answers


def test_an_answer_goes_to_standard_output_and_nowhere_else(signed_in: Desk) -> None:
    signed_in.speaker.say(Said.json(COUNT))
    before = {path: path.read_bytes() for path in kept(signed_in.home)}
    ran = signed_in.run("cohort", "preview", query(signed_in))
    assert ran.stdout.startswith("who Everybody. people about 415")
    assert ran.stderr == "", "no terminal is there, so nothing is shown of what goes on"
    assert {path: path.read_bytes() for path in kept(signed_in.home)} == before


def test_at_a_terminal_it_is_shown_on_standard_error_that_something_goes_on(signed_in: Desk) -> None:
    signed_in.speaker.say(Said.json(COUNT))
    mine, theirs = pty.openpty()
    ran = subprocess.run(
        [sys.executable, "-m", "consent.cli", "cohort", "preview", query(signed_in)],
        cwd=ROOT, env=os.environ | {"HOME": str(signed_in.home), "XDG_CONFIG_HOME": "", "TERM": "xterm"},
        stdout=subprocess.PIPE, stderr=theirs, check=True,
    )  # fmt: skip
    os.close(theirs)
    assert ran.stdout.decode().splitlines() == [
        "who       Everybody.",
        "people    about 415 of those who allow being counted",
        "epsilon   0.5, once; 2.5 left in this period",
    ]
    assert b"counting" in os.read(mine, 65536)
    os.close(mine)


def test_json_is_what_the_server_said(signed_in: Desk) -> None:
    signed_in.speaker.say(Said.json(COUNT))
    assert json.loads(signed_in.run("cohort", "preview", query(signed_in), "--json").stdout) == COUNT
    signed_in.speaker.say(Said.json(JOB))
    assert json.loads(signed_in.run("train", "--status", JOB["id"], "--json").stdout) == JOB
    signed_in.speaker.say(listed([]))
    assert json.loads(signed_in.run("cohort", "list", "--json").stdout) == {"items": [], "next": None}


def test_nothing_that_a_terminal_obeys_is_printed(signed_in: Desk) -> None:
    signed_in.speaker.say(Said.json(COUNT | {"english": "\x1b[2Jgone\u202e\x9b[bold]"}))
    ran = signed_in.run("cohort", "preview", query(signed_in))
    assert "\ufffd[2Jgone\ufffd\ufffd[bold]" in ran.stdout
    ran = signed_in.run("cohort", "preview", query(signed_in), "--json")
    assert {"\x1b", "\u202e", "\x9b"}.isdisjoint(ran.stdout)


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        (Said.problem("malformed-cohort", 422), USAGE, "malformed-cohort"),
        (Said.problem("token-expired", 401), SIGN_IN, "token-expired"),
        (Said.problem("cohort-below-threshold", 409), REFUSED, "cohort-below-threshold"),
        (Said.problem("budget-spent", 409), REFUSED, "budget-spent"),
        (Said.problem("purpose-mismatch", 403), REFUSED, "purpose-mismatch"),
        (Said.problem("not-found", 404), NOT_FOUND, "not-found"),
        (Said.problem("broken", 500), BROKEN, "broken"),
        (Said.problem("unavailable", 503, Retry_After="9999"), BROKEN, "unavailable"),
        (Said(200, b"<html>"), BROKEN, "not JSON"),
        (Said.json({"people": "many"}), BROKEN, "another version"),
    ],
)
def test_a_problem_has_its_exit_code_and_nothing_on_standard_output(
    signed_in: Desk, said: Said, code: int, told: str
) -> None:
    signed_in.speaker.say(said)
    ran = signed_in.run("cohort", "preview", query(signed_in))
    refused(ran, code, told)
    assert ran.stdout == ""


def test_a_server_that_is_away_is_exit_7(signed_in: Desk) -> None:
    profile = json.loads(signed_in.profile.read_text())
    signed_in.profile.write_text(json.dumps(profile | {"api": "http://api.localhost:9"}))
    refused(signed_in.run("study", "list"), BROKEN, "not reached")


# --- what is given


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("train",), "name a dictionary"),
        (("train", "--status", "ab", "--cancel", "ab"), "name a dictionary"),
        (("train", "--status", "ab", "--rounds", "5"), "for a training that begins"),
        (("train", "--cancel", "ab", "--wait"), "for one that goes on"),
        (("train", "nowhere.toml"), "does not exist"),
        (("predict",), "name --identifier, or --aggregate"),
        (("predict", "--identifier", "a|1", "--aggregate"), "name --identifier, or --aggregate"),
        (("predict", "--identifier", "a|1", "--cohort", "ab"), "goes with --aggregate"),
        (("model", "show", "0"), "greater than or equal to 1"),
        (("model", "manifest", "1", "--log-key", "xyz"), "64 hex digits"),
        (("model", "manifest", "1", "--log-key", "abcd"), "32 bytes"),
        (("cohort", "show", ""), "a name is missing"),
        (("train", "--status", ".."), "a name is missing"),
    ],
)
def test_what_cannot_be_meant_is_exit_2(signed_in: Desk, arguments: tuple[str, ...], told: str) -> None:
    signed_in.speaker.say(Said.json(MODEL), Said.json(UNSIGNED))
    refused(signed_in.run(*arguments), USAGE, told)


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "[" * 99999])
def test_a_query_that_is_no_object_is_not_sent(signed_in: Desk, text: str) -> None:
    file = signed_in.folder / "query.json"
    file.write_text(text)
    signed_in.speaker.heard.clear()
    refused(signed_in.run("cohort", "preview", file), USAGE, "the cohort query is no JSON")
    assert not signed_in.speaker.heard


def test_rounds_and_cohort_are_sent_and_only_where_given(signed_in: Desk) -> None:
    file = signed_in.folder / "dictionary.toml"
    file.write_text("# a dictionary\n")
    signed_in.speaker.say(Said.json(JOB, 202))
    signed_in.run("train", file)
    signed_in.run("train", file, "--rounds", 5, "--cohort", "ab" * 16)
    first, second = (json.loads(heard.body) for heard in signed_in.speaker.asked[-2:])
    assert first == {"dictionary": "# a dictionary\n"}
    assert second == first | {"parameters": {"rounds": 5}, "cohort": "ab" * 16}


def test_a_training_that_is_waited_for_ends_with_its_release_or_with_what_ended_it(signed_in: Desk) -> None:
    signed_in.speaker.say(Said.json(JOB))
    ran = signed_in.run("train", "--status", JOB["id"], "--wait")
    assert ran.stdout.startswith("release 3 model cccc")
    signed_in.speaker.say(Said.json(JOB | {"state": "failed", "outcome": None, "failure": "too few rows"}))
    refused(signed_in.run("train", "--status", JOB["id"], "--wait"), REFUSED, "too few rows")


@pytest.mark.parametrize("name", ["../escape", "", "a/b", ".hidden", "a\n"])
def test_no_figure_is_written_outside_the_folder(signed_in: Desk, name: str) -> None:
    signed_in.speaker.say(Said.json({"items": [name]}))
    folder = signed_in.folder / "figures"
    refused(signed_in.run("model", "plots", 1, folder), BROKEN, "another version")
    assert not folder.exists()


def test_a_manifest_that_nobody_signed_is_exit_6(signed_in: Desk) -> None:
    out = signed_in.folder / "card.html"
    for command in (("model", "manifest", 1), ("model", "card", 1, out)):
        signed_in.speaker.say(Said.json(MODEL), Said.json(UNSIGNED))
        ran = signed_in.run(*command)
        refused(ran, NOT_VERIFIED, "do not use the model")
        assert ran.stdout == ""
    assert not out.exists()
