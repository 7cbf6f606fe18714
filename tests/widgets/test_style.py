"""Messages of widgets as HTML."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import scenecart
from _widgets import ERROR
from scenecart.widgets import _style

if TYPE_CHECKING:
    import pytest


def test_error_message_has_message_and_hint():
    """An error is an alert with its message and its hint, escaped."""
    html = _style.error_message(scenecart.NotFound("There is no <b>.", hint="Check it."))
    assert ERROR in html
    assert "There is no &lt;b&gt;." in html
    assert "Check it." in html


def test_error_message_unexpected_error_is_displayed_and_logged(caplog: pytest.LogCaptureFixture):
    """An error that is not scenecart's own is displayed with its type, and logged with its traceback."""
    with caplog.at_level(logging.ERROR, "scenecart.widgets"):
        html = _style.error_message(ValueError("broken"))
    assert "ValueError: broken" in html
    assert caplog.records[0].exc_info is not None


def test_colour_of_share_stays_on_the_scale():
    """Shares beyond 0 and 1 have the colours of the ends."""
    assert _style.colour_of(-1) == _style.colour_of(0) == _style.SCALE[0]
    assert _style.colour_of(2) == _style.colour_of(1) == _style.SCALE[-1]
