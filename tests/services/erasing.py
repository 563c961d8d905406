"""What suites of erasures look at."""

from sqlalchemy import text

from consent.domain.terms import SubjectId
from tests.services.house import House

STATES = ["REQUESTED", "HOLD_CHECK", "BLOCKED", "KEY_DELETED", "EPOCH_TURNED", "FINAL"]


def records(house: House, subject: SubjectId) -> int:
    """Return how many versions of records are kept of a person."""
    with house.open.store.reading() as unit:
        count = text("SELECT COUNT(*) FROM vault_records WHERE subject = :subject")
        return int(unit.connection.execute(count, {"subject": subject}).scalar_one())


def states(house: House, first: int = 0) -> list[str]:
    """Return the states of all erasures, in the order of the log."""
    return [entry["verdict"] for entry in house.log(first) if entry["action"] == "erase"]


def waits_for(house: House, subject: SubjectId) -> object:
    """Return which state of a person's erasure comes next, or what it waits for."""
    found = house.open.erasures.standing(house.open.anchored())
    return next(comes for erasure, comes in found if erasure.subject == subject)


def keeps_all(house: House, subject: SubjectId) -> bool:
    """Say whether a person's key, records and enrolment are there."""
    house.open.vault.seal(subject, "note", b"the key lives")
    return records(house, subject) == 3 and house.open.records.is_enrolled(subject)
