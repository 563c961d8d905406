"""Backups and restores for tests, and processes that die."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from consent.wiring.backups import Backup, back_up_installation, restore_installation
from tests.databases import Kind, copy_databases
from tests.services.house import House, Template, settings_of
from tests.services.power_cuts import PowerCutError


@dataclass(frozen=True, slots=True)
class Past:
    """A closed installation of eight people, of whom the first four consented and the chain knows; and its backup."""

    template: Template
    backup: Backup

    @classmethod
    def built(cls, folder: Path, kind: Kind) -> Self:
        """Build one."""
        template = Template.built(folder / "home", range(8), kind)
        with House.opened(template.home, template.wallets) as house:
            house.grant(*house.people[:4])
            house.anchor()
        with House.opened(template.home, template.wallets) as house:
            backup = backed_up(house, folder / "backup")
        return cls(template, backup)

    def copied(self, home: Path) -> Path:
        """Copy it, closed."""
        shutil.copytree(self.template.home, home)
        copy_databases(self.template.home, home)
        return home


@contextmanager
def dying(home: Path, template: Template) -> Iterator[House]:
    """Open an installation in a process that dies at the end: what it wrote is committed, and not signed."""
    with suppress(PowerCutError), House.opened(home, dict(template.wallets)) as house:
        yield house
        raise PowerCutError


def backed_up(house: House, folder: Path) -> Backup:
    """Write a backup into a folder."""
    return back_up_installation(house.open, folder, house.clock())


def restored(home: Path, records: Path | None = None, keys: Path | None = None, chain: Path | None = None) -> None:
    """Put backups in the place of what is there."""
    restore_installation(settings_of(home), records, keys, chain)
