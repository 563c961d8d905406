"""Rows, their canonical bytes and their order."""

import hashlib
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import Row, RowsError, matrix, ordered, row_hash
from tests.analytics.invented import invented_rows


def test_the_hash_is_of_the_bytes_that_the_docstring_gives() -> None:
    expected = bytes.fromhex("00000003" + "3ff8000000000000" + "7ff8000000000000" + "0000000000000000" + "01")
    assert row_hash(Row((1.5, math.nan, -0.0), 1)) == hashlib.sha256(expected).digest()


def test_every_missing_value_and_every_zero_is_the_same() -> None:
    odd_nan = struct.unpack(">d", bytes.fromhex("fff8000000000abc"))[0]
    assert Row((odd_nan, -0.0), 0) == Row((math.nan, 0.0), 0)
    assert row_hash(Row((odd_nan, -0.0), 0)) == row_hash(Row((math.nan, 0.0), 0))


@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=6), st.data())
def test_a_single_changed_value_changes_the_hash(features: list[float], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(features) - 1))
    changed = [*features]
    changed[place] = math.nextafter(features[place], math.inf)
    assert row_hash(Row(tuple(changed), 0)) != row_hash(Row(tuple(features), 0))


def test_the_label_is_part_of_the_hash_and_a_comparison_is_not() -> None:
    assert row_hash(Row((1.0,), 0)) != row_hash(Row((1.0,), 1))
    assert row_hash(Row((1.0,), 0, (0.3,))) == row_hash(Row((1.0,), 0))


def test_values_do_not_run_into_each_other() -> None:
    assert row_hash(Row((), 0)) != row_hash(Row((0.0,), 0))


@pytest.mark.parametrize("label", [2, -1, 0.5, True, None, "1"])
def test_a_label_is_0_or_1(label: object) -> None:
    with pytest.raises(RowsError, match="label"):
        Row((1.0,), label)  # type: ignore[arg-type]  # the wrong type is the point


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e39, "much", None])
def test_a_number_is_finite_or_missing(value: object) -> None:
    with pytest.raises(RowsError, match="numbers"):
        Row((value,), 0)  # type: ignore[arg-type]  # the wrong type is the point
    with pytest.raises(RowsError, match="numbers"):
        Row((1.0,), 0, (value,))  # type: ignore[arg-type]  # likewise


def test_the_order_of_rows_is_that_of_their_hashes() -> None:
    rows = ordered(invented_rows(50))
    assert [row_hash(row) for row in rows] == sorted(row_hash(row) for row in rows)
    assert ordered(reversed(rows)) == rows


def test_rows_that_differ_only_beside_the_model_are_ordered_too() -> None:
    twins = [Row((1.0,), 0, (0.2,)), Row((1.0,), 0, (0.1,))]
    assert ordered(twins) == ordered(reversed(twins))


def test_a_matrix_holds_rows_of_one_width() -> None:
    assert matrix(invented_rows(4)).shape == (4, 3)
    with pytest.raises(RowsError, match="same number"):
        matrix([Row((1.0,), 0), Row((1.0, 2.0), 0)])
    with pytest.raises(RowsError, match="at least one row"):
        matrix([])
