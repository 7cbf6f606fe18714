"""Modifier keys and the clipboard, from the kernel's side; a browser test presses the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scenecart.widgets._base import close_all
from scenecart.widgets._keyboard import Keyboard

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def keyboard() -> Iterator[Keyboard]:
    """Return the keyboard of a map, closed afterwards."""
    widget = Keyboard()
    yield widget
    close_all(widget)


def test_keyboard_copied_text_is_sent_to_the_browser(keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch):
    """A text to copy is sent to the browser, which holds the clipboard; it is no part of the saved state."""
    sent: list[object] = []
    monkeypatch.setattr(keyboard, "send", sent.append)
    keyboard.copy("captures")
    assert sent == [{"copy": "captures"}]
    assert "captures" not in keyboard.get_state().values()


def test_keyboard_held_keys_come_from_the_browser(keyboard: Keyboard):
    """The browser sets which keys are held."""
    keyboard.set_state({"shift": True, "drawing": True})
    assert (keyboard.shift, keyboard.ctrl, keyboard.drawing) == (True, False, True)
