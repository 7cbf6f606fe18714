"""State that panels share: captures, filters, selection and area of interest, as traits without widgets or network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import traitlets as t

from scenecart._captures.frame import concat
from scenecart._captures.properties import (
    END_DATETIME,
    START_DATETIME,
)
from scenecart._cart.owned import SHARE as OWNED
from scenecart._geo.area import Area, as_area
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidQuery, InvalidRequest, not_captures, warn
from scenecart.widgets._facets import (
    COVERAGE,
    EXACT_PRICE,
    Facet,
    check_filter,
    code_of_filter,
    day_of,
    facets_of,
    values_of,
)
from scenecart.widgets._history import History
from scenecart.widgets._jobs import LOCK, synchronized

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping


class CaptureState(t.HasTraits):
    """Captures, their filters, the selection and the area of interest.

    Attributes
    ----------
    captures : geopandas.GeoDataFrame
        EPSG:4326; index labels identify rows.
    aoi : Area or None
        The area of interest; can be set in any format that ``search`` accepts.
    filters : dict
        A range or values by facet name: ``[low, high]``, ``["2024-01-01", "2024-06-30"]``, or a list of choices. It can be saved
        as JSON and set again; facets that are not named are not filtered.
    selection : tuple
        Index labels of the selected rows, in the order they were selected.
    current : hashable or None
        Index label of the current capture. A label that is not in ``captures`` becomes None.
    revision : int
        Increases each time other captures may match the filters.
    rows : int
        Increases each time there are other captures, and not for columns that arrive later.
    history : History
        Undoes changes of the selection, the filters and the area.
    """

    captures = t.Any()
    aoi = t.Any(None, allow_none=True)
    filters = t.Dict()
    selection = t.Tuple()
    current = t.Any(None, allow_none=True)
    revision = t.Int(0)
    rows = t.Int(0)
    _is_annotating = False

    def __init__(self, captures: gpd.GeoDataFrame, aoi: Any = None) -> None:
        self._columns: dict[str, np.ndarray[Any, Any]] = {}
        self._facets: tuple[Facet, ...] | None = None
        self._keep = np.ones(0, dtype=bool)
        super().__init__(captures=captures, aoi=aoi)
        self._update_matches()
        self.history = History(self)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a trait under the lock, so that no other thread sees half of its consequences."""
        with LOCK:
            super().__setattr__(name, value)

    @property
    @synchronized
    def facets(self) -> tuple[Facet, ...]:
        """The properties to filter by, from the columns of the captures."""
        if self._facets is None:
            self._facets = tuple(facets_of(self.captures, self._values, has_area=self.aoi is not None))
        return self._facets

    @property
    def keep(self) -> np.ndarray[Any, Any]:
        """Which rows match the filters, as a boolean array."""
        return self._keep

    @property
    @synchronized
    def filtered(self) -> gpd.GeoDataFrame:
        """The captures that match the filters."""
        return self.captures[self._keep]

    @property
    @synchronized
    def selected(self) -> gpd.GeoDataFrame:
        """The selected captures, in the order they were selected."""
        return self.captures.loc[list(self.selection)]

    @synchronized
    def positions(self) -> np.ndarray[Any, Any]:
        """Return the row numbers of the selection."""
        return np.asarray(self.captures.index.get_indexer(list(self.selection)), dtype=np.intp)

    @synchronized
    def labels(self, positions: Iterable[int]) -> tuple[Hashable, ...]:
        """Return the index labels of row numbers, as plain Python values."""
        return tuple(self.captures.index[list(positions)].tolist())

    @synchronized
    def select(self, labels: Iterable[Hashable], how: str = "replace") -> None:
        """Change the selection: ``"replace"`` it with rows, or ``"add"``, ``"remove"`` or ``"toggle"`` them."""
        given, before = dict.fromkeys(labels), dict.fromkeys(self.selection)
        kept = [label for label in before if label not in given]
        if how == "replace":
            self.selection = tuple(given)
        elif how == "add":
            self.selection = tuple({**before, **given})
        elif how == "remove":
            self.selection = tuple(kept)
        elif how == "toggle":
            self.selection = (*kept, *(label for label in given if label not in before))
        else:
            raise InvalidRequest(
                f"must be 'replace', 'add', 'remove' or 'toggle', got {shown_value(how)}.",
                argument="how",
                code="selection_mode_unknown",
            )

    @synchronized
    def invert(self) -> None:
        """Select the captures that match the filters and were not selected."""
        selected = set(self.selection)
        self.selection = tuple(label for label in self.captures.index[self._keep].tolist() if label not in selected)

    @synchronized
    def add(self, captures: gpd.GeoDataFrame) -> None:
        """Append captures that arrived later; index labels stay if they are unique together."""
        if not len(captures):
            return
        joined, before = concat([self.captures, captures]), self.captures.index
        if before.equals(pd.RangeIndex(len(before))):
            self.captures = joined
            return
        labels = before.append(captures.index)
        if labels.is_unique:
            self.captures = joined.set_axis(labels)
            return
        _warn_of_new_labels()
        positions = self.positions()
        self.selection = ()
        self.captures = joined
        self.selection = self.labels(positions)

    @synchronized
    def annotate(self, columns: Mapping[str, Any]) -> None:
        """Set columns that arrived after the search, each with one value a row; rows, selection and filters stay."""
        self._is_annotating = True
        try:
            self.captures = self.captures.assign(**columns)
        finally:
            self._is_annotating = False

    @synchronized
    def count(self, facet: Facet) -> int:
        """Return how many captures match the filter of one facet."""
        return int(self._matches(facet, self.filters[facet.name]).sum()) if facet.name in self.filters else len(self.captures)

    @synchronized
    def code(self, name: str = "captures") -> str:
        """Return Python code for the selection, or for the captures that match the filters if nothing is selected."""
        if self.selection:
            return f"chosen = {name}{code_of_rows(self.captures, self.positions(), name)}"
        if EXACT_PRICE in self.filters:
            # a search result has no prices
            return f"chosen = {name}{code_of_rows(self.captures, np.flatnonzero(self._keep), name)}"
        filters = {facet: self.filters[facet.name] for facet in self.facets if facet.name in self.filters}
        dates = next((value for facet, value in filters.items() if facet.kind == "dates"), None)
        lines = [] if dates is None else [f'chosen = scenecart.filter({name}, datetime="{dates[0]}/{dates[1]}")']
        if OWNED in self.filters:
            lines.append(f"chosen = client.mark_owned({'chosen' if lines else name}, {'None' if self.aoi is None else 'aoi'})")
        source = "chosen" if lines else name
        terms = [code_of_filter(facet, value, source) for facet, value in filters.items() if facet.kind != "dates"]
        if COVERAGE in self.filters:
            lines.append(f"shares = scenecart.coverage({source}, aoi)")
        if terms or not lines:
            lines.append(f"chosen = {source}[{' & '.join(terms)}]" if terms else f"chosen = {source}")
        return "\n".join(lines)

    @synchronized
    def values(self, name: str) -> np.ndarray[Any, Any]:
        """Return the values of a facet, one per row; missing values are NaN."""
        return self._values(name)

    @t.validate("captures")
    def _check_captures(self, proposal: dict[str, Any]) -> gpd.GeoDataFrame:
        frame = proposal["value"]
        if not isinstance(frame, gpd.GeoDataFrame):
            raise not_captures(frame)
        frame = frame.set_crs(4326) if frame.crs is None else frame.to_crs(4326)
        frame = frame if frame.geometry.name == "geometry" else frame.rename_geometry("geometry")
        if frame.index.is_unique:
            return frame
        _warn_of_new_labels()
        return frame.reset_index(drop=True)

    @t.validate("aoi")
    def _check_aoi(self, proposal: dict[str, Any]) -> Area | None:
        value = proposal["value"]
        return value if value is None or isinstance(value, Area) else as_area(value)

    @t.validate("selection")
    def _check_selection(self, proposal: dict[str, Any]) -> tuple[Hashable, ...]:
        labels = tuple(dict.fromkeys(proposal["value"]))
        known = self.captures.index
        missing = [label for label in labels if label not in known]
        if missing:
            raise InvalidRequest(
                f"must be index labels of the captures, got {shown_value(missing[0])}.",
                argument="selection",
                code="selection_row_missing",
                hint="Use labels of captures.index.",
            )
        return labels

    @t.validate("current")
    def _check_current(self, proposal: dict[str, Any]) -> Hashable | None:
        label: Hashable | None = proposal["value"]
        # a page may name a capture of an earlier search
        return label if label in self.captures.index else None

    @t.validate("filters")
    def _check_filters(self, proposal: dict[str, Any]) -> dict[str, Any]:
        given = dict(proposal["value"])
        known = {facet.name: facet for facet in self.facets}
        for name, value in given.items():
            if name not in known:
                raise InvalidQuery(
                    f"contains the unknown filter {shown_value(name)}.",
                    argument="filters",
                    code="filter_unknown",
                    hint=f"Available filters: {', '.join(known)}." if known else "These captures have no property to filter by.",
                )
            check_filter(known[name], value)
        return given

    @t.observe("captures")
    def _captures_changed(self, _: Any) -> None:
        if not self._is_annotating:
            self.rows += 1
        self._columns.clear()
        self._facets = None
        known = self.captures.index
        # observers of the selection read the current capture
        if self.current not in known:
            self.current = None
        self.selection = tuple(label for label in self.selection if label in known)
        self._drop_unknown_filters()
        self._update_matches()

    @t.observe("aoi")
    def _aoi_changed(self, _: Any) -> None:
        self._columns.pop(COVERAGE, None)
        self._facets = None
        self._drop_unknown_filters()
        self._update_matches()

    @t.observe("filters")
    def _filters_changed(self, _: Any) -> None:
        self._update_matches()

    def _drop_unknown_filters(self) -> None:
        known = {facet.name for facet in self.facets}
        if not known.issuperset(self.filters):
            self.filters = {name: value for name, value in self.filters.items() if name in known}

    def _update_matches(self) -> None:
        keep = np.ones(len(self.captures), dtype=bool)
        for facet in self.facets if self.filters else ():
            if facet.name in self.filters:
                keep &= self._matches(facet, self.filters[facet.name])
        self._keep = keep
        self.revision += 1

    def _matches(self, facet: Facet, wanted: Any) -> np.ndarray[Any, Any]:
        values = self._values(facet.name)
        if facet.kind == "choice":
            return np.isin(values, [facet.options.index(choice) for choice in wanted])
        if facet.kind == "dates":
            first, last = self._values(START_DATETIME), self._values(END_DATETIME)
            return np.asarray((last >= day_of(wanted[0])) & (first < day_of(wanted[1]) + 1))
        low, high = wanted
        # sliders and columns round differently
        tolerance = facet.step / 1_000
        return np.asarray((values >= low - tolerance) & (values <= high + tolerance))

    def _values(self, name: str) -> np.ndarray[Any, Any]:
        if name not in self._columns:
            self._columns[name] = values_of(self.captures, self.aoi, name)
        return self._columns[name]


