"""Entries that somebody put into the database, whatever they say, take no page away and are on it themselves."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from consent.domain.entry import PlacedEntry
from consent.domain.hashing import Json, canonical_json
from consent.domain.merkle import leaf_hash
from consent.services.desk.callers import Role
from tests.services.house import House, Template
from tests.web.staff.office import Office, served

PAGES: Final = ("", "/history", "/consents", "/reconcile", "/models", "/checkpoints", "/erasures")
READ: Final[dict[str, Json]] = {
    "action": "read",
    "actor": "x",
    "time": 1_800_000_000,
    "verdict": "PERMIT",
    "version": 1,
}
STRANGE: Final[Mapping[str, bytes]] = {
    "a year that no calendar has": canonical_json(READ | {"time": 9 * 10**15}),
    "categories that are none": canonical_json(READ | {"categories": 5}),
    "a certificate that nobody keeps": canonical_json(
        READ | {"action": "certify", "verdict": "CERTIFIED", "facts": {"size": 99999, "signers": ["Nobody Inc."]}}
    ),
    "no JSON": b"a whole line\nand another",
}


@pytest.fixture(scope="module")
def office(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The staff's pages of a hospital into whose log somebody wrote."""
    with House.copied(template, tmp_path_factory.mktemp("strange") / "home") as house:
        with house.open.store.begin() as unit:
            size = unit.log.size()
            unit.log.append([PlacedEntry(size + n, body, leaf_hash(body)) for n, body in enumerate(STRANGE.values())])
        with served(house) as found:
            yield found


def test_they_are_shown_and_given_out(office: Office) -> None:
    audrey = office.somebody("audrey", Role.AUDITOR)
    size = office.log_size()
    for page in PAGES:
        audrey.text(f"/staff/audit{page}")
    assert "Not an entry" in audrey.text("/staff/audit/history")
    shown = [audrey.text(f"/staff/audit/entry/{index}") for index in range(size)]
    assert not any("Certified by others</dt><dd>Nobody Inc." in page for page in shown)
    given = list[bytes]()
    for form in ("csv", "ndjson"):
        answer = audrey.post("/staff/audit/history/export", page="/staff/audit/history", format=form)
        given = answer.get_data().splitlines()
        assert len(given) == office.log_size() - 1 + (form == "csv")
    assert len([json.loads(line) for line in given]) == office.log_size() - 1
