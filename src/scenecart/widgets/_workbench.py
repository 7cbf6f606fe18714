"""From nothing to a delivered order without a line of code: search, pick, price, order, follow."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it

from scenecart._captures.query import build_query
from scenecart._geo.area import as_area
from scenecart._util.keywords import checked_keywords
from scenecart.exceptions import InvalidArea, InvalidCart, InvalidQuery
from scenecart.widgets import _style
from scenecart.widgets._base import Panel, checked_client, close_all
from scenecart.widgets._capture_map import CaptureMap
from scenecart.widgets._cart_panel import CartPanel
from scenecart.widgets._cover_panel import CoverPanel
from scenecart.widgets._map_layers import AREA_FILES, read_area
from scenecart.widgets._order_tracker import OrderTracker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scenecart.client import Client

_TITLES = ("1  Search", "2  Pick", "3  Cart", "4  Orders")
_HALF_A_YEAR = dt.timedelta(days=182)


class Workbench(Panel):
    """Everything in four tabs: search a host, pick captures, price and buy them, follow the orders.

    Parameters
    ----------
    client
        The connection.
    hosts
        Catalog hosts to offer, with their collections; others can be typed. Default: what the client knows.
    aoi
        Area of interest at first, in any form ``search`` takes.
    basemap
        See :class:`FootprintMap`.
    directory
        Where deliveries are downloaded to.

    Attributes
    ----------
    picker : CaptureMap or None
        The captures of the newest search.
    cover : CoverPanel or None
        What plans a cover with these captures.
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
        self._client, self._basemap = checked_client(client, "A workbench"), basemap
        self._hosts = {name: list(known) for name, known in (client.hosts if hosts is None else hosts).items()}
        self.picker: CaptureMap | None = None
        self.cover: CoverPanel | None = None
        self._uploaded: Any = None if aoi is None else as_area(aoi)
        self._form = self._make_form()
        self._picking = _style.box(W.HTML(_style.message("Search first; what is found shows up here.")))
        self.cart = CartPanel(client)
        self._in_cart = _style.box(self.cart)
        self.tracker = OrderTracker(client, directory=directory, basemap=basemap)
        self._tabs = W.Tab(children=(self._form, self._picking, self._in_cart, self.tracker))
        for number, title in enumerate(_TITLES):
            self._tabs.set_title(number, title)
        super().__init__(_style.sheet(), self._tabs)
        self.watch(self.cart, self._ordered, "order")
        self.watch(self._tabs, self._turned, "selected_index")
        self._host_changed(None)

    @property
    def tab(self) -> int:
        """Which tab is open, from 0."""
        return int(self._tabs.selected_index or 0)

    @tab.setter
    def tab(self, number: int) -> None:
        self._tabs.selected_index = number

    @checked_keywords(also=build_query)
    def search(self, host: str | None = None, **criteria: Any) -> None:
        """Do what "Search" does; what is given here stands for what the form says."""
        if self.cart.is_placing:
            # the cart of another search would take its place, and nobody would see how this one ends
            raise InvalidCart("An order is being placed.", hint="The cart shows how it ends; search then.")
        asked = str(host or self._host.value).strip()
        if not asked:
            raise InvalidQuery("Say which host.", hint="The name of a catalog host, such as aurora.")
        # what shows the captures takes seconds to make
        self._words.value = _style.message(f"Searching {asked}…", kind="busy")
        try:
            wanted = {**self._criteria(), **criteria}
            aoi = wanted.pop("aoi", None)
            self._show_found(CaptureMap.from_search(self._client, asked, aoi=aoi, basemap=self._basemap, **wanted))
        finally:
            self._words.value = ""

    def _show_found(self, found: CaptureMap) -> None:
        """Put what was found, with a cart and a cover for it, in place of what was there."""
        old = self.picker
        self.picker = found
        before = self._picking.children
        cart = CartPanel(self._client, self.cart.captures if len(self.cart.captures) else None, picker=found)
        self.cover = CoverPanel(self._client, found, cart=cart)
        self._picking.children = (found, self.cover)
        self._change_cart(cart)
        for part in before:
            close_all(part) if old is None else part.close()
        self.tab = 1

    def _make_form(self) -> W.Box:
        style = {"description_width": "96px"}

        def wide() -> W.Layout:
            return W.Layout(width="min(460px, 100%)")

        names = list(self._hosts)
        self._host = W.Combobox(
            options=names,
            value=names[0] if names else "",
            description="Host",
            placeholder="the name of a catalog host, such as aurora",
            style=style,
            layout=wide(),
        )
        self._host.observe(self._host_changed, "value")
        self._collections = W.SelectMultiple(description="Collections", rows=3, style=style, layout=wide())
        self._other = W.Text(description="Collections", placeholder="such as aurora-50cm, aurora-30cm", style=style, layout=wide())
        text = "" if self._uploaded is None else ", ".join(f"{end:.5g}" for end in self._uploaded.geometry.bounds)
        self._where = W.Text(
            value=text,
            description="Area",
            placeholder="west, south, east, north; a file; WKT or GeoJSON",
            style=style,
            layout=wide(),
        )
        self._where.observe(self._typed, "value")
        self._file = _style.upload("From a file", "Load the area of interest from a file", AREA_FILES)
        self._file.observe(self._safely(self._took_file), "value")
        today = dt.datetime.now(dt.UTC).date()
        self._from = W.DatePicker(value=today - _HALF_A_YEAR, description="From", style=style, layout=W.Layout(width="260px"))
        self._to = W.DatePicker(value=today, description="To", style=style, layout=W.Layout(width="260px"))
        self._cloud = W.IntSlider(value=30, min=0, max=100, description="Cloud, at most", style=style, layout=wide())
        self._cloud.tooltip = "Highest cloud cover in per cent; at 100 nothing is left out"
        go = _style.button("Search", "Search the host's catalog", kind="primary", icon="search")
        go.on_click(self._safely(lambda _: self.search()))
        self._words = W.HTML()
        return _style.box(
            self._host,
            self._collections,
            self._other,
            self._where,
            _style.box(self._file, kind="row fields", across=True),
            self._from,
            self._to,
            self._cloud,
            _style.box(go, kind="row fields", across=True),
            self._words,
            kind="panel",
        )

    def _turned(self, change: Any) -> None:
        """Look for orders, and for purchases without an answer, whenever somebody comes to see them."""
        if change["new"] == self._tabs.children.index(self.tracker):
            self.tracker.refresh()

    def _show_failure(self, error: BaseException) -> None:
        """Show what went wrong below the form."""
        self._words.value = _style.failure(error)

    def _host_changed(self, _: Any) -> None:
        known = self._hosts.get(str(self._host.value).strip(), [])
        self._collections.options = known
        self._collections.value = tuple(known[:1])
        self._collections.layout.display = "" if known else "none"
        self._other.layout.display = "none" if known else ""

    def _typed(self, _: Any) -> None:
        self._uploaded = None

    def _took_file(self, change: Any) -> None:
        self._words.value = ""
        if change["new"]:
            upload = change["new"][0]
            area = read_area(str(upload["name"]), bytes(upload["content"]))
            self._where.value = str(upload["name"])
            self._uploaded = area

    def _criteria(self) -> dict[str, Any]:
        known = self._hosts.get(str(self._host.value).strip())
        named = list(self._collections.value) if known else [name.strip() for name in self._other.value.split(",") if name.strip()]
        begin = "" if self._from.value is None else self._from.value.isoformat()
        end = "" if self._to.value is None else self._to.value.isoformat()
        wanted: dict[str, Any] = {"collections": named or None, "aoi": self._area()}
        if begin or end:
            wanted["datetime"] = f"{begin or '..'}/{end or '..'}"
        if self._cloud.value < self._cloud.max:
            wanted["max_cloud_cover"] = float(self._cloud.value)
        return wanted

    def _area(self) -> Any:
        if self._uploaded is not None:
            return self._uploaded.geometry
        text = str(self._where.value).strip()
        if not text:
            raise InvalidArea("Say which area.", hint="Four numbers (west, south, east, north), a file, WKT or GeoJSON.")
        # in brackets, as messages and Python write a box, or parted by blanks alone
        parts = text.strip("()[]").replace(";", " ").replace(",", " ").split()
        if len(parts) == 4:  # noqa: PLR2004  # a box
            try:
                return tuple(float(part) for part in parts)
            except ValueError:
                pass
        return as_area(text).geometry

    def _change_cart(self, cart: CartPanel) -> None:
        old = self.cart
        self._watching = [entry for entry in self._watching if entry[0] is not old]
        self.cart = cart
        self.watch(cart, self._ordered, "order")
        self._in_cart.children = (cart,)
        old.close()

    def _ordered(self, change: Any) -> None:
        if change["new"] is not None:
            self.tracker.follow([change["new"]])
