"""Letters: each cause once, sent when the server takes them, to the address of that moment, whatever happens."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from consent.adapters.sql.portal_tables import notices
from consent.domain.entry import Action, Entry
from consent.domain.errors import PostError
from consent.domain.terms import SubjectId, month_end_after
from consent.services.notices import FAREWELL_SECONDS, Notice
from consent.services.posting import CLAIM_SECONDS, FIRST_PAUSE, MOST_TRIES, Posting, Sent
from consent.services.studies.requesters import Themselves
from tests.services.house import DICTIONARY, STUDY, House
from tests.services.portal.patients import Portal
from vault import Access, EpochSeal

ACCESS = Access("study:kidneys", "kidneys", "train", DICTIONARY.required, DICTIONARY.optional)
ANN, BEN = "ann@mail.example", "ben@mail.example"


class PowerCutError(Exception):
    """The power fails."""


@dataclass
class Postbox:
    """A `Post` that keeps what it took, and takes nothing while `refuses`; `during` runs once, in the middle of one."""

    letters: list[tuple[str, str]] = field(default_factory=list)
    refuses: bool = False
    breaks: bool = False
    during: Callable[[], object] | None = None

    def send(self, to: str, subject: str, text: str) -> None:
        """Take a letter, whose subject is its kind here."""
        if self.refuses:
            raise PostError("the mail server took no letter: try again later")
        assert text == "text"
        during, self.during = self.during, None
        if during:
            during()
        self.letters.append((to, subject))
        if self.breaks:
            raise PowerCutError


@dataclass
class Office:
    """A house with a portal whose people are told things."""

    house: House
    portal: Portal
    box: Postbox
    posting: Posting

    def leave(self, subject: SubjectId, address: str) -> None:
        """Leave an address on the page, empty to take it back."""
        self.portal.room.signing_in.set_contact(subject, address)

    def note(self, action: Action, verdict: str, subject: SubjectId) -> None:
        """Write an entry as the services of the other pages do."""
        with self.house.open.store.begin() as unit:
            now = int(self.house.clock().timestamp())
            self.house.open.log.append(unit, [Entry(now, "patient", action, verdict, subject)])

    def told(self) -> list[tuple[str, str]]:
        """Do what the program does until nothing is left; return what was sent meanwhile."""
        before, now = len(self.box.letters), self.house.clock
        self.house.open.noticing.renew(now())
        while self.house.open.noticing.follow(now()):
            pass
        self.house.open.noticing.look_ahead(now())
        while self.posting.step(now()):
            pass
        return self.box.letters[before:]

    def waiting(self) -> int:
        """Return how many letters wait."""
        with self.house.open.store.reading() as unit:
            return unit.notices.waiting()


@pytest.fixture
def office(house: House) -> Office:
    """Two people left an address, and one did not; letters have begun."""
    box, opened = Postbox(), house.open
    posting = Posting(opened.store, opened.vault, opened.noticing, box, lambda kind, _: (kind.value, "text"))
    found = Office(house, Portal.of(house), box, posting)
    assert found.told() == [], "nothing of before is told"
    found.leave(house.people[0], ANN)
    found.leave(house.people[1], BEN)
    return found


def read(house: House, access: Access = ACCESS) -> None:
    """The study reads the records of whoever allowed it, or somebody else under the same consents."""
    with house.open.store.reading() as unit:
        list(house.open.vault.read(unit.connection, house.gate(), access, house.people[:3]))


def test_a_studys_first_use_is_told_once_and_to_nobody_who_left_no_address(office: Office) -> None:
    house = office.house
    house.grant(*house.people[:3])
    house.publish()
    assert office.told() == []
    read(house)
    assert sorted(office.told()) == [(ANN, "first-use"), (BEN, "first-use")]
    read(house)
    office.leave(house.people[2], "late@mail.example")
    assert office.told() == [], "neither again, nor to whoever left an address later"


def test_asking_for_ones_own_risk_is_no_use_by_the_study_whose_first_is_told_later(office: Office) -> None:
    house = office.house
    house.grant(house.people[0])
    house.publish()
    read(house, replace(ACCESS, actor=Themselves().actor))
    assert office.told() == []
    read(house)
    assert office.told() == [(ANN, "first-use")]


def test_a_stop_is_told_as_soon_as_it_is_acknowledged_and_several_at_once_are_one(office: Office) -> None:
    house, subject = office.house, office.house.people[0]
    house.grant(subject)
    house.grant(subject)
    house.stop(subject)
    assert office.told() == [(ANN, "stopped")]
    house.publish()
    assert office.told() == []


@pytest.mark.parametrize(
    ("action", "verdict", "kind"),
    [
        (Action.ENROL, "KEY_INVITED", "key-invited"),
        (Action.ENROL, "KEY_ASKED", "key-asked"),
        (Action.ENROL, "KEY_CANCELLED", "key-cancelled"),
        (Action.ENROL, "KEY_REPLACED", "key-replaced"),
        (Action.REPORT, "ANSWERED", "answered"),
    ],
)
def test_news_of_keys_and_answers_are_told_each_time(office: Office, action: Action, verdict: str, kind: str) -> None:
    for _ in range(2):
        office.note(action, verdict, office.house.people[0])
        assert office.told() == [(ANN, kind)]


def test_a_consent_that_ends_is_told_a_month_and_a_week_before_and_not_where_another_goes_on(office: Office) -> None:
    house, clock = office.house, office.house.clock
    expires = month_end_after(clock(), 6)
    house.grant(*house.people[:2], expires=expires)
    house.publish()
    assert office.told() == []
    clock.ahead += expires - clock() - timedelta(days=29)
    house.follow()
    house.grant(house.people[1])
    assert office.told() == [(ANN, "ends-in-a-month")]
    clock.ahead += timedelta(days=23)
    house.follow()
    assert office.told() == [(ANN, "ends-in-a-week")]
    clock.ahead += timedelta(days=8)
    assert office.told() == []


@pytest.mark.parametrize("how", ["closed", "another text"])
def test_an_end_is_not_told_where_nothing_could_be_allowed_again(office: Office, how: str) -> None:
    house, clock = office.house, office.house.clock
    expires = month_end_after(clock(), 6)
    house.grant(house.people[0], expires=expires)
    house.publish()
    if how == "closed":
        house.open.registration.close(STUDY.reference.id, clock())
    else:
        house.open.registration.change(replace(STUDY, text=f"{STUDY.text} And at how they heal."), clock())
    for days in (29, 6):
        clock.ahead += expires - clock() - timedelta(days=days)
        house.follow()
        assert office.told() == []


def test_a_letter_goes_to_the_address_of_the_moment_and_to_none_that_was_taken_back(office: Office) -> None:
    one, other = office.house.people[:2]
    for subject in (one, other):
        office.note(Action.REPORT, "ANSWERED", subject)
    office.house.open.noticing.follow(office.house.clock())
    office.leave(one, "new@mail.example")
    office.leave(other, "")
    assert office.told() == [("new@mail.example", "answered")]
    assert office.waiting() == 0


def test_what_the_server_does_not_take_is_tried_again_later_each_time_and_given_up_in_the_end(office: Office) -> None:
    house, clock = office.house, office.house.clock
    office.note(Action.REPORT, "ANSWERED", house.people[0])
    office.box.refuses = True
    house.open.noticing.follow(clock())
    assert office.posting.step(clock()) is Sent.PUT_OFF
    assert office.posting.step(clock()) is None, "not before its time"
    clock.ahead += timedelta(seconds=FIRST_PAUSE + 1)
    tries = [office.posting.step(clock())]
    while office.waiting():
        clock.ahead += timedelta(hours=6, seconds=1)
        tries.append(office.posting.step(clock()))
    assert tries == [Sent.PUT_OFF] * (MOST_TRIES - 2) + [Sent.GIVEN_UP]
    office.box.refuses = False
    assert office.told() == []


def test_a_crash_between_sending_and_committing_sends_twice_and_loses_nothing(office: Office) -> None:
    clock = office.house.clock
    office.note(Action.REPORT, "ANSWERED", office.house.people[0])
    office.house.open.noticing.follow(clock())
    office.box.breaks = True
    with pytest.raises(PowerCutError):
        office.posting.step(clock())
    office.box.breaks = False
    assert office.posting.step(clock()) is None, "it belongs to whoever was sending it"
    clock.ahead += timedelta(seconds=CLAIM_SECONDS + 1)
    assert office.told() == [(ANN, "answered")]
    assert office.box.letters == [(ANN, "answered")] * 2


def test_letters_that_wait_as_the_epoch_turns_are_made_anew_and_sent_ones_stay_sent(office: Office) -> None:
    house = office.house
    office.note(Action.REPORT, "ANSWERED", house.people[0])
    assert office.told() == [(ANN, "answered")]
    office.note(Action.ENROL, "KEY_ASKED", house.people[0])
    house.open.noticing.follow(house.clock())
    house.turn_epoch()
    assert office.posting.step(house.clock()) is None, "no key opens it"
    assert office.told() == [(ANN, "key-asked")]
    assert house.open.noticing.renew(office.house.clock()) == 0


def test_an_erasure_is_told_as_it_begins_and_when_the_key_is_gone_and_the_address_dies_with_the_epoch(
    office: Office,
) -> None:
    house, subject = office.house, office.house.people[0]
    epoch = house.open.keys.epoch
    house.open.erasures.request(house.ask(subject))
    assert office.told() == [(ANN, "erasing")]
    house.anchor()
    house.open.keep_house()
    assert house.open.keys.epoch == epoch, "the epoch lives on until the last letter has gone"
    with house.open.store.reading() as unit:
        assert unit.accounts.contact(subject) is None
    assert office.told() == [(ANN, "erased")]
    house.open.keep_house()
    assert house.open.erasures.receipt(subject).attested
    assert office.told() == []


def test_an_epoch_waits_an_hour_for_a_last_letter_and_no_longer(office: Office) -> None:
    house, subject = office.house, office.house.people[0]
    house.open.erasures.request(house.ask(subject))
    house.anchor()
    house.open.keep_house()
    house.clock.ahead += timedelta(seconds=FAREWELL_SECONDS + 1)
    house.open.keep_house()
    assert house.open.erasures.receipt(subject).attested
    assert house.open.noticing.renew(office.house.clock()) == 1, "it is counted, and nobody can send it"
    assert office.told() == []


def test_a_letter_at_rest_is_as_long_as_any_other_and_opens_in_its_own_place_only(office: Office) -> None:
    house = office.house
    for verdict in ("KEY_ASKED", "KEY_REPLACED"):
        office.note(Action.ENROL, verdict, house.people[0])
    house.open.erasures.request(house.ask(house.people[1]))
    house.open.noticing.follow(house.clock())
    house.anchor()
    house.open.keep_house()
    seal: EpochSeal = house.open.keys.epoch_seal()
    with house.open.store.reading() as unit:
        kept, rows = unit.notices.of_epoch(seal.number), list(unit.connection.execute(select(notices)))
    assert len({len(one.sealed) for one in kept}) == 1
    assert {one.kind for row in kept if (one := house.open.noticing.opened(seal, row))} >= {Notice.KEY_ASKED}
    assert BEN.encode() not in repr(rows).encode()
    swapped = type(kept[0])(kept[0].id, kept[0].due, kept[0].epoch, kept[1].sealed)
    assert house.open.noticing.opened(seal, swapped) is None


def test_two_programs_send_a_letter_once(office: Office) -> None:
    clock = office.house.clock
    office.note(Action.REPORT, "ANSWERED", office.house.people[0])
    office.house.open.noticing.follow(clock())
    seal = office.house.open.keys.epoch_seal()
    with office.house.open.store.begin() as unit:
        [stored] = unit.notices.of_epoch(seal.number)
        assert unit.notices.claim(stored, stored.due + CLAIM_SECONDS, 1)
        assert not unit.notices.claim(stored, stored.due + CLAIM_SECONDS, 1)
    assert office.posting.step(clock()) is None


def test_a_letter_that_is_being_sent_as_the_epoch_turns_is_not_made_anew_by_another_program(office: Office) -> None:
    house, clock = office.house, office.house.clock
    office.note(Action.REPORT, "ANSWERED", house.people[0])
    house.open.noticing.follow(clock())
    told_meanwhile: list[list[tuple[str, str]]] = []

    def another_program_at_the_turn() -> None:
        house.turn_epoch()
        told_meanwhile.append(office.told())

    office.box.during = another_program_at_the_turn
    assert office.posting.step(clock()) is Sent.SENT
    assert told_meanwhile == [[]]
    assert office.box.letters == [(ANN, "answered")]
    clock.ahead += timedelta(seconds=CLAIM_SECONDS + 1)
    assert office.told() == []
    assert office.waiting() == 0


def test_a_letter_whose_program_died_as_the_epoch_turned_is_made_anew_once_it_belongs_to_nobody(
    office: Office,
) -> None:
    house, clock = office.house, office.house.clock
    office.note(Action.REPORT, "ANSWERED", house.people[0])
    house.open.noticing.follow(clock())
    office.box.breaks = True
    with pytest.raises(PowerCutError):
        office.posting.step(clock())
    office.box.breaks = False
    house.turn_epoch()
    assert office.told() == []
    clock.ahead += timedelta(seconds=CLAIM_SECONDS + 1)
    assert office.told() == [(ANN, "answered")]
