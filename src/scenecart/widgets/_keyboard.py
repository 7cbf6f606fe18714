"""Whether Shift or Ctrl is held in the browser, and whether a shape is being drawn there."""

from __future__ import annotations

import anywidget
import traitlets as t

_SCRIPT = """
export default {
  render({ model, el }) {
    el.hidden = true;
    const tell = () => model.save_changes();
    const held = (event) => {
      const shift = event.shiftKey, ctrl = event.ctrlKey || event.metaKey;
      if (shift !== model.get("shift") || ctrl !== model.get("ctrl")) {
        model.set("shift", shift); model.set("ctrl", ctrl); tell();
      }
    };
    const press = (event) => {
      held(event);
      const drawing = !!document.querySelector(".leaflet-draw-toolbar-button-enabled");
      if (drawing !== model.get("drawing")) { model.set("drawing", drawing); tell(); }
    };
    const events = { keydown: held, keyup: held, pointerdown: press };
    for (const [name, react] of Object.entries(events)) document.addEventListener(name, react, true);
    const copy = (message) => navigator.clipboard?.writeText(message.copy).catch(() => {});
    model.on("msg:custom", copy);
    return () => {
      model.off("msg:custom", copy);
      for (const [name, react] of Object.entries(events)) document.removeEventListener(name, react, true);
    };
  },
};
"""


class Keys(anywidget.AnyWidget):
    """What is held, told before the click that it goes with."""

    _esm = _SCRIPT
    shift = t.Bool(False).tag(sync=True)  # noqa: FBT003  # traitlets' way
    ctrl = t.Bool(False).tag(sync=True)  # noqa: FBT003  # likewise
    drawing = t.Bool(False).tag(sync=True)  # noqa: FBT003  # likewise

    def copy(self, text: str) -> None:
        """Put a text on the clipboard, where the browser allows it."""
        self.send({"copy": text})
