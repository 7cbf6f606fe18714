"""The rows of reports on spending."""

from __future__ import annotations

from decimal import Decimal

from scenecart import Spending
from scenecart.report._spending import rows_of


def test_rows_are_text_with_separators():
    """Amounts have separators, dollars two places, and a name is one clean line."""
    columns = ["orders", "reserved", "charged", "refunded", "credits", "aud"]
    table = Spending([[1, 2_000, 0, 5, 2_000, Decimal(20)]], columns=columns, index=["a\nb"])
    table.by = "tag"
    assert rows_of(table) == [["a b", "1", "2,000", "0", "5", "2,000", "20.00"]]
