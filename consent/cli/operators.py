"""`consentry operator …` and `consentry approve`: who may approve requests, and their approval.

An operator's key file lies with the operator, under a passphrase of their own; the installation knows the public key.
"""

import json
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from consent import wiring
from consent.adapters.signing import OperatorKey
from consent.domain.hashing import Json
from consent.domain.operator_change import ChangeAction, OperatorChange
from consent.domain.request_file import OperatorApprovals, RequestFile
from consent.domain.subject_request import InvalidRequestError, SubjectRequest, untimely
from consent.services.operators import OperatorChangeError, Operators
from consent.settings import Settings, SettingsError
from consent.signatures import verifies
from consent.wiring import Installation
from vault import PassphraseFile

LARGEST_FILE: Final = 64 * 1024
"""In bytes; a request with sixteen approvals has some four thousand."""


def new(key_file: Path, passphrase_file: Path | None) -> None:
    """Draw an operator's key, keep it in a new file, and print the public key."""
    root = PassphraseFile.create(key_file, _passphrase(passphrase_file, confirm=True))
    typer.echo(OperatorKey.derived(root.derive).public_key.hex())
    Console(stderr=True).print("Keep the file and its passphrase to yourself; hand on the public key alone.")


def show(home: Path) -> None:
    """List the registered operators with their public keys."""
    table = Table("operator", Column("public key", no_wrap=True), box=SIMPLE)
    with wiring.opened(Settings.read(home)) as installation:
        for name, key in sorted(_operators(installation).registered().items()):
            table.add_row(name, key.hex())
    Console().print(
        table if table.row_count else "Nobody is registered: `consentry operator add` registers two freely."
    )


def add(home: Path, name: str, public_key: str, approval: Path | None) -> None:
    """Register an operator; the first two need no approval."""
    with wiring.opened(Settings.read(home)) as installation:
        _change(installation, ChangeAction.ADD, name, public_key, approval)
    typer.echo(f"{name} is registered as an operator.")


def remove(home: Path, name: str, approval: Path | None) -> None:
    """Take an operator out of the register, with another's approval or their own."""
    with wiring.opened(Settings.read(home)) as installation:
        key = _operators(installation).registered().get(name)
        if key is None:
            raise OperatorChangeError("no operator of this name is registered: `consentry operator list` shows who is")
        _change(installation, ChangeAction.REMOVE, name, key.hex(), approval)
    typer.echo(f"{name} is an operator no more.")


def approve(file: Path, operator: str, key_file: Path, passphrase_file: Path | None) -> None:
    """Say what a request asks, and add an operator's signature to its file."""
    request_file = read_request(file)
    if refusal := untimely(request_file.request.requested, int(wiring.utc_now().timestamp())):
        raise InvalidRequestError(refusal)
    for line in _said(request_file.request):
        typer.echo(line)
    key = OperatorKey.derived(PassphraseFile.open(key_file, _passphrase(passphrase_file, confirm=False)).derive)
    signature = key.sign(request_file.request.signed_bytes())
    _write(file, request_file.approved(operator, signature))
    typer.echo(f"Approved by {operator}.")


def read_request(file: Path) -> RequestFile:
    """Read a request and what authorises it; raise `InvalidRequestError`."""
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
        value: Json = json.loads(content) if len(content) <= LARGEST_FILE else None
    except OSError as error:
        raise InvalidRequestError(f"the request's file cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError("the request's file is not JSON: have it written anew") from error
    return RequestFile.from_json(value)


def _operators(installation: Installation) -> Operators:
    return Operators(installation.store, installation.log, verifies)


def _change(installation: Installation, action: ChangeAction, name: str, key: str, approval: Path | None) -> None:
    """Make a change; where it needs an approval and has none, write what is to be approved into `approval`."""
    operators, now = _operators(installation), wiring.utc_now()
    asked = OperatorChange(action, name, key, installation.log.origin, int(now.timestamp()), secrets.token_hex(16))
    if not operators.needs_approval(action):
        operators.change(asked, OperatorApprovals(), now)
        return
    if approval is None:
        raise OperatorChangeError("a registered operator must approve this: name a file for it with --approval")
    if not approval.exists():
        _write(approval, RequestFile(asked))
        raise OperatorChangeError(
            "a registered operator must approve this: the file was written; have one run `consentry approve` on it, "
            "then run this again"
        )
    approved = read_request(approval)
    told = approved.request
    if not isinstance(told, OperatorChange) or (told.action, told.operator, told.key) != (action, name, key):
        raise OperatorChangeError("the file approves something else: name another for this change")
    assert isinstance(approved.authorisation, OperatorApprovals)  # noqa: S101  # `RequestFile` takes no other here
    operators.change(told, approved.authorisation, now)


def _said(request: SubjectRequest | OperatorChange) -> list[str]:
    """Return what an operator must see before signing."""
    day = datetime.fromtimestamp(request.requested, UTC)
    asked = [f"Asked for: {request.action.value}, on {day:%Y-%m-%d %H:%M} UTC", f"Of: {request.origin}"]
    if isinstance(request, SubjectRequest):
        return [*asked, f"For the person: {request.subject}"]
    return [*asked, f"Operator: {request.operator}", f"Public key: {request.key}"]


def _write(file: Path, request: RequestFile) -> None:
    try:
        wiring.write_private(file, json.dumps(request.to_json(), indent=1).encode() + b"\n")
    except OSError as error:
        raise InvalidRequestError(f"the request's file cannot be written: {error.strerror}") from error


def _typed(*, confirm: bool) -> bytes:
    """Ask for the passphrase; raise `SettingsError` where there is no terminal to ask at."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise SettingsError("there is no terminal to type the passphrase at: name its file with --passphrase-file")
    typed: str = typer.prompt("The operator's own passphrase", hide_input=True, confirmation_prompt=confirm)
    return typed.encode()


def _passphrase(file: Path | None, *, confirm: bool) -> bytes:
    """Return the first line of the file, or what is typed where none is named."""
    if file is None:
        return _typed(confirm=confirm)
    try:
        passphrase = file.read_bytes().split(b"\n", 1)[0].strip()
    except OSError as error:
        raise SettingsError("the operator's passphrase file cannot be read: name another") from error
    if not passphrase:
        raise SettingsError("the operator's passphrase file is empty: its first line opens the key")
    return passphrase
