"""The Workbench: the map first, and around it what is asked, found, looked at, bought and delivered."""

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
from scenecart.widgets._bench.ask import Ask
from scenecart.widgets._bench.asked import asked_by, first_collections
from scenecart.widgets._bench.asking import Asking
from scenecart.widgets._bench.card import CardPart
from scenecart.widgets._bench.cart import CartPart
from scenecart.widgets._bench.cart_link import CartLink
from scenecart.widgets._bench.comparing import Comparing
from scenecart.widgets._bench.delivered import Delivered
from scenecart.widgets._bench.drawer import ORDERS, RESULTS, Drawer
from scenecart.widgets._bench.filtering import Filtering
from scenecart.widgets._bench.foot import Foot, found_text
from scenecart.widgets._bench.header import Header, header_state, known_projects, project_name
from scenecart.widgets._bench.keeper import Keeper
from scenecart.widgets._bench.looks import ask_state, drawer_state
from scenecart.widgets._bench.map import BenchMap
from scenecart.widgets._bench.order_news import OrderNews
from scenecart.widgets._bench.orders import OrdersPart
from scenecart.widgets._bench.results import Results
from scenecart.widgets._bench.searching import Searching
from scenecart.widgets._bench.service import ServiceWatch
from scenecart.widgets._bench.session import Session
from scenecart.widgets._bench.watching import Watching
from scenecart.widgets._capture_prices import CapturePrices
from scenecart.widgets._jobs import Runner, synchronized
from scenecart.widgets._map_layers import bounds_of_area
from scenecart.widgets._order_book import OrderBook
from scenecart.widgets._owned_marks import OwnedMarks
from scenecart.widgets._purchase import Purchase
from scenecart.widgets._session_code import Searched
from scenecart.widgets._state import CaptureState, no_captures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import geopandas as gpd

    from scenecart.client import Client

# pictures, prices and clouds of a result are fetched at once, and a search does not wait for them
_WORKERS = 12
# through more captures, the card walks as they were found
_HATCH_SECONDS = 0.1
_MOST_WALKED = 5_000
# where the sandbox's captures are worth a look
_SANDBOX_VIEW = (151.10, -34.02, 151.30, -33.90)


