"""An import, whatever shape it came in: every resource with its person, or a problem with its place."""

import json
import os
import tracemalloc
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.adapters.fhir import FhirError, LeftOut, Problem, read
from consent.domain.terms import Category
from tests.adapters.fhir.exports import (
    ENTRIES,
    SECRET,
    SYSTEM,
    Resource,
    Taken,
    bundle,
    condition,
    ndjson,
    observation,
    patient,
    taken,
)

FIRST, SECOND = (f"{SYSTEM}|17",), (f"{SYSTEM}|18",)
WHOLE = taken(bundle(*ENTRIES))


def test_each_resource_has_its_person_name_and_category() -> None:
    assert not WHOLE.problems
    assert [(found.person, found.name, found.category) for found in WHOLE.resources] == [
        (FIRST, "Patient/p1", Category.DEMOGRAPHICS),
        (FIRST, "Observation/o1", Category.LABORATORY),
        (FIRST, "Condition/c1", Category.CONDITIONS),
        (SECOND, "Patient/p2", Category.DEMOGRAPHICS),
        (SECOND, "Observation/o2", Category.VITAL_SIGNS),
    ]
    assert WHOLE.left_out == [LeftOut("Organization", 1)]


SHAPES = {
    "a Bundle on one line": [bundle(*ENTRIES)],
    "a Bundle on many lines": [bundle(*ENTRIES, indent=2)],
    "a Bundle whose type stands last": [bundle(*ENTRIES, sort_keys=True)],
    "a Bundle without a space": [bundle(*ENTRIES, separators=(",", ":"))],
    "a Bundle behind a byte order mark": [b"\xef\xbb\xbf" + bundle(*ENTRIES)],
    "lines": [ndjson(*ENTRIES)],
    "lines that end as on Windows": [ndjson(*ENTRIES).replace(b"\n", b"\r\n")],
    "lines with blank ones between, the last without an end": [
        b"\n" + ndjson(*ENTRIES).replace(b"\n", b"\n\n").strip()
    ],
    "a file for each type, Patients last": [
        ndjson(ENTRIES[1], ENTRIES[4]),
        ndjson(*ENTRIES[2::3]),
        ndjson(*ENTRIES[::3]),
    ],
    "single resources, one to a file": [json.dumps(each, indent=1).encode() for each in ENTRIES],
    "a Bundle beside lines": [ndjson(*ENTRIES[:2]), bundle(*ENTRIES[2:])],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_resources_come_out_of_every_shape(shape: str) -> None:
    found = taken(*SHAPES[shape])
    assert found.problems == []
    assert found.said == WHOLE.said
    assert found.left_out == WHOLE.left_out


@pytest.mark.parametrize("kind", ["transaction", "batch", "collection", "searchset", "document"])
def test_every_kind_of_bundle_is_a_bundle(kind: str) -> None:
    assert taken(bundle(*ENTRIES).replace(b"collection", kind.encode())).said == WHOLE.said


def test_files_on_disk_are_read_as_bytes_are(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(ndjson(*ENTRIES))
    assert taken(tmp_path / "a").said == WHOLE.said


def test_what_is_kept_are_the_very_bytes_on_one_line() -> None:
    literal = b"""{ "resourceType":"Condition",\r\n\t"subject" : {"reference":"Patient/p1"}, "id":"\\u0063",
        "onsetAge":{"value":1.50}}"""
    found = taken(bundle(patient(), "HERE").replace(b'"HERE"', literal)).resources[1]
    assert found.content == literal.replace(b"\r\n", b" ").replace(b"\n", b" ")
    assert found.name == "Condition/c"


def test_all_of_one_persons_resources_share_one_tuple() -> None:
    found = taken(ndjson(*ENTRIES), ndjson(*ENTRIES))
    assert len({id(each.person) for each in found.resources}) == 2


def test_children_find_what_one_process_finds_and_in_the_same_order() -> None:
    many = [
        each
        for number in range(900)
        for each in (patient(f"p{number}", str(number)), observation(f"o{number}", f"Patient/p{number}"))
    ]
    many[7] = {"resourceType": "Observation"}
    files = [ndjson(*many).replace(b'"id": "o9"', b'"id": o9')]
    alone, shared = taken(*files), taken(*files, processes=2)
    assert alone == shared
    assert len(alone.resources) == 1798
    assert [problem.place for problem in alone.problems] == ["file 1 of 1, line 8", "file 1 of 1, line 20"]


def test_problems_stand_where_they_were_met() -> None:
    found = taken(
        bundle(patient(), {"resourceType": "Nothing"}, observation()),
        ndjson(condition(), condition(subject="Patient/p9")),
    )
    assert found.problems == [
        Problem(
            "file 1 of 2, entry 2",
            "the resource is of a type that FHIR R4 does not have: export it as R4 (4.0.1), or leave it out",
        ),
        Problem(
            "file 2 of 2, line 2",
            "this Condition names no Patient of this import, or one that two people answer to: look at subject",
        ),
    ]
    assert len(found.resources) == 3


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing at all": (b"", "holds no FHIR JSON"),
    "white space": (b" \n\n ", "holds no FHIR JSON"),
    "CSV": (b"patient,age\n17,62\n", "holds no FHIR JSON"),
    "an array": (b"[]", "holds no FHIR JSON"),
    "XML": (b'<Bundle xmlns="http://hl7.org/fhir"/>', "holds no FHIR JSON"),
    "nothing named": (b"{}", "no resource with a resourceType"),
    "UTF-16": (json.dumps(patient()).encode("utf-16"), "not UTF-8"),
    "packed": (b"\x1f\x8b\x08\x00rest", "is packed"),
    "a Bundle without its end": (bundle(patient())[:-1], "ends in the midst"),
    "a Bundle with something behind it": (bundle(patient()) + bundle(patient()), "goes on behind its Bundle"),
    "two entry lists": (bundle(patient())[:-1] + b', "entry": []}', "names a field twice"),
    "entries that are no list": (b'{"resourceType": "Bundle", "entry": {"resource": 1}}', "an entry that is no list"),
    "an entry that is no object": (b'{"resourceType": "Bundle", "entry": [null]}', "entry 1: there is no resource"),
    "an entry without resource": (
        bundle(patient()).replace(b'"resource":', b'"request":'),
        "entry 1: there is no resource",
    ),
    "an entry that says it twice": (
        bundle(patient()).replace(b'"resource":', b'"resource": {}, "resource":'),
        "entry 1: the entry names a field twice",
    ),
    "an entry that is broken": (bundle(patient()).replace(b'"id":', b'"id"'), "entry 1: the entry is not JSON"),
    "a resource without type": (bundle({"id": "x"}), "entry 1: there is no resource"),
    "a type that is no text": (bundle({"resourceType": 5}), "entry 1: there is no resource"),
    "a Bundle in a Bundle": (bundle(json.loads(bundle(patient()))), "entry 1: a Bundle inside"),
    "a field twice": (
        ndjson(patient()).replace(b'"id":', b'"id": "p0", "id":'),
        "line 1: the resource names a field twice",
    ),
    "NaN": (ndjson(patient(multipleBirthInteger="X")).replace(b'"X"', b"NaN"), "line 1: the resource holds NaN"),
    "a number of thousands of digits": (
        ndjson(patient(multipleBirthInteger="X")).replace(b'"X"', b"1" * 5000),
        "line 1: the resource is not JSON",
    ),
    "not UTF-8": (ndjson(patient()).replace(b"p1", b"\xff1"), "line 1: the resource is not UTF-8"),
    "not UTF-8 in a Bundle": (bundle(patient()).replace(b"p1", b"\xff1"), "entry 1: the entry is not JSON in UTF-8"),
    "nesting without end": (b'{"a":' * 100_000, ""),
    "nesting without end in a line": (
        b'{"resourceType":"Patient","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        "line 1: the resource is nested too deeply",
    ),
    "nesting without end in an entry": (
        bundle("X").replace(b'"X"', b"[" * 100_000 + b"]" * 100_000),
        "entry 1: the entry is not JSON",
    ),
    "a name that is nested without end": (b"{" + b"[" * 100_000, ""),
    "a type that is nested without end": (b'{"resourceType":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
    "an id that is none": (ndjson(patient("x" * 65)), "line 1: the resource is no valid R4 Patient: look at id"),
    "a type that is a path": (ndjson({"resourceType": "../Patient"}), "a type that FHIR R4 does not have"),
    "a type of R5 only": (
        ndjson({"resourceType": "Transport"}),
        "a type that FHIR R4 does not have: export it as R4 (4.0.1), or leave it out",
    ),
    "an invalid field": (ndjson(patient(birthDate=SECRET)), "no valid R4 Patient: look at birthDate"),
    "an unknown field": (
        ndjson(patient() | {SECRET: 1}),
        "look at Patient, which has a field that R4 does not have (1",
    ),
    "an unknown inner field": (
        ndjson(patient(contact=[{}, {"name": {SECRET: {SECRET: 1}}}])),
        "look at contact.name, which has a field that R4 does not have (1 in all)",
    ),
    "a field of R5 only": (
        ndjson(observation(triggeredBy=[{SECRET: SECRET}])),
        "no valid R4 Observation: look at triggeredBy, which only R5 has: export it as R4 (4.0.1)",
    ),
    "a field of the wrong kind whose name is no Python": (
        ndjson({"resourceType": "Encounter", "status": "planned", "class": {"code": [SECRET]}}),
        "no valid R4 Encounter: look at class.code (1 in all)",
    ),
    "two of several kinds": (
        ndjson(observation(valueString=SECRET, valueBoolean=True)),
        "where of a field of several kinds, such as value[x], exactly one may stand",
    ),
    "a contained resource of no type": (
        ndjson(patient(contained=[{"resourceType": SECRET}])),
        "no valid R4 Patient: look at contained",
    ),
    "a patient without identifier": (ndjson({"resourceType": "Patient", "id": "p1"}), "no identifier of its own"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_taken_is_a_problem_that_says_where_and_what_and_no_content(name: str) -> None:
    content, told = REFUSED[name]
    found = taken(content)
    if told:
        assert [problem for problem in found.problems if told in f"{problem.place}: {problem.what}"]
    assert not found.resources or "behind" in told or "twice" in told or "midst" in told
    assert SECRET not in repr(found.problems)


def test_one_bad_entry_costs_the_others_nothing() -> None:
    whole = bundle(patient(), "HERE", observation())
    for bad in (
        b'{"resourceType": }',
        b'{"resourceType": "Observation", "id": 1 2}',
        b'{"a" "b"}',
        b"nul",
        b'"\xff"',
        b"{]",
    ):
        found = taken(whole.replace(b'"HERE"', bad))
        assert [each.name for each in found.resources] == ["Patient/p1", "Observation/o1"]
        assert [problem.place for problem in found.problems] == ["file 1 of 1, entry 2"]


def test_one_bad_line_costs_the_others_nothing() -> None:
    good = ndjson(patient(), observation()).splitlines()
    for bad in (b'{"resourceType": }', b"{", b'"', b"null", b"[[[", b"\xff", b"\x00"):
        found = taken(b"\n".join([good[0], bad, good[1]]))
        assert [each.name for each in found.resources] == ["Patient/p1", "Observation/o1"]
        assert [problem.place for problem in found.problems] == ["file 1 of 1, line 2"]


@pytest.mark.parametrize("bad", [b'{"resourceType": "Patient"', b"{", b'"', b"[[[", b"\xff", b"x" * (33 * 1024 * 1024)])
def test_a_bad_first_line_costs_the_others_nothing(bad: bytes) -> None:
    found = taken(bad + b"\n\n" + ndjson(patient(), observation()))
    assert [each.name for each in found.resources] == ["Patient/p1", "Observation/o1"]
    assert [problem.place for problem in found.problems] == ["file 1 of 1, line 1"]


def test_children_that_are_killed_end_the_import_with_one_error() -> None:
    found = read([ndjson(patient(), *[observation(f"o{number}") for number in range(20_000)])])
    next(found)
    for child in active_children():
        child.kill()
    with pytest.raises(FhirError, match="ended from outside"):
        list(found)


def test_an_import_may_be_left_half_read() -> None:
    found = read([ndjson(patient(), *[observation(f"o{number}") for number in range(5_000)])])
    next(found)
    found.close()
    assert not active_children()


def test_a_file_that_is_not_there_is_named_by_its_number(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    unreadable = "the file cannot be read: see that it is there and may be read"
    found = taken(tmp_path / SECRET, tmp_path, tmp_path / "pipe", bundle(*ENTRIES))
    assert found.problems == [Problem(f"file {number} of 4", unreadable) for number in (1, 2, 3)]
    assert found.said == WHOLE.said


@pytest.mark.parametrize("shape", ["bundle", "lines"])
def test_a_resource_above_32_mebibytes_is_a_problem_and_the_rest_is_kept(shape: str) -> None:
    huge = condition("big", note=[{"text": "x" * (32 * 1024 * 1024)}])
    entries = [patient(), huge, observation()]
    found = taken(bundle(*entries) if shape == "bundle" else ndjson(*entries))
    assert [each.name for each in found.resources] == ["Patient/p1", "Observation/o1"]
    assert [problem.what for problem in found.problems] == [
        "a resource above 32 MiB: give its attachment a file of its own"
    ]


def test_a_bundle_of_nothing_is_nothing() -> None:
    assert taken(bundle(), b'{"resourceType": "Bundle", "type": "searchset", "total": 0}') == Taken([], [], [])


def test_an_entry_far_above_all_bounds_is_passed_over() -> None:
    text = '\\"' * (20 * 1024 * 1024)
    whole = bundle(patient(), {"resourceType": "Condition", "note": ["HERE"]}, observation()).replace(
        b"HERE", text.encode()
    )
    found = taken(whole)
    assert [each.name for each in found.resources] == ["Patient/p1", "Observation/o1"]
    assert [problem.place for problem in found.problems] == ["file 1 of 1, entry 2"]


@pytest.mark.parametrize("shape", ["bundle", "lines"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, shape: str) -> None:
    note = condition(note=[{"text": "x" * 500_000}])
    entries = [patient(), *(note | {"id": f"c{number}"} for number in range(200))]
    (tmp_path / "file").write_bytes(bundle(*entries) if shape == "bundle" else ndjson(*entries))
    del entries
    tracemalloc.start()
    try:
        count = sum(1 for _ in read([tmp_path / "file"], processes=1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 201
    assert peak < 24 * 1024 * 1024, "of a file of 100 MB"


@given(order=st.permutations(ENTRIES))
@settings(max_examples=60, deadline=None)
def test_the_order_of_entries_changes_nothing(order: list[Resource]) -> None:
    found = taken(bundle(*order))
    assert found.problems == []
    assert found.said == WHOLE.said


def _is_part(found: Taken) -> bool:
    """Whether all that came is what the whole file gives, and what is missing has a problem or stood behind the cut."""
    return found.said <= WHOLE.said and SECRET not in repr(found.problems)


@given(at=st.integers(0, len(ndjson(*ENTRIES))))
@settings(max_examples=200, deadline=None)
def test_lines_cut_anywhere_give_what_stands_before_the_cut(at: int) -> None:
    cut = ndjson(*ENTRIES)[:at]
    found = taken(cut)
    assert _is_part(found)
    assert len(found.problems) <= 1
    if not cut.endswith((b"\n", b"}")):
        assert len(found.problems) == 1
    assert taken(cut, ndjson(*ENTRIES)).said == WHOLE.said


@given(at=st.integers(0, len(bundle(*ENTRIES)) - 1), indent=st.sampled_from([None, 1]))
@settings(max_examples=200, deadline=None)
def test_a_bundle_cut_anywhere_is_a_problem(at: int, indent: int | None) -> None:
    found = taken(bundle(*ENTRIES, indent=indent)[:at])
    assert _is_part(found)
    assert found.problems


@given(
    at=st.integers(0, len(bundle(*ENTRIES))),
    put=st.binary(max_size=6) | st.sampled_from([b'"', b"{", b"}", b"[", b"]", b",", b"\\", b"\n", b"null"]),
    drop=st.integers(0, 5),
    lines=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_bytes_that_were_changed_never_end_in_a_traceback(at: int, put: bytes, drop: int, lines: bool) -> None:  # noqa: FBT001
    whole = ndjson(*ENTRIES) if lines else bundle(*ENTRIES)
    found = taken(whole[:at] + put + whole[at + drop :])
    assert SECRET not in repr(found.problems)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=150, deadline=None)
def test_garbage_is_a_problem(content: bytes) -> None:
    found = taken(content)
    assert found.problems
    assert not found.resources


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
TYPES = ["Observation", "Condition", "Patient", "AllergyIntolerance", "Account", "Goal", "Element", "Device"]
FIELDS = [
    "subject",
    "patient",
    "category",
    "identifier",
    "code",
    "id",
    "status",
    "meta",
    "resourceType",
    "verificationStatus",
]


def places(value: object) -> Iterator[Resource]:
    """Every object in a resource, itself first."""
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from places(inner)
    if isinstance(value, dict):
        yield value


@given(at=st.integers(0, 30), name=st.sampled_from([SECRET, f"_{SECRET}"]), value=JSON)
@settings(max_examples=100, deadline=None)
def test_a_field_that_is_the_senders_own_is_never_repeated(at: int, name: str, value: object) -> None:
    resource = observation(component=[{"code": {"text": "x"}, "valueQuantity": {"value": 1}}], contained=[patient()])
    inner = list(places(resource))
    inner[at % len(inner)][name] = value
    found = taken(ndjson(resource)).problems
    assert found
    assert SECRET not in repr(found)


@given(
    resource=st.sampled_from([patient(), observation(), condition()]),
    kind=st.sampled_from(TYPES),
    field=st.sampled_from(FIELDS),
    value=JSON | st.lists(st.fixed_dictionaries({"system": JSON, "value": JSON, "coding": st.lists(JSON)}), max_size=2),
)
@settings(max_examples=300, deadline=None)
def test_misshapen_resources_are_resources_or_problems(
    resource: Resource, kind: str, field: str, value: object
) -> None:
    misshapen = resource | {"resourceType": kind} | {field: value}
    for files in ([bundle(patient("other", "99"), misshapen)], [ndjson(misshapen)]):
        found = taken(*files)
        assert found.resources or found.problems or found.left_out
