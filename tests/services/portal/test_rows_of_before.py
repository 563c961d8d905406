"""An installation from before rows had MACs is upgraded: who had a way in keeps it, and nobody writes one in later."""

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine, MetaData, insert, select, text

import migrations
from consent import wiring
from consent.adapters.sql import open_records
from consent.demo.wallets import Wallet
from consent.domain.terms import SubjectId
from consent.services.portal.sessions import SessionKind
from consent.services.portal.signing_in import SignInError
from consent.settings import Databases
from consent.wiring.places import Places
from tests.authenticator import Authenticator
from tests.databases import copy_databases, databases_of, fresh_database, note_databases
from tests.services.house import House, Template, settings_of
from tests.services.portal.patients import Portal, phone

BEFORE: Final = "0011"
"""The last revision of the records database whose rows had no MACs."""
KEPT: Final = ("passkey", "code", "mail")
"""The ways in that outlast an upgrade."""


@dataclass(slots=True)
class Browser:
    """What somebody comes with; `invited` is who makes a first key with the code that they have on paper."""

    subject: SubjectId
    invited: SubjectId
    passkey: Authenticator
    code: str
    session: str = ""
    ticket: str = ""

    @classmethod
    def of(cls, portal: Portal, number: int) -> "Browser":
        """Enrol somebody with a passkey and an address, and invite somebody else."""
        wallet, passkey, invited = portal.newcomer(number), phone(), portal.newcomer(number + 50).subject
        portal.enrolled(wallet, passkey)
        found = cls(wallet.subject, invited, passkey, portal.room.enrolling.invite(invited, portal.house.clock()))
        portal.room.signing_in.set_contact(found.subject, found.address)
        found.sign_in(portal)
        return found

    @property
    def address(self) -> str:
        """Their mail address."""
        return f"{self.subject}@mail.example"

    def sign_in(self, portal: Portal) -> None:
        """Get a session, and a ticket to the other origin."""
        sessions, now = portal.room.sessions, portal.house.clock()
        session = sessions.begin(SessionKind.PATIENT, self.subject, now)
        sessions.keep(session, now)
        self.session = session.token
        self.ticket = sessions.ticket("sign", session.digest, self.subject, {}, now)

    def own(self, *ways: str) -> dict[str, SubjectId]:
        """Return whom each of these ways lets in, if nobody wrote into the database."""
        whose = {"code": self.invited}
        return {way: whose.get(way, self.subject) for way in ways}

    def let_in_as(self, portal: Portal) -> dict[str, SubjectId]:
        """Return whom each way lets in, those that let somebody in; the ticket is used up."""
        room, now = portal.room, portal.house.clock()
        session, ticket = room.sessions.find(self.session, now), room.sessions.take(self.ticket, now)
        remembered, codes = room.signing_in.mailed_codes(self.address, now)
        found = {
            "passkey": self._by_passkey(portal),
            "code": self._by_code(portal),
            "mail": room.signing_in.by_mailed_code(codes[0], remembered, now) if codes else None,
            "session": session and session.subject,
            "ticket": ticket and ticket.subject,
        }
        return {way: subject for way, subject in found.items() if subject}

    def _by_passkey(self, portal: Portal) -> SubjectId | None:
        challenge = portal.challenge()
        answer = self.passkey.use(portal.room.passkeys.request(challenge))
        try:
            return portal.room.signing_in.by_passkey(answer, challenge)
        except SignInError:
            return None

    def _by_code(self, portal: Portal) -> SubjectId | None:
        now = portal.house.clock()
        digest = portal.room.enrolling.invited(self.code, now)
        with portal.house.open.store.reading() as unit:
            return None if digest is None else portal.room.enrolling.invited_within(unit, digest, now)


@dataclass(slots=True)
class Upgraded:
    """A closed installation that was made before and is of today now; `ann` and `mallory` are patients."""

    home: Path
    wallets: dict[SubjectId, Wallet]
    ann: Browser
    mallory: Browser

    @contextmanager
    def opened(self) -> Iterator[Portal]:
        """Open it."""
        with House.opened(self.home, self.wallets) as house:
            yield Portal.of(house)

    @property
    def places(self) -> Places:
        """Where its parts are."""
        return Places(self.home, databases_of(self.home))

    def write(self, *statements: str) -> None:
        """Write to the records database as whoever can do that and has no key."""
        names = {"ann": self.ann.subject, "mallory": self.mallory.subject}
        names |= {"new_ann": self.ann.invited, "new_mallory": self.mallory.invited}
        engine = open_records(self.places.records)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), {name: names[name] for name in names if f":{name} " in statement})
        engine.dispose()


