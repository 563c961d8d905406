"""`consentry import`, `attach`, `enrol` and `access`: records in, and a person's own records out."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from rich.console import Console
from rich.progress import Progress

from consent import wiring
from consent.adapters.csv_dictionary import CsvDictionary
from consent.adapters.csv_files import read_csv
from consent.adapters.fhir import Found, LeftOut, Problem, read
from consent.cli.operators import read_request
from consent.domain.errors import ConsentError
from consent.services.received import Attachment, Imported, ReceivedResource
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


@dataclass(slots=True)
class _Seen:
    """What an import held besides resources."""

    problems: list[Problem] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def resources(self, found: Iterable[Found]) -> Iterator[ReceivedResource]:
        """Yield the resources, and remember everything else."""
        for one in found:
            match one:
                case Problem():
                    self.problems.append(one)
                case LeftOut(resource_type, count):
                    self.left_out[resource_type] += count
                case _:
                    yield one


def run(home: Path, files: list[Path], columns: Path | None, *, keep_rest: bool) -> None:
    """Import files: all of what they hold or nothing, or with `keep_rest` all that is right."""
    seen, dictionary = _Seen(), _dictionary(columns) if columns else None
    resources = seen.resources(_found(files, dictionary)) if keep_rest else _checked(files, dictionary, seen)
    with wiring.opened(Settings.read(home)) as installation:
        _warn_of_replicas(installation)
        imported = _deposited(installation, resources)
    _say(imported, seen)


def _found(files: list[Path], dictionary: CsvDictionary | None) -> Iterator[Found]:
    return iter(read(files) if dictionary is None else read_csv(files, dictionary))


def _dictionary(path: Path) -> CsvDictionary:
    try:
        return CsvDictionary.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("the dictionary cannot be read: name a TOML file in UTF-8") from error


def _checked(files: list[Path], dictionary: CsvDictionary | None, seen: _Seen) -> Iterator[ReceivedResource]:
    """Read everything before anything is stored; raise `RefusedImportError` when something is wrong."""
    small = sum(path.stat().st_size for path in files) <= IN_MEMORY_BYTES
    held = list(islice(seen.resources(_found(files, dictionary)), None if small else 0))
    if not small:
        for _ in seen.resources(_found(files, dictionary)):
            pass
    if seen.problems:
        _name(seen.problems)
        raise RefusedImportError("nothing was stored: correct what is named, or take the rest with --keep-rest")
    if small:
        return iter(held)
    seen.left_out.clear()
    return seen.resources(_found(files, dictionary))


def _deposited(installation: Installation, resources: Iterator[ReceivedResource]) -> Imported:
    imported = Imported()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Sealing", total=None)
        while batch := list(islice(resources, BATCH)):
            imported += installation.records.deposit(batch, wiring.utc_now())
            bar.update(task, advance=len(batch))
    return imported


def _name(problems: list[Problem]) -> None:
    errors = Console(stderr=True)
    for problem in problems[:SHOWN]:
        errors.print(f"{problem.place}: {problem.what}", highlight=False, soft_wrap=True, markup=False)
    if len(problems) > SHOWN:
        errors.print(f"… and {len(problems) - SHOWN:,} more")


def _say(imported: Imported, seen: _Seen) -> None:
    out, done = Console(), imported.outcomes
    _name(seen.problems)
    out.print(f"Patients: {len(imported.subjects):,}. Records sealed: {done[Outcome.STORED]:,}.", highlight=False)
    more = {
        "replaced by newer versions": done[Outcome.REPLACED],
        "unchanged": done[Outcome.UNCHANGED],
        "older than what is stored": done[Outcome.OUTDATED],
        "refused: their person was erased": imported.erased,
        "refused: their identifiers belong to two people here": imported.mixed,
        "not taken: named above": len(seen.problems),
    }
    for what, number in more.items():
        if number:
            out.print(f"  {number:,} {what}", highlight=False)
    if seen.left_out:
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(seen.left_out.items()))
        out.print(f"  left out, for no category covers them: {kinds}", highlight=False, soft_wrap=True)


def _warn_of_replicas(installation: Installation) -> None:
    for folder in installation.keys.missing_replicas:
        Console(stderr=True).print(
            f"The epoch key's copy in {folder} is missing: copy it there from another replica folder.", highlight=False
        )


def enrol(home: Path, identifiers: list[str]) -> None:
    """Let somebody who was erased be enrolled again."""
    with wiring.opened(Settings.read(home)) as installation:
        installation.records.enrol_again(identifiers, wiring.utc_now())
    Console().print("They are welcome again, as somebody new: import their records.")


def attach(home: Path, file: Path, identifier: str, attachment: Attachment) -> None:
    """Seal a file of any size as an attachment of one person's."""
    with wiring.opened(Settings.read(home)) as installation, file.open("rb") as content:
        pieces = iter(partial(content.read, PIECE_BYTES), b"")
        done = installation.records.attach(identifier, attachment, pieces, wiring.utc_now())
    Console().print(f"Attachment {attachment.name}: {done.outcome.value}, version {done.version}.", highlight=False)


def access(home: Path, request: Path, out: Path | None) -> None:
    """Write a person's records as a FHIR Bundle, to a new file of their own or to standard output."""
    with wiring.opened(Settings.read(home)) as installation:
        pieces = installation.own_records.bundle(read_request(request))
        with _private_file(out) if out else nullcontext(sys.stdout.buffer) as file:
            file.writelines(pieces)
            file.flush()


def _private_file(path: Path) -> BinaryIO:
    """Open a new file for its owner's eyes."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        raise SettingsError(f"the file cannot be written: {error.strerror}") from error
