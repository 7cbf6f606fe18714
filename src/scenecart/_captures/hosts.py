"""The hosts of the service's catalog and their collections, as tables."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
from shapely.geometry import box

from scenecart._api import operations
from scenecart._api.deadline import limited_to
from scenecart._api.fields import first, named, text_of
from scenecart._captures.frame import CRS
from scenecart._captures.times import utc_times
from scenecart._util.cached_value import CachedValue
from scenecart._util.validate import check_text, is_number
from scenecart.exceptions import InvalidQuery, NotFound, ScenecartError, ServiceError, reword

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scenecart._api.http import Session

# the registry changes seldom
_SECONDS = 3_600.0
# what only checks a name is not waited for longer
_LOOK_SECONDS = 3.0
_HOST_COLUMNS = ("title", "description", "collections", "access", "licence", "attribution")
_COLUMNS = ("title", "kind", "gsd", "sensors", "access", "licence", "start", "end", "credits_per_km2", "minimum_credits")
_EDGES, _EDGES_3D = 4, 6


class HostRegistry:
    """The hosts of one service, requested once an hour.

    Parameters
    ----------
    session
        The connection to the service.
    clock
        Seconds that only go forward.
    """

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self._session = session
        self._sources = CachedValue(self._request, _SECONDS, clock)

    def hosts(self) -> pd.DataFrame:
        """Return the hosts as a table; see :meth:`Client.hosts`."""
        rows = [
            {
                "host": _name_of(source),
                "title": text_of(source.get("title")),
                "description": text_of(source.get("description")),
                "collections": [_name_of(one) for one in _collections_of(source)],
                "access": text_of(first(source, "accessmodel", "access")),
                "licence": text_of(first(source, "license", "licence")),
                "attribution": text_of(source.get("attribution")),
            }
            for source in self._sources.get()
        ]
        return pd.DataFrame(rows, columns=["host", *_HOST_COLUMNS]).set_index("host")

    def collections(self, host: str) -> gpd.GeoDataFrame:
        """Return the collections of a host; see :meth:`Client.collections`."""
        check_text(host, "host", kind=InvalidQuery)
        source = next((one for one in self._sources.get() if _name_of(one) == host), None)
        if source is None:
            known = [_name_of(one) for one in self._sources.get()]
            raise InvalidQuery(f"{host!r} is not a host of this service.", code="host_unknown", hint=_nearest(host, known))
        licence = text_of(first(source, "license", "licence"))
        rows = [_row_of(one, licence) for one in _collections_of(source)]
        shapes = [_extent_of(one) for one in _collections_of(source)]
        frame = gpd.GeoDataFrame(pd.DataFrame(rows, columns=["collection", *_COLUMNS]), geometry=shapes, crs=CRS)
        times = {name: utc_times(frame[name].astype(object)) for name in ("start", "end")}
        numbers = {name: pd.to_numeric(frame[name], errors="coerce") for name in ("gsd", "credits_per_km2", "minimum_credits")}
        return frame.assign(**times, **numbers).set_index("collection")

    def names(self) -> dict[str, list[str]]:
        """Return the names of collections by host; empty if the service does not list them in time."""
        with contextlib.suppress(ScenecartError):
            return {_name_of(source): [_name_of(one) for one in _collections_of(source)] for source in self._sources.get()}
        return {}

    def lists(self, host: str, collections: str | Sequence[str] | None) -> bool | None:
        """Return whether the service lists a host with collections; None if it does not list its hosts, or not within seconds."""
        with limited_to(_LOOK_SECONDS, time.monotonic):
            known = self.names()
        wanted = [collections] if isinstance(collections, str) else list(collections or ())
        return host in known and set(wanted) <= set(known[host]) if known else None

    def explain(self, error: ScenecartError, host: str, collections: str | Sequence[str] | None) -> None:
        """Add the most similar host or collection name to the error of a search for an unknown one."""
        if not isinstance(error, NotFound):
            return
        known = self.names()
        wanted = [collections] if isinstance(collections, str) else list(collections or ())
        if not known:
            return
        if host not in known:
            reword(error, code="host_not_found", hint=_nearest(host, list(known)))
            return
        for name in wanted:
            if name not in known[host]:
                reword(error, code="collection_unknown", hint=_nearest(str(name), known[host]))
                return

    def _request(self) -> list[dict[str, Any]]:
        try:
            document = self._session.call(operations.SOURCES, {})
        except ScenecartError as error:
            if error.status not in operations.NOT_OFFERED:
                raise
            # the names alone
            document = self._session.call(operations.VENDORS, {})
        entries: Any = document
        if isinstance(document, Mapping):
            fields = named(document)
            entries = first(fields, "sources", "vendors", "content", "data", "items", "results")
        if not isinstance(entries, list):
            raise ServiceError("The service returned an unreadable list of hosts.", code="hosts_unreadable")
        return [fields for fields in map(named, entries) if _name_of(fields)]


def _name_of(fields: Mapping[str, Any]) -> str:
    found = first(fields, "id", "hostname", "name", "collectionid")
    return found if isinstance(found, str) else ""


def _collections_of(source: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = source.get("collections")
    entries = [named({"id": one} if isinstance(one, str) else one) for one in (given if isinstance(given, list) else [])]
    return [fields for fields in entries if _name_of(fields)]


def _row_of(fields: Mapping[str, Any], licence: str | None) -> dict[str, Any]:
    prices, extent = named(first(fields, "pricing", "price")), named(fields.get("extent"))
    interval = first(extent, "interval", "temporal")
    interval = interval if isinstance(interval, list) and len(interval) == 2 else [None, None]  # noqa: PLR2004  # start and end
    sensors = first(fields, "sensors", "platforms")
    return {
        "collection": _name_of(fields),
        "title": text_of(fields.get("title")),
        "kind": text_of(first(fields, "datatype", "type")),
        "gsd": first(fields, "gsd", "resolution"),
        "sensors": [str(one) for one in sensors] if isinstance(sensors, list) else [],
        "access": text_of(first(fields, "accessmodel", "access")),
        "licence": text_of(first(fields, "license", "licence")) or licence,
        "start": interval[0],
        "end": interval[1],
        "credits_per_km2": prices.get("creditsperkm2"),
        "minimum_credits": first(prices, "minimumcredits", "leastcredits"),
    }


def _extent_of(fields: Mapping[str, Any]) -> Any:
    edges = first(named(fields.get("extent")), "bbox", "spatial")
    if not isinstance(edges, list) or len(edges) not in {_EDGES, _EDGES_3D} or not all(map(is_number, edges)):
        return None
    half = len(edges) // 2
    return box(edges[0], edges[1], edges[half], edges[half + 1])


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known)}."
