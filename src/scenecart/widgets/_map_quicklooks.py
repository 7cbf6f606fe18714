"""The card of a hovered or selected capture, with its quicklook."""

from __future__ import annotations

import base64
import functools
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it

from scenecart._captures.thumbnails import quicklook as own_quicklook
from scenecart._imagery.picture import picture_kind
from scenecart.widgets import _style
from scenecart.widgets._capture_text import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner

    Quicklook = Callable[[pd.Series[Any]], bytes | None]

_HOVER_SECONDS = 0.05


class HoverCard(W.HTML):
    """The card of the capture under the pointer, with its quicklook as soon as it has arrived."""

    def __init__(self, quicklook: Quicklook | None, runner: Runner) -> None:
        super().__init__()
        self._quicklook = quicklook
        self._runner = runner
        self._row: int | None = None
        self._shown: tuple[int, Any] | None = None
        self.value = _style.message("Point at a footprint: its picture and facts are shown here.")

    def display(self, row: int, capture: pd.Series[Any]) -> None:
        """Display a capture, and fetch its quicklook if the pointer stays."""
        if (row, capture.get("id")) == self._shown:
            return
        self._row, self._shown = row, (row, capture.get("id"))
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


def quicklook_of(client: Client | None, size: str = "thumbnail") -> Quicklook:
    """Return the function that fetches quicklooks: those of the client, or the thumbnails that items of open catalogs link to."""
    if client is not None:
        return functools.partial(client.quicklook, size=size)

    def fetch(capture: pd.Series[Any]) -> bytes | None:
        # the host of an open item is that of its catalog; pictures of the service need a sign-in
        is_open = "assets" in capture.index and "." in str(capture.get("host"))
        return own_quicklook(capture) if is_open else None

    return fetch


def data_url(picture: bytes) -> str | None:
    """Return an image as a URL that loads nothing; None unless it is a PNG, JPEG or WEBP.

    Examples
    --------
    >>> data_url(b"GIF89a")
    """
    kind = picture_kind(picture)
    return None if kind is None else f"data:image/{kind.lower()};base64,{base64.b64encode(picture).decode()}"
