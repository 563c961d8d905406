"""`consentry import`: FHIR files in, all or none."""

from pathlib import Path

from rich.console import Console
from rich.progress import track

from consent import wiring
from consent.adapters.fhir import FhirError, read_bundle
from consent.services.records import ReceivedRecords
from consent.settings import Settings


def run(home: Path, files: list[Path]) -> None:
    """Read every file before anything is stored; then seal them in one transaction."""
    console = Console(stderr=True)
    received = [_read(path) for path in track(files, "Validating", console=console, transient=True)]
    with wiring.opened(Settings.read(home)) as installation:
        subjects = installation.records.deposit(received, wiring.utc_now())
        kept = [
            (subject, len(person.contents))
            for subject, person in zip(subjects, received, strict=True)
            if subject not in installation.book.blocked
        ]
    patients, records = len({subject for subject, _ in kept}), sum(count for _, count in kept)
    Console().print(f"{patients} patients, {records} records sealed.")
    if len(kept) < len(received):
        Console().print(f"{len(received) - len(kept)} files left out: these people were erased.")


def _read(path: Path) -> ReceivedRecords:
    try:
        return read_bundle(path.read_bytes())
    except FhirError as error:
        raise FhirError(f"{path.name}: {error}") from None
