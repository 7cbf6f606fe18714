"""Watches: a search that is saved under a name, and the captures that were not there last time."""

from __future__ import annotations

import getpass
import json
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scenecart._captures.frame import concat
from scenecart._captures.query import SearchCriteria, build_query
from scenecart._captures.search import search_catalog
from scenecart._captures.search_many import labelled, search_areas
from scenecart._captures.stac_api import as_interval
from scenecart._geo.area import as_area, as_geometry
from scenecart._geo.geometry import around_world_bounds, geojson
from scenecart._util.json import dumps
from scenecart._util.progress import progress_callback
from scenecart._util.text import clean_text, pluralize
from scenecart._util.validate import check_bool, check_text, shown_value
from scenecart._watch.watch_file import CaptureKey, SavedSearch
from scenecart.exceptions import InvalidRequest, NotFound, not_captures, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from concurrent.futures import Executor

    import geopandas as gpd

    from scenecart._api.http import Session
    from scenecart._util.progress import ProgressCallback
    from scenecart._watch.watch_file import WatchFile

# areas that are searched before what was seen is left out
_GROUP = 200
NEWS = "news"
"""Column of :meth:`Watch.new`: ``"new"`` or ``"updated"``."""


@dataclass(frozen=True)
class WatchService:
    """What watches work with.

    Attributes
    ----------
    session
        The connection to the service.
    file
        The file of watches.
    now
        A function that returns the Unix time, in seconds.
    """

    session: Session
    file: WatchFile
    now: Callable[[], float]

    def watch(self, name: str, host: str | None, criteria: SearchCriteria, areas: Any = None) -> Watch:
        """Save a search under a name, or return the saved one; see :meth:`Client.watch`."""
        check_text(name, "name")
        name = name.strip()
        if host is None and areas is None and criteria == SearchCriteria():
            return Watch(self, self._found(name))
        check_text(host, "host")
        build_query(str(host), criteria)
        plain = {**_plain(criteria), **({} if areas is None else {"areas": _plain_areas(areas, criteria)})}
        wanted = SavedSearch(0, self.session.base_url, name, str(host), dumps(plain).decode(), _person(), self.now(), None, None)
        saved = self.file.add(wanted)
        if (saved.host, saved.criteria) != (wanted.host, wanted.criteria):
            raise InvalidRequest(
                f"is taken: {saved.person} saved another search as {name!r} on {_moment(saved.created):%Y-%m-%d}, "
                f"with other {_differences(saved, wanted)}. Nothing was changed.",
                argument="name",
                code="watch_name_taken",
                hint=f"Use another name, or remove that watch: client.watch({name!r}).remove()",
                details={"name": name},
            )
        return Watch(self, saved)

    def table(self) -> pd.DataFrame:
        """Return the watches of the service as a table; see :meth:`Client.watches`."""
        saved = self.file.list(self.session.base_url)
        times = {
            name: pd.to_datetime([getattr(search, name) for search in saved], unit="s", utc=True)
            for name in ("created", "looked", "seen")
        }
        return pd.DataFrame(
            {
                "host": pd.Series([search.host for search in saved], dtype="str"),
                "criteria": pd.Series([json.loads(search.criteria) for search in saved], dtype=object),
                **times,
                "person": pd.Series([search.person for search in saved], dtype="str"),
            },
        ).set_index(pd.Index([search.name for search in saved], name="name", dtype="str"))

    def _found(self, name: str) -> SavedSearch:
        found = self.file.find(self.session.base_url, name)
        if found is None:
            names = [search.name for search in self.file.list(self.session.base_url)]
            near = get_close_matches(name, names, n=1)
            raise NotFound(
                f"There is no watch {clean_text(name, 80)!r} at this service.",
                code="watch_not_found",
                hint=f"Did you mean {near[0]!r}?"
                if near
                else "client.watches() lists them. To save one, pass host and collections.",
            )
        return found


