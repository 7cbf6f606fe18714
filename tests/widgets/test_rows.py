"""Rows in the order that a table or a gallery shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from _widgets import world_captures
from scenecart.widgets._rows import RowPicker, sorted_rows
from scenecart.widgets._state import CaptureState


@pytest.mark.parametrize(("descending", "expected"), [(False, [9, 7, 8, 6]), (True, [8, 7, 9, 6])])
def test_sorted_rows_puts_missing_values_last(expected: list[int], *, descending: bool):
    """Row numbers follow their values in either direction, and those without a value come last."""
    values = pd.Series([np.nan, 2.0, 3.0, 1.0])
    assert sorted_rows(values, np.array([6, 7, 8, 9]), descending=descending).tolist() == expected


def test_sorted_rows_of_mixed_types_puts_numbers_first():
    """Numbers and texts of one column are sorted, numbers by size and before texts."""
    assert sorted_rows(pd.Series(["b", 2, "a", 1], dtype=object), np.arange(4), descending=False).tolist() == [3, 1, 2, 0]


def test_row_picker_picks_in_the_order_that_is_shown():
    """A pick outside the rows does nothing; a span goes from the last pick along the rows that are shown."""
    captures = world_captures(5)
    state = CaptureState(captures)
    picker = RowPicker(state)
    picker.show(np.array([4, 2, 0]))
    picker.receive({"kind": "pick", "row": 7, "how": "replace"})
    assert state.selection == ()
    picker.receive({"kind": "pick", "row": 0, "how": "replace"})
    assert picker.row_of_only_one() == 0
    picker.receive({"kind": "pick", "row": 1, "how": "span"})
    assert state.selection == tuple(captures.index[[4, 2]])
    assert picker.selected_in(0, 3) == [0, 1]
    assert picker.row_of_only_one() is None
    picker.receive({"kind": "none"})
    picker.receive({"kind": "all"})
    assert len(state.selection) == 3
