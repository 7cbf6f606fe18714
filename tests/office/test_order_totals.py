"""Sums of an organization's orders."""

from __future__ import annotations

import datetime as dt

import pytest

from scenecart._office.order_totals import start_of

MOMENT = dt.datetime(2024, 5, 6, 7, 8, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("per", "start"),
    [("day", "2024-05-06"), ("month", "2024-05-01"), ("quarter", "2024-04-01"), ("year", "2024-01-01"), ("all", "1970-01-01")],
)
def test_start_of_is_that_of_the_calendar(per: str, start: str):
    """Periods are those of the calendar in UTC."""
    assert start_of(per, MOMENT).isoformat() == f"{start}T00:00:00+00:00"
