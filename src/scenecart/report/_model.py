"""Contents of a report on an estimate, order or cart, independent of the format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import singledispatch
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import geopandas as gpd
import pandas as pd

from scenecart._api import operations
from scenecart._api.order_states import ENDED
from scenecart._captures.properties import CLOUD_COVER, GSD, OFF_NADIR
from scenecart._captures.times import acquisition_times
from scenecart._cart.cart import Cart
from scenecart._cart.estimate import Estimate
from scenecart._cart.owned import SHARE
from scenecart._cart.price_lines import price_lines, priced_km2
from scenecart._orders.order import Order, purchase_details_of
from scenecart._orders.order_state import paid_how
from scenecart._util import html
from scenecart._util.text import clean_text, pluralize, without_signatures
from scenecart._util.validate import is_number
from scenecart.exceptions import InvalidRequest
from scenecart.report._scale_bar import scale_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from decimal import Decimal

    from scenecart._api.schemas import PriceGroup
    from scenecart._captures.licences import Licence
    from scenecart._cart.price_lines import PriceLine
    from scenecart._geo.area import Area
    from scenecart.report._pictures import AreaPicture
    from scenecart.report._scale_bar import ScaleBar

_OLDEST_STAMP = datetime(2000, 1, 1, tzinfo=UTC)
# larger figures are errors of the catalog and are left out
_MAX_FIGURE = 1e12
_MAX_HOSTS = 6
_NO_PRICES = ("Not priced", "the service has no price for these captures")
_NOT_PRICED = ("Not priced", "no estimate was requested")
_LEFT_OUT = "left out"
_PRICE_UNAVAILABLE = ("Price not available", "the service does not report it")
CAPTURES_UNAVAILABLE = (
    "The captures of this order are not available: the service does not list them, and it was not placed on this machine."
)


@dataclass(frozen=True)
class CaptureLine:
    """One capture in a report.

    Attributes
    ----------
    number : int
        The number of the capture in the report, from 1.
    acquired : datetime or None
        Acquisition time, UTC.
    cloud, off_nadir, gsd : float or None
        Cloud cover in percent, off-nadir angle in degrees, ground sample distance in metres.
    group : int or None
        The number of its price group, from 1.
    error : str or None
        Why the capture has no price.
    owned : float or None
        The share of the capture's area that is owned already, 0 to 1; NaN if it may be owned, None if the cart was not marked.
    key : tuple of str
        Host and id as the service names them, to fetch its quicklook and to compare carts; never displayed.
    """

    number: int
    id: str
    host: str
    collection: str
    acquired: datetime | None = None
    cloud: float | None = None
    off_nadir: float | None = None
    gsd: float | None = None
    group: int | None = None
    error: str | None = None
    owned: float | None = None
    key: tuple[str, str] = ("", "")

    @property
    def acquired_text(self) -> str:
        """The acquisition time to the minute; empty if it is not known."""
        return "" if self.acquired is None else f"{self.acquired:%Y-%m-%d %H:%M}"


@dataclass(frozen=True)
class Contents:
    """The contents of a report, in the order of the report.

    Attributes
    ----------
    kind : str
        ``"quote"``, ``"order"`` or ``"cart"``.
    time : datetime or None
        When the subject was priced or placed, UTC; None for a cart.
    area_km2 : float or None
        The area that the captures cover together, in km², overlaps counted once; what is priced is :attr:`priced_km2`.
    price_note : str
        The source of the prices, in one or two sentences.
    footprints, clipped : geopandas.GeoSeries
        Complete footprints, and footprints clipped to the area, EPSG:4326; both empty if they are not known.
    facts : tuple of (str, str)
        Labels and values below the title.
    order_facts : tuple of (str, str)
        Labels and values about the order, if there is one.
    owned : str
        How many captures were marked as owned already, or that owned areas are left out; empty if neither.
    fetch_thumbnail : callable or None
        Returns the quicklook of a capture.
    licences_of : callable or None
        Returns the licences of hosts.
    licences : tuple of Licence
        The licences of the hosts of a quote or an order, as far as the service states them.
    logo : bytes or None
        The logo of the sender, PNG.
    thumbnails : tuple of bytes or None
        A small JPEG of each capture, if there is one; empty if none were requested.
    missing_thumbnails : int
        How many quicklooks could not be fetched.
    thumbnail_metres : tuple of float or None
        The width that each thumbnail shows, in metres; None for thumbnails that are not cut to the area.
    pictures : tuple of AreaPicture
        The contact sheet; empty if none was requested.
    wanted_pictures : int
        How many captures the contact sheet should show.
    """

    kind: str
    title: str
    time: datetime | None
    hosts: tuple[str, ...]
    area: Area | None
    area_km2: float | None
    split_by_date: bool | None
    groups: tuple[PriceGroup, ...]
    lines: tuple[CaptureLine, ...]
    total_credits: int | None
    total_aud: Decimal | None
    fingerprint: str | None
    price_note: str
    footprints: gpd.GeoSeries
    clipped: gpd.GeoSeries
    facts: tuple[tuple[str, str], ...] = ()
    order_facts: tuple[tuple[str, str], ...] = ()
    owned: str = ""
    fetch_thumbnail: Callable[..., bytes | None] | None = None
    licences_of: Callable[[Collection[str]], Sequence[Licence]] | None = None
    licences: tuple[Licence, ...] = ()
    logo: bytes | None = None
    thumbnails: tuple[bytes | None, ...] = ()
    missing_thumbnails: int = 0
    thumbnail_metres: tuple[float | None, ...] = ()
    pictures: tuple[AreaPicture, ...] = ()
    wanted_pictures: int = 0

    @property
    def pictures_note(self) -> str:
        """A sentence about captures that the contact sheet does not show; empty if it shows all, or there is none."""
        lacking = self.wanted_pictures - len(self.pictures)
        if lacking <= 0:
            return ""
        shown = f"The pictures show {len(self.pictures):,} of {pluralize(self.wanted_pictures, 'capture')}"
        return f"{shown}: the others have no quicklook that can be placed on the area, or it could not be fetched."

    @property
    def stamp(self) -> datetime:
        """The time stamp of the file: never the clock's, so equal contents give equal files."""
        acquired = [line.acquired for line in self.lines if line.acquired is not None]
        return self.time or max(acquired, default=_OLDEST_STAMP)

    @property
    def priced_km2(self) -> float | None:
        """The priced area of all price groups in km², as the service states it; None if it does not, or nothing was priced."""
        return priced_km2(self.groups)

    @property
    def subtitle(self) -> str:
        """The hosts, and when the subject was priced or placed."""
        when = "" if self.time is None else f" {self.time:%Y-%m-%d %H:%M} UTC"
        verb = {"quote": "priced", "order": "placed", "cart": "not priced"}[self.kind]
        hosts = ", ".join(self.hosts[:_MAX_HOSTS]) + (" and others" if len(self.hosts) > _MAX_HOSTS else "")
        return f"{hosts} · {verb}{when}" if hosts else f"{verb}{when}".capitalize()

    @property
    def no_price(self) -> tuple[str, str]:
        """Two lines for a report without totals: what is missing, and why."""
        if self.kind == "quote":
            return _NO_PRICES
        return _NOT_PRICED if self.kind == "cart" else _PRICE_UNAVAILABLE

    @property
    def credits_text(self) -> str:
        """The total in credits, and the number of captures in it unless all are."""
        priced = len(self.lines) - len(self.unpriced)
        of_some = f" for {priced:,} of {pluralize(len(self.lines), 'capture')}" if self.unpriced else ""
        return f"{self.total_credits:,} credits{of_some}"

    @property
    def clipped_label(self) -> str:
        """The label of the clipped footprints in the legend of the map."""
        is_whole = self.area is None and not self.is_rest
        return "footprint" if is_whole else "clipped footprint"

    @property
    def is_rest(self) -> bool:
        """Whether owned areas are left out."""
        return self.owned == _LEFT_OUT

    @property
    def options(self) -> str:
        """The options that change the price."""
        if self.split_by_date is None:
            return "not available"
        return "each date priced separately" if self.split_by_date else "dates priced together"

    @property
    def captions(self) -> list[tuple[ScaleBar | None, str]]:
        """The caption of each quicklook: its scale bar, if it is cut to the area, and the day of the capture."""
        return [
            (None if metres is None else scale_bar(metres), "" if line.acquired is None else f"{line.acquired:%Y-%m-%d}")
            for line, metres in zip(self.lines, self.thumbnail_metres or [None] * len(self.lines), strict=True)
        ]

    @property
    def thumbnails_about(self) -> str:
        """A sentence about what the quicklooks show; empty if all show whole captures."""
        is_cut = [metres is not None for metres, one in zip(self.thumbnail_metres, self.thumbnails, strict=True) if one is not None]
        if not any(is_cut):
            return ""
        if all(is_cut):
            return "Each picture shows the area of interest."
        return "Pictures with a scale bar show the area of interest, the others the whole capture."

    @property
    def price_lines(self) -> list[PriceLine]:
        """The contents of each price group, in the order of the captures."""
        return price_lines(self.groups, {line.key[1]: line.acquired for line in self.lines})

    @property
    def thumbnails_note(self) -> str:
        """A sentence about missing quicklooks; empty if there are none."""
        if not self.missing_thumbnails:
            return ""
        return (
            f"{self.missing_thumbnails:,} of {len(self.lines):,} quicklooks could not be fetched; "
            "footprint outlines are displayed instead."
        )

    @property
    def unpriced(self) -> tuple[CaptureLine, ...]:
        """The captures without a price."""
        return tuple(line for line in self.lines if line.error)


