"""`consentry client …`, `client-key` and `staff …`: which programs may ask, and who of the staff signs in."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from consent import wiring
from consent.cli.reading import file_text
from consent.client import ClientKey
from consent.domain.hashing import Json
from consent.ports import InvalidClientKeyError
from consent.services.desk.callers import Role
from consent.services.desk.clients import ListedClient
from consent.services.desk.staff import CODE_SECONDS, ListedStaff
from consent.settings import Settings, WebSettings

LARGEST_KEY: Final = 4096
"""In bytes; a JWK has some two hundred."""


def draw(file: Path, client: str, api: str) -> None:
    """Draw a client's key, keep it in a new file beside who signs with it and where, and print the public key."""
    key = ClientKey.drawn(client, api)
    key.write(file)
    _say(json.dumps(key.public()))
    _note("Keep the file to yourself; hand on the public key alone.")


def register(home: Path, name: str, role: Role, title: str, jwk: Path) -> None:
    """Register a client and print its key's kid."""
    key = _jwk(jwk)
    with wiring.opened(Settings.read(home)) as installation:
        kid = wiring.clients_of(installation).register(name, role, title, key)
    _say(kid)
    _note(f"{name} is registered; `consentry client allow` lets it ask for a study.")


def add_key(home: Path, name: str, jwk: Path) -> None:
    """Give a client one more key and print its kid."""
    key = _jwk(jwk)
    with wiring.opened(Settings.read(home)) as installation:
        kid = wiring.clients_of(installation).add_key(name, key)
    _say(kid)


def revoke(home: Path, name: str, kid: str) -> None:
    """End a client, or one of its keys."""
    with wiring.opened(Settings.read(home)) as installation:
        clients = wiring.clients_of(installation)
        if kid:
            clients.revoke_key(name, kid)
        else:
            clients.revoke(name)
    _note(f"{'One key of ' if kid else ''}{name} counts no more, and no token that rests on it.")


def allow(home: Path, name: str, study: str) -> None:
    """Let a client ask for a study."""
    with wiring.opened(Settings.read(home)) as installation:
        wiring.clients_of(installation).allow(name, study)
    _note(f"{name} may ask for tokens of {study}.")


def forbid(home: Path, name: str, study: str) -> None:
    """Let a client ask for a study no more."""
    with wiring.opened(Settings.read(home)) as installation:
        wiring.clients_of(installation).forbid(name, study)
    _note(f"{name} may ask for tokens of {study} no more, and those it had count no more.")


def show_clients(home: Path, *, as_json: bool) -> None:
    """List the clients."""
    with wiring.opened(Settings.read(home)) as installation:
        found = wiring.clients_of(installation).listed()
    if as_json:
        _say(json.dumps([_client_json(client) for client in found]))
        return
    for client in found:
        _say(f"{client.client}  {client.role.value}{'' if client.stands else ', revoked'}  {client.title}")
        _say(f"  studies  {', '.join(client.studies) or 'none'}")
        for key in client.keys:
            _say(f"  key      {key.kid}{'' if key.stands else ', revoked'}")
    if not found:
        _note("No client is registered: `consentry client register` does that.")


def invite(home: Path, name: str, role: Role, port: int) -> None:
    """Print a code with which somebody makes a passkey, where the web's port is `port`."""
    web, now = WebSettings.read(port), wiring.utc_now()
    with wiring.opened(Settings.read(home)) as installation:
        code = wiring.staff_of(installation, web).invite(name, role)
    _say(code)
    last = now + timedelta(seconds=CODE_SECONDS)
    _note(f"It is typed at {web.api}/staff, once, before {last:%Y-%m-%d %H:%M} UTC. Hand it to {name} alone.")


def remove(home: Path, name: str) -> None:
    """Take somebody off the staff."""
    with wiring.opened(Settings.read(home)) as installation:
        wiring.staff_of(installation, WebSettings.read()).remove(name)
    _note(f"{name} is not on the staff any more.")


def show_staff(home: Path, *, as_json: bool) -> None:
    """List the staff."""
    with wiring.opened(Settings.read(home)) as installation:
        found = wiring.staff_of(installation, WebSettings.read()).listed()
    if as_json:
        _say(json.dumps([_staff_json(member) for member in found]))
        return
    table = Table("name", "role", "passkeys", box=SIMPLE)
    for one in found:
        table.add_row(one.name, one.role.value if one.stands else f"{one.role.value}, removed", str(one.passkeys))
    Console().print(table if found else "Nobody is on the staff: `consentry staff invite` asks somebody in.")


def _client_json(client: ListedClient) -> dict[str, Json]:
    keys: list[Json] = [{"kid": key.kid, "created": key.created, "stands": key.stands} for key in client.keys]
    told: dict[str, Json] = {"client": client.client, "role": client.role.value, "title": client.title}
    return told | {"created": client.created, "stands": client.stands, "studies": list(client.studies), "keys": keys}


def _staff_json(member: ListedStaff) -> dict[str, Json]:
    told: dict[str, Json] = {"name": member.name, "role": member.role.value, "created": member.created}
    return told | {"stands": member.stands, "passkeys": member.passkeys}


def _jwk(file: Path) -> object:
    """Return what a file of JSON holds; raise `InvalidClientKeyError` where it holds none."""
    text = file_text(file, "the key's file")
    try:
        return json.loads(text) if len(text) <= LARGEST_KEY else None
    except (ValueError, RecursionError) as error:
        raise InvalidClientKeyError("the key's file is not JSON: name one with a public JWK") from error


def _say(line: str) -> None:
    """Write a result as it is: neither markup nor colour."""
    sys.stdout.write(f"{line}\n")


def _note(sentence: str) -> None:
    Console(stderr=True).print(sentence, highlight=False, soft_wrap=True, markup=False)
