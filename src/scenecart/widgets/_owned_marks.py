"""Marks of owned captures: owned captures are read in the background, as a column of the captures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
import traitlets as t

from scenecart._cart.owned import ORDERS, SHARE, mark
from scenecart.client import known_holdings
from scenecart.widgets._jobs import LOCK, synchronized

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from scenecart._geo.area import Area
    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner
    from scenecart.widgets._state import CaptureState

# a search that still adds captures is marked once it pauses
_SETTLE_SECONDS = 0.4
_CLAIM = "owned_marks"


class OwnedMarks(t.HasTraits):
    """Keeps the columns ``owned`` and ``owned_by`` of a state up to date; see ``Client.mark_owned``.

    The list of orders is read at most once a minute. A state is marked by the first of the panels that share it.

    Parameters
    ----------
    client
        The connection.
    state
        The captures, and the area in which ownership counts.
    runner
        Reads the orders in the background.
    failed
        Called with the error if the list of orders cannot be read; the captures are then not marked.

    Attributes
    ----------
    holdings : geopandas.GeoDataFrame or None
        What the organization owns, as ``Client.owned`` returns it; None until it was read.
    """

    holdings = t.Any(None, allow_none=True)

    def __init__(
        self, client: Client, state: CaptureState, runner: Runner, failed: Callable[[Exception], object] = lambda _: None
    ) -> None:
        super().__init__()
        self._client, self._state, self._runner, self._failed = client, state, runner, failed
        self._ground: tuple[Any, BaseGeometry | None] = (None, None)
        with LOCK:
            self._has_claim = getattr(state, _CLAIM, None) is None
            if self._has_claim:
                setattr(state, _CLAIM, self)
        if self._has_claim:
            state.observe(self._changed, ["rows", "aoi"])
            self._changed(None)

    def refresh(self) -> None:
        """Read the list of orders now, such as after a purchase."""
        owner = getattr(self._state, _CLAIM, None)
        if isinstance(owner, OwnedMarks):
            owner._read(0.0)  # noqa: SLF001  # of the same class

    def release(self) -> None:
        """Stop following the state."""
        if self._has_claim:
            self._state.unobserve(self._changed, ["rows", "aoi"])
            setattr(self._state, _CLAIM, None)

    def ground(self, labels: Iterable[Hashable] | None = None) -> BaseGeometry | None:
        """Return the owned area (EPSG:4326) of captures by their index labels; None if there is none.

        Parameters
        ----------
        labels
            The captures; None takes all that match the filters.
        """
        wanted = None if labels is None else tuple(labels)
        with LOCK:
            owner = getattr(self._state, _CLAIM, None)
            holdings = owner.holdings if isinstance(owner, OwnedMarks) else None
            captures = self._state.captures
            key = (self._state.revision, id(holdings), wanted)
            if self._ground[0] == key:
                return self._ground[1]
            shown = self._state.filtered if wanted is None else captures.loc[[one for one in wanted if one in captures.index]]
        ground = _owned_ground(shown, holdings)
        with LOCK:
            self._ground = key, ground
        return ground

    @synchronized
    def _changed(self, change: Any) -> None:
        if not len(self._state.captures):
            return
        if change is None or change["name"] == "aoi":
            self._read(None)
        else:
            self._runner.debounce("owned", _SETTLE_SECONDS, lambda _: self._marked(None), self._show, self._failed)

    def _read(self, seconds: float | None) -> None:
        self._runner.start("owned", lambda _: self._marked(seconds), self._show, self._failed)

    def _marked(self, seconds: float | None) -> tuple[int, Area | None, gpd.GeoDataFrame, dict[str, Any]]:
        with LOCK:
            captures, rows, area = self._state.captures, self._state.rows, self._state.aoi
        holdings = known_holdings(self._client) if seconds is None else known_holdings(self._client, seconds)
        return rows, area, holdings, owned_columns(captures, holdings, area)

    def _show(self, found: tuple[int, Area | None, gpd.GeoDataFrame, dict[str, Any]]) -> None:
        rows, area, self.holdings, columns = found
        state = self._state
        if rows != state.rows or area is not state.aoi:
            # captures that arrived meanwhile are marked by their own job
            self._changed(None)
            return
        before = state.captures[SHARE] if SHARE in state.captures.columns else None
        if before is None or not np.array_equal(before.to_numpy(dtype=float), columns[SHARE], equal_nan=True):
            state.annotate(columns)


def owned_columns(captures: gpd.GeoDataFrame, holdings: gpd.GeoDataFrame, area: Area | None) -> dict[str, Any]:
    """Return the columns ``owned`` and ``owned_by`` of captures; only those with the id of an owned one are compared."""
    share = np.zeros(len(captures))
    orders: list[list[str]] = [[] for _ in range(len(captures))]
    rows = np.flatnonzero(captures["id"].isin(set(holdings["id"])).to_numpy())
    if len(rows):
        marked = mark(captures.iloc[rows], holdings, area)
        share[rows] = marked[SHARE].to_numpy(dtype=float)
        for row, names in zip(rows.tolist(), marked[ORDERS], strict=True):
            orders[row] = names
    return {SHARE: share, ORDERS: pd.Series(orders, index=captures.index, dtype=object)}


def _owned_ground(shown: gpd.GeoDataFrame, holdings: gpd.GeoDataFrame | None) -> BaseGeometry | None:
    if holdings is None or SHARE not in shown.columns:
        return None
    ids = set(shown["id"][pd.to_numeric(shown[SHARE], errors="coerce") > 0])
    parts = holdings.geometry[holdings["id"].isin(ids)].dropna()
    return shapely.union_all(parts.to_numpy()) if len(parts) else None
