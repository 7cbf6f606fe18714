"""Reading of documents whose field names, wrappers and types of values differ."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from scenecart._api.operations import whole_number
from scenecart._util.text import clean_text


def named(document: Any) -> dict[str, Any]:
    """Return the fields of a document by name in lower case without underscores: ``order_id`` and ``orderId`` are one name."""
    found: dict[str, Any] = {}
    for name, value in document.items() if isinstance(document, Mapping) else ():
        plain = str(name).replace("_", "").lower()
        if found.get(plain) is None:
            found[plain] = value
    return found


def first(fields: Mapping[str, Any], *names: str) -> Any:
    """Return the first of some fields that has a value, or None."""
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def unwrapped(document: Any, *wanted: str) -> Any:
    """Return the document that has a wanted field, out of ``data``, ``order``, ``result`` or a list of one."""
    for _ in range(4):
        fields = named(document)
        if any(fields.get(name) is not None for name in wanted):
            return document
        inner = next((fields[name] for name in _WRAPPERS if isinstance(fields.get(name), Mapping | list)), None)
        document = inner[0] if isinstance(inner, list) and len(inner) == 1 else inner
        if not isinstance(document, Mapping):
            return None
    return None


_WRAPPERS = ("order", "data", "result", "results", "orders", "content", "items")


def id_text(value: Any) -> str | None:
    """Return an id as text, also from an integer."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def credits_of(value: Any) -> int | None:
    """Return a whole number, such as an amount of credits, also from text."""
    if isinstance(value, str):
        try:
            number = Decimal(value.strip())
        except InvalidOperation:
            return None
        is_whole = number.is_finite() and abs(number) < 10**15 and number == number.to_integral_value()
        return int(number) if is_whole else None
    return whole_number(value)


def text_of(value: Any) -> str | None:
    """Return clean text, or None if there is none."""
    return clean_text(value) or None
