"""What a letter gives away to whoever reads it on its way: that there is a portal, and nothing of anybody's records.

A real mail server takes them; studies, people and consents are full of words that must never come out.
"""

import base64
import email
import json
import quopri
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from threading import Event
from typing import Final

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from consent import wiring
from consent.adapters.fhir import read
from consent.adapters.logging_json import configure
from consent.adapters.smtp import SmtpPost
from consent.cli.posting import PostLoop
from consent.demo.wallets import Wallet
from consent.domain.entry import Action, Entry
from consent.domain.terms import Category, StudyReference, SubjectId, month_end_after
from consent.domain.wording import CURRENT
from consent.services.access import OwnGate
from consent.services.notices import Notice
from consent.services.posting import Posting
from consent.services.received import ReceivedResource
from consent.web.letters import Letters
from tests.mail_server import served
from tests.services.house import DICTIONARY, STUDY, House, identifier_of, patient_bundle
from tests.services.portal.patients import Portal
from vault import Access, History

PORTAL, TELEPHONE = "https://portal.hospital.example", "020 7946 0123"
ADDRESS = "wilhelmina@home.example"
CANARIES: Final = {
    "title": "Vexquillen wobblestaff",
    "study": "zorfbutt-77",
    "text": "Plimquarf sargendottle.",
    "ethics": "GRUMPF 2026/qx",
    "institution": "Xanthoquist Murblewick",
    "family name": "Quibberschnapf",
    "given name": "Ñandubrix",
    "number": "ZQ-7731-idquux",
    "code": "94118842700",
    "display": "Fnordulosis maxima",
    "illness": "Brackwater gloomitis",
}
"""Words that stand nowhere but in the study, the terms and the records of these tests."""
PLANTED: Final = replace(
    STUDY,
    reference=StudyReference(CANARIES["study"], CANARIES["title"], CANARIES["institution"]),
    text=CANARIES["text"],
    ethics=CANARIES["ethics"],
)


@dataclass
class Inbox:
    """What the server took."""

    letters: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's
        """Take a letter."""
        self.letters.append(bytes(envelope.original_content or b""))
        return "250 OK"


