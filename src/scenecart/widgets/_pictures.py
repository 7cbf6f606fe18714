"""Quicklooks cut to the area of interest, fetched as they come into view, for every widget that shows captures as pictures."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from scenecart._imagery.area_view import AreaView
from scenecart._imagery.picture import encode
from scenecart.exceptions import ScenecartError
from scenecart.widgets._jobs import LOCK, Job, Runner

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from PIL import Image

    from scenecart.widgets._state import CaptureState

    Quicklook = Callable[[pd.Series[Any]], bytes | None]
    Send = Callable[[dict[str, Any], list[bytes]], object]

SIDES = (64, 512)
MOST_AT_ONCE = 400
# pictures of one message: the first ones show early
_PER_MESSAGE = 4
_KEPT = 800
_QUALITY = 82
_WHOLE_SQUARE = 0.97
# pictures this small, in pixels, are not worth two requests
_SMALL = 96


class CutPictures:
    """Pictures of the captures of a state, all of the same area at the same scale.

    Parameters
    ----------
    state
        The captures and the area; without an area, each picture shows a whole capture.
    quicklook
        Returns the quicklook of a capture.
    runner
        Runs the requests.
    send
        Called with a message of pictures for the browser, and their bytes as WEBP.
    failed
        Called with an error: a picture that cannot be fetched is an empty frame, and one line has the reason.
    preview
        Returns a smaller quicklook, from which pictures in view are made first, unless they are tiny, and the runner of its
        requests: they do not wait for large pictures that left the view.
    is_tight
        Whether pictures end where the area does. Its outline is then drawn only where it is not the edge of the picture.

    Attributes
    ----------
    turn : int
        Increases when all pictures change.
    view : AreaView or None
        The area that they show.
    """

    def __init__(
        self,
        state: CaptureState,
        quicklook: Quicklook,
        runner: Runner,
        send: Send,
        failed: Callable[[BaseException], object],
        *,
        preview: tuple[Quicklook, Runner] | None = None,
        is_tight: bool = False,
    ) -> None:
        self._state, self._quicklook, self._preview, self._runner = state, quicklook, preview, runner
        self._send, self._failed = send, failed
        self._is_tight, self._is_outlined = is_tight, True
        self._visible: set[int] = set()
        self._jobs = 0
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self.turn = 0
        self.view: AreaView | None = None

    def reset(self) -> None:
        """Forget all pictures: the captures or the area changed."""
        with LOCK:
            area = self._state.aoi
            self.view = None
            if area is not None:
                self.view = AreaView.around(area.geometry, margin=0.0) if self._is_tight else AreaView.around(area.geometry)
                self._is_outlined = not self._is_tight or _share_of_square(self.view) < _WHOLE_SQUARE
            self._kept.clear()
            self._visible = set()
            self.turn += 1

    def kept(self) -> dict[int, bytes]:
        """Return the pictures that were made, by the row of their capture."""
        with LOCK:
            return {position: content for (position, _), content in self._kept.items() if content}

    def request(self, content: dict[str, Any]) -> None:
        """Make the pictures that a browser requests; those that leave the view before their turn are dropped.

        The message has ``turn``, ``keys`` (rows of captures), ``visible`` (those in view), ``pixels`` (the side), and ``ahead``
        if they are not in view yet.
        """
        turn, count = content.get("turn"), len(self._state.captures)
        if turn != self.turn:
            return
        side = min(max(int(content.get("pixels", SIDES[0])), SIDES[0]), SIDES[1])
        self._visible = {int(key) for key in content.get("visible", ())}
        keys = [int(key) for key in content.get("keys", ()) if 0 <= int(key) < count][:MOST_AT_ONCE]
        if self._preview is not None and side > _SMALL and not content.get("ahead"):
            preview, runner = self._preview
            self._start([key for key in keys if (key, side) not in self._kept], side, turn, runner, preview)
        self._start(keys, side, turn, self._runner, None)

    def _start(self, keys: list[int], side: int, turn: int, runner: Runner, preview: Quicklook | None) -> None:
        for first in range(0, len(keys), _PER_MESSAGE):
            self._jobs += 1
            work = self._drawing(keys[first : first + _PER_MESSAGE], side, turn, preview)
            runner.start(f"pictures {self._jobs}", work, self._made, self._failed)

    def draw(self, position: int, side: int, quicklook: Quicklook | None = None) -> Image.Image | None:
        """Return one capture cut to the area; None without a picture of it.

        Raises
        ------
        ScenecartError
            If the service fails.
        """
        capture = self._state.captures.iloc[position]
        if "host" not in capture.index or "id" not in capture.index:
            return None
        content = (quicklook or self._quicklook)(capture)
        view = self.view or _whole_view(capture)
        if content is None or view is None:
            return None
        cut = view.cut(content, capture, side)
        if cut is None or self.view is None or not self._is_outlined:
            return None if cut is None else cut[0]
        return view.outlined(cut[0])

    def _drawing(self, keys: list[int], side: int, turn: int, preview: Quicklook | None) -> Callable[[Job], dict[str, Any]]:
        def draw(_: Job) -> dict[str, Any]:
            made: dict[int, bytes] = {}
            error: ScenecartError | None = None
            for key in keys:
                if self.turn == turn and key in self._visible:
                    try:
                        made[key] = self._encoded(key, side) if preview is None else self._previewed(key, side, preview)
                    except ScenecartError as failure:
                        made[key], error = b"", failure
            if preview is not None:
                # what it lacks, or cannot be fetched, follows with the large pictures
                return {"turn": turn, "side": side, "made": made, "dropped": [], "error": None, "is_preview": True}
            dropped = [key for key in keys if key not in made]
            return {"turn": turn, "side": side, "made": made, "dropped": dropped, "error": error, "is_preview": False}

        return draw

    def _previewed(self, position: int, side: int, preview: Quicklook) -> bytes:
        """Return a picture of a smaller quicklook as WEBP; empty if there is none, or the large one is there."""
        with LOCK:
            if (position, side) in self._kept:
                return b""
        picture = self.draw(position, side, preview)
        return b"" if picture is None else encode(np.asarray(picture), _QUALITY)

    def _encoded(self, position: int, side: int) -> bytes:
        """Return a picture as WEBP; empty if there is none."""
        with LOCK:
            kept = self._kept.get((position, side))
        if kept is not None:
            return kept
        picture = self.draw(position, side)
        content = b"" if picture is None else encode(np.asarray(picture), _QUALITY)
        with LOCK:
            self._kept[position, side] = content
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return content

    def _made(self, found: dict[str, Any]) -> None:
        made: dict[int, bytes] = found["made"]
        if found["is_preview"]:
            # a large picture may have been faster
            made = {key: picture for key, picture in made.items() if picture and (key, found["side"]) not in self._kept}
        if found["error"] is not None:
            self._failed(found["error"])
        fields = {name: found[name] for name in ("turn", "side", "dropped", "is_preview")}
        content = {"kind": "pictures", **fields, "keys": list(made)}
        if made or content["dropped"]:
            self._send(content, list(made.values()))


def large_quicklook(client: Any) -> Quicklook:
    """Return the function that fetches the largest quicklook of a capture."""
    return _quicklook_of(client, "large")


def small_quicklook(client: Any) -> Quicklook:
    """Return the function that fetches the smallest quicklook of a capture."""
    return _quicklook_of(client, "thumbnail")


def _quicklook_of(client: Any, size: str) -> Quicklook:
    def fetch(capture: pd.Series[Any]) -> bytes | None:
        found: bytes | None = client.quicklook(capture, size)
        return found

    return fetch


def _share_of_square(view: AreaView) -> float:
    """Return how much of a view its area fills."""
    return float(view.mask(100, 100).mean())


def _whole_view(capture: pd.Series[Any]) -> AreaView | None:
    """Return the view of a whole capture; None without a usable footprint."""
    footprint = capture.get("geometry")
    if footprint is None or not isinstance(footprint, shapely.Polygon | shapely.MultiPolygon) or footprint.is_empty:
        return None
    return AreaView.around(footprint, margin=0.0)
