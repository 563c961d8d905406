"""What is sealed under an epoch: it lives exactly as long."""

import pytest

from tests.vault.homes import Home
from vault import DecryptionError

ANNA, BEN = "a" * 32, "b" * 32


def test_what_an_epoch_sealed_opens_in_that_epoch_and_place(home: Home) -> None:
    seal = home.tree().epoch_seal()
    sealed = seal.seal(b"an item", b"row 1")
    again = home.tree().epoch_seal()
    assert (again.number, again.open(sealed, b"row 1")) == (1, b"an item")
    assert again.mac(b"Anna") == seal.mac(b"Anna") != seal.mac(b"Ben")
    for moved in (b"", b"row 2"):
        with pytest.raises(DecryptionError):
            again.open(sealed, moved)


def test_an_epochs_death_takes_all_that_it_sealed(home: Home) -> None:
    tree = home.tree()
    tree.enrol([ANNA, BEN])
    before = tree.epoch_seal()
    sealed = before.seal(b"an item", b"row 1")
    tree.turn()
    after = tree.epoch_seal()
    assert (before.number, after.number) == (1, 2)
    assert before.mac(b"Ben") != after.mac(b"Ben")
    with pytest.raises(DecryptionError):
        after.open(sealed, b"row 1")


def test_a_turn_by_another_program_gives_another_seal(home: Home) -> None:
    ours, theirs = home.tree(), home.tree()
    ours.enrol([ANNA])
    assert ours.epoch_seal().number == 1
    theirs.turn()
    assert ours.epoch_seal().number == 2


def test_a_seal_shows_no_key(home: Home) -> None:
    assert repr(home.tree().epoch_seal()) == "EpochSeal(number=1)"
