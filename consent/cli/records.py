"""`consentry import`, `attach`, `enrol` and `access`: records in, and a person's own records out."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from consent import wiring
from consent.adapters.csv_dictionary import CsvDictionary
from consent.adapters.csv_files import read_csv
from consent.adapters.fhir import Found, LeftOut, Problem, read
from consent.cli.operators import read_request
from consent.domain.errors import ConsentError
from consent.domain.terms import SubjectId
from consent.services.received import Attachment, Imported, ReceivedResource, Source
from consent.services.records import Records
from consent.settings import Settings, SettingsError
from consent.wiring import Installation
from vault import Outcome

BATCH: Final = 1000
SHOWN: Final = 20
PIECE_BYTES: Final = 1024 * 1024
IN_MEMORY_BYTES: Final = 256 * 1024 * 1024
"""Files of so many bytes in all are held in memory while all of them are checked; more are read twice."""


class RefusedImportError(ConsentError):
    """Something in the files is wrong; nothing was stored: correct it, or import the rest with --keep-rest."""


class IncompleteImportError(ConsentError):
    """What could be stored was, but not everybody's: do what the message says, then import the same files again."""


@dataclass(slots=True)
class _Seen:
    """What an import held besides resources: the first problems and their number, and what was left out."""

    problems: list[Problem] = field(default_factory=list)
    wrong: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def resources(self, found: Iterable[Found]) -> Iterator[ReceivedResource]:
        """Yield the resources, and remember everything else."""
        for one in found:
            match one:
                case Problem():
                    self.wrong += 1
                    if len(self.problems) < SHOWN:
                        self.problems.append(one)
                case LeftOut(resource_type, count):
                    self.left_out[resource_type] += count
                case _:
                    yield one


@dataclass(frozen=True, slots=True)
class _Import:
    """The files of one import, and how they are read."""

    files: list[Path]
    dictionary: CsvDictionary | None
    source: Source | None
    records: Records

    def found(self) -> Iterator[Found]:
        """Read the files from their start."""
        if self.dictionary:
            found: Iterator[Found] = iter(read_csv(self.files, self.dictionary))
        else:
            found = iter(read(self.files, known=self.records.known_by(self.source) if self.source else None))
        mark = self.source.mark if self.source else None
        return (mark(one) if mark and isinstance(one, ReceivedResource) else one for one in found)

    def checked(self, seen: _Seen) -> Iterator[ReceivedResource]:
        """Read everything before anything is stored; raise `RefusedImportError` when something is wrong."""
        small = sum(path.stat().st_size for path in self.files) <= IN_MEMORY_BYTES
        held = list(islice(seen.resources(self.found()), None if small else 0))
        if not small:
            for _ in seen.resources(self.found()):
                pass
        if seen.wrong:
            _name(seen)
            raise RefusedImportError("nothing was stored: correct what is named, or take the rest with --keep-rest")
        if small:
            return iter(held)
        seen.left_out.clear()
        return seen.resources(self.found())


def run(home: Path, files: list[Path], columns: Path | None, source: str, *, keep_rest: bool) -> None:
    """Import files: all of what they hold or nothing, or with `keep_rest` all that is right.

    Of people who were erased nothing is taken, which is as it should be. Raises `IncompleteImportError`, with the rest
    stored, when somebody else's was not taken.
    """
    seen, dictionary = _Seen(), _dictionary(columns) if columns else None
    named = Source(source) if source else None
    with wiring.opened(Settings.read(home)) as installation:
        reading = _Import(files, dictionary, named, installation.records)
        resources = seen.resources(reading.found()) if keep_rest else reading.checked(seen)
        _warn_of_replicas(installation)
        imported = _deposited(installation, resources)
    _say(imported, seen)
    _require_everybody(imported)


def _dictionary(path: Path) -> CsvDictionary:
    try:
        return CsvDictionary.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("the dictionary cannot be read: name a TOML file in UTF-8") from error


def _deposited(installation: Installation, resources: Iterator[ReceivedResource]) -> Imported:
    imported = Imported()
    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("Sealing {task.completed:,} resources"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=None)
        while batch := list(islice(resources, BATCH)):
            imported += installation.records.deposit(batch, wiring.utc_now())
            bar.update(task, advance=len(batch))
    return imported


