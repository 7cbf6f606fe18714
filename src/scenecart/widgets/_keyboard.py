"""Modifier keys held in the browser, drawing in progress, and the clipboard."""

from __future__ import annotations

import anywidget
import traitlets as t

_SCRIPT = """
export default {
  render({ model, el }) {
    el.hidden = true;
    const save = () => model.save_changes();
    const readKeys = (event) => {
      const shift = event.shiftKey, ctrl = event.ctrlKey || event.metaKey;
      if (shift !== model.get("shift") || ctrl !== model.get("ctrl")) {
        model.set("shift", shift); model.set("ctrl", ctrl); save();
      }
    };
    const readPointer = (event) => {
      readKeys(event);
      const drawing = !!document.querySelector(".leaflet-draw-toolbar-button-enabled");
      if (drawing !== model.get("drawing")) { model.set("drawing", drawing); save(); }
    };
    const events = { keydown: readKeys, keyup: readKeys, pointerdown: readPointer };
    for (const [name, listener] of Object.entries(events)) document.addEventListener(name, listener, true);
    const copy = (message) => navigator.clipboard?.writeText(message.copy).catch(() => {});
    model.on("msg:custom", copy);
    return () => {
      model.off("msg:custom", copy);
      for (const [name, listener] of Object.entries(events)) document.removeEventListener(name, listener, true);
    };
  },
};
"""


class Keyboard(anywidget.AnyWidget):
    """The state of modifier keys, which reaches the kernel before the click that it belongs to."""

    _esm = _SCRIPT
    shift = t.Bool(False).tag(sync=True)  # noqa: FBT003  # traitlets' way
    ctrl = t.Bool(False).tag(sync=True)  # noqa: FBT003  # likewise
    drawing = t.Bool(False).tag(sync=True)  # noqa: FBT003  # likewise

    def copy(self, text: str) -> None:
        """Put a text on the clipboard, if the browser allows it."""
        self.send({"copy": text})