def safe_text(value: Any, limit: int) -> str:
    """Return text from the service as one line, and signed URLs without their signature."""
    return without_signatures(clean_text(value, limit)).strip()


@singledispatch
def contents_of(subject: Any, title: str | None = None) -> Contents:  # noqa: ARG001  # the functions registered below use it
    """Return the contents of a report on an estimate, order or cart.

    Raises
    ------
    InvalidRequest
        If the subject is something else.
    """
    raise InvalidRequest(
        f"must be a Cart, Estimate or Order, got {type(subject).__name__}.",
        argument="subject",
        code="report_subject_invalid",
    )


@contents_of.register
def _of_cart(cart: Cart, title: str | None = None) -> Contents:
    frame = cart.captures
    return _with_facts(
        Contents(
            kind="cart",
            title=safe_text(title, 200) or "Cart of archive imagery",
            time=None,
            hosts=_hosts(frame),
            area=cart.area,
            area_km2=cart.km2,
            split_by_date=cart.split_by_date,
            groups=(),
            lines=_lines(frame),
            total_credits=None,
            total_aud=None,
            fingerprint=cart.fingerprint,
            price_note="This cart has not been priced, and this report is not an offer.",
            footprints=frame.geometry,
            clipped=cart.clipped(),
            owned=_LEFT_OUT if cart.leaves_out_owned else cart.note or "",
            fetch_thumbnail=cart.quicklook,
        )
    )


