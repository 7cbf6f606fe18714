"""The base class of all panels, which closes every part it is made of."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import anywidget
import ipyleaflet as leaflet
import ipywidgets as W  # noqa: N812  # as its own documentation calls it

from scenecart.client import Client
from scenecart.exceptions import InvalidRequest
from scenecart.widgets import _style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import traitlets as t

# widgets that only display; sending the state of an input again could undo what was typed meanwhile
_DISPLAY_ONLY = (W.HTML, W.Button, W.Box, W.Layout, leaflet.GeoJSON, anywidget.AnyWidget)


def checked_client(client: Any) -> Client:
    """Return the client.

    Raises
    ------
    InvalidRequest
        If it is something else.
    """
    if not isinstance(client, Client):
        raise InvalidRequest(
            f"must be a Client, got {type(client).__name__}.",
            argument="client",
            code="client_invalid",
            hint="Pass scenecart.connect().",
        )
    return client


class Panel(W.VBox):
    """A box of parts; closing it closes every part, layer, layout and style, and removes its observers."""

    def __init__(self, *parts: W.Widget) -> None:
        self._watched: list[tuple[t.HasTraits, Callable[[Any], None], str]] = []
        self._is_closed = False
        super().__init__(list(parts))
        for name in ("scenecart", "scenecart-panel"):
            self.add_class(name)

    def watch(self, source: t.HasTraits, handler: Callable[[Any], None], trait: str) -> None:
        """Observe a trait until the panel is closed."""
        source.observe(handler, trait)
        self._watched.append((source, handler, trait))

    def _guarded(self, action: Callable[[Any], object]) -> Callable[[Any], None]:
        """Return a callback that displays its errors in the panel: errors of callbacks appear nowhere else."""

        def callback(argument: Any) -> None:
            try:
                action(argument)
            except Exception as error:  # noqa: BLE001  # any error is displayed
                self._show_error(error)

        return callback

    def _show_error(self, error: BaseException) -> None:
        """Display an error; each panel with callbacks has a place for it."""
        raise error

    def static_html(self) -> str:
        """Return HTML without scripts, for places without live widgets, such as an exported notebook."""
        return _style.render("widget_absent.html", name=type(self).__name__)

    def resend_state(self) -> None:
        """Send the displayed state again; nothing changes on a page that has it already."""
        for part in [self, *parts_of(self)]:
            if isinstance(part, _DISPLAY_ONLY):
                # a part that another thread closes meanwhile has no comm any more
                with contextlib.suppress(AttributeError):
                    part.send_state()

    def release(self) -> None:
        """Release threads and links, which are not parts."""

    def close(self) -> None:
        """Close the panel with all its parts and background jobs."""
        if getattr(self, "_is_closed", True):
            super().close()
            return
        self._is_closed = True
        for source, handler, trait in self._watched:
            source.unobserve(handler, trait)
        self._watched = []
        self.release()
        for part in parts_of(self):
            part.close()
        super().close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if isinstance(data, dict):
            data["text/html"] = self.static_html()
        return bundle


def close_all(widget: W.Widget) -> None:
    """Close a widget and all its parts."""
    for part in parts_of(widget):
        part.close()
    widget.close()


def parts_of(widget: W.Widget) -> list[W.Widget]:
    """Return all parts of a widget, including layouts, styles, layers and controls."""
    found: dict[int, W.Widget] = {}
    pending = [widget]
    while pending:
        for part in _direct_parts(pending.pop()):
            if id(part) not in found and part is not widget:
                found[id(part)] = part
                pending.append(part)
    return list(found.values())


def _direct_parts(widget: W.Widget) -> Iterator[W.Widget]:
    for name in widget.keys:
        value = getattr(widget, name, None)
        for part in value if isinstance(value, list | tuple) else (value,):
            if isinstance(part, W.Widget):
                yield part
