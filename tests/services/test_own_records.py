"""Access and portability: all of one person's records as a FHIR Bundle, for that person only, and never unlogged."""

import base64
import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import repeat
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from sqlalchemy import text

from consent.domain.request_file import RequestFile
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.domain.terms import Category, SubjectId
from consent.services.access import BlockedPersonError
from consent.services.authorising import NotAuthorisedError
from consent.services.received import Attachment
from tests.databases import allow, forbid
from tests.services.house import House, identifier_of, receive, received
from tests.services.operators import FIRST, SECOND, approvals, registered, request
from vault import DecryptionError, KeyNotFoundError

MEBIBYTE = 1024 * 1024
SCAN = Attachment("scan-1", Category.IMAGING, "application/dicom", "A scan")


def access(house: House, subject: SubjectId) -> RequestFile:
    return house.ask(subject, RequestAction.ACCESS)


def bundle(house: House, subject: SubjectId) -> Any:
    """Return a person's Bundle, which must be valid FHIR R4."""
    content = b"".join(house.open.own_records.bundle(access(house, subject)))
    Bundle.model_validate_json(content)
    return json.loads(content)


def resources(found: Any) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in found["entry"]]


def test_a_person_gets_all_that_is_kept_of_them_and_nothing_of_others(house: House) -> None:
    found = bundle(house, house.people[3])
    assert (found["resourceType"], found["type"]) == ("Bundle", "collection")
    wanted = [json.loads(resource.content) for resource in received(3)]
    assert sorted(resources(found), key=str) == sorted(wanted, key=str)


def test_each_resource_is_the_very_bytes_that_came(house: House) -> None:
    content = b"".join(house.open.own_records.bundle(access(house, house.people[3])))
    assert all(resource.content in content for resource in received(3))


def test_what_was_replaced_or_withdrawn_is_in_it_too(house: House) -> None:
    first = received(3)
    second = received(3, creatinine=0.25)
    laboratory = next(resource for resource in second if resource.category is Category.LABORATORY)
    status = json.loads(laboratory.content) | {"status": "entered-in-error"}
    third = replace(laboratory, content=json.dumps(status).encode(), withdrawn=True)
    house.open.records.deposit(second, house.clock())
    house.open.records.deposit([third], house.clock())
    kinds = Counter(resource["resourceType"] for resource in resources(bundle(house, house.people[3])))
    assert kinds == {"Patient": 1, "Observation": 4}
    content = b"".join(house.open.own_records.bundle(access(house, house.people[3])))
    assert all(resource.content in content for resource in [*first, *second, third])


@pytest.mark.parametrize("size", [0, 1, 2, 3, 100_000])
def test_an_attachment_follows_its_resource_as_a_binary(house: House, size: int) -> None:
    stream = bytes(number % 251 for number in range(size))
    house.open.records.attach(identifier_of(3), SCAN, [stream[:7], stream[7:]], house.clock())
    found = resources(bundle(house, house.people[3]))
    place = next(n for n, resource in enumerate(found) if resource["resourceType"] == "DocumentReference")
    header, binary = found[place : place + 2]
    assert header["content"][0]["attachment"]["url"] == f"{binary['resourceType']}/{binary['id']}"
    assert binary["contentType"] == "application/dicom"
    assert base64.b64decode(binary.get("data", ""), validate=True) == stream


def test_every_version_of_an_attachment_has_its_own_bytes(house: House) -> None:
    for content in (b"first", b"second"):
        house.open.records.attach(identifier_of(3), SCAN, [content], house.clock())
    found = resources(bundle(house, house.people[3]))
    binaries = [base64.b64decode(one["data"]) for one in found if one["resourceType"] == "Binary"]
    assert binaries == [b"first", b"second"]


def test_a_large_attachment_streams_with_flat_memory(house: House) -> None:
    house.open.records.attach(identifier_of(3), SCAN, repeat(bytes(MEBIBYTE), 64), house.clock())
    pieces = house.open.own_records.bundle(access(house, house.people[3]))
    tracemalloc.start()
    size = sum(map(len, pieces))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 64 * MEBIBYTE * 4 // 3
    assert peak < 40 * MEBIBYTE


def test_it_is_one_entry_which_is_there_before_the_first_piece(house: House) -> None:
    subject, before = house.people[3], house.state()
    asked = access(house, subject)
    pieces = house.open.own_records.bundle(asked)
    [entry] = house.log(before.entries)
    assert (entry["action"], entry["verdict"], entry["actor"]) == ("access", "PERMIT", "patient")
    assert entry["subject"] == subject
    assert entry["categories"] == sorted(category.value for category in Category)
    assert entry["facts"]["nonce"] == asked.request.nonce
    assert b"".join(pieces).endswith(b"}\n")
    assert len(house.log(before.entries)) == 1


