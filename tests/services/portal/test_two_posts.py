"""Two `consentry post` of one installation, as programs of their own: each letter once, and none lost with one."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from consent import wiring
from consent.adapters.smtp import SmtpPost
from consent.domain.entry import Action, Entry
from consent.domain.mail import MailServer
from consent.services.posting import CLAIM_SECONDS, Posting
from consent.web.letters import Letters
from tests.databases import databases_of
from tests.mail_server import served
from tests.services.house import PASSPHRASE, House
from tests.services.portal.patients import Portal

PEOPLE = 12
_PATIENCE = 60


@dataclass
class SlowInbox:
    """Takes each letter slowly; `stuck` is set as one comes in that is not answered while `hangs`."""

    taken: list[str] = field(default_factory=list)
    hangs: bool = False
    stuck: Event = field(default_factory=Event)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's
        """Take a letter."""
        self.taken.extend(envelope.rcpt_tos)
        self.stuck.set()
        await asyncio.sleep(_PATIENCE if self.hangs else 0.2)
        return "250 OK"


@contextmanager
def posting(house: House, server: MailServer) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `consentry post` on a house."""
    home = house.open.places.home
    (home / "test-passphrase").write_bytes(PASSPHRASE)
    there = databases_of(home)
    urls = {"CONSENTRY_RECORDS": there.records, "CONSENTRY_KEYS": there.keys} if there.records else {}
    environment = os.environ | urls | {
        "CONSENTRY_PASSPHRASE_FILE": str(home / "test-passphrase"),
        "CONSENTRY_REPLICAS": ":".join(map(str, house.settings.replicas)),
        "CONSENTRY_SMTP": f"smtp://{server.host}:{server.port}",
        "CONSENTRY_MAIL_FROM": "post@hospital.example",
    }  # fmt: skip
    program = subprocess.Popen(
        [sys.executable, "-m", "consent.cli", "post", str(home)], env=environment, stderr=subprocess.PIPE
    )
    try:
        yield program
    finally:
        program.terminate()
        said = program.communicate(timeout=_PATIENCE)[1].decode()
        assert program.returncode in (0, -signal.SIGKILL), said


@pytest.fixture
def expected(house: House) -> list[str]:
    """A dozen people left an address each, and each is to hear something."""
    now = house.clock()
    house.open.noticing.follow(now)
    portal, addresses = Portal.of(house), []
    for number, subject in enumerate(house.people[:PEOPLE]):
        addresses.append(f"person-{number}@home.example")
        portal.room.signing_in.set_contact(subject, addresses[-1])
    with house.open.store.begin() as unit:
        time_, acts = int(now.timestamp()), [house.people[number] for number in range(PEOPLE)]
        entries = [Entry(time_, "operator", Action.REPORT, "ANSWERED", subject) for subject in acts]
        house.open.log.append(unit, entries)
    return addresses


def waiting(house: House) -> int:
    with house.open.store.reading() as unit:
        return unit.notices.waiting()


def until_at_most(house: House, inbox: SlowInbox, left: int) -> None:
    """Wait until no more letters than these wait, of all."""
    end = time.monotonic() + _PATIENCE
    while len(set(inbox.taken)) < PEOPLE or waiting(house) > left:
        assert time.monotonic() < end, f"{waiting(house)} letters wait"
        time.sleep(0.1)


def test_two_programs_send_each_letter_once(house: House, expected: list[str]) -> None:
    inbox = SlowInbox()
    with served(inbox) as server, posting(house, server), posting(house, server):
        until_at_most(house, inbox, 0)
        time.sleep(3)  # in which each looks once more, and finds nothing
    assert Counter(inbox.taken) == Counter(expected)


def test_what_a_killed_program_was_sending_is_left_alone_and_then_sent_again_and_the_rest_goes_on(
    house: House, expected: list[str]
) -> None:
    inbox = SlowInbox(hangs=True)
    with served(inbox) as server:
        with posting(house, server) as killed:
            assert inbox.stuck.wait(_PATIENCE)
            killed.send_signal(signal.SIGKILL)
            killed.wait()
        inbox.hangs = False
        [twice] = inbox.taken
        with posting(house, server):
            until_at_most(house, inbox, 1)
            time.sleep(3)
        assert Counter(inbox.taken) == Counter(expected), "its claim lasts"
        later = wiring.utc_now() + timedelta(seconds=CLAIM_SECONDS + 1)
        post = SmtpPost(server, "post@hospital.example", house.clock)
        open_ = house.open
        again = Posting(open_.store, open_.vault, open_.noticing, post, Letters("https://portal.hospital.example"))
        assert again.step(later) is not None
        assert again.step(later) is None
    assert Counter(inbox.taken) == Counter([*expected, twice])
