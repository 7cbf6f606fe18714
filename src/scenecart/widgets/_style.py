"""Style sheet, colours, messages and building blocks shared by all widgets."""

from __future__ import annotations

import logging
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it

from scenecart._util import html
from scenecart.exceptions import ScenecartError
from scenecart.widgets._bench.part import shared_style, style_of
from scenecart.widgets._hints import hint_of, message_of

if TYPE_CHECKING:
    from collections.abc import Sequence


# Okabe and Ito's eight colours
CATEGORY_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#7f7f7f")
# the steps of cloud in the Workbench: lightness rises, so they read in grey and with any colour vision
SCALE = ("#14507f", "#4a7388", "#84947f", "#c0b26a", "#f5d94e")
SELECTED, PLAIN, NO_VALUE, OWNED = "#c24e00", "#0072b2", "#7f7f7f", "#00785a"
_CLASS = "scenecart"


def style_sheet(*parts: str) -> W.HTML:
    """Return the style sheet, and those of named parts, as a hidden widget; a part of each panel that can be displayed alone."""
    css = files("scenecart").joinpath("templates", "widgets.css").read_text("utf-8")
    css = "\n".join((css, shared_style(), *map(style_of, parts)))
    return W.HTML(f"<style>{css}</style>", layout=W.Layout(display="none"))


def box(*children: W.Widget, kind: str = "", horizontal: bool = False) -> W.Box:
    """Return a styled box; ``kind`` names CSS classes."""
    result = (W.HBox if horizontal else W.VBox)(list(children))
    result.add_class(_CLASS)
    for name in kind.split():
        result.add_class(f"scenecart-{name}")
    return result


def button(label: str, tooltip: str, *, kind: str = "", icon: str = "") -> W.Button:
    """Return a button; a screen reader reads its tooltip."""
    result = W.Button(description=label, tooltip=tooltip, icon=icon, button_style=kind, layout=W.Layout(width="auto"))
    result.add_class("scenecart-button")
    return result


def set_visible(widget: W.Widget, visible: object) -> None:
    """Show or hide a widget."""
    widget.layout.display = "" if visible else "none"


def render(template: str, **values: Any) -> str:
    """Return HTML of a template; the engine escapes every value."""
    return html.render(template, **values)


def message(text: str, hint: str | None = None, kind: str = "info") -> str:
    """Return a status line as HTML: ``"info"``, ``"success"``, ``"busy"`` or ``"error"``."""
    return render("widget_message.html", text=text, hint=hint, kind=kind)


def error_message(error: BaseException) -> str:
    """Return an error and what to do about it as HTML."""
    if isinstance(error, ScenecartError):
        return message(message_of(error), hint_of(error), "error")
    logging.getLogger("scenecart.widgets").error("A widget failed", exc_info=error)
    return message(
        f"Unexpected error: {type(error).__name__}: {error}",
        "For details, open View > Show Log Console in JupyterLab, or look at the terminal where `scenecart app` runs.",
        "error",
    )


def colour_of(share: float, scale: Sequence[str] = SCALE) -> str:
    """Return the colour of a share from 0 to 1.

    Examples
    --------
    >>> colour_of(0.0), colour_of(1.0)
    ('#14507f', '#f5d94e')
    """
    return scale[min(len(scale) - 1, max(0, int(share * len(scale))))]