def _name(seen: _Seen) -> None:
    errors = Console(stderr=True)
    for problem in seen.problems:
        errors.print(f"{problem.place}: {problem.what}", highlight=False, soft_wrap=True, markup=False)
    if seen.wrong > len(seen.problems):
        errors.print(f"… and {seen.wrong - len(seen.problems):,} more", highlight=False)


def _say(imported: Imported, seen: _Seen) -> None:
    out, done = Console(), imported.outcomes
    _name(seen)
    out.print(f"Patients: {len(imported.subjects):,}. Records sealed: {done[Outcome.STORED]:,}.", highlight=False)
    more = {
        "replaced by newer versions": done[Outcome.REPLACED],
        "unchanged": done[Outcome.UNCHANGED],
        "older than what is stored": done[Outcome.OUTDATED],
        "refused: their person was erased": imported.erased,
        "refused: their identifiers belong to two people here": imported.mixed,
        "refused: their person's key is not here: restore the newest backup of the keys": imported.keyless,
        "not taken: named above": seen.wrong,
    }
    for what, number in more.items():
        if number:
            out.print(f"  {number:,} {what}", highlight=False)
    if seen.left_out:
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(seen.left_out.items()))
        out.print(f"  left out, for no category covers them: {kinds}", highlight=False, soft_wrap=True)


def _require_everybody(imported: Imported) -> None:
    """Raise `IncompleteImportError` for what waits for somebody; files bring erased people's resources every night."""
    causes = {
        "let the hospital say which of two people their identifiers are": imported.mixed,
        "restore the newest backup of the keys": imported.keyless,
    }
    cures = [f"for {number:,} of them {cure}" for cure, number in causes.items() if number]
    if cures:
        refused = f"{sum(causes.values()):,} resources were refused and the rest is stored"
        raise IncompleteImportError(f"{refused}: {', '.join(cures)}, then import again")


def _warn_of_replicas(installation: Installation) -> None:
    for folder in installation.keys.missing_replicas:
        Console(stderr=True).print(
            f"The epoch key's copy in {folder} is missing: copy it there from another replica folder.",
            highlight=False,
            soft_wrap=True,
        )


def enrol(home: Path, identifiers: list[str]) -> None:
    """Let somebody who was erased be enrolled again."""
    with wiring.opened(Settings.read(home)) as installation:
        installation.records.enrol_again(identifiers, wiring.utc_now())
    Console().print("They are welcome again, as somebody new: import their records.")


def identify(home: Path, subject: str, identifiers: list[str]) -> None:
    """Say who somebody is whom a restore forgot while they were being erased."""
    with wiring.opened(Settings.read(home)) as installation:
        installation.records.identify(SubjectId(subject), identifiers, wiring.utc_now())
    Console().print("Noted: under these identifiers nobody is imported.")


def attach(home: Path, file: Path, identifier: str, attachment: Attachment) -> None:
    """Seal a file of any size as an attachment of one person's."""
    with wiring.opened(Settings.read(home)) as installation, file.open("rb") as content:
        pieces = iter(partial(content.read, PIECE_BYTES), b"")
        done = installation.records.attach(identifier, attachment, pieces, wiring.utc_now())
    Console().print(f"Attachment {attachment.name}: {done.outcome.value}, version {done.version}.", highlight=False)


def access(home: Path, request: Path, out: Path | None) -> None:
    """Write a person's records as a FHIR Bundle, to a new file of their own or to standard output."""
    asked = read_request(request)
    with (
        wiring.opened(Settings.read(home)) as installation,
        _private_file(out) if out else nullcontext(sys.stdout.buffer) as file,  # first: a request counts only once
    ):
        file.writelines(installation.own_records.bundle(asked))
        file.flush()
    if out:
        Console(stderr=True).print(f"Written to {out}, for this person's eyes.", highlight=False, soft_wrap=True)


@contextmanager
def _private_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file for its owner's eyes; nothing is left of it when what follows fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SettingsError(f"the file cannot be written: {error.strerror}: name a new one with --out") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        path.unlink()
        raise
