"""Price lines: dates, ids, km² and credits of each price group."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from scenecart._api.schemas import PriceGroup
from scenecart._cart.price_lines import price_lines


def _group(*names: str) -> PriceGroup:
    return PriceGroup(names, 12.5, 4_200, Decimal("42.00"))


def _day(day: int) -> datetime:
    return datetime(2024, 3, day, 1, 30, tzinfo=UTC)


def test_price_line_of_one_capture_has_its_date_id_and_area():
    """A group of one capture tells its date, id, km² and credits."""
    (line,) = price_lines([_group("a")], {"a": _day(1)})
    assert (line.number, line.days, line.captures, line.km2, line.credits) == (1, "2024-03-01", "a", 12.5, 4_200)


def test_price_line_of_several_captures_keeps_the_order_of_the_captures():
    """Captures are in the order of the cart, whatever the order of the service, with their first and last date."""
    acquired = {"c": _day(3), "a": _day(1), "b": _day(2)}
    (line,) = price_lines([_group("a", "b", "c")], acquired)
    assert (line.captures, line.days) == ("c, a, b", "2024-03-01 to 2024-03-03")


def test_price_lines_are_in_the_order_of_the_captures():
    """Groups follow their first capture and are numbered in this order, whatever the order of the service."""
    lines = price_lines([_group("b"), _group("a")], {"a": _day(1), "b": _day(2)})
    assert [(line.number, line.captures) for line in lines] == [(1, "a"), (2, "b")]


def test_price_line_of_many_captures_counts_the_rest():
    """After four ids, the others are counted."""
    (line,) = price_lines([_group(*"abcdef")], dict.fromkeys("abcdef"))
    assert (line.captures, line.more) == ("a, b, c, d, and 2 more", 2)


def test_price_line_without_known_times_has_no_date():
    """A capture that this session does not know has its id, without a date."""
    (line,) = price_lines([_group("a", "b")], {"a": None})
    assert (line.captures, line.days) == ("a, b", "")
