"""Compare dates of one area: swipe, flicker and side by side, of quicklooks and of delivered imagery."""

from __future__ import annotations

import base64
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import pandas as pd
import traitlets as t

from scenecart._captures.times import acquired_texts
from scenecart._geo.area import as_area
from scenecart._imagery.area_view import AreaView
from scenecart._imagery.frames import Frame, FrameSource, gif, image_of
from scenecart._util.files import write_atomic
from scenecart._util.keywords import checked_keywords
from scenecart._util.text import clean_text
from scenecart._util.validate import check_choice, check_seconds, shown_value
from scenecart.client import session_of
from scenecart.exceptions import InvalidRequest, ScenecartError
from scenecart.widgets import _style
from scenecart.widgets._base import Panel, checked_client
from scenecart.widgets._imagery_sources import sources_of
from scenecart.widgets._jobs import LOCK, Job, Runner

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from PIL import Image

    from scenecart._imagery.render import RasterPicture
    from scenecart.client import Client

_MODES = ("swipe", "flicker", "side")
_LEAST, _MOST = 2, 200
_SIDE = 720
_GIF_SIDE = 480


class _Stage(anywidget.AnyWidget):
    """The pictures in the browser; see ``compare.js``. Pictures are messages, never traits, which are saved with a notebook."""

    _esm = files("scenecart.widgets").joinpath("compare.js").read_text("utf-8")
    _style = t.Unicode(files("scenecart.widgets").joinpath("compare.css").read_text("utf-8")).tag(sync=True)
    labels: t.List[str] = t.List(t.Unicode()).tag(sync=True)
    notes: t.List[str] = t.List(t.Unicode()).tag(sync=True)
    left = t.Int(0).tag(sync=True)
    right = t.Int(1).tag(sync=True)
    mode = t.Unicode("swipe").tag(sync=True)
    other = t.Bool(default_value=False).tag(sync=True)
    at = t.Float(50.0, min=0, max=100).tag(sync=True)
    ratio = t.Float(1.0).tag(sync=True)


