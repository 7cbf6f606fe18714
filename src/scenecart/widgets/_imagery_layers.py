"""Imagery layers of a map: pictures of what is in view, drawn in the kernel and sent to the page as bytes."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

import anywidget
import numpy as np
import traitlets as t

from scenecart._imagery.mercator import from_mercator
from scenecart._imagery.picture import encode, encode_within
from scenecart._imagery.view import View
from scenecart.widgets._jobs import synchronized

if TYPE_CHECKING:
    from collections.abc import Callable

    import ipyleaflet as leaflet
    from numpy.typing import NDArray

    from scenecart._imagery.render import Legend
    from scenecart._imagery.view import Bounds
    from scenecart.widgets._jobs import Job, Runner

# of the map's size, on each side: what a short drag shows before its picture is there
MARGIN = 0.125
# of a view, and of its quick picture if there is one
MOST_BYTES, _QUICK_BYTES = 300_000, 75_000
_WHOLE_SIDE = 600
_MAX_PIXELS = 20_000
# a picture that will probably take longer is preceded by one of a quarter of its pixels, which is there four times as soon
_QUICK_SECONDS, _QUICK_PIXELS = 0.15, 500_000
_EXPECTED_SECONDS = 1e-7
WHOLE, VIEW = "whole", "view"


class Drawable(Protocol):
    """A source of georeferenced pictures; see :class:`RasterPicture`."""

    bounds: Bounds
    legend: Legend | None

    def draw(self, bounds: Bounds, width: int, height: int) -> NDArray[np.uint8]:
        """Return the picture of a part of the map, in EPSG:3857, as RGBA."""


class _Channel(anywidget.AnyWidget):
    """What the page needs of the layers; see ``imagery.js``. Pictures are messages: a trait would be saved with the notebook."""

    _esm = files("scenecart.widgets").joinpath("imagery.js").read_text("utf-8")
    map = t.Unicode("").tag(sync=True)
    margin = t.Float(MARGIN).tag(sync=True)
    layers: t.List[dict[str, Any]] = t.List().tag(sync=True)


@dataclass(eq=False)
class ImageryLayer:
    """One layer: its source, how it is displayed, and which pictures were sent.

    Attributes
    ----------
    name : str
        The name in the list of layers.
    source : Drawable or None
        Draws what is in view; None for a layer of fixed pictures.
    fixed : dict
        Pictures that are sent once, by name, as their bounds in EPSG:3857 and WEBP.
    note : str
        Words about its place; empty if it is exact.
    """

    name: str
    source: Drawable | None
    opacity: float = 1.0
    visible: bool = True
    note: str = ""
    fixed: dict[str, tuple[Bounds, bytes]] = field(default_factory=dict)
    id: str = ""
    drawn: View | None = None
    seconds_per_pixel: float = _EXPECTED_SECONDS


class ImageryLayers:
    """The imagery layers of a map; the last is on top. ``channel`` is a widget to put beside the map.

    Parameters
    ----------
    target
        The map.
    runner
        Draws pictures in threads: of each layer one at a time, always of the newest view.
    changed
        Called after a layer was added, removed or changed.
    failed
        Called with an error of drawing, and with None once that layer can be drawn again.
    """

    def __init__(
        self,
        target: leaflet.Map,
        runner: Runner,
        changed: Callable[[], object],
        failed: Callable[[ImageryLayer, Exception | None], object],
    ) -> None:
        self.channel = _Channel(map=target.model_id or "")
        self.channel.on_msg(self._receive)
        self.layers: list[ImageryLayer] = []
        self._runner, self._changed, self._failed = runner, changed, failed
        self._ids, self._turns = itertools.count(1), itertools.count(1)
        self._view: View | None = None

    @synchronized
    def add(self, layer: ImageryLayer) -> None:
        """Add a layer on top, in place of one of the same name."""
        self._discard(layer.name)
        layer.id = f"{next(self._ids)}"
        self.layers.append(layer)
        self.restyle()
        self._send_fixed(layer)
        self._draw(layer)
        self._changed()

    @synchronized
    def remove(self, name: str) -> bool:
        """Remove a layer, and return whether there was one of this name."""
        found = self._discard(name)
        if found:
            self.restyle()
            self._changed()
        return found

    @synchronized
    def move(self, layer: ImageryLayer, steps: int) -> None:
        """Move a layer up (positive) or down; no pixels are sent."""
        place = self.layers.index(layer)
        self.layers.insert(max(0, min(len(self.layers) - 1, place + steps)), self.layers.pop(place))
        self.restyle()
        self._changed()

    @synchronized
    def restyle(self) -> None:
        """Send opacity, visibility and order of the layers; no pixels are sent."""
        self.channel.layers = [
            {"id": layer.id, "z": place, "opacity": layer.opacity, "visible": layer.visible}
            for place, layer in enumerate(self.layers)
        ]
        for layer in self.layers:
            self._draw(layer)

    @property
    def is_busy(self) -> bool:
        """Whether a picture is being drawn."""
        return any(self._runner.is_busy(self._job_name(layer)) for layer in self.layers)

    def release(self) -> None:
        """End drawing."""
        for layer in self.layers:
            self._runner.cancel(self._job_name(layer))

    def _discard(self, name: str) -> bool:
        found = [layer for layer in self.layers if layer.name == name]
        for layer in found:
            self._runner.cancel(self._job_name(layer))
        self.layers = [layer for layer in self.layers if layer.name != name]
        return bool(found)

    @synchronized
    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """Handle a message of the page: what is in view, and whether the page has no pictures yet."""
        if content.get("kind") != "view":
            return
        # without an answer, the page shows that the kernel is busy
        self.channel.send({"kind": "received"})
        view = _view_of(content)
        if view is None:
            return
        self._view = view
        for layer in self.layers:
            if content.get("fresh"):
                layer.drawn = None
                self._send_fixed(layer)
            self._draw(layer)

    def _job_name(self, layer: ImageryLayer) -> str:
        return f"imagery-{id(self)}-{layer.id}"

    def _draw(self, layer: ImageryLayer) -> None:
        """Draw what is in view, unless it is drawn or being drawn."""
        view, source, name = self._view, layer.source, self._job_name(layer)
        if source is None or view is None or not layer.visible or view == layer.drawn or self._runner.is_busy(name):
            return

        def done(_: None) -> None:
            layer.drawn = view
            self._failed(layer, None)
            # the map may have moved meanwhile
            self._draw(layer)

        def failed(error: Exception) -> None:
            layer.drawn = view
            self._failed(layer, error)
            self._draw(layer)

        turn = next(self._turns)
        self._runner.start(name, lambda job: self._render(layer, source, view, turn, job), done, failed)

    def _render(self, layer: ImageryLayer, source: Drawable, view: View, turn: int, job: Job) -> None:
        """Draw a view and send it; a quick picture first where the sharp one takes long."""
        if WHOLE not in layer.fixed:
            layer.fixed[WHOLE] = whole_of(source)
            self._send_fixed(layer)
        found = view.within(source.bounds)
        if found is None:
            self._send(layer, b"", part=VIEW, turn=turn, bounds=view.degrees, covers=view.degrees)
            return
        part, shift = found
        scales = _scales(layer, part)
        budgets = (MOST_BYTES,) if len(scales) == 1 else (_QUICK_BYTES, MOST_BYTES - _QUICK_BYTES)
        for step, (scale, budget) in enumerate(zip(scales, budgets, strict=True)):
            if job.cancelled.is_set() or (step and self._view != view):
                return
            drawn = replace(part, scale=scale)
            west, south, east, north = drawn.mercator
            began = time.perf_counter()
            data = encode_within(source.draw((west - shift, south, east - shift, north), *drawn.size), budget)
            if step == len(scales) - 1:
                layer.seconds_per_pixel = (time.perf_counter() - began) / max(_QUICK_PIXELS, math.prod(drawn.size))
            if not job.cancelled.is_set():
                # the page drops a picture of an earlier turn that is decoded later
                self._send(layer, data, part=VIEW, turn=turn + 0.5 * step, bounds=drawn.degrees, covers=view.degrees)

    def _send_fixed(self, layer: ImageryLayer) -> None:
        for part, (bounds, data) in list(layer.fixed.items()):
            self._send(layer, data, part=part, turn=0, bounds=degrees_of(bounds), covers=None)

    def _send(self, layer: ImageryLayer, data: bytes, **place: Any) -> None:
        message = {"kind": "picture", "id": layer.id, **place}
        self.channel.send(message, buffers=[data] if data else [])


def _scales(layer: ImageryLayer, part: View) -> tuple[float, ...]:
    """Return the scales at which a view is drawn one after the other, by how long the last picture of the layer took."""
    count = math.prod(part.size)
    is_slow = count > _QUICK_PIXELS and count * layer.seconds_per_pixel > _QUICK_SECONDS
    return (part.scale / 2, part.scale) if is_slow else (part.scale,)


def whole_of(source: Drawable) -> tuple[Bounds, bytes]:
    """Return a small picture of a whole source: what the map shows until the picture of a new view is there."""
    west, south, east, north = source.bounds
    scale = _WHOLE_SIDE / max(east - west, north - south)
    pixels = source.draw(source.bounds, max(1, round((east - west) * scale)), max(1, round((north - south) * scale)))
    return source.bounds, encode(pixels)


def degrees_of(bounds: Bounds) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return bounds in EPSG:3857 as south-western and north-eastern corner, each as latitude and longitude."""
    (west, south), (east, north) = from_mercator(np.array([bounds[:2], bounds[2:]])).tolist()
    return (south, west), (north, east)


def _view_of(content: dict[str, Any]) -> View | None:
    """Return the view that a page states; None if it is not one."""
    try:
        left, top, right, bottom = (float(number) for number in content["pixels"])
        zoom, scale = float(content["zoom"]), float(content["scale"])
    except (KeyError, TypeError, ValueError):
        return None
    is_view = 0 < right - left < _MAX_PIXELS and 0 < bottom - top < _MAX_PIXELS and 0 <= zoom <= 30 and 0.1 <= scale <= 8  # noqa: PLR2004  # as maps and screens are
    return View.around((left, top, right, bottom), zoom, MARGIN, max(1.0, scale)) if is_view else None
