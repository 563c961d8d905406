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
    records = sum(len(person.contents) for person in received)
    Console().print(f"{len(set(subjects))} patients, {records} records sealed.")


def _read(path: Path) -> ReceivedRecords:
    try:
        return read_bundle(path.read_bytes())
    except FhirError as error:
        raise FhirError(f"{path.name}: {error}") from None
