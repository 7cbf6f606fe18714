"""The options of a cover panel, as its page sends them."""

from __future__ import annotations

from typing import Any

import pytest

import scenecart
from _expect import raises
from scenecart.widgets._bench.cover import PlanOptions, read_budget


@pytest.mark.parametrize("text", ["plenty", "0", "-5", "1.5", "²", "9" * 16])
def test_budget_not_a_whole_number_is_refused(text: str):
    """Only a positive whole number is a budget."""
    with raises(scenecart.InvalidRequest, "budget_invalid"):
        read_budget(text)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, PlanOptions()),
        (
            {"objective": "newest", "share": 80.4, "budget": "5,000", "use_owned": False},
            PlanOptions("newest", 80, "5,000", use_owned=False),
        ),
        ({"objective": "best", "share": 1000, "budget": None}, PlanOptions(share=100)),
        ({"objective": None, "share": "most"}, PlanOptions()),
    ],
)
def test_wish_of_a_page_is_a_valid_one(fields: dict[str, Any], expected: PlanOptions):
    """What a page lacks or says oddly is the usual, and a share is within its bounds."""
    assert PlanOptions.from_page(fields) == expected
