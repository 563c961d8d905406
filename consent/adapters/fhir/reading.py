"""Reading an import: once for its Patients, once for everything; each resource comes out with its person."""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence

from consent.adapters.fhir.children import examined
from consent.adapters.fhir.examining import Administrative, Faulty, Sound
from consent.adapters.fhir.outcomes import LeftOut, Literal, Problem
from consent.adapters.fhir.patients import Known, Patients, patients_of
from consent.adapters.fhir.splitting import Source, literals
from consent.services.received import ReceivedResource

Found = ReceivedResource | Problem | LeftOut


def read(files: Sequence[Source], processes: int = 2, known: Known | None = None) -> Generator[Found]:
    """Yield what the files of one import hold, in order; what was left out is counted at the end.

    References are followed across all files. `known` is asked about a Patient that is in none of them, by
    "Patient/123", an absolute URL, or "Patient?identifier=system|value", and answers with the person's identifiers
    or None. Memory holds a few MiB of resources and a few hundred bytes for each Patient. Content raises nothing;
    a child that is ended from outside raises `FhirError`.
    """
    patients = patients_of(files, known)
    whole = (found for number, source in enumerate(files, 1) for found in literals(source, number, len(files)))
    yield from received(whole, patients, processes)


def received(found: Iterable[Literal | Problem], patients: Patients, processes: int) -> Iterator[Found]:
    """Examine literals and give each its person; problems among them pass."""
    left_out: Counter[str] = Counter()
    for judged in examined(found, processes):
        match judged:
            case Problem():
                yield judged
            case literal, Faulty(what):
                yield Problem(literal.place, what)
            case _, Administrative(resource_type):
                left_out[resource_type] += 1
            case literal, sound:
                yield _with_person(literal, sound, patients)
    yield from (LeftOut(resource_type, count) for resource_type, count in sorted(left_out.items()))


def _with_person(literal: Literal, sound: Sound, patients: Patients) -> ReceivedResource | Problem:
    if literal.person is not None:
        person: tuple[str, ...] | None = literal.person
    elif sound.resource_type == "Patient":
        person = patients.same(sound.identifiers)
    else:
        person = patients.find(literal.file, sound.keys)
    if not person:
        return Problem(literal.place, _nobody(sound))
    return ReceivedResource(person, sound.name, sound.category, literal.content, sound.withdrawn, sound.updated)


def _nobody(sound: Sound) -> str:
    if sound.resource_type == "Patient":
        return "the Patient has no identifier of its own with system and value: add the hospital's"
    return (
        f"this {sound.resource_type} names no Patient of this import, or one that two people answer to: "
        f"look at {sound.patient_field}"
    )
