"""What a letter gives away to whoever reads it on its way: that there is a portal, and nothing of anybody's records.

A real mail server takes them; studies, people and consents are full of words that must never come out.
"""

import base64
import email
import json
import quopri
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.policy import default
from typing import Final

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from consent.adapters.fhir import read
from consent.adapters.smtp import SmtpPost
from consent.domain.entry import Action, Entry
from consent.domain.terms import StudyReference, SubjectId, month_end_after
from consent.services.notices import Notice
from consent.services.posting import Posting
from consent.services.received import ReceivedResource
from consent.web.letters import Letters
from tests.mail_server import served
from tests.services.house import DICTIONARY, House, identifier_of, patient_bundle
from tests.services.house import STUDY as ASKED
from tests.services.portal.patients import Portal
from vault import Access

STUDY: Final = replace(
    ASKED,
    reference=StudyReference("zyxographine-7", "Zyxographine in quavering hearts", "Wolverbank Infirmary"),
    text="Whoever has the Blenkinsop syndrome is asked.",
    ethics="EC Tarradiddle 77",
)
CANARIES: Final = (
    *("zyxographine", "quavering", "Wolverbank", "Infirmary", "Blenkinsop", "syndrome", "Tarradiddle"),
    *("Ermengarde", "Fanshawe", "lissencephaly", "918273.645", "laboratory", "creatinine", "outcome"),
)
"""What is planted in the study and in the records, and stands nowhere else."""
PORTAL, TELEPHONE = "https://portal.hospital.example", "020 7946 0123"
ADDRESS = "wilhelmina@home.example"


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
    return {clear, quopri.encodestring(clear), clear.hex().encode(), clear[::-1], *shifted}


def texts_of(letter: bytes) -> bytes:
    """Return a letter as it came, and as it reads, headers decoded, and both in lower case too."""
    read = email.message_from_bytes(letter, policy=default)
    headers = "\n".join(f"{name}: {value}" for name, value in read.items())
    texts = letter + headers.encode() + str(read.get_content()).encode()
    return texts + texts.lower()


def planted(number: int) -> bytes:
    """Return somebody's Bundle with a name, a condition and a value that stand nowhere else."""
    bundle = json.loads(patient_bundle(number))
    patient, creatinine, _outcome = [entry["resource"] for entry in bundle["entry"]]
    patient["name"] = [{"family": "Fanshawe", "given": ["Ermengarde"]}]
    creatinine["note"] = [{"text": "lissencephaly"}]
    creatinine["valueQuantity"]["value"] = 918273.645
    return json.dumps(bundle).encode()


def plant(house: House) -> None:
    """Approve the study, and let canaries come in with two people's records."""
    found = list(read([planted(number) for number in (0, 1)]))
    house.open.records.deposit([one for one in found if isinstance(one, ReceivedResource)], house.clock())
    house.open.registration.approve(STUDY, house.clock())


def used(house: House, subject: SubjectId) -> str:
    """Read somebody's records for the study; return what came."""
    name = STUDY.reference.id
    access = Access(f"study:{name}", name, "train", DICTIONARY.required, DICTIONARY.optional)
    with house.open.store.reading() as unit:
        [outcome] = house.open.vault.read(unit.connection, house.gate(STUDY), access, [subject])
    return repr(outcome)


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_letter_names_a_study_an_institution_a_condition_a_person_or_an_id(
    house: House, language: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    opened, clock, inbox = house.open, house.clock, Inbox()
    noticing, [subject, leaving] = opened.noticing, house.people[:2]
    with served(inbox) as server:
        post = SmtpPost(server, "post@hospital.example", clock)
        posting = Posting(opened.store, opened.vault, noticing, post, Letters(PORTAL, TELEPHONE))

        def told() -> None:
            noticing.follow(clock())
            noticing.look_ahead(clock())
            while posting.step(clock()):
                pass

        told()
        plant(house)
        for one in (subject, leaving):
            Portal.of(house).room.signing_in.set_contact(one, ADDRESS, language)
        expires = month_end_after(clock(), 6)
        house.grant(subject, expires=expires, study=STUDY.reference, text_hash=STUDY.text_hash)
        house.publish()
        assert "lissencephaly" in used(house, subject), "the canaries are in what was read"
        acts = [(Action.ENROL, v) for v in ("KEY_ASKED", "KEY_CANCELLED", "KEY_REPLACED", "WAY_ADDED")]
        with opened.store.begin() as unit:
            entries = [Entry(1, "patient", *act, subject) for act in (*acts, (Action.REPORT, "ANSWERED"))]
            indices = [placed.index for placed in opened.log.append(unit, entries)]
        told()
        opened.erasures.request(house.ask(leaving))
        told()
        house.anchor()
        opened.keep_house()
        told()
        for days in (29, 6):
            clock.ahead += expires - clock() - timedelta(days=days)
            house.follow()
            told()
        ids = [entry.id for entry in opened.book.entries(subject)]
        house.stop(subject)
        told()
    assert len(inbox.letters) == len(Notice)
    canaries = [*CANARIES, STUDY.reference.id, subject, leaving, *ids, identifier_of(0), "study", "estudio"]
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("consent"))
    assert [word for word in (*canaries, ADDRESS) if word in logged] == []
    for letter in inbox.letters:
        text = texts_of(letter)
        told_of = [
            word for word in canaries if any(form in text for form in every_form(word) | every_form(word.lower()))
        ]
        assert told_of == []
        body = str(email.message_from_bytes(letter, policy=default).get_content())
        numbers = body.replace(TELEPHONE, "").replace(PORTAL, "")
        assert not any(character.isdigit() for character in numbers), "no index, no date, no count"
        assert body.count("http") == body.count(PORTAL) <= 1
    assert indices


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
