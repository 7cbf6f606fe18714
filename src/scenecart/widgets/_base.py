"""What every widget of ours is: a box that closes everything it is made of."""

from __future__ import annotations

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

# what only shows; whatever people type into or move keeps what they did
_SHOWS = (W.HTML, W.Button, W.Box, W.Layout, leaflet.GeoJSON, anywidget.AnyWidget)


def checked_client(client: Any, what: str) -> Client:
    """Return a client, or say that it is none.

    Raises
    ------
    InvalidRequest
        If it is something else.
    """
    if not isinstance(client, Client):
        raise InvalidRequest(f"{what} needs a client, not {type(client).__name__}.", hint="scenecart.connect() gives one.")
    return client


class Panel(W.VBox):
    """A box of parts; closing it closes every part, layer, layout and style, and lets go of what it watched."""

    def __init__(self, *parts: W.Widget) -> None:
        self._watching: list[tuple[t.HasTraits, Callable[[Any], None], str]] = []
        self._over = False
        super().__init__(list(parts))
        for name in ("scenecart", "scenecart-panel"):
            self.add_class(name)

    def watch(self, thing: t.HasTraits, react: Callable[[Any], None], name: str) -> None:
        """React to a trait until the panel is closed."""
        thing.observe(react, name)
        self._watching.append((thing, react, name))

    def _safely(self, act: Callable[[Any], object]) -> Callable[[Any], None]:
        """Return a callback that shows what fails where the analyst looks: nobody else sees a callback's error."""

        def tried(what: Any) -> None:
            try:
                act(what)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is shown
                self._show_failure(error)

        return tried

    def _show_failure(self, error: BaseException) -> None:
        """Show what went wrong; a panel with callbacks says where."""
        raise error

    def still(self) -> str:
        """Return HTML without script for where no widget lives, such as a notebook exported as a page."""
        return _style.text("widget_absent.html", name=type(self).__name__)

    def show_again(self) -> None:
        """Send what is shown once more; a page that has all of it changes nothing."""
        for part in [self, *parts_of(self)]:
            if isinstance(part, _SHOWS):
                part.send_state()

    def end(self) -> None:
        """Let go of what is not a part: threads, links."""

    def close(self) -> None:
        """Close the panel and everything in it; what runs for it ends."""
        if getattr(self, "_over", True):
            super().close()
            return
        self._over = True
        for thing, react, name in self._watching:
            thing.unobserve(react, name)
        self._watching = []
        self.end()
        for part in parts_of(self):
            part.close()
        super().close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if isinstance(data, dict):
            data["text/html"] = self.still()
        return bundle


def close_all(widget: W.Widget) -> None:
    """Close a widget and everything it is made of."""
    for part in parts_of(widget):
        part.close()
    widget.close()


def parts_of(whole: W.Widget) -> list[W.Widget]:
    """Return every widget that another is made of, layouts, styles, layers and controls included."""
    found: dict[int, W.Widget] = {}
    waiting = [whole]
    while waiting:
        for part in _near(waiting.pop()):
            if id(part) not in found and part is not whole:
                found[id(part)] = part
                waiting.append(part)
    return list(found.values())


def _near(widget: W.Widget) -> Iterator[W.Widget]:
    for name in widget.keys:
        value = getattr(widget, name, None)
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, W.Widget):
                yield one
