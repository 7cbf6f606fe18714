"""The workbench: search, select, price, order and follow in four tabs, without code."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it

from scenecart._captures.query import SearchCriteria
from scenecart._geo.area import as_area
from scenecart._util.keywords import checked_keywords
from scenecart.exceptions import InvalidCart, InvalidQuery
from scenecart.widgets import _style
from scenecart.widgets._area_input import AREA_FILES, read_area_text, read_area_upload
from scenecart.widgets._base import Panel, checked_client, close_all
from scenecart.widgets._capture_map import CaptureMap
from scenecart.widgets._cart_panel import CartPanel
from scenecart.widgets._cover_panel import CoverPanel
from scenecart.widgets._order_tracker import OrderTracker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scenecart._geo.area import Area
    from scenecart.client import Client

_TITLES = ("1  Search", "2  Pick", "3  Cart", "4  Orders")
_HALF_A_YEAR = dt.timedelta(days=182)


class Workbench(Panel):
    """Four tabs to search a host, select captures, price and buy them, and follow the orders.

    Parameters
    ----------
    client
        The connection.
    hosts
        Catalog hosts to offer, with their collections; others can be typed. Default: the hosts that the client knows.
    aoi
        Area of interest at the start, in any format that ``search`` accepts.
    basemap
        See :class:`FootprintMap`.
    directory
        Directory for downloads.

    Attributes
    ----------
    picker : CaptureMap or None
        The captures of the latest search.
    cover : CoverPanel or None
        Plans a cover with these captures.
    cart : CartPanel
        The cart.
    tracker : OrderTracker
        The orders.

    Examples
    --------
    >>> import scenecart
    >>> bench = Workbench(scenecart.connect("sandbox"), aoi=(151.16, -34.0, 151.26, -33.9), basemap="none")
    >>> bench.search("openterra", collections=["openterra-10m"], datetime="2024-03")
    >>> bench.tab, bench.picker is None
    (1, False)
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
    ) -> None:
        self._client, self._basemap = checked_client(client), basemap
        self._hosts = {name: list(known) for name, known in (client.hosts if hosts is None else hosts).items()}
        self.picker: CaptureMap | None = None
        self.cover: CoverPanel | None = None
        self._area: Area | None = None if aoi is None else as_area(aoi)
        self._form = self._make_form()
        self._pick_tab = _style.box(W.HTML(_style.message("Search first. The captures appear here.")))
        self.cart = CartPanel(client)
        self._cart_tab = _style.box(self.cart)
        self.tracker = OrderTracker(client, directory=directory, basemap=basemap)
        self._tabs = W.Tab(children=(self._form, self._pick_tab, self._cart_tab, self.tracker))
        for number, title in enumerate(_TITLES):
            self._tabs.set_title(number, title)
        super().__init__(_style.style_sheet(), self._tabs)
        self.watch(self.cart, self._ordered, "order")
        self.watch(self._tabs, self._tab_changed, "selected_index")
        self._host_changed(None)

    @property
    def tab(self) -> int:
        """The number of the open tab, from 0; can be set."""
        return int(self._tabs.selected_index or 0)

    @tab.setter
    def tab(self, number: int) -> None:
        self._tabs.selected_index = number

    @checked_keywords(also=SearchCriteria)
    def search(self, host: str | None = None, **criteria: Any) -> None:
        """Search as "Search" does; arguments replace the values of the form."""
        if self.cart.is_placing:
            # a search replaces the cart, and the result of the purchase would not be displayed
            raise InvalidCart("An order is being placed.", code="placement_running", hint="Wait for its result, then search.")
        name = str(host or self._host.value).strip()
        if not name:
            raise InvalidQuery(
                "must be the name of a provider.",
                argument="host",
                code="host_missing",
                hint="Enter one, such as aurora. The service's documentation lists them.",
            )
        # the map of the captures takes seconds to make
        self._status.value = _style.message(f"Searching {name}…", kind="busy")
        try:
            query = {**self._criteria(), **criteria}
            aoi = query.pop("aoi", None)
            self._show_captures(CaptureMap.from_search(self._client, name, aoi=aoi, basemap=self._basemap, **query))
        finally:
            self._status.value = ""

    def _show_captures(self, picker: CaptureMap) -> None:
        """Show the captures of a search, with a new cart and cover panel, in place of the former ones."""
        old = self.picker
        self.picker = picker
        before = self._pick_tab.children
        cart = CartPanel(self._client, self.cart.captures if len(self.cart.captures) else None, picker=picker)
        self.cover = CoverPanel(self._client, picker, cart=cart)
        self._pick_tab.children = (picker, self.cover)
        self._replace_cart(cart)
        for part in before:
            close_all(part) if old is None else part.close()
        self.tab = 1

    def _make_form(self) -> W.Box:
        style = {"description_width": "112px"}

        def wide() -> W.Layout:
            return W.Layout(width="min(460px, 100%)")

        names = list(self._hosts)
        self._host = W.Combobox(
            options=names,
            value=names[0] if names else "",
            description="Provider (host)",
            placeholder="such as aurora",
            style=style,
            layout=wide(),
        )
        self._host.observe(self._host_changed, "value")
        self._collections = W.SelectMultiple(description="Collections", rows=3, style=style, layout=wide())
        self._typed_collections = W.Text(
            description="Collections", placeholder="such as aurora-50cm, aurora-30cm", style=style, layout=wide()
        )
        self._area_text = W.Text(
            value="" if self._area is None else ", ".join(f"{end:.5g}" for end in self._area.bounds),
            description="Area",
            placeholder="west, south, east, north; a file; WKT or GeoJSON",
            style=style,
            layout=wide(),
        )
        self._area_text.observe(self._area_typed, "value")
        self._file = _style.file_button("Load area", "Load the area of interest from a file", AREA_FILES)
        self._file.observe(self._guarded(self._area_uploaded), "value")
        today = dt.datetime.now(dt.UTC).date()
        self._from = W.DatePicker(value=today - _HALF_A_YEAR, description="From", style=style, layout=W.Layout(width="260px"))
        self._to = W.DatePicker(value=today, description="To", style=style, layout=W.Layout(width="260px"))
        self._cloud = W.IntSlider(value=30, min=0, max=100, description="Max. cloud, %", style=style, layout=wide())
        self._cloud.tooltip = "Highest cloud cover in percent. 100 sets no limit."
        search = _style.button("Search", "Search the catalog of this provider", kind="primary", icon="search")
        search.on_click(self._guarded(lambda _: self.search()))
        self._status = W.HTML()
        return _style.box(
            self._host,
            self._collections,
            self._typed_collections,
            self._area_text,
            _style.box(self._file, kind="row fields", horizontal=True),
            self._from,
            self._to,
            self._cloud,
            _style.box(search, kind="row fields", horizontal=True),
            self._status,
            kind="panel",
        )

    def _tab_changed(self, change: Any) -> None:
        """Refresh the orders and the unanswered purchases each time their tab is opened."""
        if change["new"] == self._tabs.children.index(self.tracker):
            self.tracker.refresh()

    def _show_error(self, error: BaseException) -> None:
        """Display an error below the form."""
        self._status.value = _style.error_message(error)

    def _host_changed(self, _: Any) -> None:
        known = self._hosts.get(str(self._host.value).strip(), [])
        self._collections.options = known
        self._collections.value = tuple(known[:1])
        _style.set_visible(self._collections, known)
        _style.set_visible(self._typed_collections, not known)

    def _area_typed(self, _: Any) -> None:
        self._area = None

    def _area_uploaded(self, change: Any) -> None:
        self._status.value = ""
        if change["new"]:
            upload = change["new"][0]
            # the same file can be loaded again
            self._file.value = ()
            area, notices = read_area_upload(str(upload["name"]), bytes(upload["content"]))
            self._area_text.value = str(upload["name"])
            self._area = area
            self._status.value = _style.message(" ".join([f"Area: {area.km2:,.1f} km².", *notices]), kind="success")

    def _criteria(self) -> dict[str, Any]:
        """Return the search criteria entered in the form."""
        if self._hosts.get(str(self._host.value).strip()):
            collections = list(self._collections.value)
        else:
            collections = [name.strip() for name in self._typed_collections.value.split(",") if name.strip()]
        begin = "" if self._from.value is None else self._from.value.isoformat()
        end = "" if self._to.value is None else self._to.value.isoformat()
        area = read_area_text(str(self._area_text.value)) if self._area is None else self._area.geometry
        criteria: dict[str, Any] = {"collections": collections or None, "aoi": area}
        if begin or end:
            criteria["datetime"] = f"{begin or '..'}/{end or '..'}"
        if self._cloud.value < self._cloud.max:
            criteria["max_cloud_cover"] = float(self._cloud.value)
        return criteria

    def _replace_cart(self, cart: CartPanel) -> None:
        old = self.cart
        self._watched = [entry for entry in self._watched if entry[0] is not old]
        self.cart = cart
        self.watch(cart, self._ordered, "order")
        self._cart_tab.children = (cart,)
        old.close()

    def _ordered(self, change: Any) -> None:
        if change["new"] is not None:
            self.tracker.follow([change["new"]])