class Watch:
    """A search that is saved under a name; :meth:`Client.watch` returns one. A watch never buys anything.

    Attributes
    ----------
    name, host : str
        Its name, and the catalog host that it searches.
    criteria : dict
        What it searches for, as for :meth:`Client.search`; areas as GeoJSON in degrees (EPSG:4326).
    created : datetime.datetime
        When it was saved (UTC).
    """

    def __init__(self, service: WatchService, saved: SavedSearch) -> None:
        self._service = service
        self._saved = saved
        self._last: gpd.GeoDataFrame | None = None
        self.name = saved.name
        self.host = saved.host
        self.criteria: dict[str, Any] = json.loads(saved.criteria)
        self.created = _moment(saved.created)

    def new(
        self,
        *,
        updated: bool = False,
        progress: bool | ProgressCallback | None = None,
        executor: Executor | None = None,
        at_once: int = 8,
    ) -> gpd.GeoDataFrame:
        """Search, and return the captures that are not marked as seen. Nothing is marked: a crash loses no news.

        A capture is known by its host, collection and id, so a wrong clock and a capture that the catalog adds late do not matter.

        Parameters
        ----------
        updated
            Whether to return captures too that were seen, and that the catalog updated since, as far as it states ``updated``.
        progress
            As for :meth:`Client.search`.
        executor, at_once
            As for :meth:`Client.search_many`, if the watch has many areas.

        Returns
        -------
        geopandas.GeoDataFrame
            As from :meth:`Client.search`, EPSG:4326, with the column ``news``: ``"new"`` or ``"updated"``. The first time, it has
            every capture of the search. Captures without an id are left out, with the warning ``watch_captures_without_id``.
            With many areas, there is a row for each area and capture, with the columns ``area`` and ``duplicate``; areas that
            failed are in ``.attrs["errors"]``, and their captures stay new.

        Raises
        ------
        NotFound
            If the watch was removed meanwhile (``watch_removed``), or the host does not exist.
        WatchError
            If the file of watches cannot be read.
        ScenecartError
            If the search fails.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> watch = client.watch("news", "aurora", collections="aurora-50cm", datetime="2024-03", bbox=(151.1, -34, 151.3, -33.8))
        >>> watch.seen(watch.new().head(2))
        2
        >>> len(watch.new()) == len(client.search("aurora", **watch.criteria)) - 2
        True
        """
        check_bool(updated, "updated")
        known = self._service.file.known(self._saved.number)
        with progress_callback(progress, f"Searching {self.host}") as callback:
            if "areas" in self.criteria:
                fresh = self._new_of_areas(known, callback, executor, at_once, updated=updated)
            else:
                query = build_query(self.host, SearchCriteria(**self.criteria))
                fresh = _fresh(search_catalog(self._service.session, query, callback), known, updated=updated)
        if not self._service.file.record_search(self._saved.number, self._service.now()):
            raise self._removed()
        self._last = fresh
        return fresh

    def seen(self, captures: gpd.GeoDataFrame | None = None) -> int:
        """Mark captures as seen, so that :meth:`new` does not return them again; return how many.

        Parameters
        ----------
        captures
            Rows of :meth:`new`; None marks all that its last call returned, and no capture that arrived since.

        Raises
        ------
        InvalidRequest
            If ``new()`` was not called before (``watch_not_searched``), or ``captures`` is not a frame of captures.
        NotFound
            If the watch was removed meanwhile.
        WatchError
            If the file of watches cannot be written; then nothing is marked.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> watch = client.watch("seen", "aurora", collections="aurora-50cm", datetime="2024-03", bbox=(151.1, -34, 151.3, -33.8))
        >>> news = watch.new()
        >>> watch.seen() == len(news), len(watch.new())
        (True, 0)
        """
        if captures is None:
            captures = self._last
        if captures is None:
            raise InvalidRequest(
                "This watch has not been searched yet. Nothing was marked as seen.",
                code="watch_not_searched",
                hint="Call watch.new() first.",
            )
        if not {"id", "host"} <= set(getattr(captures, "columns", ())):
            raise not_captures(captures)
        marks = list(zip(_keys(captures), _editions(captures), strict=True))
        if not self._service.file.mark(self._saved.number, marks, self._service.now()):
            raise self._removed()
        return len(marks)

    def remove(self) -> None:
        """Remove the watch and what it has seen. Removing it twice is no error.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> client.watch("removed", "aurora", collections="aurora-50cm").remove()
        >>> "removed" in client.watches().index
        False
        """
        self._service.file.remove(self._saved.number)

    def _new_of_areas(
        self,
        known: Mapping[CaptureKey, str],
        callback: ProgressCallback | None,
        executor: Executor | None,
        at_once: int,
        *,
        updated: bool,
    ) -> gpd.GeoDataFrame:
        """Search the areas in groups, so that only news are kept of each."""
        criteria = {name: value for name, value in self.criteria.items() if name != "areas"}
        areas = list(self.criteria["areas"].items())
        parts: list[gpd.GeoDataFrame] = []
        errors: dict[Hashable, str] = {}
        for start in range(0, len(areas), _GROUP):
            found = search_areas(
                self._service.session,
                dict(areas[start : start + _GROUP]),
                lambda area: build_query(self.host, SearchCriteria(aoi=area, **criteria)),
                executor=executor,
                at_once=at_once,
                progress=callback,
            )
            errors |= found.attrs["errors"]
            parts.append(_fresh(found, known, updated=updated))
        fresh = concat(parts) if any(map(len, parts)) else parts[0]
        fresh["duplicate"] = fresh.duplicated(["host", "collection", "id"])
        fresh.attrs = {"errors": errors}
        return fresh

    def _removed(self) -> NotFound:
        return NotFound(
            f"The watch {self.name!r} was removed meanwhile. Nothing was marked as seen.",
            code="watch_removed",
            hint="Save it again: client.watch(…)",
        )

    def __repr__(self) -> str:
        return f"Watch({self.name!r}, {self.host})"


