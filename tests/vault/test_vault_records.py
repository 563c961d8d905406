"""Records go in sealed and come out through the gate alone, each in its own place."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select, update

from tests.databases import bytes_at_rest
from tests.vault.homes import ACCESS, DRUGS, LAB, Home, ListedGate, admitted, open_gate
from vault import (
    Access,
    Admission,
    Admitted,
    DecryptionError,
    Deposit,
    KeyNotFoundError,
    KeyTree,
    Part,
    Refused,
    Vault,
)
from vault.epoch import PatientKey, SubKey
from vault.tables import vault_records

ANNA, BEN, CARA = "a" * 32, "b" * 32, "c" * 32


class CountingTree(KeyTree):
    """The real key tree, which also notes whose keys it unwrapped."""

    unwrapped: list[str]

    def unwrap(self, subjects: Sequence[str]) -> dict[str, PatientKey]:
        """Unwrap and note."""
        self.unwrapped.extend(subjects)
        return KeyTree.unwrap(self, subjects)


def counting(home: Home) -> tuple[Vault, list[str]]:
    """Return the vault, and the list that grows with every key unwrapped."""
    tree = home.tree()
    counter = CountingTree(tree.tenant, tree._engine, tree._replicas, tree._epoch)
    counter.unwrapped = []
    return Vault(home.tenant, counter), counter.unwrapped


def test_a_record_comes_back_as_it_went_in(home: Home) -> None:
    [record_id] = home.deposit(Deposit(ANNA, LAB, b"\x00 leucocytes"))
    [opening] = home.read(ANNA)
    [record] = opening.records
    assert (opening.subject, record.record_id, record.category, record.version) == (ANNA, record_id, LAB, 1)
    assert record.content == b"\x00 leucocytes"


def test_records_come_back_by_category_and_record_id(home: Home) -> None:
    ids = home.deposit(*(Deposit(ANNA, category, b"") for category in (DRUGS, LAB, LAB, DRUGS, LAB)))
    ids += home.deposit(Deposit(ANNA, LAB, b"three"))
    [opening] = home.read(ANNA)
    found = [(record.category, record.record_id) for record in opening.records]
    assert found == sorted(found)
    assert {record_id for _, record_id in found} == set(ids)
    assert {record.version for record in opening.records} == {1}


def test_ids_come_back_in_the_order_of_the_deposits_and_say_nothing(home: Home) -> None:
    ids = home.deposit(*(Deposit(subject, LAB, subject.encode()) for subject in (CARA, ANNA, BEN)))
    with home.writing() as connection:
        stored = dict(connection.execute(select(vault_records.c.record_id, vault_records.c.subject)).all())
    assert [stored[record_id] for record_id in ids] == [CARA, ANNA, BEN]
    assert all(len(bytes.fromhex(record_id)) == 16 for record_id in ids)


def test_nothing_of_the_contents_is_legible_in_either_database(home: Home) -> None:
    home.deposit(Deposit(ANNA, LAB, b"leucocytes 11.2"))
    at_rest = bytes_at_rest(home.folder)
    assert ANNA.encode() in at_rest, "the search looks where the records are"
    assert b"leucocytes" not in at_rest


def test_a_deposit_without_a_key_stores_nothing(home: Home) -> None:
    vault = home.vault()
    vault.enrol([ANNA])
    with home.writing() as connection:
        with pytest.raises(KeyNotFoundError):
            vault.deposit(connection, [Deposit(ANNA, LAB, b"one"), Deposit(BEN, LAB, b"two")])
        assert connection.execute(select(vault_records)).all() == []


def test_depositing_nothing_is_nothing(home: Home) -> None:
    assert home.deposit() == []


def test_a_transaction_that_rolls_back_takes_its_deposits_along(home: Home) -> None:
    vault = home.vault()
    vault.enrol([ANNA])
    with home.records().connect() as connection:
        vault.deposit(connection, [Deposit(ANNA, LAB, b"one")])
        connection.rollback()
    assert home.read(ANNA)[0].records == ()


def test_enrolling_again_keeps_the_key(home: Home) -> None:
    home.deposit(Deposit(ANNA, LAB, b"one"))
    home.vault().enrol([ANNA, BEN, ANNA])
    assert home.read(ANNA)[0].records[0].content == b"one"


@pytest.mark.parametrize(
    "answers",
    [
        {ANNA: Refused("NO_GRANT"), BEN: Refused("REVOKED")},
        {},
        {ANNA: admitted(), BEN: admitted(DRUGS)},
    ],
    ids=["refused", "no answer", "without the required category"],
)
def test_who_is_not_admitted_yields_nothing_and_no_key_is_unwrapped(
    home: Home, answers: dict[str, Admitted | Refused]
) -> None:
    home.deposit(Deposit(ANNA, LAB, b"one"), Deposit(BEN, LAB, b"two"))
    vault, unwrapped = counting(home)
    with home.writing() as connection:
        assert list(vault.read(connection, ListedGate(answers), ACCESS, [ANNA, BEN])) == []
    assert unwrapped == []


def test_only_admitted_subjects_keys_are_unwrapped(home: Home) -> None:
    home.deposit(Deposit(ANNA, LAB, b"one"), Deposit(BEN, LAB, b"two"))
    vault, unwrapped = counting(home)
    gate = ListedGate({ANNA: Refused("STOPPED"), BEN: admitted(LAB)})
    with home.writing() as connection:
        openings = list(vault.read(connection, gate, ACCESS, [ANNA, BEN]))
    assert [opening.subject for opening in openings] == unwrapped == [BEN]


def test_the_gate_is_asked_once_for_all_before_any_key_is_unwrapped(home: Home) -> None:
    subjects = [secrets.token_hex(16) for _ in range(1201)]
    home.deposit(*(Deposit(subject, LAB, subject.encode()) for subject in subjects))
    vault, unwrapped = counting(home)

    class WatchfulGate(ListedGate):
        def admit(self, subjects: Sequence[str], access: Access) -> Admission:
            assert unwrapped == []
            return super().admit(subjects, access)

    gate = WatchfulGate(dict.fromkeys(subjects, admitted(LAB)))
    with home.writing() as connection:
        openings = list(vault.read(connection, gate, ACCESS, [*subjects, subjects[0]]))
    assert gate.asked == [(subjects, ACCESS)]
    assert [opening.subject for opening in openings] == subjects
    assert all(opening.records[0].content == opening.subject.encode() for opening in openings)


def test_the_gate_is_asked_when_reading_begins_even_if_nobody_reads_on(home: Home) -> None:
    gate = ListedGate({})
    with home.writing() as connection:
        home.vault().read(connection, gate, ACCESS, [ANNA])
    assert len(gate.asked) == 1


def test_a_gate_that_raises_opens_nothing(home: Home) -> None:
    class BrokenGate:
        def admit(self, _subjects: Sequence[str], _access: Access) -> Admission:
            raise ConnectionError

    vault, unwrapped = counting(home)
    with home.writing() as connection, pytest.raises(ConnectionError):
        vault.read(connection, BrokenGate(), ACCESS, [ANNA])
    assert unwrapped == []


def test_records_of_a_category_that_was_not_admitted_stay_closed(home: Home) -> None:
    home.deposit(
        Deposit(ANNA, LAB, b"lab"), Deposit(ANNA, DRUGS, b"pill"), Deposit(BEN, DRUGS, b"pill"), Deposit(BEN, LAB, b"x")
    )
    gate = ListedGate({ANNA: admitted(LAB), BEN: admitted(LAB, DRUGS)})
    with home.writing() as connection:
        openings = list(home.vault().read(connection, gate, ACCESS, [ANNA, BEN]))
    assert [[r.category for r in opening.records] for opening in openings] == [[LAB], [LAB, DRUGS]]


def test_a_gate_cannot_admit_to_more_than_was_asked_for(home: Home) -> None:
    home.deposit(Deposit(ANNA, LAB, b"lab"), Deposit(ANNA, "genome", b"ACGT"))
    gate = ListedGate({ANNA: admitted(LAB, "genome"), BEN: admitted(LAB)})
    with home.writing() as connection:
        [opening] = home.vault().read(connection, gate, ACCESS, [ANNA])
    assert opening.admitted.categories == {LAB}
    assert [record.category for record in opening.records] == [LAB]


def test_what_the_gate_said_comes_along(home: Home) -> None:
    home.deposit(Deposit(ANNA, LAB, b"lab"))
    answer = Admitted(frozenset({LAB}), date(1993, 1, 1), None, secrets.token_bytes(32))
    with home.writing() as connection:
        [opening] = home.vault().read(connection, ListedGate({ANNA: answer}), ACCESS, [ANNA])
    assert opening.admitted == answer


def test_someone_admitted_without_records_has_none(home: Home) -> None:
    home.vault().enrol([ANNA])
    assert [opening.records for opening in home.read(ANNA)] == [()]


def test_someone_admitted_without_a_key_is_an_error(home: Home) -> None:
    with pytest.raises(KeyNotFoundError):
        home.read(ANNA)


@pytest.mark.parametrize(
    "moved",
    [
        {"subject": BEN},
        {"category": DRUGS},
        {"version": 2},
        {"record_id": "0" * 32},
        {"sealed": b""},
        {"sealed": b"\x02" + bytes(100)},
    ],
    ids=["patient", "category", "version", "row", "emptied", "unknown format"],
)
def test_a_record_that_was_moved_or_altered_does_not_open(home: Home, moved: dict[str, object]) -> None:
    [record_id] = home.deposit(Deposit(ANNA, LAB, b"one"))
    home.vault().enrol([BEN])
    assert home.read(ANNA, BEN)[0].records
    with home.writing() as connection:
        connection.execute(update(vault_records).where(vault_records.c.record_id == record_id).values(moved))
    with pytest.raises(DecryptionError):
        home.read(ANNA, BEN)


def test_two_swapped_ciphertexts_of_one_patient_do_not_open(home: Home) -> None:
    ids = home.deposit(Deposit(ANNA, LAB, b"one"), Deposit(ANNA, LAB, b"two"))
    with home.writing() as connection:
        sealed = [
            connection.execute(select(vault_records.c.sealed).where(vault_records.c.record_id == one)).scalar_one()
            for one in ids
        ]
        for one, other in zip(ids, reversed(sealed), strict=True):
            connection.execute(update(vault_records).where(vault_records.c.record_id == one).values(sealed=other))
    with pytest.raises(DecryptionError):
        home.read(ANNA)


def test_another_tenants_vault_opens_nothing(home: Home) -> None:
    home.deposit(Deposit(ANNA, LAB, b"one"))
    with home.writing() as connection, pytest.raises(DecryptionError):
        list(Vault("elsewhere", home.tree()).read(connection, open_gate(ANNA), ACCESS, [ANNA]))


def test_a_sealed_part_opens_in_its_own_place_only(home: Home) -> None:
    vault = home.vault()
    vault.enrol([ANNA, BEN])
    sealed = vault.seal(ANNA, "consent", b"yes", b"row 1")
    assert vault.unseal(ANNA, "consent", sealed, b"row 1") == b"yes"
    for subject, label, context in [
        (BEN, "consent", b"row 1"),
        (ANNA, "opening", b"row 1"),
        (ANNA, "consent", b"row 2"),
    ]:
        with pytest.raises(DecryptionError):
            vault.unseal(subject, label, sealed, context)


def test_parts_of_many_subjects_are_sealed_and_unsealed_together(home: Home) -> None:
    vault, unwrapped = counting(home)
    vault.enrol([ANNA, BEN])
    parts = [Part(BEN, b"no", b"1"), Part(ANNA, b"yes", b"2"), Part(BEN, b"maybe", b"3")]
    sealed = vault.seal_all("consent", parts)
    assert unwrapped == [BEN, ANNA]
    assert [vault.unseal(p.subject, "consent", s, p.context) for p, s in zip(parts, sealed, strict=True)] == [
        b"no",
        b"yes",
        b"maybe",
    ]
    stored = [replace(part, content=one) for part, one in zip(parts, sealed, strict=True)]
    assert vault.unseal_all("consent", stored) == [b"no", b"yes", b"maybe"]
    with pytest.raises(KeyNotFoundError):
        vault.seal_all("consent", [*parts, Part(CARA, b"")])
    with pytest.raises(DecryptionError):
        vault.unseal_all("consent", [*stored, replace(stored[0], context=b"2")])


def test_sealing_and_macs_need_a_key(home: Home) -> None:
    vault = home.vault()
    with pytest.raises(KeyNotFoundError) as caught:
        vault.seal(ANNA, "consent", b"yes")
    assert ANNA not in str(caught.value)
    with pytest.raises(KeyNotFoundError):
        vault.unseal(ANNA, "consent", b"\x01")
    with pytest.raises(KeyNotFoundError):
        vault.mac(ANNA, b"entry")


def test_a_mac_is_the_patients_own_and_stays_the_same(home: Home) -> None:
    vault = home.vault()
    vault.enrol([ANNA, BEN])
    assert vault.mac(ANNA, b"entry") == home.vault().mac(ANNA, b"entry")
    assert len({vault.mac(ANNA, b"entry"), vault.mac(BEN, b"entry"), vault.mac(ANNA, b"other")}) == 3


def test_each_use_of_a_patients_key_has_a_key_of_its_own() -> None:
    key = PatientKey.draw()
    assert len({key.secret, key.check(), *(key.sub_key(use) for use in SubKey)}) == 5
    assert key.secret.hex() not in repr(key)


def test_reading_holds_few_records_at_a_time(home: Home) -> None:
    import tracemalloc

    subjects = [secrets.token_hex(16) for _ in range(4000)]
    home.deposit(*(Deposit(subject, LAB, bytes(4000)) for subject in subjects))
    vault = home.vault()
    with home.writing() as connection:
        stream = vault.read(connection, open_gate(*subjects), ACCESS, subjects)
        tracemalloc.start()
        assert sum(len(opening.records) for opening in stream) == len(subjects)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 10_000_000
