"""The log: only facts on the list pass, whoever says them and however they are smuggled in."""

import ast
import json
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from consent.adapters.log_facts import KEYS, admitted, event_name, plain
from consent.adapters.logging_json import logger

ROOT = Path(__file__).parents[2]
NAME = "Zyxographine"
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
SUBJECT = "5d41402abc4b2a76b9719d911017c592"
ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"
CANARIES = (NAME, HASH, SUBJECT, ADDRESS, ADDRESS.lower(), str(int(HASH, 16)), "918273.645")
EVERYWHERE = {"event", "level", "timestamp", "process", "dropped", "error", "told", "where", "logger"}


def said_by(code: str, configured: str = "configure('trial')\n") -> list[dict[str, Any]]:
    """Run code in a process of its own whose log is configured; every line of its standard error is JSON."""
    start = f"from consent.adapters.logging_json import configure, logger\n{configured}log = logger()\n"
    ran = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert not [canary for canary in CANARIES if canary in ran.stderr + ran.stdout]
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert all(line.keys() <= EVERYWHERE | KEYS for line in lines)
    return lines


def test_a_line_says_event_level_time_process_and_facts() -> None:
    (line,) = said_by("log.info('batch published', errand='grant', items=256, seconds=0.5, state='READY')")
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "batch published",
        "level": "info",
        "process": "trial",
        "errand": "grant",
        "items": 256,
        "seconds": 0.5,
        "state": "READY",
    }


def test_a_key_that_is_not_on_the_list_is_counted_not_said() -> None:
    (line,) = said_by(f"log.info('grant accepted', subject={SUBJECT!r}, name={NAME!r}, items=1)")
    assert (line["items"], line["dropped"]) == (1, 2)


@pytest.mark.parametrize("key", sorted(KEYS))
@pytest.mark.parametrize(
    "value",
    [
        NAME,
        f"{NAME} Meier",
        HASH,
        SUBJECT,
        SUBJECT[:17],
        "-".join(("a" * 8, "b" * 8, "c" * 8)),
        ADDRESS,
        "mrn12345",
        int(SUBJECT, 16),
        float("nan"),
        b"bytes",
        [1],
        {"a": 1},
        None,
        "two words",
        "line\nbreak",
        "",
    ],
)
def test_no_value_that_could_point_at_someone_passes_under_any_key(key: str, value: object) -> None:
    assert admitted({key: value}) == ({}, 1)


class State(StrEnum):
    """Some program's own words."""

    READY = "ready"


@pytest.mark.parametrize(
    "value", [0, -9, 2**63 - 1, 1.5, True, "grant", "key-file", "EXPIRED_UNPUBLISHED", State.READY]
)
def test_numbers_and_words_of_code_pass(value: object) -> None:
    assert plain(value) == value


@pytest.mark.parametrize(
    "event", [NAME, f"imported {HASH}", "x" * 17, "a b c d e f g", "", 7, None, "grant %s", "a\nb"]
)
def test_an_event_that_is_no_fixed_words_is_not_said(event: object) -> None:
    assert event_name(event) == "event without a name"


def test_an_exception_tells_its_class_and_the_line_of_ours_it_came_from() -> None:
    lines = said_by(
        f"try: raise ValueError({NAME!r}) from KeyError({HASH!r})\n"
        "except ValueError as error: log.error('import failed', error=error)\n"
        "from consent.signatures import recover\n"
        "from consent.domain.checkpoint import Checkpoint\n"
        f"try: Checkpoint.from_text({NAME!r})\n"
        "except Exception as error: log.error('note unreadable', error=error)\n"
    )
    assert lines[0]["error"] == "ValueError"
    assert "told" not in lines[0]
    assert lines[1]["where"].startswith("consent.domain.checkpoint:")


def test_an_error_of_ours_tells_its_sentence_without_long_ids() -> None:
    lines = said_by(
        "from consent.domain.errors import LedgerUnavailableError\n"
        "from vault.errors import WrongPassphraseError\n"
        "from analytics.errors import RowsError\n"
        "log.warning('ledger away', error=LedgerUnavailableError('the node does not answer, try again'))\n"
        f"log.warning('rows refused', error=RowsError('row {HASH} is empty'))\n"
        "log.warning('key closed', error=WrongPassphraseError('try the passphrase again'))\n"
    )
    assert [line["told"] for line in lines] == [
        "the node does not answer, try again",
        "row ... is empty",
        "try the passphrase again",
    ]


def test_a_foreign_error_that_calls_itself_ours_tells_nothing() -> None:
    (line,) = said_by(f"class ConsentError(Exception): pass\nlog.error('odd', error=ConsentError({NAME!r}))")
    assert (line["error"], "told" in line) == ("ConsentError", False)


