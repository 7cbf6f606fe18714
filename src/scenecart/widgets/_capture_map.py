"""Filters, map and table of captures in one linked view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import traitlets as t

from scenecart._captures.frame import concat
from scenecart._captures.query import build_query
from scenecart._util.keywords import checked_keywords
from scenecart._util.text import pluralize
from scenecart.exceptions import ScenecartError
from scenecart.widgets import _static_html, _style
from scenecart.widgets._base import Panel, checked_client
from scenecart.widgets._filters import CaptureFilters
from scenecart.widgets._jobs import Job, Runner, synchronized
from scenecart.widgets._map import FootprintMap
from scenecart.widgets._state import CaptureState, no_captures
from scenecart.widgets._table import CaptureTable

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart.client import Client

_FIRST_BATCH = 500


class CaptureMap(Panel):
    """Captures to filter and pick from: filter panel, map and table, linked.

    Parameters
    ----------
    captures
        A search result, or the state of another widget, which the two then share.
    aoi
        Area of interest, in any form ``search`` takes.
    client
        Fetches quicklooks; None shows none.
    basemap
        A tile provider's name; ``"none"`` shows the outline of the land alone. See :class:`FootprintMap`.

    Attributes
    ----------
    selection : tuple
        Index labels of the selected rows; can be set.
    filters : dict
        The filters that are set; can be saved and set. See :class:`CaptureFilters`.
    aoi : Area or None
        The area of interest; can be set, drawn or loaded from a file.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> captures = gpd.GeoDataFrame({"id": ["a", "b"], "gsd": [0.3, 0.5]}, geometry=[shapely.box(0, 0, 1, 1)] * 2, crs=4326)
    >>> picker = CaptureMap(captures, basemap="none")
    >>> picker.filters = {"gsd": [0.4, 0.6]}
    >>> picker.selection = (1,)
    >>> picker.filtered["id"].tolist(), picker.selected["id"].tolist()
    (['b'], ['b'])
    >>> picker.close()
    """

    selection = t.Tuple()
    filters = t.Dict()
    aoi = t.Any(None, allow_none=True)

    @checked_keywords()
    def __init__(self, captures: Any, aoi: Any = None, *, client: Client | None = None, basemap: Any = None) -> None:
        self.state = captures if isinstance(captures, CaptureState) else CaptureState(captures, aoi)
        self._runner = Runner(again=self.show_again)
        quicklook = None if client is None else client.quicklook
        self.filter_panel = CaptureFilters(self.state)
        self.map = FootprintMap(self.state, basemap=basemap, quicklook=quicklook, runner=self._runner)
        self.table = CaptureTable(self.state)
        self._copy = _style.button("Copy as code", "Copy Python that gives the same captures", icon="copy")
        self._copy.on_click(self._copied)
        self._stop = _style.button("Stop", "Stop the search and keep what has arrived", icon="stop")
        self._stop.on_click(lambda _: self.stop())
        self._stop.layout.display = "none"
        self._words = W.HTML()
        foot = _style.box(self._copy, self._stop, self._words, kind="row", across=True)
        side = _style.box(self.filter_panel, kind="side")
        main = _style.box(self.map, self.table, foot, kind="main")
        super().__init__(_style.box(side, main, kind="split", across=True))
        self._links = [
            t.link((self.state, "selection"), (self, "selection")),
            t.link((self.state, "filters"), (self, "filters")),
            t.link((self.state, "aoi"), (self, "aoi")),
        ]

    @classmethod
    @checked_keywords(also=build_query)
    def from_search(cls, client: Client, host: str, *, aoi: Any = None, basemap: Any = None, **criteria: Any) -> CaptureMap:
        """Show a search's captures while they arrive; everything can be filtered and picked meanwhile.

        Parameters
        ----------
        client
            The connection to search with.
        host
            The catalog host.
        aoi, basemap
            As for the widget itself.
        **criteria
            As for ``client.search``.

        Raises
        ------
        InvalidQuery, InvalidArea
            At once, if the search makes no sense.

        Examples
        --------
        >>> import scenecart
        >>> client = scenecart.connect("sandbox")
        >>> picker = CaptureMap.from_search(client, "openterra", collections="openterra-10m", limit=50, basemap="none")
        >>> picker.stop()
        >>> picker.is_searching
        False
        >>> picker.close()
        """
        frames = checked_client(client, "A search").search_stream(host, aoi=aoi, batch_size=_FIRST_BATCH, **criteria)
        made = cls(no_captures(), aoi, client=client, basemap=basemap)
        made.follow(frames, host)
        return made

    @property
    def captures(self) -> gpd.GeoDataFrame:
        """All captures."""
        return self.state.captures

    @property
    def filtered(self) -> gpd.GeoDataFrame:
        """The captures that suit the filters."""
        return self.state.filtered

    @property
    def selected(self) -> gpd.GeoDataFrame:
        """The selected captures, in the order they were selected."""
        return self.state.selected

    @property
    def code(self) -> str:
        """Python that gives the same captures."""
        return self.state.code()

    @property
    def is_searching(self) -> bool:
        """Whether captures are still arriving."""
        return self._runner.is_busy("search")

    def follow(self, frames: Any, host: str) -> None:
        """Take up captures while they arrive."""
        self._stop.layout.display = ""
        self._words.value = _style.message(f"Searching {host}…", kind="busy")

        def arrive(job: Job) -> int:
            waiting: list[gpd.GeoDataFrame] = []
            for frame in frames:
                if job.cancelled.is_set():
                    break
                waiting.append(frame)
                # each addition costs as much as what is there, so that they come at doubling sizes
                if sum(len(one) for one in waiting) >= max(_FIRST_BATCH, len(self.state.captures) // 2):
                    self._take(job, waiting)
                    self._words.value = _style.message(f"{pluralize(len(self.state.captures), 'capture')} so far…", kind="busy")
                    waiting = []
            self._take(job, waiting)
            return len(self.state.captures)

        self._runner.start("search", arrive, self._arrived, self._broke)

    @synchronized
    def stop(self) -> None:
        """Stop the search, and keep what has arrived."""
        self._runner.cancel("search")
        self._arrived(len(self.state.captures))

    def end(self) -> None:
        """End what runs, and unlink the state."""
        for link in self._links:
            link.unlink()
        self._runner.close()

    @synchronized
    def _take(self, job: Job, frames: list[gpd.GeoDataFrame]) -> None:
        if frames and not job.cancelled.is_set():
            self.state.add(concat(frames))

    def _arrived(self, count: int) -> None:
        self._stop.layout.display = "none"
        self._words.value = _style.message(
            f"{pluralize(count, 'capture')} found." if count else "No capture was found.", kind="quiet"
        )

    def _broke(self, error: Exception) -> None:
        self._stop.layout.display = "none"
        rest = getattr(error, "captures", None) if isinstance(error, ScenecartError) else None
        if rest is not None and len(rest) > len(self.state.captures):
            self.state.captures = rest
        self._words.value = _style.failure(error)

    def _copied(self, _: Any) -> None:
        self.map.copy(self.code)
        self._words.value = _style.text("widget_code.html", code=self.code)

    def still(self) -> str:
        """Return the captures as HTML without script, for where no widget lives."""
        return _static_html.still(self.state, is_searching=self.is_searching)
