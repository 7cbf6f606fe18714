"""Messages and hints in the words of the widgets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import scenecart
from scenecart._orders.notice import Notice
from scenecart.exceptions import ScenecartWarning
from scenecart.widgets._hints import FIELDS, HINTS, hint_of, message_of

if TYPE_CHECKING:
    import pytest


def test_message_of_argument_begins_with_its_field_label():
    """A message about an argument begins with the label of its field."""
    error = scenecart.InvalidQuery("must be a list.", argument="collections")
    assert message_of(error) == f"{FIELDS['collections']} must be a list."
    error = scenecart.InvalidQuery("must be a range.", argument="filters['gsd']")
    assert message_of(error) == "Filters['gsd'] must be a range."
    assert message_of(scenecart.NotFound("There is no such host.")) == "There is no such host."


def test_hint_of_returns_the_hint_for_the_code(monkeypatch: pytest.MonkeyPatch):
    """A hint for the code replaces the one for Python, with the values of the error; None removes it."""
    monkeypatch.setitem(HINTS, "some_code", "Look at order {order_id}.")
    monkeypatch.setitem(HINTS, "other_code", None)
    error = scenecart.NotFound("Missing.", code="some_code", hint="order.refresh()", details={"order_id": "o-1"})
    assert hint_of(error) == "Look at order o-1."
    assert hint_of(scenecart.NotFound("Missing.", code="other_code", hint="order.refresh()")) is None
    assert hint_of(scenecart.NotFound("Missing.", code="third_code", hint="Try later.")) == "Try later."
    assert hint_of(ScenecartWarning("Odd.", code="third_code", hint="Try later.")) == "Try later."
    assert hint_of(Notice("Done.", code="some_code", details={"order_id": "o-2"})) == "Look at order o-2."


def test_hints_are_sorted_and_name_no_python():
    """Hints are sorted by code, end with a full stop, and contain no Python."""
    assert list(HINTS) == sorted(HINTS)
    for hint in filter(None, HINTS.values()):
        assert hint.endswith(".")
        assert not re.search(r"\w+\(|\[|=|\b\w+_\w+\b(?<!\{)|--", re.sub(r"\{\w+\}", "", hint)), hint
