"""The Workbench: a map, with the search form, results, cart and orders around it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it

from scenecart._captures.query import SearchCriteria
from scenecart._util.keywords import checked_keywords
from scenecart.client import hosts_of
from scenecart.exceptions import ConnectionFailed, InvalidCart, ScenecartError, ServiceError
from scenecart.widgets import _static_html, _style
from scenecart.widgets._base import Panel, checked_client
from scenecart.widgets._bench.area_choice import AreaChoice
from scenecart.widgets._bench.area_clouds import AreaClouds
from scenecart.widgets._bench.autosave import Autosave
from scenecart.widgets._bench.background_search import BackgroundSearch
from scenecart.widgets._bench.card import CardPart
from scenecart.widgets._bench.cart import CartPart
from scenecart.widgets._bench.cart_link import CartLink
from scenecart.widgets._bench.comparison import Comparison
from scenecart.widgets._bench.delivered_view import DeliveredView
from scenecart.widgets._bench.drawer import ORDERS, RESULTS, Drawer
from scenecart.widgets._bench.footer import Footer, found_text
from scenecart.widgets._bench.form_events import FormEvents
from scenecart.widgets._bench.header import Header, header_state, known_projects, project_name
from scenecart.widgets._bench.map import BenchMap
from scenecart.widgets._bench.order_counts import OrderCounts
from scenecart.widgets._bench.orders import OrdersPart
from scenecart.widgets._bench.page_state import drawer_state, search_form_state
from scenecart.widgets._bench.pending_filters import PendingFilters
from scenecart.widgets._bench.results import Results
from scenecart.widgets._bench.search_defaults import first_collections
from scenecart.widgets._bench.search_form import SearchForm
from scenecart.widgets._bench.search_request import with_arguments
from scenecart.widgets._bench.service_status import ServiceStatus
from scenecart.widgets._bench.snapshot import Snapshot
from scenecart.widgets._bench.watch_counts import WatchCounts
from scenecart.widgets._capture_prices import CapturePrices
from scenecart.widgets._jobs import Runner, synchronized
from scenecart.widgets._map_layers import bounds_of_area
from scenecart.widgets._order_list import OrderList
from scenecart.widgets._owned_marks import OwnedMarks
from scenecart.widgets._purchase import Purchase
from scenecart.widgets._session_code import ExecutedSearch
from scenecart.widgets._state import CaptureState, no_captures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import geopandas as gpd

    from scenecart.client import Client

# pictures, prices and clouds of a result are fetched at once, and a search does not wait for them
_WORKERS = 12
# with more captures, the card steps through them in the order of the search result
_HATCH_SECONDS = 0.1
_MOST_WALKED = 5_000
# the view at the start in the sandbox: a harbour with many captures
_SANDBOX_VIEW = (151.10, -34.02, 151.30, -33.90)


class Workbench(Panel):
    """One screen to search, compare, select, price, buy and receive imagery; the map is shown at once.

    On the left are the area, dates and collections to search, and filters; on the right are the current capture and the cart; below
    the map are the results and all orders. Everything that can be clicked has a key, and everything can be done in Python, too.

    Parameters
    ----------
    client
        The connection.
    hosts
        Catalog hosts to offer, with their collections; others can be typed. Default: the hosts that the client knows, and those
        that the service lists.
    aoi
        Area of interest at the start, in any format that ``search`` accepts. Default: what was there before, or the map's view.
    basemap
        See :class:`FootprintMap`.
    directory
        Directory for downloads. Default: ``delivered`` in the working directory.
    full
        Whether it fills the page, as in ``scenecart app``.

    Attributes
    ----------
    state : CaptureState
        The captures of the latest search, with their filters, the selection, the current capture and the area.
    cart : Purchase
        The cart: its ``captures``, ``aoi``, ``cart``, ``estimate``, ``order``, and ``add`` and ``remove``.
    orders : OrderList
        All orders, as ``orders.orders``, the running ones first; ``orders.refresh()`` lists them again.

    Examples
    --------
    >>> import scenecart
    >>> bench = Workbench(scenecart.connect("sandbox"), aoi=(151.16, -34.0, 151.26, -33.9), basemap="none")
    >>> bench.search("openterra", collections=["openterra-10m"], datetime="2024-03", wait=60)
    >>> len(bench.captures) > 0, bench.is_searching
    (True, False)
    >>> bench.close()
    """

    @checked_keywords()
    def __init__(
        self,
        client: Client,
        *,
        hosts: Mapping[str, Sequence[str]] | None = None,
        aoi: Any = None,
        basemap: Any = None,
        directory: Any = "delivered",
        full: bool = False,
    ) -> None:
        self._client, self._directory = checked_client(client), Path(directory)
        self._runner = Runner(_WORKERS, resend=self.resend_state)
        # saving does not wait for what is being fetched
        self._writer = Runner(1)
        self.state = CaptureState(no_captures(), aoi)
        self._autosave = Autosave(client, self._writer, self._collect, self._restore, is_pristine=aoi is None)
        self._filters = PendingFilters(self.state, lambda: self.is_searching)
        self._make_parts(basemap, is_full=bool(full))
        self._search = BackgroundSearch(
            client,
            self.state,
            self._runner,
            replace_captures=self._link.replace,
            changed=self._redraw,
            failed=self._service.fail,
        )
        self._search.finished = self._search_finished
        self._area = AreaChoice(self.state, self._search, self._filters, self._map, self._footer)
        self._snapshot = Snapshot(client, self.state, self.cart, bench_map=self._map, search=self._search, filters=self._filters)
        self._form_events = FormEvents(
            self.cart,
            self._map,
            area=self._area,
            search=self._search,
            filters=self._filters,
            autosave=self._autosave,
            redraw=self._redraw,
        )
        self._form.on_event(self._form_events.event)
        self._form.on_error(self._service.fail)
        self._search.collections = {name: list(known) for name, known in (hosts_of(client) if hosts is None else hosts).items()}
        style = _style.style_sheet("frame")
        super().__init__(style, self._app)
        self.add_class("sc-bench")
        self.watch(self.state, self._captures_changed, "captures")
        self.watch(self.state, self._matches_changed, "revision")
        self.watch(self.state, self._selection_changed, "selection")
        self.watch(self.state, self._current_changed, "current")
        self.watch(self.state, self._area_changed, "aoi")
        self.watch(self.cart, self._ordered, "order")
        self.watch(self.cart, self._link.cart_changed, "captures")
        self.watch(self.cart, lambda change: self._service_failed(change["new"]), "pricing_error")
        self.watch(self.orders, self._order_counts.changed, "revision")
        self.watch(self._owned, self._show_owned, "holdings")
        self.watch(self._owned, lambda _: self._cart_part.read_owned(), "holdings")
        self.watch(self._results.part, self._order_of_rows_changed, "state")
        first = next(iter(self._search.collections), "")
        collections = first_collections(first, self._search.collections)
        self._search.change(host=first, collections=collections, area=self.state.aoi, how="" if aoi is None else "given")
        self._service.start(with_hosts=hosts is None and not self._search.collections)
        self._watch_counts.read()

    @property
    def captures(self) -> gpd.GeoDataFrame:
        """All captures of the latest search."""
        return self.state.captures

    @property
    def filtered(self) -> gpd.GeoDataFrame:
        """The captures that match the filters."""
        return self.state.filtered

    @property
    def selected(self) -> gpd.GeoDataFrame:
        """The captures of the latest search that are in the cart, in the order they were added."""
        return self.state.selected

    @property
    def is_searching(self) -> bool:
        """Whether captures are arriving."""
        return self._search.is_searching

    @property
    def is_busy(self) -> bool:
        """Whether anything is requested or counted in the background."""
        return self._runner.is_any_busy()

    @checked_keywords(also=SearchCriteria)
    def search(self, host: str | None = None, *, wait: float | None = None, **criteria: Any) -> None:
        """Search as "Search this area" does; arguments replace those of the left column.

        Parameters
        ----------
        host
            The catalog host.
        wait
            How many seconds to wait for the result; None returns at once, and the captures appear as they arrive.
        **criteria
            ``aoi``, ``bbox``, ``collections`` and ``datetime``, as for ``client.search``. ``max_cloud_cover`` becomes a filter.

        Raises
        ------
        InvalidQuery, InvalidArea
            If an argument is invalid; nothing is searched.
        InvalidCart
            If an order is being placed.
        InvalidRequest
            If a criterion cannot be shown in the left column, such as ``ids``: pass it to ``client.search``.
        """
        if self.cart.is_placing:
            # a search changes the area of the cart, and the result of the purchase would not be displayed
            raise InvalidCart("An order is being placed.", code="placement_running", hint="Wait for its result, then search.")
        self._autosave.mark_used()
        most_cloud = criteria.pop("max_cloud_cover", None)
        request = with_arguments(self._search.request, host, criteria)
        self._filters.replace({} if most_cloud is None else {"eo:cloud_cover": [0.0, float(most_cloud)]})
        self._search.request = request
        if request.area is None:
            self._area.use_view()
        self.state.aoi = self._search.request.area
        self._search.search()
        end = time.monotonic() + (wait or 0.0)
        while wait is not None and self.is_searching and time.monotonic() < end:
            time.sleep(0.02)

    def static_html(self) -> str:
        """Return the captures as HTML without scripts, for places without live widgets."""
        return _static_html.captures_html(self.state, is_searching=self.is_searching)

    def release(self) -> None:
        """End background jobs, and save the state."""
        self._autosave.save()
        self._map.release()
        self._owned.release()
        self._prices.release()
        self._clouds.release()
        self._results.close()
        self._runner.close()
        self._writer.close()

    # parts

    def _make_parts(self, basemap: Any, *, is_full: bool) -> None:
        client, sandbox = self._client, self._client.signed_in_by == "sandbox"
        bounds = _SANDBOX_VIEW if sandbox and self.state.aoi is None else None
        self._header = Header(**header_state(is_sandbox=sandbox, project=client.project, projects=known_projects(client)))
        self._form, self._drawer, self._footer = SearchForm(), Drawer(), Footer(is_full=is_full, account=self._autosave.account)
        self._map = BenchMap(
            self.state,
            self._runner,
            client,
            basemap=basemap,
            bounds=bounds,
            notify=self._imagery_failed,
        )
        self.cart = Purchase(client, self._runner, aoi=self.state.aoi, directory=self._directory.expanduser().absolute())
        self.orders = OrderList(self._runner, client, directory=self._directory)
        self._owned = OwnedMarks(client, self.state, self._runner)
        self._prices = CapturePrices(client, self.state, self._runner)
        self._clouds = AreaClouds(client, self.state, self._runner)
        self._card = CardPart(self.state, client, self._runner, self._request)
        self._cart_part = CartPart(self.cart, self._runner, self._request, orders=self.orders, has_bench=True)
        self._orders_part = OrdersPart(self.orders, self._request)
        self._link = CartLink(self.state, self.cart, self._autosave.keep)
        self._service = ServiceStatus(
            client, self._runner, (self._header, self._drawer, self._footer), self._recovered, self._hosts_found
        )
        self._order_counts = OrderCounts(self.orders, self._header, self._drawer, self._footer, self._service)
        self._watch_counts = WatchCounts(client, self._runner, self._header, self._footer)
        self._results = Results(self.state, client=client, runner=self._runner, is_counted=True)
        self._results.on_action(self._request)
        self._comparison = Comparison(self.state, self._map, self._card, self._footer, self._results)
        self._delivered = DeliveredView(self._map, self.orders, self._runner)
        self._drawer_box = W.Box((self._drawer, self._results.part, self._orders_part))
        self._drawer_box.add_class("sc-res")
        self._middle = W.Box((self._map.view, self._drawer_box))
        self._middle.add_class("sc-mid")
        self._side = W.Box((self._card, self._cart_part))
        self._side.add_class("sc-side")
        self._app = W.Box((self._header, self._form, self._middle, self._side, self._footer))
        self._app.add_class("sc-app")
        for part, handler in (
            (self._header, self._header_event),
            (self._map.part, self._map_event),
            (self._drawer, self._drawer_event),
            (self._footer, self._footer_event),
        ):
            part.on_event(handler)
            part.on_error(self._service.fail)
        self._card.on_error(self._service.fail)

    # events of the page

    def _header_event(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == "refresh":
            self._service.read()
        elif kind == "watch":
            host, criteria = self._watch_counts.search_of(str(fields.get("name")))
            self.search(host, **criteria)
        elif kind == "project" and isinstance(fields.get("id"), str):
            self._set_project(fields["id"].strip())

    def _map_event(self, kind: str, fields: dict[str, Any]) -> None:
        self._autosave.take_number(fields)
        actions: dict[str, Callable[[], object]] = {
            "attached": self._map.send_land,
            "current": lambda: self._set_current(fields.get("row")),
            "picture": lambda: self._map.send_picture(fields.get("row"), self._service_failed, fields.get("slot")),
            "view": lambda: self._map.set_view(fields.get("bounds")),
            "area": lambda: self._form_events.draw_area(fields["corners"]),
            "search-view": lambda: self._form_events.search_view(fields.get("bounds")),
            "pictures": lambda: self._show_pictures(fields),
            "compared": lambda: self._comparison.show(fields.get("a"), fields.get("b")),
            "done": self._comparison.close,
            "stack": lambda: self._map.show_stack(fields.get("rows")),
            "unstack": lambda: self._map.show_stack(None),
            "stop": self._delivered.hide,
            "colour": lambda: self._map.colour_by(str(fields.get("name"))),
        }
        action = actions.get(kind)
        if action is not None:
            action()

    def _show_pictures(self, fields: dict[str, Any]) -> None:
        if "keys" in fields:
            self._map.thumbnails.request(fields["keys"])
        else:
            self._map.part.update(pictures=bool(fields.get("on")))

    def _drawer_event(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == "tab" and fields.get("name") in {RESULTS, ORDERS}:
            self._drawer.update(tab=str(fields["name"]))
            if fields["name"] == ORDERS:
                self.orders.refresh()
        elif kind == "relax":
            self._search.relax(int(fields["number"]))
        elif kind == "retry":
            self._service.read()
        elif kind == "dismiss":
            self._drawer.update(banner=None)

    def _footer_event(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == "page":
            missed = self._autosave.page_shown(fields)
            self._redraw()
            for event in missed:
                handler = self._map_event if event.pop("part", None) == "map" else self._form_events.event
                try:
                    handler(event.pop("kind"), event)
                except ScenecartError as error:
                    # the others may still be done
                    self._service.fail(error)
        elif kind == "leave":
            self._autosave.flush()

    # the current capture, and the project

    def _set_current(self, row: Any) -> None:
        if isinstance(row, int) and 0 <= row < len(self.state.captures):
            (self.state.current,) = self.state.labels([row])

    def _set_project(self, project: str) -> None:
        self._client.project = project or None
        self.cart.project = project
        shown = header_state(project=project, projects=[project, *(one["id"] for one in self._header.state["projects"])])
        self._header.update(project=project_name(project), projects=shown["projects"])

    # what changed

    def _captures_changed(self, _: Any) -> None:
        self._comparison.captures_changed()
        self._map.show_captures()
        # a filter may have waited for a new column
        self._filters.apply()

    def _matches_changed(self, _: Any) -> None:
        self._map.draw_rows()
        self._redraw()

    def _selection_changed(self, change: Any) -> None:
        self._map.show_cart()
        self._comparison.cart_changed()
        self._link.selection_changed(change)
        self._show_owned(None)

    def _current_changed(self, _: Any) -> None:
        self._map.show_current()
        self._show_owned(None)
        self._autosave.keep()

    def _show_owned(self, _: Any) -> None:
        """Hatch the owned area of the current capture and of those in the cart, not of other captures."""
        labels = dict.fromkeys([*(() if self.state.current is None else (self.state.current,)), *self.state.selection])
        self._runner.debounce(
            "owned-area", _HATCH_SECONDS, lambda _: self._owned.ground(labels), self._map.show_owned, lambda _: None
        )

    def _area_changed(self, change: Any) -> None:
        area = change["new"]
        if self._search.request.area != area:
            self._search.request = replace(self._search.request, area=area, area_name="", how="given")
        self.cart.aoi = area
        self._map.show_area(fit=self._area.is_fitting)
        self._area.is_fitting = True
        self._redraw()

    def _ordered(self, change: Any) -> None:
        if change["new"] is not None:
            self.orders.follow([change["new"]])
            self._owned.refresh()
            self._service.read()

    def _order_of_rows_changed(self, change: Any) -> None:
        """Step through captures on the card in the order of the list."""
        if change["new"].get("turn") != change["old"].get("turn"):
            shown = self._results.shown
            self._card.order_by(list(shown.index) if len(shown) <= _MOST_WALKED else None)

    def _request(self, kind: str, fields: dict[str, Any]) -> None:
        """Handle a request of one part to another."""
        if kind in {RESULTS, ORDERS}:
            self._drawer.update(tab=kind)
            if kind == RESULTS:
                self.cart.start_next()
        elif kind == "compare":
            self._comparison.open(fields.get("label", self.state.current))
        elif kind == "done":
            self._comparison.close()
        elif kind == "take":
            self._comparison.take(fields.get("side"))
        elif kind == "map" and "order" in fields:
            self._delivered.toggle(str(fields["order"]))
        elif kind == "map":
            self._show_capture(fields.get("label"))
        elif kind == "code":
            self._results.part.send({"kind": "code", "text": self._results.code()})
        elif kind == "error":
            self._service.fail(fields["error"])

    def _show_capture(self, label: Any) -> None:
        row = None if label is None else self.state.captures.index.get_loc(label)
        if isinstance(row, int):
            self._map.fit(bounds_of_area(self.state.captures.geometry.iloc[row]))

    def _search_finished(self) -> None:
        """Apply filters that waited for the captures, and show how many were found."""
        self._service.mark_available()
        self._filters.apply()
        request = self._search.searched
        if request is not None:
            self._results.last_search = ExecutedSearch(request.host, request.criteria)
        found, shown = len(self.state.captures), int(self.state.keep.sum())
        self._footer.announce(found_text(found, shown, self._search.seconds))
        if self.state.current is None and shown:
            (self.state.current,) = self.state.labels([int(self.state.keep.argmax())])
        self._redraw()

    @synchronized
    def _redraw(self) -> None:
        """Draw the left column, the tabs and the prompt."""
        search = self._search
        self._form.state = search_form_state(search, self.state, self._area.error)
        self._drawer.update(**drawer_state(search, self.state))
        is_first = (
            self._autosave.is_restored and search.searched is None and search.request.area is None and not search.is_searching
        )
        self._map.part.update(prompt=is_first, searching=search.is_searching)
        self._autosave.keep()

    # errors, and the saved state

    def _recovered(self) -> None:
        """Repeat requests that failed: prices, owned captures, orders and the search."""
        search = self._search
        if isinstance(self.cart.pricing_error, ConnectionFailed | ServiceError):
            self.cart.price_again()
        for part in (self._prices, self._clouds, self._owned):
            part.refresh()
        if self.orders.note is not None:
            self.orders.refresh()
        if not self._autosave.is_pristine and not search.is_searching and (search.searched is None or search.is_changed):
            self._form_events.search()

    def _hosts_found(self, hosts: dict[str, list[str]]) -> None:
        self._search.collections = {**hosts, **self._search.collections}
        if not self._search.request.host:
            self._form_events.set_host(next(iter(hosts)))
        self._redraw()

    def _service_failed(self, error: BaseException | None) -> None:
        """Show once that the service does not respond; other errors of pictures and prices are shown in their place."""
        if isinstance(error, ConnectionFailed) and not self._service.is_unavailable:
            self._service.fail(error)

    def _imagery_failed(self, html: str | None) -> None:
        if html:
            self._footer.announce("Some imagery cannot be shown.")

    def _collect(self) -> dict[str, Any]:
        return self._snapshot.collect()

    def _restore(self, found: dict[str, Any]) -> None:
        """Restore a saved state, and search again."""
        if self._snapshot.restore(found):
            self._autosave.mark_used()
            if found.get("searched"):
                self._search.search()
            self._redraw()

    def _show_error(self, error: BaseException) -> None:
        self._service.fail(error)