@contents_of.register
def _of_estimate(estimate: Estimate, title: str | None = None) -> Contents:
    cart = estimate.cart
    of_cart = _of_cart(cart)
    extent = "whole footprints" if cart.area is None else "clipped to the area of interest"
    extent += ", without the areas that are owned already" if cart.leaves_out_owned else ""
    when = f"{estimate.priced_at:%Y-%m-%d %H:%M} UTC"
    lines = _priced(of_cart.lines, estimate.price_groups, dict(estimate.refused))
    priced = sum(line.error is None for line in lines)
    captures = pluralize(len(cart), "capture") if priced == len(lines) else f"{priced:,} of {pluralize(len(cart), 'capture')}"
    price_note = (
        f"Priced by the service{_at(estimate.service)} ({operations.ESTIMATE.id}) on {when}, for exactly "
        f"{captures}, {extent}, {of_cart.options}. All amounts are the service's; scenecart computed "
        "none of them. 100 credits are 1 Australian dollar. The price is checked again before an order is placed."
    )
    return _with_facts(
        replace(
            of_cart,
            kind="quote",
            title=safe_text(title, 200) or "Quote for archive imagery",
            time=estimate.priced_at,
            groups=estimate.price_groups,
            lines=lines,
            # a sum of no prices is not zero
            total_credits=estimate.total_credits if priced else None,
            total_aud=estimate.total_aud if priced else None,
            price_note=price_note,
            licences_of=estimate.licences_of,
        )
    )


