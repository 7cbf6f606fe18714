"""Reading of documents with other names, wrappers and types of values."""

from __future__ import annotations

from typing import Any

import pytest

from scenecart._api import fields


def test_named_reads_camel_and_snake_case_alike():
    """A field is read in camelCase and in snake_case; a null does not hide a value."""
    assert fields.named({"orderId": None, "order_id": 5, "TotalAud": "1"}) == {"orderid": 5, "totalaud": "1"}
    assert fields.named([1]) == {}


@pytest.mark.parametrize("document", [{"id": 1}, {"data": {"id": 1}}, {"results": [{"order": {"id": 1}}]}], ids=str)
def test_unwrapped_wrapped_document_is_found(document: Any):
    """A document is found in its wrappers."""
    assert fields.unwrapped(document, "id") == {"id": 1}


@pytest.mark.parametrize("document", [None, 5, {}, {"data": None}, {"results": [{"id": 1}, {"id": 2}]}], ids=str)
def test_unwrapped_of_anything_else_is_none(document: Any):
    """Several documents are not one."""
    assert fields.unwrapped(document, "id") is None


@pytest.mark.parametrize(
    ("value", "number"),
    [("300", 300), ("300.00", 300), (300.0, 300), ("3.5", None), ("NaN", None), ("1e999", None), (True, None), ("x", None)],
)
def test_credits_are_read_from_numbers_and_text(value: Any, number: int | None):
    """An amount of credits is a whole number, in any type."""
    assert fields.credits_of(value) == number


@pytest.mark.parametrize(("value", "name"), [("a", "a"), (5, "5"), (True, None), (" ", None), (None, None), (1.5, None)])
def test_id_integer_becomes_text(value: Any, name: str | None):
    """Integers are ids as well."""
    assert fields.id_text(value) == name
