"""Searches of several hosts at once."""

from __future__ import annotations

from concurrent.futures import as_completed
from dataclasses import replace
from typing import TYPE_CHECKING

from scenecart._captures.frame import concat
from scenecart._captures.query import build_query
from scenecart._captures.search import search_catalog
from scenecart._util.progress import ProgressReporter
from scenecart._util.text import clean_text, pluralize
from scenecart._util.threads import thread_pool
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidQuery, ScenecartError, warn

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart._api.http import Session
    from scenecart._captures.hosts import HostRegistry
    from scenecart._captures.query import Query, SearchCriteria
    from scenecart._util.progress import ProgressCallback

_AT_ONCE = 4
_MOST_HOSTS = 100


def search_hosts(
    session: Session,
    registry: HostRegistry,
    hosts: list[str],
    criteria: SearchCriteria,
    progress: ProgressCallback | None = None,
) -> gpd.GeoDataFrame:
    """Search each host for the collections that it has; see :meth:`Client.search`.

    Raises
    ------
    InvalidQuery
        If the hosts or the criteria are invalid; nothing was sent.
    ScenecartError
        The error of the first host, if all fail.
    """
    names = list(dict.fromkeys(hosts)) if all(isinstance(host, str) for host in hosts) else []
    if not 1 <= len(names) <= _MOST_HOSTS:
        raise InvalidQuery(
            f"must be a name or 1 to {_MOST_HOSTS} names, got {shown_value(hosts)}.", argument="host", code="hosts_invalid"
        )
    queries = _queries(registry, names, criteria)
    errors: dict[str, ScenecartError] = {
        name: InvalidQuery(f"The host {name!r} has none of these collections.", code="collection_unknown")
        for name in names
        if name not in queries
    }
    reporter = ProgressReporter(progress, ", ".join(names), len(names))
    reporter.emit("started", areas_done=len(errors))
    frames: dict[str, gpd.GeoDataFrame] = {}
    with thread_pool(_AT_ONCE, "scenecart-search") as threads:
        futures = {threads.submit(search_catalog, session, query): name for name, query in queries.items()}
        for done, future in enumerate(as_completed(futures), 1 + len(errors)):
            name = futures[future]
            try:
                frames[name] = future.result()
            except ScenecartError as error:
                registry.explain(error, name, criteria.collections)
                errors[name] = error
                if error.captures is not None and len(error.captures):
                    frames[name] = error.captures
            reporter.emit("area", sum(map(len, frames.values())), done)
    if len(errors) == len(names):
        raise errors[names[0]]
    found = concat([frames[name] for name in names if name in frames])
    found = found.head(criteria.limit) if criteria.limit is not None else found
    found.attrs["errors"] = {name: f"{type(errors[name]).__name__}: {errors[name]}" for name in names if name in errors}
    if errors:
        _warn_of_failures(errors)
    if not len(found):
        found.attrs["query"] = "; ".join(query.description for query in queries.values())
    reporter.emit("finished", len(found), len(names))
    return found


def _queries(registry: HostRegistry, names: list[str], criteria: SearchCriteria) -> dict[str, Query]:
    """Return a query for each host with the requested collections that it has; with all of them if the service lists none."""
    every = {name: build_query(name, criteria) for name in names}
    wanted = [criteria.collections] if isinstance(criteria.collections, str) else list(criteria.collections or ())
    known = registry.names() if wanted else {}
    queries: dict[str, Query] = {}
    for name, query in every.items():
        in_host = [one for one in wanted if one in known.get(name, wanted)]
        if in_host or not wanted:
            queries[name] = build_query(name, replace(criteria, collections=in_host)) if in_host != wanted else query
    return queries


def _warn_of_failures(errors: dict[str, ScenecartError]) -> None:
    name, error = next(iter(errors.items()))
    others = f" and {pluralize(len(errors) - 1, 'other host')}" if len(errors) > 1 else ""
    warn(
        f"The search of host {name!r}{others} failed: {clean_text(error.message, 300)}",
        code="hosts_failed",
        hint='All errors are in captures.attrs["errors"].',
    )