@contents_of.register
def _of_order(order: Order, title: str | None = None) -> Contents:
    details = purchase_details_of(order)
    base = _of_cart(details.cart) if details.cart is not None else _of_ids(order.captures)
    facts = (
        ("Order", safe_text(order.id, 120)),
        ("Status", safe_text(order.status, 80) + (f": {safe_text(order.reason, 300)}" if order.reason else "")),
        ("Project", safe_text(order.project, 120) or "not available"),
        ("Licence", safe_text(details.license_type, 120) or "not available"),
        *_receipt(order),
    )
    options = "options not available" if details.split_by_date is None else base.options
    price_note = (
        f"Placed with {operations.PLACE.id}, for {pluralize(len(base.lines), 'capture')}, {options}. All amounts are from the "
        f"service's record of the order{_at(details.service)}; scenecart computed none of them. "
        "100 credits are 1 Australian dollar."
    )
    return _with_facts(
        replace(
            base,
            kind="order",
            # what was owned before it was ordered
            owned=base.owned if base.is_rest else "",
            title=safe_text(title, 200) or "Order of archive imagery",
            time=order.created,
            area=base.area if details.is_original else None,
            split_by_date=details.split_by_date,
            groups=order.price_groups,
            lines=_priced(base.lines, order.price_groups, {}),
            total_credits=order.total_credits,
            total_aud=order.total_aud,
            price_note=price_note,
            order_facts=facts,
            fetch_thumbnail=details.quicklook,
            licences_of=details.licences_of,
        ),
        is_original=details.is_original,
    )


def _receipt(order: Order) -> list[tuple[str, str]]:
    """Return the labels of an order and how it was paid, as far as they are known."""
    facts = [
        ("Name", safe_text(order.name, 200)),
        ("Tags", safe_text(", ".join(order.tags), 300)),
        ("Reference", safe_text(order.reference, 200)),
        ("Paid", safe_text(paid_how(order.billing_mode), 80)),
    ]
    if order.phase == ENDED and order.total_credits:
        facts.append(("Credits", "returned: the order ended without delivery"))
    return [(name, value) for name, value in facts if value]


def with_author_details(contents: Contents, details: Mapping[str, str | None]) -> Contents:
    """Return the contents with details from the author: who made it, for whom, a reference, how long it is valid, and notes."""
    facts = tuple((name, safe_text(value, 2_000)) for name, value in details.items() if value)
    return replace(contents, facts=(*facts, *contents.facts), order_facts=(*facts, *contents.order_facts))


def with_licences(contents: Contents) -> Contents:
    """Return the contents with the licences of their hosts, as far as the service lists them."""
    hosts = {host for line in contents.lines for host, _ in [line.key] if host}
    return contents if contents.licences_of is None else replace(contents, licences=tuple(contents.licences_of(hosts)))


