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
    numbered = track(list(enumerate(files, 1)), "Validating", console=console, transient=True)
    received = [_read(number, len(files), path) for number, path in numbered]
    with wiring.opened(Settings.read(home)) as installation:
        for folder in installation.keys.missing_replicas:
            console.print(f"The epoch key's copy in {folder} is missing: copy it there from another replica folder.")
        subjects = installation.records.deposit(received, wiring.utc_now())
        kept = [
            (subject, len(person.contents))
            for subject, person in zip(subjects, received, strict=True)
            if subject not in installation.book.blocked
        ]
    patients, records = len({subject for subject, _ in kept}), sum(count for _, count in kept)
    Console().print(f"Patients: {patients}. Records sealed: {records}.")
    if len(kept) < len(received):
        Console().print(f"{len(received) - len(kept)} files left out: these people were erased.")


def _read(number: int, of: int, path: Path) -> ReceivedRecords:
    """Read one file; an error names its place in the list, for hospitals put people's names into file names."""
    try:
        return read_bundle(path.read_bytes())
    except FhirError as error:
        raise FhirError(f"file {number} of {of}: {error}") from None
