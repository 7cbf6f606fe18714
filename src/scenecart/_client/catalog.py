"""Methods of a client for searches and quicklooks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scenecart._captures.frame import checked_row
from scenecart._captures.query import Query, SearchCriteria, build_query
from scenecart._captures.search import search_catalog, stream_catalog
from scenecart._captures.search_hosts import search_hosts
from scenecart._client.hosts import HostMethods
from scenecart._imagery.quicklook import SIZES, QuicklookStore
from scenecart._util.files import as_path
from scenecart._util.keywords import checked_keywords
from scenecart._util.progress import ProgressReporter, progress_callback
from scenecart._util.validate import check_choice, check_count
from scenecart.exceptions import InvalidQuery, ScenecartError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

    from scenecart._util.progress import ProgressCallback


class CatalogMethods(HostMethods):
    """Methods of a client for searches of the catalog; none of them spends money."""

    _quicklooks: QuicklookStore

    @checked_keywords()
    def search(  # one keyword for each search criterion
        self,
        host: str | Sequence[str],
        *,
        aoi: Any = None,
        bbox: Any = None,
        intersects: Any = None,
        collections: str | Sequence[str] | None = None,
        ids: str | Sequence[str] | None = None,
        datetime: Any = None,
        query: Mapping[str, Any] | None = None,
        max_cloud_cover: float | None = None,
        limit: int | None = None,
        page_size: int | None = None,
        progress: bool | ProgressCallback | None = None,
        return_on_interrupt: bool = False,
    ) -> gpd.GeoDataFrame:
        """Search the catalog of a host, or of several hosts at once.

        Parameters
        ----------
        host
            The catalog host, or a list of hosts; :meth:`hosts` lists them. Of several hosts, each is searched for the collections
            that it has. A host that fails does not lose the captures of the others.
        aoi
            Area of interest: a path, GeoDataFrame, shapely polygon, GeoJSON mapping, bbox or WKT. Without a CRS it is read
            as EPSG:4326 (longitude, latitude). A detailed area is simplified for the request, and the result is filtered
            by the exact area.
        bbox
            ``(west, south, east, north)`` in degrees; ``west > east`` crosses the antimeridian.
        intersects
            A geometry of any type, in the same formats as ``aoi``. Pass at most one of aoi, bbox and intersects.
        collections, ids
            Names of collections and ids of captures, one or several. At least one of the two is required.
        datetime
            As in pystac-client: ``"2024-03"``, ``"2024-01/2024-06"``, ``"2024-01-01/.."``, a datetime, or a pair. A date
            means its whole day.
        query
            Operators by property, such as ``{"gsd": {"lte": 0.5}}``. Operators are lt, lte, gt, gte, eq, neq and in.
        max_cloud_cover
            Highest ``eo:cloud_cover``, in percent.
        limit
            Maximum number of captures to return; None returns all.
        page_size
            Captures per request, 1 to 500. Default: one request if ``limit`` is at most 500; otherwise the service streams
            the result.
        progress
            True shows a progress bar. A callable is called with a :class:`SearchEvent` each time captures arrive.
        return_on_interrupt
            Whether interrupting the cell returns the captures so far, with a warning, instead of raising KeyboardInterrupt.

        Returns
        -------
        geopandas.GeoDataFrame
            One row per capture, EPSG:4326, times in UTC. Every property is a column, as in stac-geoparquet, plus ``host``,
            ``orderable``, and ``not_orderable_reason`` for captures that cannot be ordered. With ``aoi``, ``covers`` is the
            share of the area that each capture covers, 0 to 1. If the result is empty, ``.attrs["query"]`` describes what was
            searched. Of several hosts, ``.attrs["errors"]`` is a dict of host to error, and
            a failed host is a warning, ``hosts_failed``.

        Raises
        ------
        InvalidQuery, InvalidArea
            If an argument is invalid; nothing was sent.
        NotFound
            If the host does not exist; the nearest name is suggested.
        ScenecartError
            If the search fails; the error's ``captures`` contains the captures received before.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=5)
        >>> len(captures), captures.crs.to_epsg()
        (5, 4326)
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
        if not isinstance(host, str) and isinstance(host, Iterable):
            with progress_callback(progress, "Searching several hosts") as callback:
                return search_hosts(self._session, self._hosts, list(host), criteria, callback)
        checked = build_query(host, criteria)
        with progress_callback(progress, f"Searching {host}") as callback:
            try:
                return search_catalog(self._session, checked, callback, return_on_interrupt=return_on_interrupt)
            except ScenecartError as error:
                self._hosts.explain(error, host, collections)
                raise

    @checked_keywords(also=SearchCriteria)
    def search_stream(self, host: str, *, batch_size: int = 2_000, **criteria: Any) -> Iterator[gpd.GeoDataFrame]:
        """Search, and yield the captures as frames while they arrive.

        Parameters
        ----------
        host
            The catalog host.
        batch_size
            Maximum number of captures in one frame.
        **criteria
            As for :meth:`search`, without ``progress`` and ``return_on_interrupt``.

        Raises
        ------
        InvalidQuery, InvalidArea
            If an argument is invalid. Raised by the call itself, before the first frame.
        ScenecartError
            If the search fails. Raised while iterating.

        Yields
        ------
        geopandas.GeoDataFrame
            As from :meth:`search`. Every frame's index starts at 0. The first frames may be smaller, so that you see them
            sooner.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> frames = client.search_stream("aurora", batch_size=50, collections="aurora-50cm", datetime="2024-03", limit=120)
        >>> [len(frame) for frame in frames]
        [50, 50, 20]
        """
        batch_size = check_count(batch_size, "batch_size", optional=False, kind=InvalidQuery)
        return stream_catalog(self._session, build_query(host, SearchCriteria(**criteria)), batch_size)

    @checked_keywords(also=SearchCriteria)
    def search_to_parquet(
        self,
        directory: str | os.PathLike[str],
        host: str,
        *,
        partition: str = "month",
        progress: bool | ProgressCallback | None = None,
        **criteria: Any,
    ) -> list[Path]:
        """Search, and write the captures to a directory of GeoParquet files.

        The files are STAC GeoParquet 1.1, spatially sorted, with a bounding box per row; geopandas, DuckDB, dask-geopandas
        and stac-geoparquet read them. One partition at a time is in memory.

        Parameters
        ----------
        directory
            A new or empty directory.
        host
            The catalog host.
        partition
            ``"month"`` (default), ``"year"`` or ``"day"`` of acquisition, in UTC.
        progress
            True shows a progress bar. A callable is called with a :class:`SearchEvent` each time captures arrive.
        **criteria
            As for :meth:`search`.

        Returns
        -------
        list of pathlib.Path
            The files, such as ``host=…/month=2024-03/part-0000.parquet``, and ``without-footprint.ndjson`` for captures
            without a usable footprint.

        Raises
        ------
        InvalidQuery
            If the directory is not empty, or an argument is invalid; nothing was sent.
        MissingExtra
            If stac-geoparquet is not installed.
        ScenecartError
            If the search fails; the captures received before are in the directory.

        Examples
        --------
        >>> import tempfile, geopandas
        >>> folder = tempfile.mkdtemp()
        >>> client = connect("sandbox")
        >>> files = client.search_to_parquet(folder, "aurora", collections="aurora-50cm", datetime="2024-03", limit=20)
        >>> len(geopandas.read_parquet(files[0]))
        20
        """
        from scenecart._captures import parquet  # noqa: PLC0415  # loads pyarrow.parquet, which other searches do without

        folder = as_path(directory, "A folder of captures")
        # the files hold what the catalog says, and nothing of this search
        frames = stream_catalog(self._session, replace(build_query(host, SearchCriteria(**criteria)), area=None))
        with progress_callback(progress, f"Searching {host}") as callback:
            return parquet.write(frames, folder, host, partition, ProgressReporter(callback, host))

    @checked_keywords(also=SearchCriteria, without=("aoi", "bbox", "intersects"))
    def search_many(
        self,
        areas: Any,
        host: str,
        *,
        executor: Executor | None = None,
        at_once: int = 8,
        progress: bool | ProgressCallback | None = None,
        **criteria: Any,
    ) -> gpd.GeoDataFrame:
        """Search many areas at once, and return one frame of all captures.

        Only this process contacts the service, under one rate limit. Workers of an executor only convert responses to
        frames, so they need no credentials.

        Parameters
        ----------
        areas
            A GeoDataFrame or GeoSeries (its index names the areas), a mapping of names to areas, or a list.
        host
            The catalog host.
        executor
            Any ``concurrent.futures.Executor`` that builds the frames, such as that of a Dask cluster. None uses threads.
        at_once
            Maximum number of concurrent requests, 1 to 64.
        progress
            True shows a progress bar. A callable is called with a :class:`SearchEvent` each time an area is done.
        **criteria
            As for :meth:`search`, without ``aoi``, ``bbox`` and ``intersects``.

        Returns
        -------
        geopandas.GeoDataFrame
            As from :meth:`search`, with the columns ``area`` (the area's name) and ``duplicate`` (True if an earlier row is
            the same capture, found for another area). If the catalog has a property ``area`` or ``duplicate``, its column is
            named ``properties:area`` or ``properties:duplicate``. ``.attrs["errors"]`` is a dict of area name to error, as
            text; a warning is issued if an area failed. Without an executor, captures received before the error are kept.

        Raises
        ------
        InvalidQuery
            If the criteria are invalid for every area.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> harbours = {"Sydney": (151.18, -33.99, 151.24, -33.94), "Rotterdam": (4.0, 51.9, 4.2, 51.97)}
        >>> captures = client.search_many(harbours, "aurora", collections="aurora-50cm", datetime="2024-03")
        >>> sorted(set(captures["area"]))
        ['Rotterdam', 'Sydney']
        """
        from scenecart._captures.search_many import search_areas  # noqa: PLC0415  # a first search loads what it needs alone

        def query_of(area: Any) -> Query:
            return build_query(host, SearchCriteria(aoi=area, **criteria))

        with progress_callback(progress, f"Searching {host}") as callback:
            return search_areas(self._session, areas, query_of, executor=executor, at_once=at_once, progress=callback)

    @checked_keywords(also=SearchCriteria, without=("aoi", "bbox", "intersects"))
    def search_many_to_parquet(
        self,
        directory: str | os.PathLike[str],
        areas: Any,
        host: str,
        *,
        executor: Executor | None = None,
        at_once: int = 8,
        areas_per_file: int = 100,
        progress: bool | ProgressCallback | None = None,
        **criteria: Any,
    ) -> list[Path]:
        """Search thousands of areas, and write what covers each, and how cloudy it is, as partitioned GeoParquet.

        Only this process contacts the service, under one rate limit. Workers of an executor decode the responses and measure the
        coverage; they need no credentials and no shared disk. A few groups of areas at a time are in memory. Run it again with the
        same arguments after an interruption or a failure: only what is missing or failed is searched.

        Parameters
        ----------
        directory
            A new or empty directory, or that of the same search.
        areas, host
            As for :meth:`search_many`; names of areas become text.
        executor
            Any ``concurrent.futures.Executor``, such as that of a Dask cluster. None uses a thread.
        at_once
            Maximum number of concurrent requests, 1 to 64.
        areas_per_file
            How many areas are one file and one task of the executor; near areas are together.
        progress
            True shows a progress bar. A callable is called with a :class:`SearchEvent` each time a group is written.
        **criteria
            As for :meth:`search_many`.

        Returns
        -------
        list of pathlib.Path
            Files of GeoParquet 1.1, EPSG:4326, with a bounding box for each row. ``captures/part-….parquet`` has one row for each
            area and capture: ``area``, ``id``, ``collection``, ``host``, ``datetime`` (UTC), ``eo:cloud_cover`` (percent of the
            whole capture), ``gsd`` (metres), ``view:off_nadir`` (degrees), ``aoi:cloud_cover`` (percent of the area, as far as the
            catalog tells it), ``covers`` (share of the area, 0 to 1), ``orderable`` and the footprint. ``areas/part-….parquet`` has
            one row for each area: ``area``, ``captures`` (how many), ``covered`` (share that all cover together),
            ``whole_captures`` (how many cover 99 % of it or more), ``least_cloud`` (the lowest cloud of these over the area, else
            of the whole capture, in percent), ``newest`` (UTC), ``error`` (text, if its search failed) and the area.

        Raises
        ------
        InvalidQuery
            If the directory is of something else, an argument is invalid, or two areas have one name; nothing was sent.
        AuthenticationError, PermissionDenied
            If the service refuses the account. Other failures are errors of their areas, and a warning, ``areas_failed``.

        Examples
        --------
        >>> import tempfile, geopandas
        >>> client = connect("sandbox")
        >>> harbours = {"Sydney": (151.18, -33.99, 151.24, -33.94), "Rotterdam": (4.0, 51.9, 4.2, 51.97)}
        >>> captures, areas = client.search_many_to_parquet(
        ...     tempfile.mkdtemp(), harbours, "aurora", collections="aurora-50cm", datetime="2024-03"
        ... )
        >>> geopandas.read_parquet(areas).set_index("area")["covered"].sort_index().round(2).to_dict()
        {'Rotterdam': 1.0, 'Sydney': 1.0}
        """
        from scenecart._captures import areas_parquet  # noqa: PLC0415  # a first search loads what it needs alone

        def query_of(area: Any) -> Query:
            return build_query(host, SearchCriteria(aoi=area, **criteria))

        folder = as_path(directory, "A folder of captures")
        with progress_callback(progress, f"Searching {host}") as callback:
            return areas_parquet.search_to_files(
                self._session,
                folder,
                areas,
                query_of,
                executor=executor,
                at_once=at_once,
                areas_per_file=areas_per_file,
                progress=callback,
            )

    @checked_keywords()
    def quicklook(self, capture: Mapping[str, Any] | pd.Series[Any], size: str = "thumbnail") -> bytes | None:
        """Return the quicklook of a capture: a picture from the catalog, which costs nothing.

        For captures of :func:`search_stac` it is the thumbnail that the item itself links to; see :func:`scenecart.quicklook`.
        Pictures are kept on disk in the client's home directory, so that each is requested once. It can be called from several
        threads; at most six requests run at once.

        Parameters
        ----------
        capture
            A row of a search result, with ``host`` and ``id``.
        size
            ``"thumbnail"`` (default; often 256 pixels wide), or ``"large"``, the largest that the catalog has, often 1,000
            pixels wide. If there is no large one, the thumbnail is returned.

        Returns
        -------
        bytes or None
            PNG, JPEG or WEBP. None if there is no image, or the image is larger than 4 MB, or 16 MB if large.

        Raises
        ------
        InvalidRequest
            If ``capture`` is not a row with ``host`` and ``id``, or ``size`` is neither of the two.
        ScenecartError
            If the service fails.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=1)
        >>> thumbnail, large = (client.quicklook(captures.iloc[0], size) for size in ("thumbnail", "large"))
        >>> thumbnail[1:4], len(large) > len(thumbnail)
        (b'PNG', True)
        """
        row = checked_row(capture, "host", "id")
        check_choice(size, "size", SIZES)
        collection = row.get("collection")
        found = self._quicklooks.fetch(str(row["host"]), "" if collection is None else str(collection), str(row["id"]), size)
        # captures of open catalogs are not in the service; their host is that of the API
        is_open = "assets" in row and "." in str(row["host"])
        if found is not None or not is_open:
            return found
        from scenecart._captures.thumbnails import quicklook as own_quicklook  # noqa: PLC0415  # a first search loads what it needs alone

        return own_quicklook(row)


CatalogMethods.__module__ = "scenecart"
