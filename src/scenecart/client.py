"""Client: the connection to a service."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import replace
from os import environ
from typing import TYPE_CHECKING, Any, NoReturn, Self
from urllib.parse import urlsplit

import numpy as np

from scenecart._api import operations, schemas
from scenecart._api.deadline import limited_to
from scenecart._api.http import Session
from scenecart._api.order_states import unknown_state_hint
from scenecart._captures import areas_parquet, parquet
from scenecart._captures.frame import checked_row
from scenecart._captures.hosts import HostRegistry
from scenecart._captures.licences import LicenceRegistry
from scenecart._captures.query import Query, SearchCriteria, build_query
from scenecart._captures.search import search_catalog, stream_catalog
from scenecart._captures.search_hosts import search_hosts
from scenecart._captures.search_many import search_areas
from scenecart._captures.thumbnails import quicklook as own_quicklook
from scenecart._cart.cart import Cart, make_cart
from scenecart._cart.estimate import Estimate, PricingService
from scenecart._cart.owned import mark
from scenecart._cover.plan import CoverPlan, PlanOptions, plan_cover
from scenecart._delivery.download import DeliveryService
from scenecart._geo.area import as_area
from scenecart._imagery.quicklook import SIZES, QuicklookStore
from scenecart._office.books import Books
from scenecart._office.budgets import Budget, Budgets
from scenecart._office.guard import PurchaseGuard
from scenecart._office.spending import Spending, SpendingReader, entries_frame
from scenecart._orders.holdings import PANEL_SECONDS, HoldingReader
from scenecart._orders.journal import Journal
from scenecart._orders.labels import LabelFile, check_labels
from scenecart._orders.listing import OrderLook
from scenecart._orders.matching import OrderMatcher
from scenecart._orders.notice import Notice
from scenecart._orders.order import Order, label_order
from scenecart._orders.order_api import OrderApi
from scenecart._orders.ownership import OWNED_SHARE
from scenecart._orders.pending_notice import warn_of_pending_placements
from scenecart._orders.placement import PlacementService
from scenecart._orders.purchase_details import PurchaseReader
from scenecart._orders.settlement import SettlementService
from scenecart._orders.tables import footprints_of, orders_frame, placements_frame
from scenecart._orders.wait import found_orders
from scenecart._util.files import as_path
from scenecart._util.folders import data_folder
from scenecart._util.keywords import checked_keywords
from scenecart._util.progress import ProgressReporter, progress_callback
from scenecart._util.text import duration
from scenecart._util.validate import check_bool, check_choice, check_count, shown_value
from scenecart._watch.watch import Watch, WatchService
from scenecart._watch.watch_file import WatchFile
from scenecart.exceptions import (
    ConfigurationError,
    InvalidCart,
    InvalidQuery,
    InvalidRequest,
    JournalError,
    ScenecartError,
    warn,
)

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    import geopandas as gpd
    import httpx
    import pandas as pd

    from scenecart._api.credentials import Credentials
    from scenecart._api.limits import Limits
    from scenecart._api.retry import Retry
    from scenecart._orders.placement_request import PlacementRequest
    from scenecart._util.progress import ProgressCallback

# a panel does not wait longer for the names that it offers
_HOSTS_SECONDS = 3.0
_OPERATION = re.compile(r"\w+(\.\w+)*", re.ASCII)


class Client:
    """The connection to an ordering service; :func:`connect` returns one.

    It can be used from several threads. Close it when it is no longer needed, or use it in a ``with`` block.

    Parameters
    ----------
    credentials
        The service's URL, and how to sign in.
    project
        The project to deliver imagery to, unless ``place`` names another.
    home
        Directory of the placement journal. Default: ``SCENECART_HOME``, or the user's data directory.
    transport
        An ``httpx.BaseTransport`` that sends the requests; None opens network connections.
    ca_bundle
        File of trusted certificates in PEM form, or a folder of them, in place of the public authorities: that of a company whose
        network inspects encrypted connections. Default: ``SSL_CERT_FILE``, ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE`` or
        ``SSL_CERT_DIR``, else the public authorities.
    limits, retry
        Timeouts and rate limits, and the rule for retries.
    price_seconds
        How old an estimate may be, in seconds, before placing requests its price again. Default 0: always.
    owned_share
        The share of a capture's ground (0–1) from which on it counts as owned already when a cart is placed. Default 0.1; shares
        below 0.01 never count.
    budgets
        A TOML file of budgets that a team shares; see :meth:`budget`. Default: ``SCENECART_BUDGETS``, else none.
    require_approval
        Public keys of approvers: each order needs ``place(approval=…)`` signed with one of them. Default:
        ``SCENECART_REQUIRE_APPROVAL``, keys separated by blanks, else no approval is needed.
    clock
        A function that returns a monotonic time, in seconds.
    wall
        A function that returns the Unix time, in seconds.
    sleep
        A function that waits for a number of seconds.
    say
        A function that is called with a line of text about what placing or cancelling did. Default: ``print``.

    Attributes
    ----------
    project : str or None
        The project to deliver imagery to, unless ``place`` names another.

    Examples
    --------
    >>> with connect("sandbox") as client:
    ...     len(client.search("openterra", collections="openterra-10m", limit=3))
    3
    """

    def __init__(  # each part can be replaced in tests
        self,
        credentials: Credentials,
        *,
        project: str | None = None,
        home: str | os.PathLike[str] | None = None,
        transport: httpx.BaseTransport | None = None,
        ca_bundle: str | os.PathLike[str] | None = None,
        limits: Limits | None = None,
        retry: Retry | None = None,
        price_seconds: float = 0.0,
        owned_share: float = OWNED_SHARE,
        budgets: str | os.PathLike[str] | None = None,
        require_approval: Sequence[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        say: Callable[[str], object] = print,
    ) -> None:
        self._session = Session(
            credentials,
            transport=transport,
            limits=limits,
            retry=retry,
            clock=clock,
            now=wall,
            sleep=sleep,
            ca_bundle=ca_bundle,
        )
        self._credentials = credentials
        self.project = project if project is not None else credentials.project
        self._hosts = HostRegistry(self._session, clock)
        self._licences = LicenceRegistry(self._session, clock)
        directory = self._home = data_folder(home)
        self._journal = Journal(directory / "placements.sqlite", now=wall)
        self._pricing = PricingService(self._session, self, wall, self._licences.of_hosts)
        self._quicklooks = QuicklookStore(self._session, directory / "quicklooks")
        self._deliveries = deliveries = DeliveryService(self._session, directory / "imagery")
        purchases = PurchaseReader(self._journal, self, self._licences.of_hosts)
        self._orders = OrderApi(
            self._session,
            deliveries=deliveries,
            purchases=purchases,
            clock=clock,
            sleep=sleep,
            notify=say,
        )
        matcher, look = OrderMatcher(self._orders, self._journal, wall), OrderLook(self._orders, self._journal, wall)
        self._placing = PlacementService(
            self._orders,
            self._journal,
            self._pricing,
            matcher,
            look,
            price_seconds=price_seconds,
            owned_share=owned_share,
            now=wall,
        )
        self._orders.labels = LabelFile(directory / "labels.sqlite")
        self._books = Books(self._orders, self._journal, wall)
        self._budgets = Budgets(self._books, budgets or environ.get("SCENECART_BUDGETS") or None, wall)
        keys = require_approval if require_approval is not None else environ.get("SCENECART_REQUIRE_APPROVAL", "").split() or None
        self._guard = PurchaseGuard(self._budgets, keys, self._ordered, wall)
        self._spending = SpendingReader(self._session, self._books, self._journal)
        self._orders.after_wait = lambda: self._placing.say(None)
        self._session.on_placing_wait(lambda seconds: say(_limit_notice(seconds)))
        self._settlement = SettlementService(self._session, self._journal, self._placing, matcher, now=wall)
        self._watches = WatchService(self._session, WatchFile(directory / "watches.sqlite"), wall)
        self._holdings = HoldingReader(
            look,
            self._journal,
            purchases,
            deliveries,
            base_url=self._session.base_url,
            is_own=self._placing.is_own,
            now=wall,
        )

    @property
    def signed_in_by(self) -> str:
        """Where the sign-in comes from, such as ``"arguments"`` or ``"profile 'work'"``."""
        return self._credentials.source

    @property
    def base_url(self) -> str:
        """The service's URL."""
        return self._session.base_url

    @property
    def imagery_folders(self) -> list[Path]:
        """The folders of delivered imagery that it knows: those of ``order.open()``, and those it downloaded to."""
        return self._deliveries.folders()

    def hosts(self) -> pd.DataFrame:
        """Return the hosts of the catalog: the providers whose captures can be searched. They are requested once an hour.

        Returns
        -------
        pandas.DataFrame
            Indexed by host. Columns ``title``, ``description``, ``collections`` (list of names), ``access`` (such as
            ``"commercial"``), ``licence`` and ``attribution``; what the service does not state is missing.

        Raises
        ------
        ScenecartError
            If the service does not list its hosts.

        Examples
        --------
        >>> connect("sandbox").hosts().index.tolist()
        ['aurora', 'lumen', 'openterra']
        """
        return self._hosts.hosts()

    def collections(self, host: str) -> gpd.GeoDataFrame:
        """Return the collections of a host. They are requested once an hour.

        Returns
        -------
        geopandas.GeoDataFrame
            Indexed by collection. Columns ``title``, ``kind`` (such as ``"optical"``), ``gsd`` (metres), ``sensors``, ``access``,
            ``licence``, ``start`` and ``end`` (UTC), ``credits_per_km2`` and ``minimum_credits`` (only a guide: an estimate has
            the price), and ``geometry`` (the bounding box, EPSG:4326). What the service does not state is missing.

        Raises
        ------
        InvalidQuery
            If there is no such host; the nearest name is suggested.

        Examples
        --------
        >>> connect("sandbox").collections("aurora")["gsd"].to_dict()
        {'aurora-30cm': 0.3, 'aurora-50cm': 0.5, 'aurora-legacy': 1.0}
        """
        return self._hosts.collections(host)

    def licences(self) -> pd.DataFrame:
        """Return the licences of the hosts, and whether your organization accepted them. They are requested every ten minutes.

        Returns
        -------
        pandas.DataFrame
            Indexed by document. Columns ``host``, ``title``, ``accepted``, ``accepted_at`` (UTC), ``accepted_by``, ``url`` and
            ``text``; what the service does not state is missing or empty.

        Raises
        ------
        ScenecartError
            If the service does not list its licences.

        Examples
        --------
        >>> connect("sandbox").licences().loc["licence-openterra-1", "text"]
        'Free to use with the credit "contains OpenTerra data".'
        """
        return self._licences.table()

    def accept_licence(self, document: str) -> None:
        """Record at the service that your organization accepts a licence. This binds the organization, and buys nothing.

        Parameters
        ----------
        document
            A document of :meth:`licences`.

        Raises
        ------
        InvalidRequest
            If there is no such document.
        PermissionDenied
            If the account may not accept licences.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> client.accept_licence("licence-openterra-1")
        >>> bool(client.licences().loc["licence-openterra-1", "accepted"])
        True
        """
        self._session.check_may_send(operations.PLACE)
        self._licences.accept(document)

    @checked_keywords()
    def search(  # one keyword for each thing a catalog can be asked
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
        check_count(batch_size, "batch_size", optional=False, kind=InvalidQuery)
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
        areas_per_file: int = areas_parquet.AREAS_PER_FILE,
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
        # the service knows no captures of open catalogs, whose host is that of their API
        is_open = "assets" in row and "." in str(row["host"])
        return own_quicklook(row) if found is None and is_open else found

    @checked_keywords(elsewhere=dict.fromkeys(("area", "geometry", "clip"), "Did you mean 'aoi'?"))
    def cart(self, captures: gpd.GeoDataFrame, aoi: Any = None, *, split_by_date: bool = False) -> Cart:
        """Return a cart of captures.

        Parameters
        ----------
        captures
            Rows of a search result.
        aoi
            The area to clip the captures to, in any format that ``search`` accepts; None buys full footprints.
        split_by_date
            Price each acquisition date separately.

        Raises
        ------
        InvalidCart
            If the captures are empty, if one of them cannot be ordered or is outside the area, or if an option is invalid.
            The error's ``ids`` are these captures.
        InvalidArea
            If the area is invalid.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> client.cart(client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2))
        Cart(2 captures, whole footprints)
        """
        return make_cart(captures, aoi, split_by_date=split_by_date, client=self)

    @checked_keywords()
    def cover(
        self,
        captures: gpd.GeoDataFrame,
        aoi: Any,
        *,
        objective: str = "cost",
        max_cloud_cover: float | None = None,
        min_coverage: float = 0.98,
        budget: int | None = None,
        max_captures: int | None = None,
        prices: str = "service",
        time_limit: float = 10.0,
        use_owned: bool = False,
        cloud: str = "scene",
    ) -> CoverPlan:
        """Choose captures that together cover an area at the lowest cost. Nothing is bought.

        A mixed-integer program over the overlaps of the footprints finds the cheapest plan if ``time_limit`` allows.
        Otherwise it returns the best plan found, and says how far it can be from the best possible plan.

        Parameters
        ----------
        captures
            Rows of a search result, of one host or several.
        aoi
            The area to cover, in any format that ``search`` accepts.
        objective
            What to optimise. Of equally good plans, the cheapest is chosen.
            ``"cost"`` (default): fewest credits. ``"fewest"``: fewest captures. ``"newest"``: smallest sum of km² × age in
            days, counted from the newest capture. ``"clearest"``: smallest cloudy area in km² (missing cloud cover counts as
            100 %).
        max_cloud_cover
            Highest cloud cover (see ``cloud``), in percent. If it is set, captures without cloud cover are left out.
        min_coverage
            Share of the area to cover, above 0 and up to 1, by default 0.98. If all captures together cover less than this,
            the target is this share of the area that they can cover.
        budget
            Maximum number of credits to spend. If the budget is too small for ``min_coverage``, the plan covers as much as
            possible within it.
        max_captures
            Maximum number of captures to choose.
        prices
            ``"service"`` (default): asks the service for the price of each capture and of the chosen set. ``"area"``: asks
            for no prices; each capture costs its km².
        time_limit
            Maximum time to search for the best plan, in seconds. Default 10.
        use_owned
            True reads the list of orders, and counts the ground of captures that are owned already as covered, at no cost. Only
            captures of this frame within ``max_cloud_cover`` count, so what is too old or too cloudy to be in it covers nothing.
            The plan then covers the rest, and its cart is clipped to it.
        cloud
            ``"scene"`` (default): ``eo:cloud_cover`` of the whole capture counts. ``"aoi"``: ``aoi:cloud_cover``, the cloud over
            the area, which :func:`scenecart.cloud_over` adds first. It may be an estimate; the plan's ``why`` says for which.

        Returns
        -------
        CoverPlan
            The cart, its estimate, the coverage, the gaps, and the reason for each capture; ``plot()`` draws it.

        Raises
        ------
        InvalidArea, InvalidQuery
            If the area or an option is invalid.
        InvalidCart
            If no capture can be used, the budget buys none, or what is owned covers enough (``cover_all_owned``).
        MissingExtra
            If SciPy is not installed.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> coast = (151.16, -34.0, 151.26, -33.9)
        >>> captures = client.search("aurora", collections="aurora-50cm", aoi=coast, datetime="2024-01/2024-06")
        >>> plan = client.cover(captures, coast, max_cloud_cover=30, min_coverage=0.9)
        >>> plan.is_complete, len(plan.cart) < len(captures), plan.estimate.total_credits > 0
        (True, True, True)
        """
        check_bool(use_owned, "use_owned", kind=InvalidQuery)
        options = PlanOptions(objective, min_coverage, max_cloud_cover, budget, max_captures, prices, time_limit, cloud)
        return plan_cover(captures, aoi, options, client=self, owned=self.owned(acquired=False) if use_owned else None)

    def estimate(self, cart: Cart) -> Estimate:
        """Request the price of a cart; the same as ``cart.estimate()``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> cart = client.cart(client.search("openterra", collections="openterra-10m", limit=1))
        >>> client.estimate(cart).total_credits
        0
        """
        if not isinstance(cart, Cart):
            raise InvalidCart(
                f"must be a Cart, got {type(cart).__name__}.",
                argument="cart",
                code="not_a_cart",
                hint="Pass client.cart(captures).",
            )
        return self._pricing.estimate(cart)

    def place(
        self,
        estimate: Estimate,
        *,
        project: str | None = None,
        license_type: str = "standard",
        again: bool | str = False,
        owned: str = "refuse",
        max_credits: int | None = None,
        name: str | None = None,
        tags: str | Sequence[str] | None = None,
        reference: str | None = None,
        approval: str | os.PathLike[str] | None = None,
    ) -> Order:
        """Buy a cart at its estimated price; the same as ``estimate.place()``. This spends money.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-02", limit=1)
        >>> order = client.place(client.cart(captures).estimate(), max_credits=0)
        >>> order.captures == captures["id"].tolist()
        True
        """
        self._session.check_may_send(operations.PLACE)
        labels = check_labels(name, tags, reference)
        order = self._placing.place(
            estimate,
            project=self.project if project is None else project,
            license_type=license_type,
            again=again,
            owned=owned,
            max_credits=max_credits,
            guard=self._guard.of(approval),
        )
        label_order(order, labels)
        return order

    def existing_order(self, estimate: Estimate, *, project: str | None = None, license_type: str = "standard") -> Order | None:
        """Return the order that already exists for this cart, or None if ``place()`` would buy a new one.

        This buys nothing; it is the same as ``estimate.existing_order()``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-06", limit=1)
        >>> client.existing_order(client.cart(captures).estimate()) is None
        True
        """
        chosen = self.project if project is None else project
        return self._placing.existing_order(estimate, project=chosen, license_type=license_type)

    def budget(
        self,
        project: str | None = None,
        *,
        credits: int,  # noqa: A002  # the unit of money here
        per: str = "month",
        until: dt.date | None = None,
    ) -> pd.DataFrame:
        """Set how many credits may be spent in a period; ``place()`` refuses what would exceed it (:class:`OverBudget`).

        The service's orders are counted, whoever placed them, before each order. A budget is a guard against accidents: it binds
        this client, or with ``connect(budgets="budgets.toml")`` those who use the file, and nobody else. Two people who place
        within the same second are both let through. ``place(max_credits=)`` limits one order.

        Parameters
        ----------
        project
            The project that it is for; None for the whole organization. A budget of the same project is replaced.
        credits
            How many credits.
        per
            ``"day"``, ``"month"``, ``"quarter"``, ``"year"`` (of the calendar, UTC) or ``"all"``.
        until
            Its last day, after which nothing can be placed under it; None for no end.

        Returns
        -------
        pandas.DataFrame
            As from :meth:`budgets`.

        Raises
        ------
        InvalidRequest
            If an argument is invalid, or ``until`` is past.
        ScenecartError
            If the orders cannot be read.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> bool(client.budget(credits=3_000_000)["left"].iloc[0] <= 3_000_000)
        True
        """
        self._budgets.set(Budget(credits, per, project, until))
        return self._budgets.table()

    def budgets(self) -> pd.DataFrame:
        """Return the budgets of this client, with what is spent, reserved and left of each in credits.

        Columns ``project`` (missing for the whole organization), ``per``, ``credits``, ``start`` (of the present period, UTC),
        ``until``, ``spent``, ``reserved`` (by orders that are processing, and by purchases without an answer) and ``left``.

        Raises
        ------
        ConfigurationError
            If the file of budgets cannot be used.
        ScenecartError
            If the orders cannot be read.

        Examples
        --------
        >>> connect("sandbox").budgets().columns.tolist()[:3]
        ['project', 'per', 'credits']
        """
        return self._budgets.table()

    def spending(self, by: str = "project", *, since: Any = None, project: str | None = None) -> Spending:
        """Return what the organization's orders cost, counted from the service's orders.

        Parameters
        ----------
        by
            What the rows are: ``"project"``, ``"month"`` (of placing, UTC), ``"tag"`` (an order with several tags counts in each),
            ``"host"`` or ``"person"`` (both as far as this machine or the service knows them).
        since
            Only orders placed since this day or time (UTC if it has no zone); None for all.
        project
            Only orders for this project.

        Returns
        -------
        Spending
            A DataFrame indexed by ``by``. Columns ``orders`` (the number), ``reserved`` (of orders that are processing),
            ``charged``, ``refunded``, ``credits`` (reserved and charged) and ``aud`` (decimal, as the service states it).
            :meth:`Spending.to_report` writes a report.

        Raises
        ------
        InvalidRequest
            If an argument is invalid.
        ScenecartError
            If the orders cannot be read. Movements of credits that cannot be read are a warning,
            ``spending_without_transactions``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> client.spending(by="month").columns.tolist()
        ['orders', 'reserved', 'charged', 'refunded', 'credits', 'aud']
        """
        return self._spending.read(by, since, project)

    def commitments(self) -> pd.DataFrame:
        """Return the organization's minimum commitments, with what was used of them, as the service states them.

        The columns are the service's; empty if there are none.

        Raises
        ------
        PermissionDenied
            If the account may not see them.
        ScenecartError
            If the service does not list them.

        Examples
        --------
        >>> len(connect("sandbox").commitments())
        0
        """
        return entries_frame(self._session.call(operations.COMMITMENTS, {}), "commitments")

    def invoices(self) -> pd.DataFrame:
        """Return the organization's invoices, newest first, as the service states them; empty if there are none.

        Raises
        ------
        PermissionDenied
            If the account may not see them.
        ScenecartError
            If the service does not list them.

        Examples
        --------
        >>> len(connect("sandbox").invoices())
        0
        """
        return entries_frame(self._session.call(operations.INVOICES, {"limit": 500}), "invoices")

    def order(self, order_id: str) -> Order:
        """Return an order by its id; blanks and line breaks that were copied with it are left out.

        Raises
        ------
        NotFound
            If it does not exist, or belongs to another organization.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-03", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> client.order(order.id).total_credits
        0
        """
        return Order(self._orders, self._orders.fetch(_pasted(order_id)))

    def orders(
        self,
        *,
        status: str | None = None,
        project: str | None = None,
        name: str | None = None,
        ids: Sequence[str] | None = None,
        tags: str | Sequence[str] | None = None,
        order_type: str | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return the organization's orders as a table, newest first, indexed by id.

        Parameters
        ----------
        status
            Only orders in this state: ``"processing"``, ``"delivered"``, ``"failed"`` or ``"cancelled"``. Another value is sent
            too, with a warning: the service may know more states.
        project
            Only orders for this project.
        name
            Only orders with this display name.
        ids
            Only orders with these ids; an empty list returns an empty table.
        tags
            Only orders with all of these tags.
        order_type
            Only orders of this type, such as ``"archive"``.
        limit
            Maximum number of orders to return; None returns all.

        Returns
        -------
        pandas.DataFrame
            Columns ``status``, ``captures`` (the number; missing if unknown), ``total_credits`` (int), ``total_aud``
            (decimal), ``billing_mode``, ``project``, ``name``, ``tags``, ``reference`` (of orders placed on this machine),
            ``created`` (UTC) and ``reason``. It is a ``geopandas.GeoDataFrame``
            (EPSG:4326) if the service or this machine's journal knows the geometry of an order.
            A list that is shorter than the service says comes with a warning, ``orders_incomplete``; orders of this machine
            that the service's list left out are added, with the warning ``orders_left_out``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-04", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> client.orders(ids=[order.id])["captures"].tolist()
        [1]
        """
        check_count(limit, "limit", kind=InvalidQuery)
        hint = unknown_state_hint(status) if isinstance(status, str) else None
        if hint is not None:
            warn(f"{shown_value(status)} is not a known order status. It is sent anyway.", code="order_status_unknown", hint=hint)
        if isinstance(ids, Iterable):
            ids = _pasted(ids) if isinstance(ids, str) else [_pasted(one) for one in ids]
        filters = schemas.order_filters(status=status, project=project, name=name, ids=ids, tags=tags, order_type=order_type)
        try:
            placed = self._journal.placements(self.base_url, ("placed",))
        except JournalError as error:
            warn(
                f"{error.message} Footprints of orders from this machine are missing.",
                code="order_footprints_missing",
                hint=error.hint,
            )
            placed = []
        own = [placement.order_id for placement in placed if placement.order_id is not None]
        records = [] if schemas.matches_nothing(filters) else self._orders.table(filters, limit, own)
        return orders_frame(records, footprints_of(records, placed))

    def owned(self, aoi: Any = None, project: str | None = None, *, acquired: bool = True) -> gpd.GeoDataFrame:
        """Return what the organization owns: one row for each capture and order, newest first. Nothing is bought.

        The list of orders is read once. Orders that have ended without delivery do not count. Orders of this machine that the
        list leaves out are included. So are purchases of this machine whose outcome is not known yet, without an order: they may be
        owned, and become an order or disappear with :meth:`settle`.

        Parameters
        ----------
        aoi
            Only captures whose bought ground intersects this area, in any format that ``search`` accepts; nothing is clipped.
            Captures whose ground the service does not state stay, with the warning ``owned_place_unknown``.
        project
            Only captures that were delivered to this project.
        acquired
            Whether to look up in the catalogs when the captures were taken: one request for a hundred captures, up to a thousand
            captures a call. False leaves ``acquired`` missing.

        Returns
        -------
        geopandas.GeoDataFrame
            Columns ``id``, ``host``, ``collection``, ``acquired`` and ``ordered`` (UTC), ``order``, ``project``, ``license_type``,
            ``status``, ``credits`` (the price of the group, divided by its captures), ``path`` (the folder of files that
            ``order.open()`` keeps on this machine) and ``geometry`` (the bought ground, EPSG:4326). What the service does not state
            is missing. Orders whose captures it does not state are a warning, ``owned_captures_unknown``.

        Raises
        ------
        InvalidArea, InvalidRequest
            If an argument is invalid.
        ScenecartError
            If the list of orders cannot be read. A service that offers none is a warning, ``owned_list_not_offered``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2022-03", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> owned = client.owned()
        >>> owned.loc[owned["order"] == order.id, "id"].tolist() == captures["id"].tolist()
        True
        """
        check_bool(acquired, "acquired")
        return self._holdings.owned(None if aoi is None else as_area(aoi), project, acquired=acquired)

    def mark_owned(self, captures: gpd.GeoDataFrame, aoi: Any = None) -> gpd.GeoDataFrame:
        """Return captures with two more columns that say what the organization owns of them. Nothing is bought.

        The list of orders is read at most once a minute.

        Parameters
        ----------
        captures
            Rows of a search result; they are not changed.
        aoi
            Only the ground inside this area counts, in any format that ``search`` accepts; None counts whole footprints.

        Returns
        -------
        geopandas.GeoDataFrame
            The same captures with ``owned``, the share (0 to 1) of each capture's ground that is owned, and ``owned_by``, the ids
            of the orders. The share is NaN if a capture may be owned: if the service does not state enough to tell, or if it is not
            known what became of a purchase of this machine. Shares below 1 % and ground below 0.01 km² count as 0.

        Raises
        ------
        InvalidQuery, InvalidArea
            If an argument is invalid.
        ScenecartError
            If the list of orders cannot be read.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2022-04", limit=2)
        >>> order = client.cart(captures.head(1)).estimate().place()
        >>> client.mark_owned(captures)["owned"].tolist()
        [1.0, 0.0]
        """
        return mark(captures, self._holdings.known(), None if aoi is None else as_area(aoi))

    @checked_keywords()
    def watch(
        self,
        name: str,
        host: str | None = None,
        *,
        aoi: Any = None,
        bbox: Any = None,
        intersects: Any = None,
        collections: str | Sequence[str] | None = None,
        ids: str | Sequence[str] | None = None,
        datetime: Any = None,
        query: Mapping[str, Any] | None = None,
        max_cloud_cover: float | None = None,
        areas: Any = None,
    ) -> Watch:
        """Save a search under a name, to see later what is new; with the name alone, return the saved watch. Nothing is bought.

        Watches are in a file beside the placement journal, which notebooks and ``scenecart watch`` share. Saving the same search
        again returns the watch as it is.

        Parameters
        ----------
        name
            The name, which is unique for the service.
        host
            The catalog host.
        aoi, bbox, intersects, collections, ids, datetime, query, max_cloud_cover
            As for :meth:`search`. A file is read now, once. Without ``datetime``, or with an open one such as ``"2024-01-01/.."``,
            captures of any later time are found.
        areas
            Many areas, each watched for itself, as for :meth:`search_many`; names of areas become text.

        Raises
        ------
        InvalidRequest
            If the name is taken by another search (``watch_name_taken``), perhaps a colleague's; nothing is changed.
        InvalidQuery, InvalidArea
            If an argument is invalid.
        NotFound
            If only the name is given, and there is no such watch.
        WatchError
            If the file of watches cannot be used.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> watch = client.watch("harbour", "aurora", collections="aurora-50cm", bbox=(151.1, -34, 151.3, -33.8))
        >>> news = watch.new()
        >>> watch.seen() == len(news)
        True
        >>> len(client.watch("harbour").new())
        0
        """
        return self._watches.watch(
            name,
            host,
            SearchCriteria(
                aoi=aoi,
                bbox=bbox,
                intersects=intersects,
                collections=collections,
                ids=ids,
                datetime=datetime,
                query=query,
                max_cloud_cover=max_cloud_cover,
            ),
            areas,
        )

    def watches(self) -> pd.DataFrame:
        """Return the watches of this service as a table, indexed by name.

        Its columns are ``host``, ``criteria`` (a dict, as for :meth:`search`), ``created``, ``looked`` (when it was last searched
        to the end), ``seen`` (when captures were last marked as seen; times in UTC) and ``person`` (who saved it).

        Raises
        ------
        WatchError
            If the file of watches cannot be used.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> watch = client.watch("quarry", "aurora", collections="aurora-50cm")
        >>> client.watches().loc["quarry", "host"]
        'aurora'
        """
        return self._watches.table()

    def placements(self) -> pd.DataFrame:
        """Return the placements at this service from this machine's journal, oldest first.

        The column ``state`` is ``"placed"``, ``"unpaid"``, ``"refused"``, ``"absent"`` (the list of orders proves that there is
        no order), ``"put away"`` (never sent, or resolved), ``"unknown"`` or ``"sent"`` (``settle()`` finds out), or
        ``"intended"`` (about to be sent). The next attempt always uses the same key. The other columns are ``number`` (for
        :meth:`resolve`), ``order_id``, ``project``, ``captures`` (how many), ``total_credits`` (int), ``total_aud``, ``key``,
        ``created`` (UTC) and ``detail``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-05", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> placed = client.placements().set_index("order_id")
        >>> placed.loc[order.id, "state"]
        'placed'
        """
        return placements_frame(self._journal.placements(self.base_url))

    def settle(self, *, send: bool = True) -> pd.DataFrame:
        """Resolve every purchase that got no answer.

        By default this may complete a purchase and spend money, but never twice; ``send=False`` only looks. If the request
        never arrived, it is sent again with the same key, but only if the price is still the same; this buys the captures.
        If it did arrive, its order is found. After 15 minutes nothing is sent: the list of orders shows the order, proves that
        there is none, or leaves the purchase unknown, for :meth:`resolve`. Purchases of other accounts are skipped, with a
        warning.

        Parameters
        ----------
        send
            False sends nothing and only reads the list of orders.

        Returns
        -------
        pandas.DataFrame
            The placements in their current states; columns as in :meth:`placements`. ``detail`` says how each was settled.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> len(client.settle())
        0
        """
        check_bool(send, "send", after="Nothing was sent.")
        if send:
            self._session.check_may_send(operations.PLACE)
        return placements_frame(self._settlement.settle(send=send))

    def resolve(
        self, number: int | np.integer[Any], *, order: str | None = None, nothing: bool = False, why: str | None = None
    ) -> pd.DataFrame:
        """End a placement whose outcome :meth:`settle` cannot find out, by what the service's console or support said.

        The journal keeps your words with your user name and the time.

        Parameters
        ----------
        number
            The placement's ``number`` in :meth:`placements`.
        order
            The id of the order that it became.
        nothing
            True if it became no order. If the list of orders shows its order nevertheless, it is recorded as placed, with a
            warning. Placing the same captures afterwards sends the same key.
        why
            The reason, such as ``"support ticket 4711"``.

        Returns
        -------
        pandas.DataFrame
            The placement in its new state; columns as in :meth:`placements`.

        Raises
        ------
        InvalidRequest
            If there is no such placement, its outcome is known, or the order has other captures or is another placement's.
        PlacementError
            If it was sent within the last 15 minutes (``placement_recent``): ``settle()`` can still find out.
        NotFound
            If there is no such order.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> try:
        ...     client.resolve(700, nothing=True, why="support ticket 4711")
        ... except InvalidRequest as error:
        ...     print(error)
        There is no placement 700 at this service. client.placements() lists them.
        """
        if isinstance(number, np.integer):
            number = int(number)
        return placements_frame([self._settlement.resolve(number, order=order, nothing=nothing, why=why)])

    def whoami(self) -> dict[str, Any]:
        """Return the service's information about the signed-in account; empty if it has none.

        Keys are those of OpenID Connect, such as ``sub``, ``preferred_username`` and ``scope`` (separated by spaces), and
        the service's own, such as ``organization_id``.

        Raises
        ------
        AuthenticationError
            If the sign-in is refused.

        Examples
        --------
        >>> connect("sandbox").whoami()["preferred_username"]
        'analyst'
        """
        answer = self._session.userinfo()
        return answer if isinstance(answer, dict) else {}

    def balance(self) -> dict[str, Any]:
        """Return the organization's balance of credits; 100 credits are one Australian dollar.

        Raises
        ------
        PermissionDenied
            If the account may not see it.

        Examples
        --------
        >>> connect("sandbox").balance()["balance_credits"] > 0
        True
        """
        answer = self._session.call(operations.BALANCE, {})
        return answer if isinstance(answer, dict) else {"balance": answer}

    def call(self, operation: str, body: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None) -> Any:
        """Call an operation of the service's API by name, and return its decoded answer.

        It refuses every operation that may spend money, such as placing and cancelling orders, top-ups and processing.

        Parameters
        ----------
        operation
            The name in the service's API, such as ``"catalog.search"``.
        body
            The JSON body; None sends an empty object.
        idempotency_key
            The key of a request that spends, with which it can be repeated after a failure.

        Raises
        ------
        ConfigurationError
            If the operation may spend money; nothing was sent.
        ScenecartError
            The error of the answer's status.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> client.call("billing.credits.transactions", {"limit": 1})["limit"]
        1
        """
        # a URL may normalise %2E and /../, and lead to an operation that spends
        if not isinstance(operation, str) or not _OPERATION.fullmatch(operation):
            raise InvalidRequest(
                f"must be the name of an operation, such as 'catalog.search', got {shown_value(operation)}. Nothing was sent.",
                argument="operation",
                code="not_an_operation",
            )
        if operations.spends(operation):
            raise ConfigurationError(
                f"call() cannot spend money, and {operation} may. Nothing was sent.",
                code="spending_by_call",
                hint="Use client.cart(captures).estimate().place() to order, order.cancel() to cancel, and the service's console "
                "for billing and processing.",
            )
        return self._session.call(operations.operation(operation), dict(body or {}), key=idempotency_key)

    def _ordered(self, request: PlacementRequest) -> Order | None:
        purchase = request.purchase
        return self._placing.existing_order(request.estimate, project=purchase.project, license_type=purchase.license_type)

    def close(self) -> None:
        """Close the connections and the journal."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __copy__(self) -> Self:
        """Return the client itself, so that copies of carts, estimates and orders share its connection."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Client cannot be pickled, because it holds a sign-in. Call connect() in the other process.")

    def __repr__(self) -> str:
        credentials = self._credentials
        if credentials.source == "sandbox":
            return f"Client(sandbox, {str(credentials.username).partition('@')[0]})"
        by_secret = "API key" if credentials.api_key is not None else "token"
        is_profile = credentials.source.startswith("profile")
        user = credentials.source if is_profile else credentials.username or by_secret
        return f"Client({urlsplit(self.base_url).netloc}, {user})"


def warn_of_pending(client: Client, *, of_account: bool = False) -> None:
    """Warn about placements that an earlier session left unfinished; with ``of_account``, which asks the service, only its own."""
    if client.signed_in_by == "sandbox":
        # it ends with the process, and its placements with it
        return
    session = client._session if of_account else None  # noqa: SLF001  # the client's own module
    warn_of_pending_placements(client._settlement, client._orders.notify, session)  # noqa: SLF001  # likewise


def hosts_of(client: Client) -> dict[str, list[str]]:
    """Return the names of collections by host, for panels; empty if the service does not tell them soon."""
    with limited_to(_HOSTS_SECONDS, time.monotonic):
        return client._hosts.names()  # noqa: SLF001  # the client's own module


def session_of(client: Client) -> Session:
    """Return the HTTP session of a client, for widgets that read delivered files."""
    return client._session  # noqa: SLF001  # the client's own module


def home_of(client: Client) -> Path:
    """Return the folder of a client's journal, for widgets that keep what survives a restart."""
    return client._home  # noqa: SLF001  # the client's own module


def orders_to_wait_for(client: Client, order_ids: Sequence[str], timeout: float | None) -> tuple[list[Order], float | None]:
    """Return orders by their ids, through outages, and the seconds of the timeout that are left."""
    return found_orders(client._orders, order_ids, timeout)  # noqa: SLF001  # the client's own module


def listed_orders(client: Client, limit: int) -> list[Order]:
    """Return the newest orders of the organization, whoever placed them, with one request for each page of the list."""
    service = client._orders  # noqa: SLF001  # the client's own module
    return [Order(service, record) for record in service.table({}, limit)]


def known_holdings(client: Client, seconds: float = PANEL_SECONDS) -> gpd.GeoDataFrame:
    """Return what the organization owns, by a list of orders that is at most so many seconds old."""
    return client._holdings.known(seconds)  # noqa: SLF001  # the client's own module


def make_read_only(client: Client) -> None:
    """Refuse every request of a client that may change or buy something, before it is sent; this cannot be undone."""
    client._session.make_read_only()  # noqa: SLF001  # the client's own module


def count_unanswered(client: Client) -> tuple[int, int]:
    """Return how many placements were sent and have no answer: of this account, and of others."""
    return client._settlement.count_unanswered()  # noqa: SLF001  # the client's own module


def _pasted(order_id: Any) -> Any:
    """Return an id of an order as it was before it was copied from a terminal or a page."""
    return "".join(order_id.split()) if isinstance(order_id, str) else order_id


def _limit_notice(seconds: float) -> Notice:
    """Return the notice about an order that waits, because the service limits the orders of a minute."""
    return Notice(
        f"The service's limit of orders in one minute is reached. The next is sent in {duration(seconds)}.",
        code="placing_limited",
    )


Client.__module__ = "scenecart"
