"""Pictures of captures in parts of the Workbench: cut to the area, made in the background, and sent as messages."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from scenecart._imagery.area_view import AreaView
from scenecart._imagery.picture import encode
from scenecart._util.text import clean_text
from scenecart.exceptions import ScenecartError
from scenecart.widgets._bench.part import script_of
from scenecart.widgets._jobs import LOCK

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd
    import pandas as pd

    from scenecart._geo.area import Area
    from scenecart.client import Client
    from scenecart.widgets._bench.part import Part
    from scenecart.widgets._jobs import Runner

_KEPT, _MOST_KEYS, _AT_ONCE = 400, 240, 4
_QUALITY = 84
_MARGIN = 0.03


def script_with_pictures(name: str, *more: str) -> str:
    """Return the module of a part that shows pictures; it may use other scripts."""
    return script_of(name, "pictures", *more)


def picture_key(area: Area | None, capture: pd.Series[Any] | dict[str, Any]) -> str:
    """Return the name of a capture's picture in one area."""
    names = [clean_text(capture.get(name), 120) for name in ("host", "collection", "id")]
    place = "" if area is None else ",".join(f"{end:.6f}" for end in area.bounds)
    return "|".join((place, *names))


class PictureSender:
    """Answers the events ``pictures`` of a part with its captures, cut to the area.

    Parameters
    ----------
    part
        The part; its script is that of :func:`script_with_pictures`.
    client
        Fetches quicklooks.
    runner
        Runs the work in the background.
    shown
        Returns the captures that the part shows, and the area.
    size
        Width and height of a picture, in pixels.
    """

    def __init__(
        self,
        part: Part,
        client: Client,
        runner: Runner,
        shown: Callable[[], tuple[gpd.GeoDataFrame, Area | None]],
        size: tuple[int, int],
    ) -> None:
        self._part, self._client, self._runner, self._shown, self._size = part, client, runner, shown, size
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._jobs = 0

    def request(self, keys: Any) -> None:
        """Send pictures by their keys, and report captures that are not shown any more, so that the page can request them again."""
        captures, area = self._shown()
        rows = {picture_key(area, row): number for number, row in enumerate(captures.to_dict("records"))} if len(captures) else {}
        asked = [str(key) for key in keys if isinstance(key, str)][:_MOST_KEYS] if isinstance(keys, list) else []
        wanted, dropped = [key for key in asked if key in rows], [key for key in asked if key not in rows]
        if dropped:
            self._part.send({"kind": "pictures", "keys": [], "dropped": dropped})
        for first in range(0, len(wanted), _AT_ONCE):
            some = [(key, captures.iloc[rows[key]]) for key in wanted[first : first + _AT_ONCE]]
            self._jobs += 1
            self._runner.start(f"pictures-{id(self)}-{self._jobs}", self._work(some, area), self._send, lambda _: None)

    def _work(self, some: list[tuple[str, Any]], area: Area | None) -> Callable[[Any], list[tuple[str, bytes]]]:
        return lambda _: [(key, self._encoded(key, capture, area)) for key, capture in some]

    def _encoded(self, key: str, capture: Any, area: Area | None) -> bytes:
        with LOCK:
            if key in self._kept:
                return self._kept[key]
        content = self._made(capture, area)
        with LOCK:
            self._kept[key] = content
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return content

    def _made(self, capture: pd.Series[Any], area: Area | None) -> bytes:
        geometry = capture.get("geometry") if area is None else area.geometry
        if "host" not in capture.index or not isinstance(geometry, shapely.Polygon | shapely.MultiPolygon) or geometry.is_empty:
            return b""
        width, height = self._size
        try:
            quicklook = self._client.quicklook(capture, "large")
        except ScenecartError:
            # the frame stays empty
            return b""
        cut = (
            None if quicklook is None else AreaView.around(geometry, _MARGIN, width / height).cut(quicklook, capture, width, height)
        )
        return b"" if cut is None else encode(np.asarray(cut[0]), _QUALITY)

    def _send(self, made: list[tuple[str, bytes]]) -> None:
        self._part.send({"kind": "pictures", "keys": [key for key, _ in made]}, buffers=[content for _, content in made])
