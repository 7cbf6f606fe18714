"""Searches of STAC APIs, static catalogs and files of items, as GeoDataFrames."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scenecart._api import operations
from scenecart._api.web import Web
from scenecart._captures.decode import Reader
from scenecart._captures.frame import column_of
from scenecart._captures.query import SearchCriteria, build_stac_query
from scenecart._captures.repeats import Repeats
from scenecart._captures.search import apply_query, collect
from scenecart._captures.stac_api import SearchRequest, StacApi, as_cql2, checked_extensions, links_of, not_an_api
from scenecart._captures.stac_checks import Checks, sorted_rows
from scenecart._captures.stac_pages import read_items, read_pages
from scenecart._captures.stac_static import CatalogReader, Folder, local_file
from scenecart._util.json import NotJson, loads
from scenecart._util.keywords import checked_keywords
from scenecart._util.progress import ProgressReporter
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidQuery, ScenecartError, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import geopandas as gpd

    from scenecart._api.limits import Limits
    from scenecart._api.retry import Retry
    from scenecart._api.web import Document
    from scenecart._captures.decode import Batch
    from scenecart._captures.features import Feature
    from scenecart._captures.query import Query
    from scenecart._util.progress import ProgressCallback


_NOT_BY_POST = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
_REJECTED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
_NOT_OF_FILES = {
    "filter": "Every item is read anyway: use query=… for conditions on properties, or filter the result as a table.",
    "fields": "Every item is read whole anyway: omit it, and choose columns of the result.",
}


@checked_keywords()
def search_stac(
    url: str | Path,
    *,
    aoi: Any = None,
    bbox: Any = None,
    intersects: Any = None,
    collections: str | Sequence[str] | None = None,
    ids: str | Sequence[str] | None = None,
    datetime: Any = None,
    query: Mapping[str, Any] | None = None,
    max_cloud_cover: float | None = None,
    filter: str | Mapping[str, Any] | None = None,  # noqa: A002  # the name in STAC APIs
    sortby: str | Sequence[Any] | None = None,
    fields: str | Sequence[str] | Mapping[str, Any] | None = None,
    limit: int | None = None,
    page_size: int | None = None,
    headers: Mapping[str, str] | None = None,
    modifier: Callable[[Any], Any] | None = None,
    host: str | None = None,
    limits: Limits | None = None,
    retry: Retry | None = None,
    progress: ProgressCallback | None = None,
    return_on_interrupt: bool = False,
) -> gpd.GeoDataFrame:
    """Search a STAC API, a static STAC catalog or a file of items, with the columns of a search of the service.

    Each item is in the result once. Items are checked against the search as they arrive; those that do not match are left
    out, with a warning if the API should have left them out. A search ends with a warning if the API repeats its pages.

    Parameters
    ----------
    url
        The API's landing page, a ``catalog.json``, a collection, or a file of items; on this computer, its path. Catalogs
        are read document by document, up to 10,000.
    aoi, bbox, intersects, collections, ids, datetime, max_cloud_cover, limit, return_on_interrupt
        As for :meth:`Client.search`; all are optional here.
    query
        As for :meth:`Client.search`. If the API does not promise the query extension, items are filtered here, and one
        without the property does not match.
    filter
        A CQL2 expression, as text or as a dict of CQL2 JSON; the API must offer the filter extension. Catalogs of files
        are searched by ``query`` instead.
    sortby
        A property or several, each with ``-`` in front for descending order, such as ``"-properties.datetime"``.
    fields
        What to return of each item, such as ``["id", "geometry", "properties.datetime"]``; of APIs only.
    page_size
        How many items to request at a time. Default: the API decides.
    headers
        HTTP headers, such as ``Authorization``. They are sent to the origin of ``url`` only (scheme, host and port).
    modifier
        Called with each page of items, or each item of a catalog, as a dict to change in place: for example
        ``planetary_computer.sign_inplace``.
    host
        The value of the column ``host``. Default: the host name of ``url``, or the name of the file.
    limits
        Timeouts. Default: connect within 10 seconds, and read within 60; on this computer 3 and 6.
    retry
        How often failed requests are retried, as in :func:`connect`. Requests that time out are not.
    progress
        Called with a :class:`SearchEvent` each time captures arrive.

    Returns
    -------
    geopandas.GeoDataFrame
        As from :meth:`Client.search`.

    Raises
    ------
    InvalidQuery, InvalidArea, InvalidRequest
        If an argument is invalid (nothing was sent), or if the API lacks the extension that it needs.
    ScenecartError
        If the search fails: ``ServiceError``, ``ConnectionFailed``, ``AuthenticationError``, … ``captures`` of the error
        contains what had arrived.

    Examples
    --------
    >>> import scenecart
    >>> box = scenecart.sandbox.Sandbox().start()
    >>> headers = {"Authorization": f"Bearer {box.token()}"}
    >>> captures = search_stac(f"{box.url}/v2/catalog/", collections="openterra-10m", limit=5, headers=headers)
    >>> len(captures), captures["host"].iloc[0]
    (5, '127.0.0.1')
    >>> box.stop()
    """
    criteria = SearchCriteria(
        aoi=aoi,
        bbox=bbox,
        intersects=intersects,
        collections=collections,
        ids=ids,
        datetime=datetime,
        query=query,
        max_cloud_cover=max_cloud_cover,
        limit=limit,
        page_size=page_size,
    )
    if modifier is not None and not callable(modifier):
        raise InvalidQuery(f"must be a function, got {shown_value(modifier)}.", code="stac_modifier_invalid", argument="modifier")
    extensions = checked_extensions(sortby, fields, filter)
    with open_source(url, headers, limits, retry) as (source, first):
        checked = build_stac_query(host or source.host, criteria)
        search = _Search(source, first, checked, extensions, modifier)
        reporter = ProgressReporter(progress, checked.host)
        found = collect(search.features(), checked, reporter, return_on_interrupt=return_on_interrupt)
    frame = search.arranged(found)
    search.report()
    if not len(frame):
        frame.attrs["query"] = checked.description
    return frame


@contextlib.contextmanager
def open_source(
    url: Any, headers: Mapping[str, str] | None, limits: Limits | None, retry: Retry | None
) -> Iterator[tuple[Web | Folder, str]]:
    """Return the source of documents, the web or a local folder, and the address of the first document.

    Raises
    ------
    InvalidRequest
        If the argument is neither a URL nor an existing file.
    """
    if isinstance(url, str) and urlsplit(url.strip()).scheme in {"http", "https"}:
        with Web(url.strip(), headers, limits=limits, retry=retry) as web:
            yield web, web.url
    else:
        path = local_file(url)
        yield Folder(path), path.as_uri()


def open_api(source: Web | Folder, first: Document) -> StacApi | None:
    """Return the STAC API of a landing page; None for any other document.

    Raises
    ------
    ServiceError
        If the document has a search endpoint, but cannot be read as a landing page.
    """
    try:
        landing = loads(first.body)
    except NotJson:
        return None
    if not isinstance(source, Web) or not isinstance(landing, Mapping) or landing.get("type") not in {None, "Catalog"}:
        return None
    links = links_of(landing)
    search = [link for link in links if link["rel"] == "search"]
    if not search:
        return None
    addresses = [(link, source.resolve(first.url, link["href"])) for link in search]
    usable = [{**link, "href": address} for link, address in addresses if address is not None]
    if not usable:
        raise not_an_api(first.url)
    classes: Any = ()
    conformance = next((source.resolve(first.url, link["href"]) for link in links if link["rel"] == "conformance"), None)
    if not landing.get("conformsTo") and conformance is not None:
        # an API that does not answer this promises nothing
        with contextlib.suppress(ScenecartError, NotJson):
            document = loads(source.read(conformance).body)
            classes = document.get("conformsTo") if isinstance(document, Mapping) else ()
    return StacApi({**landing, "links": usable}, first.url, classes)


class _Search:
    """One search, of an API or of a static catalog, depending on the first document."""

    def __init__(
        self,
        source: Web | Folder,
        first: str,
        query: Query,
        extensions: Mapping[str, Any],
        modifier: Callable[[Any], Any] | None,
    ) -> None:
        self._source = source
        self._first = first
        self._query = query
        self._extensions = dict(extensions)
        self._modifier = modifier
        self._checks: Checks | None = None
        self._sorts_here = False

    def features(self) -> Iterator[list[Feature]]:
        """Yield the items that match while they arrive."""
        first = self._source.read(self._first)
        api = open_api(self._source, first)
        if api is not None and isinstance(self._source, Web):
            self._check_extensions(api)
            parameters, is_promised = self._parameters(api)
            self._checks = Checks(self._query, promised=is_promised)
            yield from apply_query(self._checks.matching(self._of_api(api, self._source, parameters)), self._query)
            return
        for argument, hint in _NOT_OF_FILES.items():
            if argument in self._extensions:
                message = "is not offered by a catalog of files."
                raise InvalidQuery(message, code="stac_files_extension", argument=argument, hint=hint)
        self._sorts_here = "sortby" in self._extensions
        self._checks = Checks(self._query, promised=False, is_static=True)
        query = replace(self._query, limit=None) if self._sorts_here else self._query
        yield from apply_query(self._checks.matching(self._of_files(first)), query)

    def arranged(self, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Return the items of a catalog sorted by ``sortby``; an API sorts its items itself."""
        if not self._sorts_here:
            return frame
        keys = []
        for part in self._extensions["sortby"]:
            column = column_of(part["field"].removeprefix("properties.")) if part["field"] not in frame.columns else part["field"]
            values = frame[column].tolist() if column in frame.columns else [None] * len(frame)
            keys.append((values, part.get("direction") == "desc"))
        rows = sorted_rows(keys, len(frame))[: self._query.limit]
        return frame.iloc[rows].reset_index(drop=True)

    def report(self) -> None:
        """Warn of items that did not match."""
        if self._checks is not None:
            self._checks.report(self._source.host)

    def _parameters(self, api: StacApi) -> tuple[dict[str, Any], bool]:
        """Return the parameters of the search, and whether the API promises to filter by its conditions on properties.

        Without the query extension, conditions are sent as CQL2 if the API offers that.
        """
        size = self._query.page_size or (min(self._query.limit, operations.PAGE_LIMIT) if self._query.limit else None)
        parameters = {**self._query.body, **({} if size is None else {"limit": size}), **self._extensions}
        expression = parameters.get("filter")
        if "query" not in parameters or api.promises("QUERY"):
            return parameters, True
        if not api.promises("FILTER") or isinstance(expression, str):
            return parameters, False
        parameters["filter"] = as_cql2(parameters.pop("query"), expression)
        return parameters, True

    def _of_api(self, api: StacApi, web: Web, parameters: dict[str, Any]) -> Iterator[Batch]:
        promises_query = api.promises("QUERY")

        def instead(failed: SearchRequest, status: int | None) -> SearchRequest | None:
            if status in _NOT_BY_POST and failed.method == "POST":
                return api.request(parameters, method="GET")
            if status in _REJECTED and "query" in parameters and not promises_query:
                # an API without the extension may refuse it; the items are filtered here
                del parameters["query"]
                return api.request(parameters, method=failed.method)
            if status in _REJECTED and "limit" in parameters and self._query.page_size is None:
                # the page size may exceed the limit of the API
                del parameters["limit"]
                return api.request(parameters, method=failed.method)
            return None

        yield from read_pages(web, api.request(parameters), instead, Reader(), self._modifier)

    def _of_files(self, first: Document) -> Iterator[Batch]:
        reader, repeats = Reader(), Repeats()
        for document in CatalogReader(self._source, self._query.body.get("collections", ())).items(first):
            for features, skipped in read_items(document, reader, self._modifier).batches():
                yield repeats.fresh(features), skipped

    def _check_extensions(self, api: StacApi) -> None:
        if "filter" in self._extensions and not api.promises("FILTER"):
            raise self._missing_extension("filter", self._source.host)
        for argument, extension in (("sortby", "SORT"), ("fields", "FIELDS")):
            if argument in self._extensions and not api.promises(extension):
                warn(f"{self._source.host} does not promise {argument}, and may ignore it.", code="stac_extension_not_promised")

    @staticmethod
    def _missing_extension(argument: str, host: str) -> InvalidQuery:
        return InvalidQuery(
            f"is not offered by {host}.",
            code="stac_extension_missing",
            argument=argument,
            hint="Use query=…, or scenecart.filter() on the result." if argument == "filter" else "Omit it.",
        )


search_stac.__module__ = "scenecart"