def _of_ids(ids: list[str]) -> Contents:
    """Return the contents if only the ids of the captures are known."""
    nothing = gpd.GeoSeries([], crs=4326)
    lines = tuple(CaptureLine(number, safe_text(name, 200), "", "", key=("", name)) for number, name in enumerate(ids, 1))
    return Contents(
        kind="order",
        title="",
        time=None,
        hosts=(),
        area=None,
        area_km2=None,
        split_by_date=None,
        groups=(),
        lines=lines,
        total_credits=None,
        total_aud=None,
        fingerprint=None,
        price_note="",
        footprints=nothing,
        clipped=nothing,
    )


def _with_facts(contents: Contents, *, is_original: bool = True) -> Contents:
    unpriced = f", {len(contents.unpriced):,} without a price" if contents.unpriced else ""
    facts = [*contents.order_facts, ("Captures", html.thousands(len(contents.lines)) + unpriced)]
    # a number stays beside its unit
    covered = "" if contents.area_km2 is None else f"{html.km2(contents.area_km2)}\u00a0km²"
    if contents.priced_km2 is not None:
        facts.append(("Area", f"{html.km2(contents.priced_km2)}\u00a0km² priced{f', {covered} covered' if covered else ''}"))
    elif covered:
        facts.append(("Area covered", covered))
    if contents.area is not None:
        facts.append(("Area of interest", f"{html.km2(contents.area.km2)} km²"))
    elif is_original and contents.area_km2 is not None:
        facts.append(("Area of interest", "none" if contents.is_rest else "none (whole footprints)"))
    if contents.owned:
        facts.append(("Owned", contents.owned))
    if contents.kind != "cart" or contents.split_by_date:
        facts.append(("Options", contents.options))
    return replace(contents, facts=tuple(facts))


def _lines(frame: gpd.GeoDataFrame) -> tuple[CaptureLine, ...]:
    columns = {name: frame[name].tolist() if name in frame.columns else [None] * len(frame) for name in _COLUMNS}
    columns["acquired"] = acquisition_times(frame).tolist()
    is_marked = SHARE in frame.columns
    columns[SHARE] = pd.to_numeric(frame[SHARE], errors="coerce").tolist() if is_marked else [None] * len(frame)
    return tuple(
        CaptureLine(
            number=number,
            id=safe_text(row["id"], 200),
            host=safe_text(row["host"], 120),
            collection=safe_text(row["collection"], 120),
            acquired=None if pd.isna(row["acquired"]) else row["acquired"].floor("s").to_pydatetime(),
            cloud=_number(row[CLOUD_COVER]),
            off_nadir=_number(row[OFF_NADIR]),
            gsd=_number(row[GSD]),
            owned=row[SHARE],
            key=(row["host"] if isinstance(row["host"], str) else "", row["id"]),
        )
        for number, row in enumerate((dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)), 1)
    )


def _priced(lines: tuple[CaptureLine, ...], groups: tuple[PriceGroup, ...], reasons: dict[str, str]) -> tuple[CaptureLine, ...]:
    """Return the captures with their price groups, or why they have no price."""
    group_of = {name: number for number, group in enumerate(groups, 1) for name in group.ids}
    return tuple(
        replace(line, group=group_of.get(name), error=safe_text(reasons[name], 500) if name in reasons else None)
        for line in lines
        for _, name in [line.key]
    )


_COLUMNS = ("id", "host", "collection", CLOUD_COVER, OFF_NADIR, GSD)


def _hosts(frame: gpd.GeoDataFrame) -> tuple[str, ...]:
    found = {safe_text(host, 120) for host in frame["host"] if isinstance(host, str)} if "host" in frame.columns else set()
    return tuple(sorted(found - {""}))


def _at(address: str) -> str:
    """Return ``" at <host>"`` for a URL, without user and path; empty if the URL cannot be parsed."""
    try:
        host = urlsplit(address).hostname
    except ValueError:
        host = None
    return f" at {safe_text(host, 120)}" if host else ""


def _number(value: Any) -> float | None:
    return float(value) if is_number(value) and abs(value) < _MAX_FIGURE else None