def every_form(canary: str) -> set[bytes]:
    """Return the bytes that would give a word away: as it is, quoted, in base64 at any offset, reversed, in hex."""
    clear = canary.encode()
    # Of each of the three ways that base64 can fall, the characters that hang on the word alone.
    shifted = {base64.b64encode(bytes(n) + clear)[-(-8 * n // 6) : 8 * (n + len(clear)) // 6] for n in range(3)}
    turned = {clear[::-1], canary[::-1].encode()}
    return {clear, quopri.encodestring(clear), clear.hex().encode(), *turned, *shifted}


def texts_of(letter: bytes) -> bytes:
    """Return a letter as it came, and as it reads, headers decoded, and both in lower case too."""
    read = email.message_from_bytes(letter, policy=default)
    headers = "\n".join(f"{name}: {value}" for name, value in read.items())
    texts = letter + headers.encode() + str(read.get_content()).encode()
    return texts + texts.lower()


def planted(house: House, number: int) -> SubjectId:
    """Import and enrol somebody whose records are full of canaries."""
    bundle = json.loads(patient_bundle(number))
    patient = bundle["entry"][0]["resource"]
    patient["name"] = [{"family": CANARIES["family name"], "given": [CANARIES["given name"]]}]
    patient["identifier"].append({"system": "https://hospital.example", "value": f"{CANARIES['number']}-{number}"})
    coding = {"system": "http://snomed.info/sct", "code": CANARIES["code"], "display": CANARIES["display"]}
    condition = {
        "resourceType": "Condition",
        "id": f"condition-{number}",
        "subject": {"reference": f"Patient/{patient['id']}"},
        "code": {"coding": [coding], "text": CANARIES["illness"]},
        "recordedDate": "2020-06-01",
    }
    bundle["entry"].append({"resource": condition})
    found = [
        one for one in read([json.dumps(bundle, ensure_ascii=False).encode()]) if isinstance(one, ReceivedResource)
    ]
    house.open.records.deposit(found, house.clock())
    subject = house.open.records.subject_of(identifier_of(number))
    assert subject is not None
    house.wallets[subject] = Wallet(subject)
    house.open.records.enrol_keys({subject: house.wallets[subject].enrolment_key.address}, house.clock())
    with house.open.store.reading() as unit:
        own = OwnGate(subject, frozenset(Category))
        kept = house.open.vault.history(
            unit.connection, own, Access("p", "", "v", frozenset(), own.categories), subject
        )
    assert isinstance(kept, History)
    held = b"".join(version.content for version in kept.versions).decode()
    sown = ("family name", "given name", "number", "code", "display", "illness")
    assert [name for name in sown if CANARIES[name] not in held] == [], "the canaries are in the records"
    return subject


def posted(house: House, post: SmtpPost) -> None:
    """Do what `consentry post` does until nothing is left, with its own loop."""
    posting = Posting(house.open.store, house.open.vault, house.open.noticing, post, Letters(PORTAL, TELEPHONE))
    loop = PostLoop(house.open.noticing, posting, Event())
    while loop.step() == 0:
        pass


def lived(house: House, post: SmtpPost, language: str) -> list[str]:
    """Let happen all that there is a letter for; return ids that came up, which no letter may name either."""
    opened, clock = house.open, house.clock
    subject, leaving = planted(house, 910), planted(house, 911)
    opened.registration.approve(PLANTED, clock())
    posted(house, post)
    for one in (subject, leaving):
        Portal.of(house).room.signing_in.set_contact(one, ADDRESS, language)
    expires = month_end_after(clock(), 6)
    house.grant(subject, study=PLANTED.reference, text_hash=PLANTED.text_hash, expires=expires)
    house.publish()
    access = Access("study:planted", PLANTED.reference.id, "train", DICTIONARY.required, DICTIONARY.optional)
    with opened.store.reading() as unit:
        list(opened.vault.read(unit.connection, house.gate(PLANTED), access, [subject]))
    acts = [
        (Action.ENROL, verdict)
        for verdict in ("KEY_INVITED", "KEY_ASKED", "KEY_CANCELLED", "KEY_REPLACED", "WAY_ADDED", "WAY_REMOVED")
    ]
    with opened.store.begin() as unit:
        entries = [Entry(1, "patient", *act, subject) for act in (*acts, (Action.REPORT, "ANSWERED"))]
        opened.log.append(unit, entries)
    posted(house, post)
    opened.erasures.request(house.ask(leaving))
    posted(house, post)
    house.anchor()
    opened.keep_house()
    posted(house, post)
    for days in (29, 6):
        clock.ahead += expires - clock() - timedelta(days=days)
        house.follow()
        posted(house, post)
    ids = [entry.id for entry in opened.book.entries(subject)]
    house.stop(subject)
    posted(house, post)
    return [subject, leaving, *ids, *(entry.commitment.hex() for entry in opened.book.entries(subject))]


@pytest.mark.parametrize("language", CURRENT)
def test_no_letter_and_no_log_of_posting_names_a_study_an_institution_an_illness_a_person_or_an_id(
    house: House, language: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("post")
    monkeypatch.setattr(wiring, "utc_now", house.clock)
    inbox = Inbox()
    with served(inbox) as server:
        post = SmtpPost(server, "post@hospital.example", house.clock)
        ids = lived(house, post, language)
    with house.open.store.begin() as unit:  # one more, which finds the server gone
        house.open.log.append(unit, [Entry(1, "patient", Action.REPORT, "ANSWERED", SubjectId(ids[0]))])
    posted(house, post)
    assert len(inbox.letters) == len(Notice)
    letters = Letters(PORTAL, TELEPHONE)
    read_back = [str(email.message_from_bytes(one, policy=default).get_content()) for one in inbox.letters]
    bodies = {one.replace("\r\n", "\n") for one in read_back}
    assert bodies == {letters(kind, language)[1] for kind in Notice}, "every kind, in this language"
    parts = {part for canary in CANARIES.values() for part in canary.split()}
    canaries = [*CANARIES.values(), *parts, *ids, "laboratory", "creatinine", "outcome", "https://hospital"]
    canaries += ["study", "kidney"] if language == "en" else ["estudio", "riñón"]
    for letter in inbox.letters:
        assert named(texts_of(letter), canaries) == []
        body = str(email.message_from_bytes(letter, policy=default).get_content())
        numbers = body.replace(TELEPHONE, "").replace(PORTAL, "")
        assert not any(character.isdigit() for character in numbers), "no index, no date, no count"
        assert body.count("http") == body.count(PORTAL) <= 1
    said = "".join(capfd.readouterr())
    assert "letter put off" in said, "the log is this program's"
    assert named(said.encode(), [*canaries[:-2], ADDRESS]) == []


def named(read: bytes, canaries: Sequence[str]) -> list[str]:
    """Return those of some words that bytes give away in any form."""
    return [word for word in canaries if any(form in read for form in every_form(word) | every_form(word.lower()))]


@pytest.mark.parametrize("language", CURRENT)
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_the_look_for_canaries_finds_one_in_whatever_way_a_letter_carries_it(language: str, encoding: str) -> None:
    text = Letters(PORTAL)(Notice.STOPPED, language)[1]
    for canary in CANARIES.values():
        for hidden in (canary, canary[::-1], canary.encode().hex(), base64.b64encode(canary.encode()).decode()):
            letter = EmailMessage()
            letter.set_content(f"{text}{hidden}\n", cte=encoding)
            assert named(texts_of(letter.as_bytes()), [canary]) == [canary]
        headed = EmailMessage()
        headed["Subject"] = canary
        headed.set_content(text)
        assert named(texts_of(headed.as_bytes()), [canary]) == [canary]


def test_all_letters_have_one_subject_line_and_say_where_to_look_or_whom_to_call() -> None:
    letters = Letters(PORTAL, TELEPHONE)
    written = {kind: letters(kind, "en") for kind in Notice}
    assert len({subject for subject, _ in written.values()}) == 1
    assert len({text for _, text in written.values()}) == len(Notice)
    assert all(TELEPHONE in text for _, text in written.values())
    assert [kind for kind, (_, text) in written.items() if PORTAL not in text] == [Notice.ERASED]


@pytest.mark.parametrize("kind", Notice)
def test_without_a_telephone_a_letter_gives_none(kind: Notice) -> None:
    assert "Questions?" not in Letters(PORTAL)(kind, "en")[1]
