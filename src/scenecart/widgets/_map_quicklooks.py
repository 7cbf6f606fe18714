"""Quicklooks on the map: the card of a hovered capture, and quicklooks laid over the map."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import ipyleaflet as leaflet
import ipywidgets as W  # noqa: N812  # as its own documentation calls it

from scenecart.widgets import _style
from scenecart.widgets._capture_text import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from scenecart.widgets._jobs import Runner

    Quicklook = Callable[[pd.Series[Any]], bytes | None]

_HOVER_SECONDS = 0.15
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}


class HoverCard(W.HTML):
    """The card of the capture under the pointer, with its quicklook as soon as it has arrived."""

    def __init__(self, quicklook: Quicklook | None, runner: Runner) -> None:
        super().__init__()
        self._quicklook = quicklook
        self._runner = runner
        self._row: int | None = None

    def display(self, row: int, capture: pd.Series[Any]) -> None:
        """Display a capture, and fetch its quicklook if the pointer stays."""
        self._row = row
        self.value = _style.render("widget_hover.html", capture=describe(capture), picture=None)
        if self._quicklook is not None:
            fetch = self._quicklook
            self._runner.debounce(
                f"card-{id(self)}",
                _HOVER_SECONDS,
                lambda _: fetch(capture),
                lambda picture: self._add_picture(row, capture, picture),
                # the card is complete without a quicklook
                lambda _: None,
            )

    def _add_picture(self, row: int, capture: pd.Series[Any], picture: bytes | None) -> None:
        if picture is not None and self._row == row:
            self.value = _style.render("widget_hover.html", capture=describe(capture), picture=data_url(picture))


class QuicklookOverlays:
    """Quicklooks laid over a map."""

    def __init__(self, target: leaflet.Map) -> None:
        self._map = target
        self.layers: list[leaflet.ImageOverlay] = []

    def add(self, pictures: list[tuple[Any, bytes | None]]) -> None:
        """Lay quicklooks over the bounds of their footprints."""
        for footprint, picture in pictures:
            url = None if picture is None else data_url(picture)
            if url is not None and footprint is not None:
                west, south, east, north = footprint.bounds
                layer = leaflet.ImageOverlay(url=url, bounds=((south, west), (north, east)), opacity=0.85)
                self.layers.append(layer)
                self._map.add(layer)

    def clear(self) -> None:
        """Remove all quicklooks."""
        for layer in self.layers:
            self._map.remove(layer)
            layer.close()
        self.layers = []


def data_url(picture: bytes) -> str | None:
    """Return an image as a URL that loads nothing; None unless it is a PNG or JPEG.

    Examples
    --------
    >>> data_url(b"GIF89a")
    """
    kind = next((kind for signature, kind in _SIGNATURES.items() if picture.startswith(signature)), None)
    return None if kind is None else f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
