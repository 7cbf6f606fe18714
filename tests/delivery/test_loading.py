"""Delivered rasters as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import scenecart
from _expect import raises
from scenecart._delivery.loading import choose_item, stack_items
from scenecart._imagery.stack import StackOptions

ITEMS: list[dict[str, Any]] = [
    {"id": "a", "assets": {"visual": {}, "analytic": {}}},
    {"id": "b", "assets": {"visual": {}}},
]


def test_choose_item_takes_the_only_one_or_the_named_one():
    """An asset of one item needs no id; one of several does."""
    assert choose_item(ITEMS, "analytic", None)["id"] == "a"
    assert choose_item(ITEMS, "visual", "b")["id"] == "b"


@pytest.mark.parametrize(
    ("asset", "item", "code"),
    [
        ("visual", None, "asset_ambiguous"),
        ("visual", "c", "item_without_asset"),
        ("analytic", "b", "item_without_asset"),
        ("thermal", None, "asset_unknown"),
    ],
)
def test_choose_item_none_or_several_is_refused(asset: str, item: str | None, code: str):
    """Each way of not finding one item is an error of its own."""
    with raises(scenecart.InvalidRequest, code):
        choose_item(ITEMS, asset, item)


def test_stack_items_without_any_band_is_refused():
    """Without items, and with items without bands, there is nothing to stack."""
    for items in ([], ITEMS):
        with raises(scenecart.InvalidRequest, "band_unknown"):
            stack_items(items, None, lambda *_: Path("none"), StackOptions())
