"""Checks of arguments: one message and one code for each kind of value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import scenecart
from _expect import raises
from scenecart._util.validate import (
    check_bool,
    check_choice,
    check_count,
    check_number,
    check_seconds,
    check_text,
    is_number,
    number_hint,
    shown_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("check", "options", "allowed"),
    [
        (check_bool, {}, [True, False]),
        (check_count, {}, [1, 10**30, None]),
        (check_count, {"least": 0, "most": 5}, [0, 5]),
        (check_number, {}, [0, -2.5, float("inf"), None]),
        (check_number, {"least": 0, "most": 100}, [0, 100, 99.9]),
        (check_seconds, {}, [0, 0.5, None]),
        (check_text, {}, ["a", " a "]),
        (check_choice, {"choices": ["month", "year"]}, ["month", "year"]),
    ],
)
def test_check_allows_values_of_its_kind(check: Callable[..., None], options: dict[str, Any], allowed: list[Any]):
    """A value of the right kind and range passes."""
    for value in allowed:
        check(value, "setting", **options)


@pytest.mark.parametrize(
    ("check", "options", "code", "refused"),
    [
        (check_bool, {}, "not_a_bool", [None, 0, 1, "True"]),
        (check_count, {}, "not_a_count", [0, -1, 1.0, True, "5", float("nan")]),
        (check_count, {"least": 0, "most": 5}, "not_a_count", [-1, 6]),
        (check_count, {"optional": False}, "not_a_count", [None]),
        (check_number, {}, "not_a_number", ["5", True, float("nan"), [1]]),
        (check_number, {"least": 0, "most": 100}, "not_a_number", [-0.1, 100.1]),
        (check_number, {"optional": False}, "not_a_number", [None]),
        (check_seconds, {}, "not_seconds", [-1, "5", True, float("nan")]),
        (check_seconds, {"optional": False}, "not_seconds", [None]),
        (check_text, {}, "not_a_string", ["", " ", None, 5, b"a"]),
        (check_choice, {"choices": ["month", "year"]}, "not_a_choice", ["day", None, 5, ["month"]]),
    ],
)
def test_check_wrong_type_or_out_of_range_is_refused(
    check: Callable[..., None], options: dict[str, Any], code: str, refused: list[Any]
):
    """A value of another kind or outside the range is refused with the code, the argument and the value."""
    for value in refused:
        with raises(scenecart.InvalidRequest, code) as caught:
            check(value, "setting", **options)
        assert caught.value.argument == "setting"
        assert caught.value.message.startswith("setting must be ")
        assert shown_value(value) in caught.value.message


def test_check_raises_the_error_of_its_caller():
    """The class of the error is the caller's choice, and a sentence can follow."""
    with raises(scenecart.InvalidQuery, "not_a_count") as caught:
        check_count("5", "limit", least=1, most=9, of="captures", after="Nothing was sent.", kind=scenecart.InvalidQuery)
    assert caught.value.message == "limit must be a whole number of captures from 1 to 9, got '5'. Nothing was sent."
    assert caught.value.hint == number_hint("5")


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, "a whole number of at least 1"),
        ({"of": "credits"}, "a whole number of credits (at least 1)"),
        ({"of": "credits", "least": 0, "most": 5}, "a whole number of credits from 0 to 5"),
    ],
)
def test_check_count_message_has_unit_and_range(options: dict[str, Any], wanted: str):
    """The message says what is counted and how much is allowed."""
    with raises(scenecart.InvalidRequest, "not_a_count") as caught:
        check_count(-1, "limit", **options)
    assert caught.value.message == f"limit must be {wanted}, got -1."


def test_check_number_of_numpy_becomes_a_plain_one():
    """Whole numbers and floats of numpy pass, and what is returned is an int or a float of Python."""
    checked = [
        check_count(np.int64(5), "limit"),
        check_count(np.uint8(0), "limit", least=0),
        check_number(np.int32(20), "cloud"),
        check_number(np.float32(2.5), "cloud"),
        check_seconds(np.int64(3), "timeout"),
    ]
    assert [(type(value), value) for value in checked] == [(int, 5), (int, 0), (int, 20), (float, 2.5), (int, 3)]
    for refused in (np.bool_(1), np.float64(5.5), np.int64(-1), np.array([5])):
        with raises(scenecart.InvalidRequest, "not_a_count"):
            check_count(refused, "limit")


@pytest.mark.parametrize(
    ("value", "hint"), [(1e5, "Pass the integer 100000."), (np.float64(5), "Pass the integer 5."), (5.5, None), (-1.0, None)]
)
def test_check_count_float_is_refused_with_a_hint(value: float, hint: str | None):
    """A float stays refused where a whole number is wanted; one without decimals has the hint to convert it."""
    with raises(scenecart.InvalidRequest, "not_a_count") as caught:
        check_count(value, "max_credits")
    assert caught.value.hint == hint


def test_shown_value_is_one_short_line():
    """A value in a message is its repr, on one line and of a sane length."""
    assert shown_value("a\nb") == r"'a\nb'"
    assert len(shown_value("x" * 5_000)) == 80


def test_is_number_excludes_bool_and_nan():
    """Numbers are integers and floats, without bool and NaN."""
    assert [is_number(value) for value in (1, 2.5, float("inf"), True, float("nan"), "1", None)] == [True] * 3 + [False] * 4
