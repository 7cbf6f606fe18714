"""Text about captures."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd

from scenecart.widgets._capture_text import describe, one_line, owned_rows

CAPTURE = pd.Series(
    {
        "id": "a\x00b",
        "collection": "aurora-50cm",
        "datetime": pd.Timestamp("2024-01-02T03:04:05Z"),
        "eo:cloud_cover": "5",
        "gsd": None,
        "not_orderable_reason": "",
    }
)


def test_describe_leaves_out_missing_facts():
    """Only known facts are listed, numbers given as text included, and control characters are removed."""
    assert describe(CAPTURE) == {
        "id": "a b",
        "collection": "aurora-50cm",
        "facts": ["2024-01-02 03:04 UTC", "5 % cloud"],
        "not_orderable_reason": "",
    }


def test_one_line_joins_facts_and_id():
    """A capture in a list is its facts, without the words that all lines would share, and its id."""
    assert one_line(CAPTURE) == "2024-01-02 03:04 · 5 % cloud · a b"
    assert one_line(pd.Series({"id": "x"})) == "x"


def test_describe_range_of_time_is_its_days():
    """A capture with a start and an end has its days, also as text of a file, and one with a time has that alone."""
    span = {"start_datetime": "2024-02-01T00:00:00Z", "end_datetime": "2024-02-28T00:00:00Z", "datetime": pd.NaT}
    assert describe(pd.Series(span))["facts"] == ["2024-02-01 – 2024-02-28 UTC"]
    assert describe(pd.Series({**span, "datetime": "2024-02-05T10:00:00"}))["facts"] == ["2024-02-05 10:00 UTC"]


def test_describe_marked_capture_says_what_is_owned():
    """Cards and lists say how much of a marked capture is owned, and nothing of one that is not."""
    facts = [describe(pd.Series({"id": "a", "owned": share}))["facts"] for share in (0.5, float("nan"), 0.0, "much")]
    assert facts == [["50 % owned"], ["perhaps owned"], [], ["perhaps owned"]]


def test_owned_rows_are_those_that_are_or_may_be():
    """Captures that are not marked are not owned."""
    frame = gpd.GeoDataFrame({"owned": [0.0, 0.2, None]}, geometry=[None] * 3)
    assert owned_rows(frame).tolist() == [False, True, True]
    assert owned_rows(frame[["geometry"]]).tolist() == [False] * 3
