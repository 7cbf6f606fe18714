"""The cloud over the area of each capture of a result: computed in the background, as columns of the captures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._captures.properties import AREA_CLOUD, AREA_CLOUD_NOTE, AREA_CLOUD_SOURCE
from scenecart.widgets._jobs import LOCK, synchronized

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart._geo.area import Area
    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner
    from scenecart.widgets._state import CaptureState

_SETTLE_SECONDS = 0.6
# each needs its quicklook
_MOST_CAPTURES = 300
_COLUMNS = (AREA_CLOUD, AREA_CLOUD_SOURCE, AREA_CLOUD_NOTE)


class AreaClouds:
    """Keeps the columns of :func:`scenecart.cloud_over` up to date in a state.

    Parameters
    ----------
    client
        The connection that fetches quicklooks.
    state
        The captures, and the area; without an area, and for more than a few hundred captures, nothing is requested.
    runner
        Runs the requests.
    """

    def __init__(self, client: Client, state: CaptureState, runner: Runner) -> None:
        self._client, self._state, self._runner = client, state, runner
        state.observe(self._changed, ["rows", "aoi"])
        self._changed(None)

    def release(self) -> None:
        """Stop following the state."""
        self._state.unobserve(self._changed, ["rows", "aoi"])

    def refresh(self) -> None:
        """Estimate again, such as after a failure."""
        self._changed(None)

    @synchronized
    def _changed(self, change: Any) -> None:
        state = self._state
        if change is not None and change["name"] == "aoi" and AREA_CLOUD in state.captures.columns:
            # clouds over another area must not be shown
            state.annotate(dict.fromkeys(_COLUMNS))
        if state.aoi is None or not 0 < len(state.captures) <= _MOST_CAPTURES:
            self._runner.cancel("clouds")
            return
        # without these columns, an error needs no message of its own
        self._runner.debounce("clouds", _SETTLE_SECONDS, lambda _: self._find(), self._show, lambda _: None)

    def _find(self) -> tuple[int, Area, gpd.GeoDataFrame]:
        from scenecart._delivery.cloud_over import cloud_over  # noqa: PLC0415  # the widgets work without the extra of imagery

        with LOCK:
            captures, rows, area = self._state.captures, self._state.rows, self._state.aoi
        return rows, area, cloud_over(captures, area, client=self._client, progress=False)

    def _show(self, found: tuple[int, Area, gpd.GeoDataFrame]) -> None:
        rows, area, captures = found
        if rows == self._state.rows and area is self._state.aoi:
            self._state.annotate({name: captures[name].to_numpy() for name in _COLUMNS})
