"""Client: a connection to a service. Each method is a few lines over the other files, and the documentation of what they do."""

from __future__ import annotations

import itertools
import os
import re
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

import platformdirs

from scenecart._api import operations, schemas
from scenecart._api.http import Limits, Session
from scenecart._captures import parquet
from scenecart._captures.frame import checked_row
from scenecart._captures.query import Query, SearchCriteria, build_query
from scenecart._captures.search import search_catalog, stream_catalog
from scenecart._captures.search_many import search_areas
from scenecart._cart.cart import Cart, make_cart
from scenecart._cart.estimate import Estimate, PricingService
from scenecart._cover.plan import CoverPlan, PlanOptions, plan_cover
from scenecart._delivery.download import DeliveryService
from scenecart._orders.journal import Journal
from scenecart._orders.order import Order
from scenecart._orders.order_api import OrderApi
from scenecart._orders.pending_notice import warn_of_pending_placements
from scenecart._orders.placement import PlacementService
from scenecart._orders.purchase_details import read_purchase_details
from scenecart._orders.tables import footprints_of, orders_frame, placements_frame
from scenecart._util.files import as_path
from scenecart._util.keywords import checked_keywords
from scenecart._util.progress import ProgressReporter, progress_callback
from scenecart._util.validate import check_count
from scenecart.exceptions import (
    ConfigurationError,
    InvalidCart,
    InvalidQuery,
    InvalidRequest,
    JournalError,
    ScenecartWarning,
    warn,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    import geopandas as gpd
    import httpx
    import pandas as pd

    from scenecart._api.credentials import Credentials
    from scenecart._api.retry import Retry
    from scenecart._util.progress import ProgressCallback

_MOST_PICTURE = 4 * 2**20

_OPERATION = re.compile(r"\w+(\.\w+)*", re.ASCII)


class Client:
    """A connection to the ordering service; made by :func:`connect`.

    It is safe to use from several threads. Close it, or use it in a ``with`` block, when it is no longer needed.

    Parameters
    ----------
    credentials
        How to sign in, and where.
    project
        Where imagery is delivered unless ``place`` says otherwise.
    home
        Directory of the journal of placements. Default: ``SCENECART_HOME``, or the user's data directory.
    transport
        What sends requests, as httpx defines it; None opens real connections.
    limits, retry
        Timeouts and rates, and the rule for trying again.
    price_seconds
        How old an estimate may be, in seconds, before placing asks for the price once more. Default 0: it always asks.
    say
        Told in a line what placing or cancelling did, and what it did not; prints it unless another is given.

    Attributes
    ----------
    hosts : dict of str to list of str
        Catalog hosts that widgets offer, with their collections; the sandbox's are known, others can be set.
    project : str or None
        Where imagery is delivered unless ``place`` says otherwise.

    Examples
    --------
    >>> with connect("sandbox") as client:
    ...     len(client.search("openterra", collections="openterra-10m", limit=3))
    3
    """

    def __init__(  # everything a test may want to put in its place
        self,
        credentials: Credentials,
        *,
        project: str | None = None,
        home: str | os.PathLike[str] | None = None,
        transport: httpx.BaseTransport | None = None,
        limits: Limits | None = None,
        retry: Retry | None = None,
        price_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        say: Callable[[str], object] = print,
    ) -> None:
        self._session = Session(credentials, transport=transport, limits=limits, retry=retry, clock=clock, wall=wall, sleep=sleep)
        self._source = credentials.source
        self.project = project if project is not None else credentials.project
        self._journal = Journal(_home(home) / "placements.sqlite", wall=wall)
        self._pricing = PricingService(self._session, self, wall)
        self.hosts: dict[str, list[str]] = {}
        deliveries = DeliveryService(self._session, _home(home) / "imagery")
        papers = partial(read_purchase_details, journal=self._journal, desk=self)
        self._say = say
        self._orders = OrderApi(self._session, deliveries=deliveries, papers=papers, clock=clock, sleep=sleep, say=say)
        self._placing = PlacementService(
            self._orders,
            self._journal,
            self._pricing,
            price_seconds=price_seconds,
            wall=wall,
        )

    @property
    def signed_in_by(self) -> str:
        """Where the sign-in came from: arguments, environment variables, or the profile of this name."""
        return self._source

    @property
    def base_url(self) -> str:
        """Where the service is."""
        return self._session.base_url

    @checked_keywords()
    def search(  # one keyword for each thing a catalog can be asked
        self,
        host: str,
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
        """Search a host's catalog for captures that can be ordered.

        Parameters
        ----------
        host
            The catalog host.
        aoi
            Area of interest: a path, GeoDataFrame, shapely polygon, GeoJSON mapping, bbox or WKT. One of thousands of vertices
            is asked for by a simpler shape around it, and applied exactly to what comes back. What states no CRS is taken as
            longitude and latitude in degrees (EPSG:4326).
        bbox
            ``(west, south, east, north)`` in degrees; ``west > east`` crosses the antimeridian.
        intersects
            A geometry of any type, in the same forms as ``aoi``. Give at most one of aoi, bbox and intersects.
        collections, ids
            Names, one or several. At least one of the two is needed.
        datetime
            What pystac-client takes: ``"2024-03"``, ``"2024-01/2024-06"``, ``"2024-01-01/.."``, a datetime, or a pair; and a
            date, which stands for its whole day.
        query
            Property to operators: ``{"gsd": {"lte": 0.5}}``; lt, lte, gt, gte, eq, neq, in.
        max_cloud_cover
            Highest ``eo:cloud_cover`` in per cent.
        limit
            How many captures at most; None finds all.
        page_size
            How many captures to ask for at a time, 1 to 500. Default: as many as are wanted, from the service's stream where
            they are more than one page holds.
        progress
            True shows a bar; a callable is given a :class:`SearchEvent` whenever something arrives.
        return_on_interrupt
            Whether stopping the cell returns what has arrived, with a warning, instead of raising KeyboardInterrupt.

        Returns
        -------
        geopandas.GeoDataFrame
            EPSG:4326, one row a capture, every property a column, as in stac-geoparquet; plus ``host``, and
            ``orderable`` with ``not_orderable_reason`` for captures that can be listed but not ordered. Times are UTC. Where
            nothing was found, ``.attrs["query"]`` says in words what was asked.

        Raises
        ------
        InvalidQuery, InvalidArea
            If something asked for cannot be used; nothing was sent.
        NotFound
            If there is no such host.
        ScenecartError
            If the search breaks; what had arrived stands in the error's ``captures``.

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
        checked = build_query(host, criteria)
        with progress_callback(progress, f"Searching {host}") as callback:
            return search_catalog(self._session, checked, callback, return_on_interrupt=return_on_interrupt)

    @checked_keywords(also=SearchCriteria)
    def search_stream(self, host: str, *, batch_size: int = 2_000, **criteria: Any) -> Iterator[gpd.GeoDataFrame]:
        """Search as ``search`` does, and yield the captures as frames while they arrive.

        Parameters
        ----------
        host
            The catalog host.
        batch_size
            Captures in one frame at most.
        **criteria
            As for :meth:`search`, without ``progress`` and ``return_on_interrupt``.

        Raises
        ------
        InvalidQuery, InvalidArea
            At once, not at the first frame.
        ScenecartError
            When the next frame is asked for, if the search breaks; what had arrived was given before.

        Yields
        ------
        geopandas.GeoDataFrame
            As from :meth:`search`, each with an index from 0. The first frames are smaller, so that they come soon.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> frames = client.search_stream("aurora", batch_size=50, collections="aurora-50cm", datetime="2024-03", limit=120)
        >>> [len(frame) for frame in frames]
        [50, 50, 20]
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise InvalidQuery("batch_size must be a whole number of at least 1.")
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
        """Search, and write what is found to a folder of GeoParquet files instead of memory.

        The files are STAC GeoParquet 1.1, spatially sorted, with a bounding box a row; geopandas, DuckDB, dask-geopandas and
        stac-geoparquet read them. In memory is one partition at a time.

        Parameters
        ----------
        directory
            A folder that is new or empty.
        host
            The catalog host.
        partition
            ``"month"`` (default), ``"year"`` or ``"day"`` of acquisition, in UTC.
        progress
            True shows a bar; a callable is given a :class:`SearchEvent` whenever something arrives.
        **criteria
            As for :meth:`search`.

        Returns
        -------
        list of pathlib.Path
            The files: ``host=…/month=2024-03/part-0000.parquet``, and ``without-footprint.ndjson`` for captures that no such
            file can hold.

        Raises
        ------
        InvalidQuery
            If the folder holds something already, or the search makes no sense; nothing was sent.
        MissingExtra
            If stac-geoparquet is not installed.
        ScenecartError
            If the search breaks; what had arrived stands in the folder.

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
        frames = stream_catalog(self._session, build_query(host, SearchCriteria(**criteria)))
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
        """Search many areas at once, and put what was found below each other.

        Requests leave from this process alone, under one rate limit, and no sign-in ever leaves it; an executor only builds
        frames from answers, so a cluster of other machines needs no account.

        Parameters
        ----------
        areas
            A GeoDataFrame or GeoSeries (its index names the areas), a mapping of names to areas, or a list.
        host
            The catalog host.
        executor
            What builds the frames: any ``concurrent.futures.Executor``, such as that of a Dask cluster. None uses threads.
        at_once
            How many requests may be under way, 1 to 64.
        progress
            True shows a bar; a callable is given a :class:`SearchEvent` whenever an area is done.
        **criteria
            As for :meth:`search`, without ``aoi``, ``bbox`` and ``intersects``.

        Returns
        -------
        geopandas.GeoDataFrame
            As from :meth:`search`, with the column ``area`` (the area's name) and ``duplicate`` (True where the same capture
            stands above for another area). A property that the catalog calls ``area`` or ``duplicate`` is kept as
            ``properties:area`` or ``properties:duplicate``. ``.attrs["errors"]`` maps the areas that failed to what went
            wrong, of which there is a warning; what had arrived of them is kept.

        Raises
        ------
        InvalidQuery
            If the criteria cannot be used for any area.

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

    def quicklook(self, capture: Mapping[str, Any] | pd.Series[Any]) -> bytes | None:
        """Return a small picture of a capture, as the catalog shows it.

        Parameters
        ----------
        capture
            A row of a search result: its ``host`` and ``id`` are asked for.

        Returns
        -------
        bytes or None
            PNG or JPEG; None where the catalog has none, or one of more than 4 MB.

        Raises
        ------
        InvalidRequest
            If this is no row, or it lacks either.
        ScenecartError
            If the service fails.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=1)
        >>> client.quicklook(captures.iloc[0])[1:4]
        b'PNG'
        """
        row = checked_row(capture, "host", "id")
        reference = operations.image_reference(str(row["host"]), str(row["id"]))
        return self._session.image(operations.THUMBNAIL, reference, _MOST_PICTURE)

    @checked_keywords(elsewhere=dict.fromkeys(("area", "geometry", "clip"), "Did you mean 'aoi'?"))
    def cart(self, captures: gpd.GeoDataFrame, aoi: Any = None, *, split_by_date: bool = False) -> Cart:
        """Put captures into a cart.

        Parameters
        ----------
        captures
            Rows of a search result.
        aoi
            What to clip them to, in any form ``search`` takes; None buys whole footprints.
        split_by_date
            Have each acquisition date priced for itself.

        Raises
        ------
        InvalidCart
            If it is empty, or a capture cannot be ordered or does not touch the area; its ``ids`` say which.
        InvalidArea
            If the area cannot be used.

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
    ) -> CoverPlan:
        """Choose captures that together cover an area, at least cost. Nothing is bought.

        The choice is exact where the time suffices, by mixed-integer programming over the ground that the footprints share;
        otherwise it is the best that was found, and the plan says how far from the best possible it can be.

        Parameters
        ----------
        captures
            Rows of a search result, of one host or several.
        aoi
            What to cover, in any form ``search`` takes.
        objective
            What to make best: ``"cost"`` (default, least credits), ``"fewest"`` (captures), ``"newest"`` (least km² times days
            of age) or ``"clearest"`` (least clouded km²; a capture that does not say its cloud cover counts as overcast). Between
            equals the cheaper is taken.
        max_cloud_cover
            Highest ``eo:cloud_cover`` in per cent; one that does not say it is left out then.
        min_coverage
            Share of the area to be covered, above 0 and up to 1, 0.98 by default. Where all captures together cover less, it is
            the share of what they can cover.
        budget
            Most credits to spend; where that does not buy ``min_coverage``, the plan covers most for it.
        max_captures
            Most captures to take.
        prices
            ``"service"`` (default) asks what each capture costs alone, many in one question, and what the chosen ones cost
            together; ``"area"`` asks nothing, and takes km² for the price.
        time_limit
            Seconds to look for the best. Default 10.

        Returns
        -------
        CoverPlan
            The cart and its estimate, the coverage, what is missing, why each capture was taken; ``plot()`` draws it.

        Raises
        ------
        InvalidArea, InvalidQuery
            If the area or an option cannot be used.
        InvalidCart
            If no capture can be used, or the budget buys none.
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
        options = PlanOptions(objective, min_coverage, max_cloud_cover, budget, max_captures, prices, time_limit)
        return plan_cover(captures, aoi, options, client=self)

    def estimate(self, cart: Cart) -> Estimate:
        """Ask the service what a cart costs; the same as ``cart.estimate()``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> cart = client.cart(client.search("openterra", collections="openterra-10m", limit=1))
        >>> client.estimate(cart).total_credits
        0
        """
        if not isinstance(cart, Cart):
            raise InvalidCart(f"What is priced is a cart, not a {type(cart).__name__}.", hint="client.cart(captures).estimate()")
        return self._pricing.estimate(cart)

    @checked_keywords()
    def place(
        self,
        estimate: Estimate,
        *,
        project: str | None = None,
        license_type: str = "standard",
        again: bool = False,
        max_credits: int | None = None,
    ) -> Order:
        """Buy what was estimated; the same as ``estimate.place()``. This spends money.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-02", limit=1)
        >>> order = client.place(client.cart(captures).estimate(), max_credits=0)
        >>> order.captures == captures["id"].tolist()
        True
        """
        chosen = self.project if project is None else project
        return self._placing.place(estimate, project=chosen, license_type=license_type, again=again, max_credits=max_credits)

    @checked_keywords()
    def existing_order(self, estimate: Estimate, *, project: str | None = None, license_type: str = "standard") -> Order | None:
        """Return the order that placing an estimate would give back without buying; the same as ``estimate.existing_order()``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-06", limit=1)
        >>> client.existing_order(client.cart(captures).estimate()) is None
        True
        """
        chosen = self.project if project is None else project
        return self._placing.existing_order(estimate, project=chosen, license_type=license_type)

    def order(self, order_id: str) -> Order:
        """Return an order by its id.

        Raises
        ------
        NotFound
            If there is none, or it belongs to another organization.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-03", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> client.order(order.id).total_credits
        0
        """
        return Order(self._orders, self._orders.fetch(order_id))

    @checked_keywords()
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
            Only those in this state: ``"processing"``, ``"delivered"``, ``"failed"`` or ``"cancelled"``. Another is asked for
            with a warning, since the service may have more.
        project
            Only those delivered to this project.
        name
            Only those of this display name.
        ids
            Only these; an empty list gives an empty table.
        tags
            Only those with all of these tags.
        order_type
            Only those of this kind, such as ``"archive"``.
        limit
            How many at most; None lists all.

        Returns
        -------
        pandas.DataFrame
            A ``geopandas.GeoDataFrame`` (EPSG:4326) where the ground of an order is known: from the service, or from this
            machine's journal. Columns ``status``, ``captures`` (how many), ``total_credits`` (int), ``total_aud`` (decimal),
            ``billing_mode``, ``project``, ``name``, ``created`` (UTC) and ``reason``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-04", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> client.orders(ids=[order.id])["captures"].tolist()
        [1]
        """
        check_count(limit, "limit", kind=InvalidQuery)
        doubt = schemas.unknown_state_hint(status) if isinstance(status, str) else None
        if doubt is not None:
            warn(f"No order is known to have the state {status!r}, and the service is asked for it all the same. {doubt}")
        wanted = schemas.order_filters(status=status, project=project, name=name, ids=ids, tags=tags, order_type=order_type)
        records = [] if schemas.matches_nothing(wanted) else list(itertools.islice(self._orders.each(wanted), limit))
        try:
            placed = self._journal.placements(self.base_url, ("placed",))
        except JournalError as error:
            warn(f"{error.message} The ground of orders that this machine placed is not shown.")
            placed = []
        return orders_frame(records, footprints_of(records, placed))

    def placements(self) -> pd.DataFrame:
        """Return what this machine's journal knows of placements at this service, oldest first.

        The column ``state`` is ``"placed"``, ``"unpaid"`` (the same key is used next time), ``"refused"``, ``"unknown"`` or
        ``"sent"`` (``settle()`` finds out), or ``"intended"`` (about to be sent). Beside it stand ``order_id``, ``project``,
        ``captures`` (how many), ``total_credits`` (int), ``total_aud``, ``key``, ``created`` (UTC) and ``detail``.

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

    @checked_keywords()
    def settle(self, *, send: bool = True) -> pd.DataFrame:
        """Bring every placement that was sent and got no answer to its end; never buys twice.

        A purchase whose request was lost on its way is completed: it is sent with its own key, and only while it costs what it
        cost when it was agreed to. Where it had arrived, the same key gives its order. What another account of this service
        placed is left alone, with a warning.

        Parameters
        ----------
        send
            False sends nothing: only the list of orders is looked at, and what is not among them stays unknown.

        Returns
        -------
        pandas.DataFrame
            The placements that were looked at, as they stand now; columns as in :meth:`placements`. ``detail`` says how each was
            settled.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> len(client.settle())
        0
        """
        if not isinstance(send, bool):
            raise InvalidRequest(f"send is True or False, not {send!r}. Nothing was sent.")
        return placements_frame(self._placing.settle(send=send))

    def whoami(self) -> dict[str, Any]:
        """Return what the service says of the signed-in account; empty where it does not tell.

        Keys as in OpenID Connect: ``sub``, ``preferred_username``, ``scope`` (separated by spaces), and the service's own, such as
        ``organization_id``.

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
        """Return what the service says of the organization's credits; 100 credits are one Australian dollar.

        Raises
        ------
        PermissionDenied
            If the account may not see them.

        Examples
        --------
        >>> connect("sandbox").balance()["balance_credits"] > 0
        True
        """
        answer = self._session.call(operations.BALANCE, {})
        return answer if isinstance(answer, dict) else {"balance": answer}

    @checked_keywords()
    def call(self, operation: str, body: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None) -> Any:
        """Call any operation of the service by its name, and return its decoded answer.

        Placing is not called this way: only an estimate can be placed.

        Parameters
        ----------
        operation
            Its name in the service's API, such as ``"catalog.search"``.
        body
            What is sent, as JSON; None sends an empty object.
        idempotency_key
            The key of a spend, with which it may be sent again after a failure.

        Raises
        ------
        ConfigurationError
            For operations that place orders.
        ScenecartError
            The error of the answer's status.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> client.call("billing.credits.transactions", {"limit": 1})["limit"]
        1
        """
        if not isinstance(operation, str):
            raise InvalidRequest(f"An operation is called by its name, as text, not by {type(operation).__name__}.")
        if not _OPERATION.fullmatch(operation):
            # an address reads %2E and /../ in its own way, and could be led to what places orders
            raise InvalidRequest(f"There is no operation {operation!r}: a name is words with dots between. Nothing was sent.")
        if operation.lower().endswith(".place"):
            raise ConfigurationError(
                "Orders are not placed by call(): only an estimate can be placed.",
                hint="client.cart(captures).estimate().place(project=…)",
            )
        return self._session.call(operations.operation(operation), dict(body or {}), key=idempotency_key)

    def close(self) -> None:
        """Give back connections and files."""
        self._session.close()
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __copy__(self) -> Self:
        """Return the client itself: copies of carts, estimates and orders use the same connection."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("A client holds a sign-in and is not sent elsewhere; connect() where it is needed.")

    def __repr__(self) -> str:
        return f"Client({self.base_url}, signed in by {self.signed_in_by})"

    def unanswered(self) -> tuple[int, int]:
        """Return how many purchases were sent and have no answer: this account's, and those of others that bought from here.

        :meth:`settle` brings this account's to their end.

        Examples
        --------
        >>> connect("sandbox").unanswered()
        (0, 0)
        """
        return self._placing.unanswered()

    def mention_unfinished(self) -> None:
        """Say what a former session left open, and what to do; a journal that cannot be used keeps nobody from searching."""
        try:
            warn_of_pending_placements(self._placing.unfinished(), self._warn_gently)
        except JournalError as error:
            self._warn_gently(f"{error} Until then nothing can be placed from here.")

    def _warn_gently(self, message: str) -> None:
        try:
            warn(message)
        except ScenecartWarning:
            # where warnings are errors, settle() has to stay within reach all the same
            self._say(message)


def _home(given: str | os.PathLike[str] | None) -> Path:
    chosen = given or os.environ.get("SCENECART_HOME")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("scenecart", appauthor=False))


Client.__module__ = "scenecart"
