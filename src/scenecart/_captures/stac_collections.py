"""The collections of a STAC API or catalog, and the properties that they can be searched by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd

from scenecart._api.web import Web
from scenecart._captures.stac_api import SearchRequest, links_of
from scenecart._captures.stac_pages import next_request
from scenecart._captures.stac_search import open_api, open_source
from scenecart._captures.stac_static import CatalogReader
from scenecart._util.json import NotJson, loads
from scenecart._util.keywords import checked_keywords
from scenecart._util.threads import thread_pool
from scenecart._util.validate import check_bool
from scenecart.exceptions import ScenecartError, warn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scenecart._api.limits import Limits
    from scenecart._api.retry import Retry
    from scenecart._captures.stac_static import Folder

_COLUMNS = ("id", "title", "description", "license", "start", "end", "bbox", "queryables")
_QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
_AT_ONCE = 8


@checked_keywords()
def collections(
    url: str | Path,
    *,
    queryables: bool = True,
    headers: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    retry: Retry | None = None,
) -> pd.DataFrame:
    """Return the collections of a STAC API or of a static catalog.

    Parameters
    ----------
    url
        The API's landing page or a ``catalog.json``, as for :func:`search_stac`.
    queryables
        Whether to request by which properties each collection can be searched: one more request for each collection of an
        API that offers the filter extension.
    headers, limits, retry
        As for :func:`search_stac`.

    Returns
    -------
    pandas.DataFrame
        One row for each collection: ``id``, ``title``, ``description``, ``license``, ``start`` and ``end`` (UTC; missing if
        open), ``bbox`` (west, south, east, north in degrees) and ``queryables`` (property to JSON schema; None if not
        stated).

    Raises
    ------
    ScenecartError
        As for :func:`search_stac`.

    Examples
    --------
    >>> import scenecart
    >>> box = scenecart.sandbox.Sandbox().start()
    >>> found = collections(f"{box.url}/v2/catalog/", headers={"Authorization": f"Bearer {box.token()}"})
    >>> "openterra-10m" in set(found["id"])
    True
    >>> box.stop()
    """
    check_bool(queryables, "queryables")
    with open_source(url, headers, limits, retry) as (source, address):
        first = source.read(address)
        api = open_api(source, first)
        listed: list[tuple[dict[str, Any], str]] = []
        has_queryables = False
        if api is not None and isinstance(source, Web):
            landing = loads(first.body)
            data = next((link["href"] for link in links_of(landing) if link["rel"] == "data"), "collections")
            listed = list(_listed(source, source.resolve(first.url, data) or first.url))
            has_queryables = queryables and api.promises("FILTER")
        else:
            walk = CatalogReader(source)
            for _ in walk.items(first, only_collections=True):
                pass
            listed = [(one, first.url) for one in walk.collections]
        found = {str(one.get("id")): (one, base) for one, base in listed}
        with thread_pool(_AT_ONCE, "scenecart-queryables") as threads:
            known = list(threads.map(lambda pair: _queryables(source, *pair, has_queryables=has_queryables), found.values()))
    rows = [_row(one, properties) for (one, _), properties in zip(found.values(), known, strict=True)]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    for name in ("start", "end"):
        frame[name] = pd.to_datetime(frame[name], format="ISO8601", utc=True, errors="coerce")
    return frame


def _listed(web: Web, url: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the collections that an API lists, page by page, each with the URL of the list."""
    request: SearchRequest | None = SearchRequest(url)
    requested: set[bytes] = set()
    while request is not None:
        requested.add(request.key)
        document = web.read(request.url, method=request.method, body=request.body, headers=request.headers)
        try:
            content = loads(document.body)
        except NotJson as error:
            raise document.unreadable(f"The list of collections is not valid JSON ({error}).", code="response_not_json") from None
        listed = content.get("collections") if isinstance(content, Mapping) else None
        if not isinstance(listed, list):
            raise document.unreadable("The response is not a list of collections.", code="stac_collections_unreadable")
        yield from ((one, url) for one in listed if isinstance(one, dict))
        request = next_request(web, content, request, document)
        if request is not None and request.key in requested:
            warn(f"{web.host} repeated a page of collections. The list may be incomplete.", code="stac_page_repeated")
            return


def _queryables(source: Web | Folder, collection: Mapping[str, Any], base: str, *, has_queryables: bool) -> dict[str, Any] | None:
    """Return the queryable properties of a collection; None if they are not stated."""
    if not has_queryables:
        return None
    href = next((link["href"] for link in links_of(collection) if link["rel"] == _QUERYABLES), None)
    if href is None:
        href = f"{base.partition('?')[0].rstrip('/')}/{quote(str(collection.get('id')), safe='')}/queryables"
    url = source.resolve(base, href)
    try:
        document = None if url is None else loads(source.read(url).body)
    except (ScenecartError, NotJson):
        return None
    properties = document.get("properties") if isinstance(document, Mapping) else None
    return dict(properties) if isinstance(properties, Mapping) else None


def _row(collection: Mapping[str, Any], queryables: dict[str, Any] | None) -> dict[str, Any]:
    extent = collection.get("extent")
    spatial, temporal = (extent.get("spatial"), extent.get("temporal")) if isinstance(extent, Mapping) else (None, None)
    box = _first(spatial, "bbox")
    interval = _first(temporal, "interval") or [None, None]
    numbers = [side for side in box or [] if isinstance(side, int | float)]
    return {
        **{name: collection.get(name) if isinstance(collection.get(name), str) else None for name in _COLUMNS[:4]},
        "start": interval[0],
        "end": interval[-1],
        # without the heights of a 3D bbox
        "bbox": {4: numbers, 6: numbers[:2] + numbers[3:5]}.get(len(numbers)),
        "queryables": queryables,
    }


def _first(member: Any, name: str) -> list[Any] | None:
    """Return the first box or interval of an extent, which contains all others."""
    listed = member.get(name) if isinstance(member, Mapping) else None
    first = listed[0] if isinstance(listed, list) and listed else None
    return first if isinstance(first, list) and first else None


collections.__module__ = "scenecart"