def test_what_cannot_be_logged_is_not_opened(house: House) -> None:
    asked = access(house, house.people[3])
    with house.open.store.begin() as unit:
        forbid(unit.connection, "INSERT", "entries")
    with pytest.raises(Exception, match=r"(?i)cut|database"):
        house.open.own_records.bundle(asked)
    with house.open.store.begin() as unit:
        allow(unit.connection, "entries")
    assert b"".join(house.open.own_records.bundle(asked)), "it was not used up"


def test_two_operators_can_ask_for_a_person(house: House) -> None:
    registered(house, FIRST, SECOND)
    asked, before = request(house, house.people[3], RequestAction.ACCESS), house.state()
    with pytest.raises(NotAuthorisedError, match="2 different registered operators"):
        house.open.own_records.bundle(RequestFile(asked, approvals(asked, FIRST)))
    assert house.state() == before
    assert b"".join(house.open.own_records.bundle(RequestFile(asked, approvals(asked, FIRST, SECOND))))
    assert [entry["actor"] for entry in house.log(before.entries)] == ["operator"]


def wrong_requests(house: House, subject: SubjectId, other: SubjectId) -> Iterator[RequestFile]:
    good = access(house, subject)
    asked = good.request
    assert isinstance(asked, SubjectRequest)
    elsewhere = replace(asked, origin="consentry/elsewhere")
    yield RequestFile(asked, house.wallets[other].request(asked, house.open.domain))
    yield RequestFile(replace(asked, subject=other), good.authorisation)
    yield RequestFile(elsewhere, house.wallets[subject].request(elsewhere, house.open.domain))
    yield house.ask(subject, RequestAction.ERASE)


def test_to_anothers_signature_and_for_another_purpose_nothing_is_opened_or_logged(house: House) -> None:
    before = house.state()
    for wrong in wrong_requests(house, *house.people[:2]):
        with pytest.raises(NotAuthorisedError):
            house.open.own_records.bundle(wrong)
    assert house.state() == before


def test_a_request_gives_the_records_once(house: House) -> None:
    asked = access(house, house.people[3])
    house.open.own_records.bundle(asked)
    before = house.state()
    with pytest.raises(NotAuthorisedError, match="used before"):
        house.open.own_records.bundle(asked)
    assert house.state() == before


def test_an_old_request_gives_nothing(house: House) -> None:
    asked = access(house, house.people[3])
    house.clock.ahead += timedelta(days=31)
    with pytest.raises(NotAuthorisedError, match="30 days"):
        house.open.own_records.bundle(asked)


@pytest.mark.parametrize("final", [False, True])
def test_who_asked_to_be_erased_is_given_nothing_and_that_is_logged_once(house: House, *, final: bool) -> None:
    subject = house.people[3]
    if final:
        house.erase(subject)
    else:
        house.open.erasures.request(house.ask(subject))
    asked, before = access(house, subject), house.state()
    with pytest.raises(BlockedPersonError):
        house.open.own_records.bundle(asked)
    [entry] = house.log(before.entries)
    assert (entry["action"], entry["verdict"], entry["subject"]) == ("access", "BLOCKED", subject)
    with pytest.raises(NotAuthorisedError, match="used before"):
        house.open.own_records.bundle(asked)


def test_who_is_blocked_between_the_answer_and_the_reading_is_given_nothing(house: House) -> None:
    subject = house.people[3]
    pieces = house.open.own_records.bundle(access(house, subject))
    house.open.erasures.request(house.ask(subject))
    with pytest.raises(BlockedPersonError):
        next(pieces)


def test_whose_key_died_is_given_nothing(house: House) -> None:
    subject = house.people[3]
    house.open.vault.keys.shred([subject])
    asked, before = access(house, subject), house.state()
    with pytest.raises(KeyNotFoundError, match="restore the newest backup of the keys"):
        house.open.own_records.bundle(asked)
    assert house.state() == before, "the request still counts once the key is back"


def test_of_what_is_damaged_not_even_the_first_piece_is_given(house: House) -> None:
    with house.open.store.begin() as unit:
        newest = "SELECT MAX(record_id) FROM vault_records WHERE subject = :subject"
        damage = text(f"UPDATE vault_records SET sealed = :sealed WHERE record_id = ({newest})")  # noqa: S608  # a constant
        unit.connection.execute(damage, {"sealed": bytes(100), "subject": house.people[3]})
    pieces = house.open.own_records.bundle(access(house, house.people[3]))
    with pytest.raises(DecryptionError):
        next(pieces)


def test_who_came_back_is_given_nothing_of_before(house: House) -> None:
    registered(house, FIRST, SECOND)
    house.open.records.deposit(received(3, creatinine=0.25), house.clock())
    house.erase(house.people[3])
    house.open.records.enrol_again([identifier_of(3)], house.clock())
    [newcomer] = receive(house.open, 3)
    asked = request(house, newcomer, RequestAction.ACCESS)
    content = b"".join(house.open.own_records.bundle(RequestFile(asked, approvals(asked, FIRST, SECOND))))
    assert len(resources(json.loads(content))) == 3
    assert b'"value": 0.25' not in content