def test_text_does_not_pass_for_an_error_or_for_a_library() -> None:
    (line,) = said_by(f"log.error('odd', error={NAME!r}, logger={NAME!r}, told={NAME!r}, where={NAME!r}, level='x')")
    assert line["dropped"] == 5
    assert line["level"] == "error"


@pytest.mark.parametrize("library", ["gunicorn.error", "alembic.runtime.migration", "web3.manager", "urllib3.util", ""])
def test_libraries_are_heard_from_warning_on_without_their_words(library: str) -> None:
    lines = said_by(
        "import logging\n"
        f"library = logging.getLogger({library!r})\n"
        "library.setLevel(logging.DEBUG)\n"
        f"library.debug({NAME!r}); library.info({NAME!r})\n"
        f"library.warning('%s', {HASH!r}); library.critical({NAME!r}, extra=dict(items={NAME!r}))\n"
        f"try: raise OSError({NAME!r})\n"
        f"except OSError: library.exception({HASH!r})\n"
    )
    assert [line["level"] for line in lines] == ["warning", "error", "error"]
    assert {line["event"] for line in lines} == {"library message"}
    assert {line["logger"] for line in lines} == {library or "root"}
    assert lines[2]["error"] == "OSError"


def test_output_that_a_library_had_made_for_itself_is_taken_from_it() -> None:
    lines = said_by(
        "import logging\n"
        "library = logging.getLogger('loud')\n"
        "library.addHandler(logging.StreamHandler())\n"
        "library.propagate = False\n"
        "configure('trial')\n"
        f"library.error({NAME!r})\n"
    )
    assert [line["logger"] for line in lines] == ["loud"]


def test_warnings_and_what_nobody_caught_go_through_the_same_door() -> None:
    lines = said_by(
        "import threading, warnings\n"
        f"warnings.warn({NAME!r})\n"
        f"def fail(): raise RuntimeError({NAME!r})\n"
        "thread = threading.Thread(target=fail); thread.start(); thread.join()\n"
        "class Odd:\n"
        f"    def __del__(self): raise KeyError({HASH!r})\n"
        "Odd()\n"
        "fail()\n"
    )
    assert [line["event"] for line in lines] == ["library message", "uncaught", "uncaught", "uncaught"]
    assert [line.get("error") for line in lines] == [None, "RuntimeError", "KeyError", "RuntimeError"]


def test_gunicorn_says_nothing_by_itself() -> None:
    lines = said_by(
        "from gunicorn.config import Config\n"
        "from consent.adapters.gunicorn_log import GunicornLog\n"
        "config = Config()\n"
        "config.set('accesslog', '-')\n"
        "log = GunicornLog(config)\n"
        f"log.info({NAME!r}); log.error('Error handling request %s', {SUBJECT!r})\n"
        f"log.access(None, None, {{'RAW_URI': {NAME!r}}}, None)\n"
    )
    assert [(line["logger"], line["level"]) for line in lines] == [("gunicorn.error", "error")]


def test_a_flask_page_that_fails_does_not_say_which(tmp_path: Path) -> None:
    lines = said_by(
        "from flask import Flask\n"
        "app = Flask('consent.web')\n"
        "@app.get('/<name>')\n"
        "def page(name): raise ValueError(name)\n"
        f"assert app.test_client().get('/{NAME}').status_code == 500\n"
    )
    assert [(line["logger"], line["error"]) for line in lines] == [("consent.web", "ValueError")]


def test_without_configure_nothing_else_passes_either() -> None:
    (line,) = said_by(f"log.info('imported {NAME}', items=2, name={NAME!r})", configured="")
    assert (line["event"], line["process"], line["items"], line["dropped"]) == (
        "event without a name",
        "unnamed",
        2,
        1,
    )


def test_a_log_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        """A terminal that was closed."""

        def write(self, _: str) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    logger().info("started")


def logged_events() -> list[tuple[str, ast.expr]]:
    """Return the first argument of every call on a log in the packages, with where it stands."""
    packages = ("consent", "vault", "analytics", "contracts")
    return [
        (f"{path.name}:{node.lineno}", node.args[0])
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_log(node.func)
    ]


def is_log(called: ast.Attribute) -> bool:
    """Say whether this is `info`, `warning` or `error` of something that is called a log or `logger()`."""
    return called.attr in {"info", "warning", "error"} and ast.unparse(called.value).removesuffix("()").endswith(
        ("log", "logger")
    )


def test_every_event_is_fixed_words_in_the_code() -> None:
    events = logged_events()
    assert len(events) > 4
    for place, event in events:
        assert isinstance(event, ast.Constant), place
        assert event_name(event.value) == event.value, place
