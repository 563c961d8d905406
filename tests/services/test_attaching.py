"""Attachments: a file of any size behind a DocumentReference of somebody who is enrolled."""

import json
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import repeat

import pytest
from fhir.resources.R4B.documentreference import DocumentReference
from sqlalchemy import text

from consent.domain.terms import Category, SubjectId
from consent.services.received import Attachment, AttachmentError
from consent.services.records import UnknownPersonError
from tests.services.house import House, identifier_of
from vault import Access, Admission, Admitted, Outcome

MEBIBYTE = 1024 * 1024
SCAN = Attachment("scan-1", Category.IMAGING, "application/dicom", "A scan")


class OpenGate:
    """Admits everybody to everything."""

    def admit(self, subjects: Iterable[str], access: Access) -> Admission:
        """Admit them."""
        return dict.fromkeys(subjects, Admitted(access.required, None, None, b""))


def attach(house: House, stream: Iterable[bytes], attachment: Attachment = SCAN, number: int = 3) -> Outcome:
    return house.open.records.attach(identifier_of(number), attachment, stream, house.clock()).outcome


def kept(house: House, subject: SubjectId) -> bytes:
    """Return what stands behind a person's only picture."""
    access = Access("test", "", "test", frozenset({Category.IMAGING}), frozenset())
    with house.open.store.reading() as unit:
        [opening] = house.open.vault.read(unit.connection, OpenGate(), access, [subject])
        [record] = opening.records
        stream = house.open.vault.read_attachment(unit.connection, OpenGate(), access, subject, record.record_id)
        assert isinstance(stream, Iterator)
        return b"".join(stream)


def rows(house: House) -> tuple[int, int]:
    """Return how many versions of pictures and how many parts there are."""
    pictures = "SELECT COUNT(*) FROM vault_records WHERE category = 'imaging'"
    with house.open.store.reading() as unit:
        counts = [
            unit.connection.execute(text(query)).scalar_one()
            for query in (pictures, "SELECT COUNT(*) FROM vault_parts")
        ]
    return int(counts[0]), int(counts[1])


def test_what_went_in_stands_behind_the_reference_and_is_logged_without_its_name(house: House) -> None:
    before = house.state()
    assert attach(house, [b"pix", b"", b"els"]) is Outcome.STORED
    assert kept(house, house.people[3]) == b"pixels"
    [entry] = house.log(before.entries)
    assert (entry["action"], entry["verdict"], entry["categories"]) == ("import", "SEALED", ["imaging"])
    assert entry["subject"] == house.people[3]
    assert "scan" not in json.dumps(entry)


def test_the_header_is_a_valid_document_reference() -> None:
    for attachment in (SCAN, Attachment("a", Category.NOTES, "text/plain")):
        DocumentReference.model_validate_json(attachment.header())


def test_the_same_again_changes_nothing_and_another_stream_is_a_next_version(house: House) -> None:
    attach(house, [b"pixels"])
    before = house.state()
    assert attach(house, [b"pix", b"els"]) is Outcome.UNCHANGED
    assert (house.state(), rows(house)) == (before, (1, 1))
    assert attach(house, [b"voxels"]) is Outcome.REPLACED
    assert kept(house, house.people[3]) == b"voxels"
    assert rows(house) == (2, 2)


def test_a_stream_that_breaks_off_leaves_nothing_behind(house: House) -> None:
    def broken() -> Iterator[bytes]:
        yield from repeat(bytes(MEBIBYTE), 20)
        raise OSError("the disk went away")

    before = house.state()
    with pytest.raises(OSError, match="went away"):
        attach(house, broken())
    assert (house.state(), rows(house)) == (before, (0, 0))


def test_nobody_and_whoever_asked_to_be_erased_is_given_no_attachment(house: House) -> None:
    house.open.erasures.request(house.ask(house.people[3]))
    house.erase(house.people[4])
    before = house.state()
    for number in (3, 4, 999):
        with pytest.raises(UnknownPersonError):
            attach(house, [b"pixels"], number=number)
    assert (house.state(), rows(house)) == (before, (0, 0))


def test_an_erased_persons_parts_are_gone(house: House) -> None:
    attach(house, [b"pixels"])
    house.erase(house.people[3])
    assert rows(house) == (0, 0)


@pytest.mark.parametrize(
    ("name", "media_type", "title"),
    [
        ("", "text/plain", ""),
        ("a/b", "text/plain", ""),
        ("a" * 65, "text/plain", ""),
        ("a\n", "text/plain", ""),
        ("a", "text", ""),
        ("a", "text/plain; charset=utf-8", ""),
        ("a", "text/plain\n", ""),
        ("a", "text/plain", "two\nlines"),
        ("a", "text/plain", "a" * 201),
    ],
)
def test_a_name_a_type_or_a_title_that_fhir_does_not_have_is_refused(name: str, media_type: str, title: str) -> None:
    with pytest.raises(AttachmentError):
        Attachment(name, Category.NOTES, media_type, title)


def test_sixty_four_mebibytes_go_in_with_flat_memory(house: House) -> None:
    piece = bytes(MEBIBYTE)
    tracemalloc.start()
    attach(house, repeat(piece, 64))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows(house) == (1, 8)
    assert peak < 40 * MEBIBYTE


def test_an_unchanged_file_is_compared_with_flat_memory(house: House) -> None:
    piece = bytes(MEBIBYTE)
    attach(house, repeat(piece, 64))
    tracemalloc.start()
    assert attach(house, repeat(piece, 64)) is Outcome.UNCHANGED
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * MEBIBYTE
