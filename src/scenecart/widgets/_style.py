"""The look of every widget: one sheet, one way to say that something failed, colours that everybody can tell apart."""

from __future__ import annotations

import logging
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it

from scenecart._util import html
from scenecart.exceptions import ScenecartError
from scenecart.widgets._hints import hint_of

if TYPE_CHECKING:
    from collections.abc import Sequence

# cividis, which looks the same to people who see fewer colours
SCALE = ("#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838")
# Okabe and Ito's eight colours
KINDS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#7f7f7f")
CHOSEN, PLAIN = "#d55e00", "#0072b2"
_CLASS = "scenecart"


def sheet() -> W.HTML:
    """Return the style sheet, to stand in each widget that is shown by itself."""
    css = files("scenecart").joinpath("templates", "widgets.css").read_text("utf-8")
    return W.HTML(f"<style>{css}</style>", layout=W.Layout(display="none"))


def box(*children: W.Widget, kind: str = "", across: bool = False) -> W.Box:
    """Return a box of our look."""
    made = (W.HBox if across else W.VBox)(list(children))
    made.add_class(_CLASS)
    for name in kind.split():
        made.add_class(f"scenecart-{name}")
    return made


def button(text: str, tooltip: str, *, kind: str = "", icon: str = "") -> W.Button:
    """Return a button; its tooltip is what a screen reader reads."""
    made = W.Button(description=text, tooltip=tooltip, icon=icon, button_style=kind, layout=W.Layout(width="auto"))
    made.add_class("scenecart-button")
    return made


def upload(text: str, tooltip: str, accept: str) -> W.FileUpload:
    """Return a button that takes a file."""
    made = W.FileUpload(accept=accept, description=text, tooltip=tooltip, layout=W.Layout(width="auto"))
    made.add_class("scenecart-button")
    return made


def text(template: str, **values: Any) -> str:
    """Return HTML of a template, everything in it escaped by the engine."""
    return html.render(template, **values)


def message(words: str, hint: str | None = None, kind: str = "quiet") -> str:
    """Return a line that says something: ``"quiet"``, ``"good"``, ``"busy"`` or ``"bad"``."""
    return text("widget_message.html", words=words, hint=hint, kind=kind)


def failure(error: BaseException) -> str:
    """Return what went wrong and what to do about it."""
    if isinstance(error, ScenecartError):
        return message(error.message, hint_of(error), "bad")
    logging.getLogger("scenecart.widgets").error("A widget failed", exc_info=error)
    return message(
        f"This failed unexpectedly: {type(error).__name__}: {error}", "The log of scenecart.widgets has the details.", "bad"
    )


def colour_of(share: float, scale: Sequence[str] = SCALE) -> str:
    """Return the colour of a share from 0 to 1.

    Examples
    --------
    >>> colour_of(0.0), colour_of(1.0)
    ('#00224e', '#fee838')
    """
    return scale[min(len(scale) - 1, max(0, int(share * len(scale))))]
