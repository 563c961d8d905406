"""`consentry epoch turn`, `backup`, `restore`, `upgrade` and `doctor`: keeping an installation well."""

import sys
from pathlib import Path

from rich.console import Console

from consent import wiring
from consent.cli.errors import BROKEN
from consent.services.replaying import Replayed
from consent.settings import Settings, SettingsError
from consent.wiring.backups import back_up_installation, note_restored, restore_installation
from consent.wiring.diagnosis import complaints


def turn(home: Path, *, patients_only: bool, give_up_lost_keys: bool) -> None:
    """Turn the epoch now."""
    with wiring.opened(Settings.read(home)) as installation:
        epochs = installation.epochs
        if not give_up_lost_keys:
            epochs.require_keys()
        turned = epochs.turn_for_patients_only() if patients_only else epochs.turn()
    out = Console()
    out.print(f"Epoch {turned.previous} is dead; keys in epoch {turned.epoch}: {turned.live_keys:,}.", highlight=False)
    out.print("Older backups of the keys open nothing any more.")


def backup(home: Path, folder: Path | None) -> None:
    """Write a backup."""
    settings = Settings.read(home)
    target = folder or settings.backups or home / "backups"
    with wiring.opened(settings) as installation:
        made = back_up_installation(installation, target, wiring.utc_now())
    console = Console()
    console.print("Written and read back. Keep records and keys under different hands:")
    for path in (made.records, made.keys, made.chain):
        if path:
            console.print(f"  {path}", highlight=False, soft_wrap=True)


def restore(home: Path, records: Path | None, keys: Path | None, chain: Path | None) -> None:
    """Put backups in the place of what is there, then say what they did not know."""
    if not (records or keys or chain):
        raise SettingsError("name what is to be restored: --records, --keys or --chain")
    if chain and not records:
        raise SettingsError("a chain goes back only with the records of the same backup: add --records")
    settings = Settings.read(home)
    restore_installation(settings, records, keys, chain)
    given = {"records": records, "keys": keys, "chain": chain}
    with wiring.opened(settings) as installation:
        note_restored(installation, wiring.utc_now(), [name for name, file in given.items() if file])
        _say(installation.replayed, len(installation.epochs.keyless()))


def _say(replayed: Replayed, keyless: int) -> None:
    out = Console()
    out.print("Restored.")
    for number, what in (
        (replayed.entries, "entries of the log taken back from the log archive"),
        (replayed.stops, "stops done again"),
        (replayed.blocks, "people blocked again who are to be erased"),
        (replayed.shreds, "erased people kept out"),
        (replayed.keys, "enrolment keys taken from the log"),
        (keyless, "people without a key now, of whom nothing opens"),
    ):
        if number:
            out.print(f"  {what}: {number:,}", highlight=False)
    out.print("Now `consentry doctor`, then start the programs.")


def upgrade(home: Path) -> None:
    """Bring an older installation up to date."""
    wiring.upgrade(Settings.read(home))
    Console().print("Up to date. Now `consentry doctor`, then start the programs.")


def doctor(home: Path) -> None:
    """Say what is wrong and what to do."""
    found = list(complaints(Settings.read(home)))
    out = Console()
    for complaint in found:
        out.print(complaint.what, style="bold", highlight=False, soft_wrap=True, markup=False)
        out.print(f"  {complaint.do}", highlight=False, soft_wrap=True, markup=False)
    if found:
        sys.exit(BROKEN)
    out.print("All is well.")