class Compare(Panel):
    """Two dates of one area out of several: a line to swipe, a key to flicker, or side by side.

    Left and right move the line. F flickers, space shows the other one, up and down step through the dates, P plays them. All of
    this happens in the page.

    Parameters
    ----------
    *sources
        Two or more of: rows of a search result (quicklooks, which need ``client``), frames of such rows, raster files, URLs of
        COGs, STAC items, delivered orders.
    aoi
        The area to show, in any format that ``search`` accepts. Default: the whole of the first source.
    client
        The connection that fetches quicklooks and delivered imagery.
    labels
        What each picture is called. Default: the time of acquisition, or the name.
    mode
        ``"swipe"`` (default), ``"flicker"`` or ``"side"``.

    Raises
    ------
    InvalidRequest
        If there are fewer than two pictures, or a source is nothing of these.

    Examples
    --------
    >>> import scenecart
    >>> client = scenecart.connect("sandbox")
    >>> coast = (151.16, -34.0, 151.26, -33.9)
    >>> captures = client.search("aurora", collections="aurora-50cm", aoi=coast, datetime="2024-01/2024-06", limit=3)
    >>> compare = Compare(captures, aoi=coast, client=client, mode="flicker")
    >>> len(compare.labels), compare.mode
    (3, 'flicker')
    >>> compare.close()
    """

    @checked_keywords()
    def __init__(
        self,
        *sources: Any,
        aoi: Any = None,
        client: Client | None = None,
        labels: Sequence[str] | None = None,
        mode: str = "swipe",
    ) -> None:
        check_choice(mode, "mode", _MODES)
        self._client = None if client is None else checked_client(client)
        self._is_outlined = aoi is not None
        self._view = None if aoi is None else AreaView.around(as_area(aoi).geometry)
        found = [one for source in sources for one in self._sources_of(source)]
        if not _LEAST <= len(found) <= _MOST:
            raise InvalidRequest(
                f"A comparison needs 2 to {_MOST} pictures, got {len(found)}.",
                code="compare_count",
                hint="Pass several rows of a search result, files, items or orders.",
            )
        self._sources = found if labels is None else _labelled(found, labels)
        self._runner = Runner(2, resend=self.resend_state)
        self._frames: dict[int, Frame] = {}
        self._stage = _Stage(labels=[one.label for one in self._sources], notes=[""] * len(found), mode=mode)
        self._stage.on_msg(self._receive)
        self._jobs = 0
        super().__init__(_style.style_sheet(), self._stage)

    @property
    def labels(self) -> list[str]:
        """What the pictures are called, in their order."""
        return list(self._stage.labels)

    @property
    def mode(self) -> str:
        """``"swipe"``, ``"flicker"`` or ``"side"``."""
        return str(self._stage.mode)

    @mode.setter
    def mode(self, value: str) -> None:
        check_choice(value, "mode", _MODES)
        self._stage.mode = value

    @property
    def shown(self) -> tuple[int, int]:
        """Which pictures are on the left and on the right, counted from 0."""
        return int(self._stage.left), int(self._stage.right)

    @shown.setter
    def shown(self, value: tuple[int, int]) -> None:
        left, right = value
        if not all(isinstance(one, int) and 0 <= one < len(self._sources) for one in value):
            raise InvalidRequest(
                f"must be two numbers from 0 to {len(self._sources) - 1}, got {shown_value(value)}.",
                argument="shown",
                code="compare_shown_invalid",
            )
        with self._stage.hold_sync():
            self._stage.left, self._stage.right = left, right

    def to_gif(self, path: str | os.PathLike[str], seconds: float = 0.8) -> Path:
        """Write the pictures as an animation, each with its label.

        Parameters
        ----------
        path
            The file.
        seconds
            How long each picture is shown.

        Raises
        ------
        InvalidRequest
            If the file cannot be written.
        ScenecartError
            If a picture cannot be fetched.
        """
        check_seconds(seconds, "seconds", optional=False)
        frames = [source.frame(_GIF_SIDE, _GIF_SIDE) for source in self._sources]
        return write_atomic(gif(frames, seconds), path, "The animation")

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a page with the two pictures that are shown and a line to swipe; it loads nothing.

        Raises
        ------
        InvalidRequest
            If the file cannot be written.
        ScenecartError
            If a picture cannot be fetched.
        """
        frames = [self._frame(index) for index in self.shown]
        return write_atomic(self._page(frames).encode(), path, "The comparison")

    def static_html(self) -> str:
        """Return the two pictures side by side, for places without live widgets; empty frames if they were never shown."""
        with LOCK:
            frames = [self._frames[index] for index in self.shown if index in self._frames]
        return _style.render("widget_compare.html", frames=[_frame_fields(frame) for frame in frames], labels=self.labels)

    def release(self) -> None:
        """End background jobs."""
        self._runner.close()

    def _show_error(self, error: BaseException) -> None:
        notes = list(self._stage.notes)
        for index in self.shown:
            if index not in self._frames:
                notes[index] = error.message if isinstance(error, ScenecartError) else str(error)
        self._stage.notes = notes

    def _sources_of(self, source: Any) -> list[FrameSource]:
        """Return what the pictures of one source are made from; without an area, the first of all is the view of the rest."""
        if isinstance(source, pd.DataFrame):
            return [one for row in range(len(source)) for one in self._sources_of(source.iloc[row])]
        if isinstance(source, pd.Series) and _is_capture(source):
            return [self._of_capture(source)]
        session = None if self._client is None else session_of(self._client)
        return [self._of_raster(one.name, one.picture(None, "auto")) for one in sources_of(source, session)]

    def _of_capture(self, capture: pd.Series[Any]) -> FrameSource:
        if self._client is None:
            raise InvalidRequest("Quicklooks are fetched by a client.", code="compare_without_client", hint="Pass client=.")
        client = self._client
        (acquired,) = acquired_texts(capture.to_frame().T)
        if self._view is None:
            self._view = AreaView.around(as_area(capture["geometry"], argument="geometry").geometry, margin=0.0)
        view = self._view

        def draw(width: int, height: int) -> tuple[Image.Image, str] | None:
            content = client.quicklook(capture, "large")
            cut = None if content is None else view.cut(content, capture, max(width, height))
            return None if cut is None else (self._outlined(cut[0]), cut[1])

        return FrameSource(acquired or clean_text(capture.get("id"), 60), draw)

    def _of_raster(self, name: str, picture: RasterPicture) -> FrameSource:
        if self._view is None:
            self._view = AreaView.square(picture.bounds)
        view = self._view

        def draw(width: int, height: int) -> tuple[Image.Image, str] | None:
            pixels = picture.draw(view.bounds, width, height)
            return (self._outlined(image_of(pixels)), "") if pixels[..., 3].any() else None

        return FrameSource(clean_text(name, 60), draw)

    def _outlined(self, image: Image.Image) -> Image.Image:
        return self._view.outlined(image) if self._is_outlined and self._view is not None else image

    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("kind") != "frames":
            return
        for index in {int(one) for one in content.get("indices", ()) if 0 <= int(one) < len(self._sources)}:
            self._jobs += 1
            self._runner.start(f"frame {self._jobs}", self._drawing(index), self._send_frame, self._show_error)

    def _drawing(self, index: int) -> Callable[[Job], int]:
        def draw(_: Job) -> int:
            self._frame(index)
            return index

        return draw

    def _frame(self, index: int) -> Frame:
        with LOCK:
            kept = self._frames.get(index)
        if kept is None:
            kept = self._sources[index].frame(_SIDE, _SIDE)
            with LOCK:
                self._frames[index] = kept
        return kept

    def _send_frame(self, index: int) -> None:
        frame = self._frames[index]
        self._stage.send({"kind": "frames", "indices": [index]}, buffers=[frame.webp()])
        if frame.note:
            self._stage.notes = [frame.note if place == index else note for place, note in enumerate(self._stage.notes)]

    def _page(self, frames: list[Frame]) -> str:
        return _style.render("compare_page.html", frames=[_frame_fields(frame) for frame in frames])


def _is_capture(row: pd.Series[Any]) -> bool:
    """Return whether a row is of a search result, and not a delivered or other item."""
    return {"geometry", "host", "id"} <= set(row.index) and {"order:id", "provenance"}.isdisjoint(row.index)


def _labelled(sources: list[FrameSource], labels: Sequence[str]) -> list[FrameSource]:
    if isinstance(labels, str) or len(labels) != len(sources) or not all(isinstance(label, str) for label in labels):
        raise InvalidRequest(
            f"must be {len(sources)} texts, got {shown_value(labels)}.", argument="labels", code="compare_labels_invalid"
        )
    return [FrameSource(clean_text(label, 60), source.draw) for label, source in zip(labels, sources, strict=True)]


def _frame_fields(frame: Frame) -> dict[str, str]:
    source = f"data:image/webp;base64,{base64.b64encode(frame.webp()).decode()}"
    return {"label": frame.label, "note": frame.note, "source": source}