def seen_at(watch: Watch) -> float | None:
    """Return when captures of a watch were last marked as seen, in Unix time; None if never."""
    found = watch._service.file.find(watch._saved.base_url, watch.name)  # noqa: SLF001  # the watch's own module
    return None if found is None else found.seen


def clock_of(watch: Watch) -> float:
    """Return the time of the watch's clock, in Unix time."""
    return watch._service.now()  # noqa: SLF001  # the watch's own module


def _plain(criteria: SearchCriteria) -> dict[str, Any]:
    """Return criteria as JSON, in a form that does not depend on how they were written."""
    plain: dict[str, Any] = {name: value for name, value in vars(criteria).items() if value is not None}
    for name in ("collections", "ids"):
        if name in plain:
            plain[name] = sorted({plain[name]} if isinstance(plain[name], str) else set(plain[name]))
    if "aoi" in plain:
        plain["aoi"] = geojson(as_area(plain["aoi"]).geometry)
    if "intersects" in plain:
        plain["intersects"] = geojson(as_geometry(plain["intersects"]))
    if "bbox" in plain:
        plain["bbox"] = list(around_world_bounds(as_geometry(plain["bbox"], argument="bbox")))
    if "datetime" in plain:
        plain["datetime"] = as_interval(plain["datetime"])
    if "query" in plain:
        plain["query"] = json.loads(_json(plain["query"]))
    return plain


def _plain_areas(areas: Any, criteria: SearchCriteria) -> dict[str, Any]:
    """Return many areas as GeoJSON by name."""
    if any(area is not None for area in (criteria.aoi, criteria.bbox, criteria.intersects)):
        raise InvalidRequest(
            "A watch takes one area or many, not both.",
            code="watch_areas_ambiguous",
            hint="Use one of aoi, bbox, intersects and areas.",
        )
    named = [(str(name), area) for name, area in labelled(areas)]
    if len(dict(named)) < len(named) or not named:
        raise InvalidRequest("must be at least one area, with unique names.", code="watch_areas_invalid", argument="areas")
    return {name: geojson(as_area(area, argument=f"areas[{name!r}]").geometry) for name, area in named}


def _json(query: Mapping[str, Any]) -> bytes:
    try:
        return dumps(query)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(
            f"must have values that JSON can hold, got {shown_value(query)}.", argument="query", code="query_not_json"
        ) from error


def _differences(saved: SavedSearch, wanted: SavedSearch) -> str:
    """Return the names of the criteria in which two searches differ."""
    one, other = ({"host": search.host, **json.loads(search.criteria)} for search in (saved, wanted))
    names = [name for name in (*one, *(name for name in other if name not in one)) if one.get(name) != other.get(name)]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _fresh(found: gpd.GeoDataFrame, known: Mapping[CaptureKey, str], *, updated: bool) -> gpd.GeoDataFrame:
    """Return the captures that were not seen, and on request those that the catalog updated since."""
    has_id = found["id"].notna()
    if not has_id.all():
        warn(f"{pluralize(int((~has_id).sum()), 'capture')} without an id cannot be watched.", code="watch_captures_without_id")
    captures = found[has_id]
    marks = zip(_keys(captures), _editions(captures), strict=True)
    news = np.array([_news(key, edition, known) for key, edition in marks], dtype=object)
    wanted = (news == "new") | ((news == "updated") & updated)
    fresh = captures.assign(**{NEWS: news})[wanted].reset_index(drop=True)
    fresh.attrs = dict(found.attrs)
    return fresh


def _keys(captures: gpd.GeoDataFrame) -> list[CaptureKey]:
    nothing = [None] * len(captures)
    # the column of search_many(), not a property of the catalog
    area = captures["area"] if "duplicate" in captures.columns else nothing
    rows = zip(area, captures["host"], captures.get("collection", nothing), captures["id"], strict=True)
    return [CaptureKey(*("" if pd.isna(value) else str(value) for value in row)) for row in rows]


def _editions(captures: gpd.GeoDataFrame) -> list[str]:
    """Return when the catalog updated each capture, or created it, as text; empty if it does not state it."""
    missing = pd.Series(pd.NaT, index=captures.index, dtype="datetime64[us, UTC]")
    times = captures.get("updated", missing).fillna(captures.get("created", missing))
    return ["" if pd.isna(value) else pd.Timestamp(value).isoformat() for value in times]


def _news(key: CaptureKey, edition: str, known: Mapping[CaptureKey, str]) -> str | None:
    before = known.get(key)
    if before is None:
        return "new"
    return "updated" if edition and edition != before else None


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _person() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "somebody"
    return f"{user} on {socket.gethostname()}"


Watch.__module__ = "scenecart"
