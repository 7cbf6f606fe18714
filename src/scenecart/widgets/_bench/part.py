"""Parts of the Workbench: each is drawn in the page from one small dict, and sends events back."""

from __future__ import annotations

import logging
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets as t

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[str, dict[str, Any]], object]

# sent by part.js when the page shows a part: changes before that may have been lost
_SHOWN = "$shown"


@cache
def script_of(name: str, *more: str) -> str:
    """Return the module of a part: the code that all parts share, other scripts that it uses, and the part's own ``draw``."""
    return "\n".join(_read(f"{source}.js") for source in ("part", "icons", *more, name))


@cache
def style_of(name: str) -> str:
    """Return the style sheet of a part, without the rules that all parts share."""
    return _read(f"{name}.css")


@cache
def shared_style() -> str:
    """Return the tokens, and the rules that all parts share; the style sheet of every panel has them."""
    dark = _read("dark.css")
    # JupyterLab and Voila name the theme on <body>; a plain page has that of the system
    themes = (
        f'[data-jp-theme-light="false"] .scenecart, .scenecart.sc-dark {{\n{dark}}}\n'
        f"@media (prefers-color-scheme: dark) {{ body:not([data-jp-theme-light]) .scenecart {{\n{dark}}} }}\n"
    )
    return "\n".join((_read("tokens.css"), themes, _read("bench.css")))


def _read(name: str) -> str:
    return files("scenecart.widgets").joinpath("_bench", name).read_text("utf-8")


class Part(anywidget.AnyWidget):
    """A part of the Workbench that the page draws from a dict.

    A subclass sets ``_esm = script_of("name")`` and ``_css = style_of("name")``. ``name.js`` defines
    ``function draw(state, send, page)``, which returns an element or a list of them, made with ``el``; ``part.js`` changes the
    former elements into these, so that focus, scroll positions and what is being typed survive. ``send(kind, fields)`` calls the
    handler of ``on_event``. The part is shown below a panel, whose style sheet has the shared rules.

    Attributes
    ----------
    state : dict
        What the page shows, as JSON.
    """

    _esm = ""
    state = t.Dict().tag(sync=True)

    def __init__(self, *classes: str, **state: Any) -> None:
        self._handler: Handler | None = None
        self._failed: Callable[[BaseException], object] = _log
        self._on_page: Callable[[], object] | None = None
        super().__init__(state=state)
        for name in ("sc-part", *classes):
            self.add_class(name)
        self.on_msg(self._receive)

    def on_event(self, handler: Handler) -> None:
        """Call ``handler(kind, fields)`` for each event of the page."""
        self._handler = handler

    def on_error(self, handler: Callable[[BaseException], object]) -> None:
        """Call ``handler(error)`` when the handling of an event fails; without one, the error is logged."""
        self._failed = handler

    def on_shown(self, handler: Callable[[], object]) -> None:
        """Call ``handler()`` each time a page begins to show the part, to send what is not in ``state``."""
        self._on_page = handler

    def update(self, **changes: Any) -> None:
        """Change keys of ``state``, and leave the others."""
        self.state = {**self.state, **changes}

    def _receive(self, _: Any, content: Any, buffers: Any) -> None:
        """Handle a message of the page; its fields are checked by the handler."""
        fields = dict(content) if isinstance(content, dict) else {}
        kind = str(fields.pop("kind", ""))
        if buffers:
            fields["buffers"] = buffers
        try:
            if kind == _SHOWN:
                self.send_state("state")
                if self._on_page is not None:
                    self._on_page()
            elif self._handler is not None:
                self._handler(kind, fields)
        except Exception as error:  # noqa: BLE001  # any error is displayed: errors of callbacks appear nowhere else
            self._failed(error)


def _log(error: BaseException) -> None:
    logging.getLogger("scenecart.widgets").error("A widget failed", exc_info=error)
