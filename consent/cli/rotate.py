"""`consentry rotate`: a role goes to a new key. Whenever it dies, running it again finishes it."""

import json
from dataclasses import replace
from pathlib import Path

from coincurve import PrivateKey
from rich.console import Console

from consent import wiring
from consent.adapters.chain_keys import ChainKeys
from consent.domain.entry import Action, Entry
from consent.domain.errors import LedgerMismatchError, LedgerUnavailableError
from consent.ports import Role
from consent.settings import Databases, Settings, SettingsError
from consent.wiring import Places


def run(home: Path, role: Role) -> None:
    """Draw a key, hand the role over to it on the chain, and put it in the old one's place; the log says so."""
    settings, places = Settings.read(home), Places(home)
    _require_settled(home, role)
    old = wiring.read_chain_keys(places)
    new = _next_keys(places, old, role)
    try:
        with wiring.opened_chain(settings, old) as chain:
            chain.hand_over(role, new.of(role))
    except LedgerMismatchError:
        with wiring.opened_chain(settings, new):  # handed over before, and then something came between
            pass
    with wiring.opened(settings) as installation, installation.store.begin() as unit:
        facts = {"role": role.value, "address": new.address(role).hex()}
        now = int(wiring.utc_now().timestamp())
        installation.log.append(unit, [Entry(now, "operator", Action.LEDGER, "KEY_REPLACED", facts=facts)])
    wiring.write_private(places.chain_keys, json.dumps(new.to_json()).encode())
    places.next_chain_keys.unlink()
    Console().print(
        f"The {role.value} is now 0x{new.address(role).hex()}. Copy {places.chain_keys} to where you keep it."
    )


def _require_settled(home: Path, role: Role) -> None:
    """Raise while something that the old key signed is on its way: nobody else could see it through."""
    with wiring.opened_records(home, Databases.read()) as store, store.reading() as unit:
        if unit.transactions.pending(role):
            raise LedgerUnavailableError(
                "something of this role is on its way to the chain: let the ledger finish it first"
            )


def _next_keys(places: Places, old: ChainKeys, role: Role) -> ChainKeys:
    """Return the keys with a new one for the role, kept before anything is sent; an earlier try's, if there are any."""
    if places.next_chain_keys.exists():
        begun = wiring.read_chain_keys(places, places.next_chain_keys)
        other = [one.value for one in Role if one is not role and begun.of(one) != old.of(one)]
        if other:  # the chain may have handed that role over already: its only key must not be written over
            raise SettingsError(f"another role's change was begun: finish it first, with consentry rotate … {other[0]}")
        return begun
    new = replace(old, **{role.value: PrivateKey().secret})
    wiring.write_private(places.next_chain_keys, json.dumps(new.to_json()).encode())
    return new