def code_of_rows(
    captures: gpd.GeoDataFrame, positions: np.ndarray[Any, Any], name: str = "captures", *, is_whole: bool = False
) -> str:
    """Return Python code that selects rows: by id, or by host, collection and id, or by number if these match other rows too.

    With ``is_whole`` host and collection are always named: code that searches again may find an id elsewhere.
    """
    wanted = np.zeros(len(captures), dtype=bool)
    wanted[positions] = True
    key_columns = (["id"], ["collection", "id"], ["host", "collection", "id"])
    for columns in key_columns[-1:] if is_whole else key_columns:
        # an id that is not a text, or is missing, is not found by its value
        if not set(columns) <= set(captures.columns) or not _are_texts(captures[columns].iloc[positions]):
            continue
        keys = captures["id"] if columns == ["id"] else captures.set_index(columns).index
        values = keys[positions].tolist() if len(columns) > 1 else keys.iloc[positions].tolist()
        if np.array_equal(keys.isin(values), wanted):
            listed = ", ".join(map(repr, values))
            found = f'{name}["id"]' if columns == ["id"] else f"{name}.set_index({columns!r}).index".replace("'", '"')
            return f"[{found}.isin([{listed}])]"
    return f".iloc[{positions.tolist()!r}]"


def _are_texts(values: pd.DataFrame) -> bool:
    return all(isinstance(value, str) for column in values.columns for value in values[column])


def _warn_of_new_labels() -> None:
    warn(
        "The index labels of the captures are not unique, so the rows are numbered from 0.",
        code="index_labels_repeated",
        hint="To keep labels, make them unique before.",
    )


def state_of(picker: Any) -> CaptureState:
    """Return the state of a capture map, or the state itself.

    Raises
    ------
    InvalidRequest
        If it is neither.
    """
    state = getattr(picker, "state", picker)
    if not isinstance(state, CaptureState):
        raise InvalidRequest(
            f"must be a CaptureMap or its state, got {type(picker).__name__}.", argument="picker", code="picker_invalid"
        )
    return state


def no_captures() -> gpd.GeoDataFrame:
    """Return an empty frame of captures."""
    return gpd.GeoDataFrame({"id": pd.Series(dtype=str)}, geometry=gpd.GeoSeries([], crs=4326))
