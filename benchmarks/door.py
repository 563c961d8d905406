"""The researchers' door over HTTP: previews among 100,000 people from the snapshot, reads of twenty clients at once."""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from benchmarks.figure import Figure
from consent import wiring
from consent.adapters.fhir import read
from consent.client import ClientKey
from consent.domain.terms import SubjectId
from consent.services.desk.callers import Role
from consent.services.received import ReceivedResource
from consent.settings import WebSettings
from tests.databases import Kind
from tests.services.house import PASSPHRASE, STUDY, House, Template, identifier_of, patient_bundle
from tests.services.served import BEDSIDE, built

PEOPLE: Final = 100_000
PREVIEWS: Final = 200
CLIENTS: Final = 20
SECONDS: Final = 10.0
"""For so long twenty clients read."""
KINDS: Final[tuple[tuple[str, Kind], ...]] = (("", "sqlite"), ("_postgresql", "postgresql"))
_AT_ONCE: Final = 2_000
_PATIENCE: Final = 900
_READS: Final = ("models", "cohorts", "requests", "trainings")


def measure() -> Iterator[Figure]:
    """Yield how long a preview takes, and how many reads a second are answered."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _previews(Path(folder))
    for suffix, kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            yield _reads(Path(folder), suffix, kind)


@dataclass(frozen=True, slots=True)
class _Door:
    """A served door, and a token for one study."""

    port: int
    study: str
    token: str

    def line(self) -> http.client.HTTPConnection:
        """Open a connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def ask(
        self, line: http.client.HTTPConnection, method: str, path: str, body: object = None, client: int = 0
    ) -> tuple[int, Any]:
        """Send a request from a client's own address, as a proxy tells it; return status and answer."""
        headers = {"Host": f"api.localhost:{self.port}", "Authorization": f"Bearer {self.token}"}
        headers["X-Forwarded-For"] = f"192.0.2.{client}"
        sent = None if body is None else json.dumps(body)
        headers |= {"Content-Type": "application/json"} if sent else {}
        line.request(method, f"/v1/studies/{self.study}/{path}", sent, headers)
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())


def _previews(folder: Path) -> Iterator[Figure]:
    template = Template.built(folder / "template", people=range(2))
    with House.copied(template, folder / "home") as house:
        for first in range(10, 10 + PEOPLE, _AT_ONCE):
            house.open.preferences.prefer(_imported(house, first), house.clock(), counted=True)
        with _opened(house, STUDY.reference.id) as door:
            started = time.perf_counter()
            _until_ready(door)
            read = time.perf_counter() - started
            taken = _asked(door)
    yield Figure(
        "api.p95_ms",
        round(quantiles(taken, n=20)[-1], 1),
        "ms",
        "goal 300",
        f"previews of {PREVIEWS} cohorts, none asked before, one after the other, among {PEOPLE:,} people who allow"
        f" being counted, from the snapshot of one process; SQLite; median {median(taken):.0f} ms, the slowest"
        f" {max(taken):.0f} ms, each with its entry in the log",
    )
    yield Figure(
        "api.snapshot_seconds", round(read, 1), "s", "-", f"reading {PEOPLE:,} people, an entry each, before the first"
    )


def _imported(house: House, first: int) -> list[SubjectId]:
    """Import invented people; return who they are."""
    numbers = range(first, first + _AT_ONCE)
    found = read([patient_bundle(number) for number in numbers], processes=1)
    house.open.records.deposit([one for one in found if isinstance(one, ReceivedResource)], house.clock())
    return list(house.open.records.subjects_of([identifier_of(number) for number in numbers]).values())


def _asked(door: _Door) -> list[float]:
    """Return the milliseconds of each preview."""
    line, taken = door.line(), []
    for number in range(PREVIEWS):
        query = _query(40 + number % 40, 0.5 + number / 100)
        start = time.perf_counter()
        status, _ = door.ask(line, "POST", "cohorts/preview", {"query": query})
        taken.append((time.perf_counter() - start) * 1000)
        assert status in {HTTPStatus.OK, HTTPStatus.CONFLICT}
    return taken


