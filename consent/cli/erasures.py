"""`consentry local request`, `erase`, `erasures`, `hold`, `holds`, `lift`: an erasure from request to receipt."""

import json
import secrets
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

import typer
from rich.console import Console

from consent import wiring
from consent.cli.operators import read_request
from consent.cli.stops import person_of
from consent.domain.erasure import Erasure, ErasureState, Hold, Wait
from consent.domain.request_file import RequestFile
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.domain.terms import SubjectId
from consent.settings import Settings, SettingsError

_WORDS: Final = {
    ErasureState.REQUESTED: "asked for",
    ErasureState.HOLD_CHECK: "asked for",
    ErasureState.BLOCKED: "blocked",
    ErasureState.BLOCKED_RETAINED: "blocked, retained",
    ErasureState.KEY_DELETED: "key deleted",
    ErasureState.EPOCH_TURNED: "epoch turned",
    ErasureState.FINAL: "final",
}


def request(home: Path, action: RequestAction, subject: str, identifier: str) -> None:
    """Print a request, to be signed by the patient's wallet or approved by two operators."""
    with wiring.opened(Settings.read(home)) as installation:
        person = person_of(installation, subject, identifier)
        now = int(wiring.utc_now().timestamp())
        asked = SubjectRequest(action, person, installation.log.origin, now, secrets.token_hex(16))
        sys.stdout.write(json.dumps(RequestFile(asked).to_json(), indent=1) + "\n")


def erase(home: Path, path: Path) -> None:
    """Take up a signed request: blocked at once; the ledger's process sees to the rest."""
    with wiring.opened(Settings.read(home)) as installation:
        receipt = installation.erasures.request(read_request(path))
        sys.stdout.write(json.dumps(receipt.to_json()) + "\n")
        sys.stdout.flush()
    Console(stderr=True).print(
        "Blocked now, for good: keep the receipt. `consentry erasures` says how far it is.", soft_wrap=True
    )


def show(home: Path, receipt: str) -> None:
    """List erasures, or print the receipt of a final one."""
    with wiring.opened(Settings.read(home)) as installation:
        if receipt:
            found = installation.erasures.receipt(SubjectId(receipt))
            sys.stdout.write(json.dumps(found.to_json()) + "\n")
            return
        standing = installation.erasures.standing()
    lines = [line for erasure, comes in standing for line in _told(erasure, comes)]
    for line in lines or ["No erasure was asked for."]:
        typer.echo(line)


def _told(erasure: Erasure, comes: ErasureState | Wait | None) -> Iterator[str]:
    """Say in three lines, none wider than a terminal, where an erasure stands."""
    asked = f"asked for {_day(erasure.asked_at)}" if erasure.asked_at else "asked for before a restore"
    yield erasure.subject
    yield f"  {asked}; {_WORDS[erasure.state]} since {_day(erasure.since)}"
    if comes is Wait.DATE:
        yield f"  waits for {_day(erasure.final_at)}, {comes.value}"
    elif isinstance(comes, Wait):
        yield f"  waits for {comes.value}"
    elif comes is not None:
        yield "  waits for the ledger's process, which takes the next step"


def hold(home: Path, subject: str, identifier: str, basis: str, until: date | None) -> None:
    """Place a legal hold on a person's records."""
    with wiring.opened(Settings.read(home)) as installation:
        person = person_of(installation, subject, identifier)
        end = int(datetime.combine(until, time(), UTC).timestamp()) if until else 0
        if until and until <= wiring.utc_now().date():
            raise SettingsError("--until is a day to come: name a later one, or leave it out for an open end")
        installation.erasures.hold(person, Hold(basis, end))
    Console().print("Held: an erasure blocks this person and keeps their records till the hold ends.", soft_wrap=True)


def show_holds(home: Path) -> None:
    """List the legal holds that last, in two lines each, none wider than a terminal."""
    with wiring.opened(Settings.read(home)) as installation:
        found = installation.erasures.holds()
    for subject, hold in found:
        typer.echo(subject)
        typer.echo(f"  {hold.basis}, {f'until {_day(hold.until)}' if hold.until else 'without an end'}")
    if not found:
        typer.echo("No legal hold lasts.")


def lift(home: Path, subject: str, identifier: str, basis: str) -> None:
    """Lift a legal hold."""
    with wiring.opened(Settings.read(home)) as installation:
        person = person_of(installation, subject, identifier)
        installation.erasures.lift(person, basis)
        left = sum(subject == person for subject, _ in installation.erasures.holds())
    goes_on = "an erasure of this person, where one was asked for, goes on"
    Console().print(f"Lifted: {f'{left} more of this person last' if left else goes_on}.", soft_wrap=True)


def _day(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M}Z"
