"""`consentry bundle`: evidence for an auditor, in one file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from consent import wiring
from consent.domain.terms import SubjectId
from consent.services.bundles.making import Wanted
from consent.services.bundles.periods import period
from consent.services.bundles.scopes import Scope
from consent.settings import Settings, SettingsError
from consent.wiring import Installation
from vault.files import new_file

_ACTOR = "operator"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked on the command line, as its options are called; days as text."""

    patient: str = ""
    study: str = ""
    model: str = ""
    period: tuple[str, str] | None = None
    everything: bool = False
    since: tuple[int, ...] = ()
    newest: bool = False
    at: int | None = None

    def scope(self, installation: Installation) -> Scope:
        """Return the one scope that was asked for; raise `SettingsError` where it is none, or several."""
        scopes = list(self._scopes(installation))
        if len(scopes) != 1:
            raise SettingsError("name one of --patient, --study, --model, --period and --everything")
        return scopes[0]

    def _scopes(self, installation: Installation) -> Iterator[Scope]:
        if self.patient:
            yield Scope.patient(SubjectId(self.patient))
        if self.study:
            yield Scope.study(self.study)
        if self.model:
            yield Scope.model(self.model.lower())
        if self.period:
            since, until = map(_day, self.period)
            with installation.store.reading() as unit:
                yield period(unit.log, since, until)
        if self.everything:
            yield Scope.everything()


def run(home: Path, file: Path, asked: Asked) -> None:
    """Write the bundle; the log says so before the file has its name."""
    if file.exists():
        raise SettingsError("a file of this name is there already: name a new one")
    if asked.newest and asked.at is not None:
        raise SettingsError("name one of --at and --newest")
    settings = Settings.read(home)
    with wiring.opened(settings) as installation:
        wanted = Wanted(asked.scope(installation), asked.since, asked.at, asked.newest)
        with new_file(file) as opened:
            sha256 = wiring.bundles_of(installation, settings).write(wanted, opened, _ACTOR)
    typer.echo(f"{file}: {file.stat().st_size:,} bytes, SHA-256 {sha256}; the log has it by that.")


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise SettingsError("a period is two days, such as --period 2026-01-01 2026-02-01") from error