class Workbench(Panel):
    """One screen to search, look, pick, price, buy and receive; the map is there from the first second.

    On the left is asked: where, when and what, with filters; on the right are the current capture and the cart; below the map are
    the results and all orders. Everything that can be clicked has a key, and everything can be done in Python, too.

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
    orders : OrderBook
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
        # what is kept is written at once, whatever is being fetched
        self._writer = Runner(1)
        self.state = CaptureState(no_captures(), aoi)
        self._keeper = Keeper(client, self._writer, self._collect, self._bring_back, is_pristine=aoi is None)
        self._filtering = Filtering(self.state, lambda: self.is_searching)
        self._make_parts(basemap, is_full=bool(full))
        self._searching = Searching(
            client,
            self.state,
            self._runner,
            replace_captures=self._link.replace,
            changed=self._redraw,
            failed=self._service.fail,
        )
        self._searching.finished = self._search_finished
        self._area = AreaChoice(self.state, self._searching, self._filtering, self._map, self._foot)
        self._session = Session(
            client, self.state, self.cart, bench_map=self._map, searching=self._searching, filtering=self._filtering
        )
        self._asking = Asking(
            self.cart,
            self._map,
            area=self._area,
            searching=self._searching,
            filtering=self._filtering,
            keeper=self._keeper,
            redraw=self._redraw,
        )
        self._ask.on_event(self._asking.event)
        self._ask.on_error(self._service.fail)
        self._searching.collections = {name: list(known) for name, known in (hosts_of(client) if hosts is None else hosts).items()}
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
        self.watch(self.orders, self._order_news.changed, "revision")
        self.watch(self._owned, self._show_owned, "holdings")
        self.watch(self._results.part, self._order_of_rows_changed, "state")
        first = next(iter(self._searching.collections), "")
        collections = first_collections(first, self._searching.collections)
        self._searching.ask(host=first, collections=collections, area=self.state.aoi, how="" if aoi is None else "given")
        self._service.read(with_hosts=hosts is None and not self._searching.collections)
        self._watching.read()

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
        return self._searching.is_searching

    @property
    def is_busy(self) -> bool:
        """Whether anything is requested or counted in the background."""
        return self._runner.is_any_busy()

    @checked_keywords(also=SearchCriteria)
    def search(self, host: str | None = None, *, wait: float | None = None, **criteria: Any) -> None:
        """Search as "Search this area" does; arguments replace what is asked for in the left column.

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
        self._keeper.touched()
        most_cloud = criteria.pop("max_cloud_cover", None)
        asked = asked_by(self._searching.asked, host, criteria)
        self._filtering.replace({} if most_cloud is None else {"eo:cloud_cover": [0.0, float(most_cloud)]})
        self._searching.asked = asked
        if asked.area is None:
            self._area.use_view()
        self.state.aoi = self._searching.asked.area
        self._searching.search()
        end = time.monotonic() + (wait or 0.0)
        while wait is not None and self.is_searching and time.monotonic() < end:
            time.sleep(0.02)

    def static_html(self) -> str:
        """Return the captures as HTML without scripts, for places without live widgets."""
        return _static_html.captures_html(self.state, is_searching=self.is_searching)

    def release(self) -> None:
        """End background jobs, and keep what comes back after a restart."""
        self._keeper.save()
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
        self._ask, self._drawer, self._foot = Ask(), Drawer(), Foot(is_full=is_full, account=self._keeper.account)
        self._map = BenchMap(
            self.state,
            self._runner,
            client,
            basemap=basemap,
            bounds=bounds,
            notify=self._imagery_failed,
        )
        self.cart = Purchase(client, self._runner, aoi=self.state.aoi, directory=self._directory.expanduser().absolute())
        self.orders = OrderBook(self._runner, client, directory=self._directory)
        self._owned = OwnedMarks(client, self.state, self._runner)
        self._prices = CapturePrices(client, self.state, self._runner)
        self._clouds = AreaClouds(client, self.state, self._runner)
        self._card = CardPart(self.state, client, self._runner, self._request)
        self._cart_part = CartPart(self.cart, self._runner, self._request, book=self.orders, has_bench=True)
        self._orders_part = OrdersPart(self.orders, self._request)
        self._link = CartLink(self.state, self.cart, self._keeper.keep)
        self._service = ServiceWatch(
            client, self._runner, (self._header, self._drawer, self._foot), self._recovered, self._hosts_found
        )
        self._order_news = OrderNews(self.orders, self._header, self._drawer, self._foot, self._service)
        self._watching = Watching(client, self._runner, self._header, self._foot)
        self._results = Results(self.state, client=client, runner=self._runner, is_counted=True)
        self._results.on_action(self._request)
        self._comparing = Comparing(self.state, self._map, self._card, self._foot, self._results)
        self._delivered = Delivered(self._map, self.orders, self._runner)
        self._drawer_box = W.Box((self._drawer, self._results.part, self._orders_part))
        self._drawer_box.add_class("sc-res")
        self._middle = W.Box((self._map.view, self._drawer_box))
        self._middle.add_class("sc-mid")
        self._side = W.Box((self._card, self._cart_part))
        self._side.add_class("sc-side")
        self._app = W.Box((self._header, self._ask, self._middle, self._side, self._foot))
        self._app.add_class("sc-app")
        for part, handler in (
            (self._header, self._header_event),
            (self._map.part, self._map_event),
            (self._drawer, self._drawer_event),
            (self._foot, self._foot_event),
        ):
            part.on_event(handler)
            part.on_error(self._service.fail)
        self._card.on_error(self._service.fail)

    # events of the page

    def _header_event(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == "refresh":
            self._service.read()
        elif kind == "watch":
            host, criteria = self._watching.search_of(str(fields.get("name")))
            self.search(host, **criteria)
        elif kind == "project" and isinstance(fields.get("id"), str):
            self._set_project(fields["id"].strip())

    def _map_event(self, kind: str, fields: dict[str, Any]) -> None:
        self._keeper.seen(fields)
        actions: dict[str, Callable[[], object]] = {
            "attached": self._map.send_land,
            "current": lambda: self._set_current(fields.get("row")),
            "picture": lambda: self._map.send_picture(fields.get("row"), self._service_failed, fields.get("slot")),
            "view": lambda: self._map.look_at(fields.get("bounds")),
            "area": lambda: self._asking.draw_area(fields["corners"]),
            "search-view": lambda: self._asking.search_view(fields.get("bounds")),
            "pictures": lambda: self._show_pictures(fields),
            "compared": lambda: self._comparing.show(fields.get("a"), fields.get("b")),
            "done": self._comparing.close,
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
            self._searching.relax(int(fields["number"]))
        elif kind == "retry":
            self._service.read()
        elif kind == "dismiss":
            self._drawer.update(banner=None)

    def _foot_event(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == "page":
            missed = self._keeper.page_shown(fields)
            self._redraw()
            for event in missed:
                handler = self._map_event if event.pop("part", None) == "map" else self._asking.event
                try:
                    handler(event.pop("kind"), event)
                except ScenecartError as error:
                    # the others may still be done
                    self._service.fail(error)
        elif kind == "leave":
            self._keeper.flush()

    # what is looked at, and for which project

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
        self._comparing.captures_changed()
        self._map.show_captures()
        # it may have a column that a filter waited for
        self._filtering.apply()

    def _matches_changed(self, _: Any) -> None:
        self._map.draw_rows()
        self._redraw()

    def _selection_changed(self, change: Any) -> None:
        self._map.show_cart()
        self._comparing.cart_changed()
        self._link.selection_changed(change)
        self._show_owned(None)

    def _current_changed(self, _: Any) -> None:
        self._map.show_current()
        self._show_owned(None)
        self._keeper.keep()

    def _show_owned(self, _: Any) -> None:
        """Hatch what is owned of the current capture and of those in the cart: other pictures stay free of it."""
        labels = dict.fromkeys([*(() if self.state.current is None else (self.state.current,)), *self.state.selection])
        self._runner.debounce(
            "owned-ground", _HATCH_SECONDS, lambda _: self._owned.ground(labels), self._map.show_owned, lambda _: None
        )

    def _area_changed(self, change: Any) -> None:
        area = change["new"]
        if self._searching.asked.area != area:
            self._searching.asked = replace(self._searching.asked, area=area, area_name="", how="given")
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
        """Walk through captures on the card as the list shows them."""
        if change["new"].get("turn") != change["old"].get("turn"):
            shown = self._results.shown
            self._card.order_by(list(shown.index) if len(shown) <= _MOST_WALKED else None)

    def _request(self, kind: str, fields: dict[str, Any]) -> None:
        """Do what one part asks of another."""
        if kind in {RESULTS, ORDERS}:
            self._drawer.update(tab=kind)
            if kind == RESULTS:
                self.cart.start_next()
        elif kind == "compare":
            self._comparing.open(fields.get("label", self.state.current))
        elif kind == "done":
            self._comparing.close()
        elif kind == "take":
            self._comparing.take(fields.get("side"))
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
        """Apply filters that waited for the captures, and say what was found."""
        self._service.answered()
        self._filtering.apply()
        asked = self._searching.searched
        if asked is not None:
            self._results.searched = Searched(asked.host, asked.criteria)
        found, shown = len(self.state.captures), int(self.state.keep.sum())
        self._foot.say(found_text(found, shown, self._searching.seconds))
        if self.state.current is None and shown:
            (self.state.current,) = self.state.labels([int(self.state.keep.argmax())])
        self._redraw()

    @synchronized
    def _redraw(self) -> None:
        """Draw the left column, the tabs and the prompt from what is asked for and what is there."""
        searching = self._searching
        self._ask.state = ask_state(searching, self.state, self._area.error)
        self._drawer.update(**drawer_state(searching, self.state))
        is_first = (
            self._keeper.is_settled and searching.searched is None and searching.asked.area is None and not searching.is_searching
        )
        self._map.part.update(prompt=is_first, searching=searching.is_searching)
        self._keeper.keep()

    # errors, and what survives

    def _recovered(self) -> None:
        """Request again what could not be: prices, what is owned, orders, and a search."""
        searching = self._searching
        if isinstance(self.cart.pricing_error, ConnectionFailed | ServiceError):
            self.cart.price_again()
        for part in (self._prices, self._clouds, self._owned):
            part.refresh()
        if self.orders.note is not None:
            self.orders.refresh()
        if not self._keeper.is_pristine and not searching.is_searching and (searching.searched is None or searching.is_changed):
            self._asking.search()

    def _hosts_found(self, hosts: dict[str, list[str]]) -> None:
        self._searching.collections = {**hosts, **self._searching.collections}
        if not self._searching.asked.host:
            self._asking.set_host(next(iter(hosts)))
        self._redraw()

    def _service_failed(self, error: BaseException | None) -> None:
        """Say once that the service is gone; other errors of pictures and prices are said where they are missing."""
        if isinstance(error, ConnectionFailed) and not self._service.is_gone:
            self._service.fail(error)

    def _imagery_failed(self, html: str | None) -> None:
        if html:
            self._foot.say("Some imagery cannot be shown.")

    def _collect(self) -> dict[str, Any]:
        return self._session.collect()

    def _bring_back(self, found: dict[str, Any]) -> None:
        """Bring back what was there before, and search for it again."""
        if self._session.bring_back(found):
            self._keeper.touched()
            if found.get("searched"):
                self._searching.search()
            self._redraw()

    def _show_error(self, error: BaseException) -> None:
        self._service.fail(error)
