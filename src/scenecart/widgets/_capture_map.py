"""Filters, map and table of captures, linked in one widget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import traitlets as t

from scenecart._captures.frame import concat
from scenecart._captures.query import SearchCriteria
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
    """A linked filter panel, map and table to filter and select captures.

    Parameters
    ----------
    captures
        A search result, or the state of another widget, which the two then share.
    aoi
        Area of interest, in any format that ``search`` accepts.
    client
        Fetches quicklooks, and the imagery of delivered items; None shows neither.
    basemap
        A tile provider's name; ``"none"`` shows the outline of the land alone. See :class:`FootprintMap`.

    Attributes
    ----------
    selection : tuple
        Index labels of the selected rows; can be set.
    filters : dict
        The active filters; can be saved and set. See :class:`CaptureFilters`.
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
        self._runner = Runner(resend=self.resend_state)
        self.filter_panel = CaptureFilters(self.state)
        self.map = FootprintMap(self.state, basemap=basemap, client=client, runner=self._runner)
        self.table = CaptureTable(self.state)
        self._copy = _style.button("Copy as code", "Copy Python code for these captures", icon="copy")
        self._copy.on_click(self._copy_code)
        self._stop = _style.button("Stop", "Stop the search and keep the captures found so far", icon="stop")
        self._stop.on_click(lambda _: self.stop())
        _style.set_visible(self._stop, visible=False)
        self._status = W.HTML()
        foot = _style.box(self._copy, self._stop, self._status, kind="row", horizontal=True)
        side = _style.box(self.filter_panel, kind="side")
        main = _style.box(self.map, self.table, foot, kind="main")
        # the map comes first where there is no room beside it
        super().__init__(_style.box(main, side, kind="split", horizontal=True))
        self._links = [
            t.link((self.state, "selection"), (self, "selection")),
            t.link((self.state, "filters"), (self, "filters")),
            t.link((self.state, "aoi"), (self, "aoi")),
        ]

    @classmethod
    @checked_keywords(also=SearchCriteria)
    def from_search(cls, client: Client, host: str, *, aoi: Any = None, basemap: Any = None, **criteria: Any) -> CaptureMap:
        """Show the captures of a search while they arrive; they can be filtered and selected meanwhile.

        Parameters
        ----------
        client
            The connection to search with.
        host
            Catalog host.
        aoi, basemap
            As for the widget itself.
        **criteria
            As for ``client.search``.

        Raises
        ------
        InvalidQuery, InvalidArea
            Immediately, if the search is invalid.

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
        frames = checked_client(client).search_stream(host, aoi=aoi, batch_size=_FIRST_BATCH, **criteria)
        picker = cls(no_captures(), aoi, client=client, basemap=basemap)
        picker.follow(frames, host)
        return picker

    @property
    def captures(self) -> gpd.GeoDataFrame:
        """All captures."""
        return self.state.captures

    @property
    def filtered(self) -> gpd.GeoDataFrame:
        """The captures that match the filters."""
        return self.state.filtered

    @property
    def selected(self) -> gpd.GeoDataFrame:
        """The selected captures, in the order they were selected."""
        return self.state.selected

    @property
    def code(self) -> str:
        """Python code for the selection, or for the captures that match the filters."""
        return self.state.code()

    @property
    def is_searching(self) -> bool:
        """Whether captures are still arriving."""
        return self._runner.is_busy("search")

    @checked_keywords()
    def add_imagery(
        self,
        source: Any,
        name: str | None = None,
        bands: Any = None,
        stretch: Any = "auto",
        opacity: float = 1.0,
        *,
        asset: str | None = None,
    ) -> list[str]:
        """Show imagery on the map; see :meth:`FootprintMap.add_imagery`."""
        return self.map.add_imagery(source, name, bands, stretch, opacity, asset=asset)

    def remove_imagery(self, name: str) -> None:
        """Remove an imagery layer from the map."""
        self.map.remove_imagery(name)

    def follow(self, frames: Any, host: str) -> None:
        """Add captures while they arrive."""
        _style.set_visible(self._stop, visible=True)
        self._status.value = _style.message(f"Searching {host}…", kind="busy")

        def receive(job: Job) -> int:
            waiting: list[gpd.GeoDataFrame] = []
            for frame in frames:
                if job.cancelled.is_set():
                    break
                waiting.append(frame)
                # each addition copies all captures: batches grow with them
                if sum(len(one) for one in waiting) >= max(_FIRST_BATCH, len(self.state.captures) // 2):
                    self._add(job, waiting)
                    text = f"{pluralize(len(self.state.captures), 'capture')} so far…"
                    self._status.value = _style.message(text, kind="busy")
                    waiting = []
            self._add(job, waiting)
            return len(self.state.captures)

        self._runner.start("search", receive, self._finished, self._failed)

    @synchronized
    def stop(self) -> None:
        """Stop the search, and keep the captures found so far."""
        self._runner.cancel("search")
        self._finished(len(self.state.captures))

    def release(self) -> None:
        """End background jobs, and unlink the state."""
        for link in self._links:
            link.unlink()
        self._runner.close()

    def static_html(self) -> str:
        """Return the captures as HTML without scripts, for places without live widgets."""
        return _static_html.captures_html(self.state, is_searching=self.is_searching)

    @synchronized
    def _add(self, job: Job, frames: list[gpd.GeoDataFrame]) -> None:
        if frames and not job.cancelled.is_set():
            self.state.add(concat(frames))

    def _finished(self, count: int) -> None:
        _style.set_visible(self._stop, visible=False)
        self._status.value = _style.message(
            f"{pluralize(count, 'capture')} found." if count else "No captures found. Try other dates, a larger area or more cloud."
        )

    def _failed(self, error: Exception) -> None:
        _style.set_visible(self._stop, visible=False)
        received = getattr(error, "captures", None) if isinstance(error, ScenecartError) else None
        if received is not None and len(received) > len(self.state.captures):
            self.state.captures = received
        self._status.value = _style.error_message(error)

    def _copy_code(self, _: Any) -> None:
        self.map.copy(self.code)
        self._status.value = _style.render("widget_code.html", code=self.code)
