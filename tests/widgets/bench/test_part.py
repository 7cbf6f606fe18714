"""Parts of the Workbench: their state, their events and their sources."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scenecart.widgets._bench.part import Part, shared_style

if TYPE_CHECKING:
    import pytest


def _receive(part: Part, content: Any) -> None:
    """Do what a message of the page does."""
    part._handle_custom_msg(content, [])


def test_part_event_calls_the_handler_with_its_fields():
    """An event of the page arrives with its kind and its fields; anything else than a dict has none."""
    part, events = Part("sc-head"), []
    part.on_event(lambda kind, fields: events.append((kind, fields)))
    for content in ({"kind": "pick", "label": 3}, {"label": 3}, "pick", None):
        _receive(part, content)
    assert events == [("pick", {"label": 3}), ("", {"label": 3}), ("", {}), ("", {})]
    assert {"sc-part", "sc-head"} <= set(part._dom_classes)
    part.close()


def test_part_handler_fails_error_is_given_to_the_panel(caplog: pytest.LogCaptureFixture):
    """An error of a handler reaches the panel; without a panel it is logged."""
    part, errors = Part(), []
    part.on_event(lambda _, fields: fields["missing"])
    with caplog.at_level(logging.ERROR, "scenecart.widgets"):
        _receive(part, {"kind": "pick"})
    part.on_error(errors.append)
    _receive(part, {"kind": "pick"})
    assert [type(error) for error in errors] == [KeyError]
    assert len(caplog.records) == 1
    part.close()


def test_update_changes_keys_and_leaves_others():
    """A part's state can be changed key by key."""
    part = Part(count=1, title="Results")
    part.update(count=2)
    assert part.state == {"count": 2, "title": "Results"}
    part.close()


def test_shared_style_has_both_themes_and_no_rule_outside_the_widgets():
    """The dark colours are used where the page says so, and where the system does."""
    style = shared_style()
    assert style.count("--sc-cloud-0: #3f7fb5") == 2
    assert 'data-jp-theme-light="false"' in style
    assert "prefers-color-scheme: dark" in style