@pytest.fixture(scope="module")
def then(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Upgraded:
    """Two people enrol and two more are invited; then the installation is brought from then to today, not opened."""
    home = tmp_path_factory.mktemp("then") / "home"
    with House.copied(template, home) as house:
        portal = Portal.of(house)
        found = Upgraded(home, house.wallets, Browser.of(portal, 900), Browser.of(portal, 901))
    put_back(found)
    wiring.upgrade(settings_of(home))
    return found


@pytest.fixture
def upgraded(then: Upgraded, tmp_path: Path) -> Upgraded:
    """A copy, the test's own."""
    home = tmp_path / "home"
    shutil.copytree(then.home, home)
    copy_databases(then.home, home)
    return Upgraded(home, then.wallets, deepcopy(then.ann), deepcopy(then.mallory))


def put_back(to: Upgraded) -> None:
    """Put the records into a database that the migrations of then made; nothing says yet that rows were adopted."""
    home, today = to.home, to.places.records
    then = home / "of-then.sqlite" if isinstance(today, Path) else fresh_database()
    source, target = open_records(today), open_records(then)
    migrations.upgrade(target, "records", BEFORE)
    _fill(source, target)
    for engine in (source, target):
        engine.dispose()
    if isinstance(then, Path):
        then.replace(home / "records.sqlite")
    else:
        note_databases(home, Databases(then, databases_of(home).keys))
    to.places.rows_adopted.unlink()


def _fill(source: Engine, target: Engine) -> None:
    """Copy what both have a column for."""
    tables = MetaData()
    tables.reflect(target)
    with source.connect() as there, target.begin() as here:
        for table in tables.sorted_tables:
            rows = [dict(row) for row in there.execute(select(table)).mappings()]
            if rows and table.name != "alembic_version":
                here.execute(insert(table), rows)


def adopted(portal: Portal) -> list[int]:
    """Return of how many rows the log says that they were adopted, each time."""
    return [entry["facts"]["rows"] for entry in portal.house.log() if entry.get("verdict") == "ROWS_ADOPTED"]


def test_who_had_a_way_in_keeps_it_and_whoever_was_signed_in_signs_in_again(upgraded: Upgraded) -> None:
    with upgraded.opened() as portal:
        for one in (upgraded.ann, upgraded.mallory):
            assert one.let_in_as(portal) == one.own(*KEPT)
            one.sign_in(portal)
            assert one.let_in_as(portal) == one.own(*KEPT, "session", "ticket")


def test_rows_are_adopted_once_and_the_log_says_how_many(upgraded: Upgraded) -> None:
    for _ in range(2):
        with upgraded.opened() as portal:
            assert adopted(portal) == [6], "two passkeys, two codes, two addresses"
            assert upgraded.places.rows_adopted.exists()


TAKEN: Final = {
    "passkey": ["UPDATE credentials SET subject = :ann , mac = {mac} WHERE subject = :mallory "],
    "code": [
        "DELETE FROM invitations WHERE subject = :new_ann ",
        "UPDATE invitations SET subject = :new_ann , mac = {mac} WHERE subject = :new_mallory ",
    ],
    "mail": [
        "DELETE FROM contacts WHERE subject = :ann ",
        "UPDATE contacts SET subject = :ann , seal = {seal} WHERE subject = :mallory ",
    ],
    "session": ["UPDATE sessions SET subject = :ann , mac = {mac} WHERE subject = :mallory "],
    "ticket": ["UPDATE tickets SET subject = :ann , mac = {mac} WHERE subject = :mallory "],
}
"""How somebody who can write to the database makes each way of theirs one of Ann's, or of whom she would be."""
LEFT: Final = {"none": ("NULL", "NULL"), "their own": ("mac", "seal")}
"""What stands as a row's MAC afterwards, in `mac` or in `seal`."""


def statements(ways: Collection[str], left: str) -> list[str]:
    mac, seal = LEFT[left]
    return [statement.format(mac=mac, seal=seal) for way in ways for statement in TAKEN[way]]


@pytest.mark.parametrize("ways", [(*KEPT, "session"), ("ticket",)], ids=["all but tickets", "tickets"])
@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("file", ["there", "lost"])
def test_what_whoever_can_write_to_the_database_makes_anothers_lets_nobody_in(
    upgraded: Upgraded, ways: tuple[str, ...], left: str, file: str
) -> None:
    with upgraded.opened() as portal:
        upgraded.mallory.sign_in(portal)
    upgraded.write(*statements(ways, left))
    if file == "lost":  # as with an operator's folder that was restored from before the upgrade
        upgraded.places.rows_adopted.unlink()
    with upgraded.opened() as portal:
        others = {*KEPT, "session"} - {*ways}  # a ticket needs its session
        assert upgraded.mallory.let_in_as(portal) == upgraded.mallory.own(*others)
        assert adopted(portal) == [6]
        assert upgraded.places.rows_adopted.exists()


def test_a_row_without_a_mac_that_an_open_installation_finds_lets_nobody_in(upgraded: Upgraded) -> None:
    with upgraded.opened() as portal:
        upgraded.write(*statements(KEPT, "none"))
        assert upgraded.mallory.let_in_as(portal) == {}
        assert upgraded.ann.let_in_as(portal).keys() == {"passkey"}, "hers is a row of its own"
