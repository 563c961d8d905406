"""What an erased person signed in with goes with their key, and comes back from no backup."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from consent.domain.terms import SubjectId
from consent.ports import Invitation, Passkey
from consent.services.portal.sessions import SessionKind
from consent.services.portal.signing_in import SignInError
from consent.wiring.backups import SHORT_LIVED, Backup
from tests.services.house import House, Template
from tests.services.portal.patients import TABLES, Portal, slot
from tests.services.restoring import backed_up, dying, restored


@pytest.fixture
def leaving(template: Template) -> SubjectId:
    """Who will be erased."""
    return next(iter(template.wallets))


@pytest.fixture
def staying(template: Template) -> SubjectId:
    """Who will not."""
    return list(template.wallets)[1]


def settle_in(portal: Portal, subject: SubjectId) -> None:
    """Give somebody a row of each table of sign-in."""
    now = portal.house.clock()
    portal.room.enrolling.keep(subject, [slot("passphrase")], portal.house.clock())
    portal.room.signing_in.set_contact(subject, f"{subject}@mail.example")
    portal.house.open.preferences.prefer([subject], now, counted=True)
    portal.room.asking.decline(subject, "kidneys")
    with portal.house.open.store.begin() as unit:
        unit.accounts.add_passkey(Passkey(subject.encode(), subject, b"cose", 0))
        unit.accounts.invite(Invitation(bytes.fromhex(subject) * 2, subject, int(now.timestamp()) + 999))
    session = portal.room.sessions.begin(SessionKind.PATIENT, subject, now)
    portal.room.sessions.keep(session, now)
    portal.room.sessions.ticket("sign", session.digest, subject, {}, now)
    assert portal.rows_of(subject) == len(TABLES)


@pytest.fixture
def settled(home: Path, template: Template, leaving: SubjectId, staying: SubjectId) -> Backup:
    """Both have all that one signs in with, and there is a backup of then."""
    with House.opened(home, template.wallets) as house:
        for subject in (leaving, staying):
            settle_in(Portal.of(house), subject)
        return backed_up(house, home.parent / "settled")


@pytest.mark.usefixtures("settled")
def test_it_goes_when_the_key_dies_and_not_before_and_nobody_signs_in_meanwhile(
    home: Path, template: Template, leaving: SubjectId, staying: SubjectId
) -> None:
    with House.opened(home, template.wallets) as house:
        portal = Portal.of(house)
        house.open.erasures.request(house.ask(leaving))
        house.anchor()
        assert portal.rows_of(leaving) == len(TABLES), "a hold may keep what there is"
        challenge = portal.challenge()
        with pytest.raises(SignInError):
            portal.room.signing_in.by_key(portal.signed(house.wallets[leaving], challenge), challenge)
        house.open.erasures.step(house.open.anchored)
        assert house.log()[-1]["verdict"] == "KEY_DELETED"
        assert (portal.rows_of(leaving), portal.rows_of(staying)) == (0, len(TABLES))
        assert leaving not in repr(portal.rows())


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("keys_too", [True, False])
def test_it_comes_back_from_no_backup_once_the_erasure_went_through(
    home: Path, template: Template, settled: Backup, leaving: SubjectId, staying: SubjectId,
    *, signed: bool, keys_too: bool,
) -> None:  # fmt: skip
    with House.opened(home, template.wallets) if signed else dying(home, template) as house:
        if keys_too:  # while the epoch lives, the backup's keys are still keys
            house.open.erasures.request(house.ask(leaving))
            house.anchor()
            house.open.erasures.step(house.open.anchored)
        else:
            house.erase(leaving)
        assert Portal.of(house).rows_of(leaving) == 0
    restored(home, settled.records, settled.keys if keys_too else None)
    with House.opened(home, template.wallets) as house:
        portal = Portal.of(house)
        assert house.open.replayed.shreds == 1
        assert (portal.rows_of(leaving), portal.rows_of(staying)) == (0, len(set(TABLES) - set(SHORT_LIVED)))
        assert leaving not in repr(portal.rows())
        challenge = portal.challenge()
        with pytest.raises(SignInError):
            portal.room.signing_in.by_key(portal.signed(house.wallets[leaving], challenge), challenge)
        assert portal.room.signing_in.by_key(portal.signed(house.wallets[staying], challenge), challenge) == staying


@pytest.mark.usefixtures("settled")
def test_nothing_of_theirs_is_stored_by_a_page_that_was_slow(
    home: Path, template: Template, leaving: SubjectId
) -> None:
    with House.opened(home, template.wallets) as house, House.without_ledger(home, template.wallets) as opened:
        beside = Portal.of(opened)
        session = beside.room.sessions.begin(SessionKind.PATIENT, leaving, house.clock())
        beside.room.sessions.keep(session, house.clock())
        slow = beside.room.sessions.find(session.token, house.clock())
        assert slow is not None
        house.erase(leaving)
        beside.room.sessions.remember(slow, {"draft": 1}, house.clock())
        beside.room.asking.decline(leaving, "kidneys")
        with pytest.raises(SignInError):
            beside.room.signing_in.set_contact(leaving, "late@mail.example")
        assert Portal.of(house).rows_of(leaving) == 0


def test_a_code_that_was_used_since_the_backup_enrols_nobody_again(
    home: Path, template: Template, tmp_path: Path
) -> None:
    with House.opened(home, template.wallets) as house:
        portal = Portal.of(house)
        wallet = portal.newcomer()
        code = portal.room.enrolling.invite(wallet.subject, house.clock())
        digest = portal.room.enrolling.invited(code, house.clock())
        assert digest is not None
        waiting = backed_up(house, tmp_path / "waiting")
        challenge = portal.challenge()
        portal.room.enrolling.enrol(digest, portal.made(wallet, challenge), challenge, house.clock())
    restored(home, waiting.records)
    with House.opened(home, template.wallets) as house:
        portal = Portal.of(house)
        assert house.open.book.enrolments[wallet.subject] == wallet.enrolment_key.address
        assert portal.room.enrolling.invited(code, house.clock()) is None


def test_no_backup_tells_who_was_signed_in_and_what_they_were_choosing_and_none_signs_them_in_again(
    home: Path, template: Template, settled: Backup, staying: SubjectId
) -> None:
    with closing(sqlite3.connect(settled.records)) as backup:
        lines = [backup.execute(f"SELECT count(*) FROM {table.name}").fetchone() for table in SHORT_LIVED]  # noqa: S608  # names of ours
        assert lines == [(0,)] * len(SHORT_LIVED)
    with House.opened(home, template.wallets) as house:
        rows = Portal.of(house).rows()
        old = shutil.copyfile(settled.records, home.parent / "of-an-earlier-version.sqlite")
    with closing(sqlite3.connect(old)) as backup, backup:
        [session] = [row for row in rows["sessions"] if staying in row]
        backup.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)", session)
    restored(home, old)
    with House.opened(home, template.wallets) as house:
        assert Portal.of(house).rows()["sessions"] == []
