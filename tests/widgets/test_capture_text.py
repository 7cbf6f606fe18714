"""Text about captures."""

from __future__ import annotations

import pandas as pd

from scenecart.widgets._capture_text import describe, one_line

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


def test_one_line_joins_id_and_facts():
    """A capture in a list is its id and its facts."""
    assert one_line(CAPTURE) == "a b · 2024-01-02 03:04 UTC · 5 % cloud"
    assert one_line(pd.Series({"id": "x"})) == "x"