def _query(age: int, level: float) -> dict[str, Any]:
    creatinine = {"system": "http://loinc.org", "codes": ["2160-0"], "unit": "mg/dL", "range": [level, None]}
    measured = {"measurement": creatinine | {"window": [-30, 0]}}
    where = {"all": [{"demographics": {"age": [age, None]}}, measured]}
    return {"version": 1, "index": {"day": "2020-06-15"}, "where": where}


def _until_ready(door: _Door) -> None:
    line, until = door.line(), time.monotonic() + _PATIENCE
    while door.ask(line, "POST", "cohorts/preview", {"query": _query(41, 0.1)})[0] == HTTPStatus.SERVICE_UNAVAILABLE:
        assert time.monotonic() < until, "the snapshot was not read in time"
        time.sleep(0.5)


def _reads(folder: Path, suffix: str, kind: Kind) -> Figure:
    template = built(Template.built(folder / "template", kind=kind), folder / "bedside")
    with House.copied(template, folder / "home") as house, _opened(house, BEDSIDE) as door:
        until = time.monotonic() + SECONDS
        with ThreadPoolExecutor(CLIENTS) as pool:
            answered = [one for some in pool.map(partial(_read_until, door, until), range(CLIENTS)) for one in some]
    return Figure(
        f"api.reads_per_second{suffix}",
        round(len(answered) / SECONDS),
        "requests/s",
        "-",
        f"{CLIENTS} clients at once for {SECONDS:.0f} s, models, cohorts, requests and jobs in turn; one process; p95"
        f" {quantiles(answered, n=20)[-1]:.0f} ms; {kind}",
    )


def _read_until(door: _Door, until: float, client: int) -> list[float]:
    line, taken = door.line(), list[float]()
    while time.monotonic() < until:
        start = time.perf_counter()
        status, _ = door.ask(line, "GET", _READS[len(taken) % len(_READS)], client=client)
        taken.append((time.perf_counter() - start) * 1000)
        assert status == HTTPStatus.OK
    return taken


@contextmanager
def _opened(house: House, study: str) -> Iterator[_Door]:
    """Serve a house's door in a process of its own."""
    port = _free_port()
    web = WebSettings.read(port - 1, {})
    key = ClientKey.drawn("bench", web.api)
    clients = wiring.clients_of(house.open, house.clock)
    clients.register("bench", Role.RESEARCHER, "A benchmark", key.public())
    clients.allow("bench", study)
    secret = house.open.places.home / "bench-passphrase"
    secret.write_bytes(PASSPHRASE)
    databases = house.settings.databases
    environment = os.environ | {
        "CONSENTRY_PASSPHRASE_FILE": str(secret),
        "CONSENTRY_MAX_STALENESS": "86400",
        "CONSENTRY_PROXIES": "1",
        "CONSENTRY_COUNT_EPSILON": "0.01",
        "CONSENTRY_COUNT_BUDGET": "10",
        "CONSENTRY_RECORDS": databases.records,
        "CONSENTRY_KEYS": databases.keys,
    }
    command = [sys.executable, "-m", "consent.cli", "api", str(house.open.places.home), "--port", str(port - 1)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)  # noqa: S603  # our own
    try:
        _until_served(port)
        yield _Door(port, study, wiring.tokens_of(house.open, f"{web.api}/v1/token", house.clock).grant(
            key.assertion(f"{web.api}/v1/token", int(house.clock().timestamp())), study, None).token)  # fmt: skip
    finally:
        process.terminate()
        process.wait(30)


def _until_served(port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise AssertionError("the door was not served in time")


def _free_port() -> int:
    with socket.socket() as one, socket.socket() as next_one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1] + 1
        next_one.bind(("127.0.0.1", port))
        return int(port)
