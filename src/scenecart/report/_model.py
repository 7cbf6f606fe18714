"""What a report says of an estimate, an order or a cart: computed once, and without any format."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import singledispatch
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import geopandas as gpd
import pandas as pd

from scenecart._api import operations
from scenecart._cart.cart import Cart
from scenecart._cart.estimate import Estimate
from scenecart._orders.order import Order
from scenecart._util import html
from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from scenecart._api.schemas import PriceGroup
    from scenecart._geo.area import Area

_SIGNED = re.compile(
    r"((?:https?|s3)://[^\s?]*\?)\S*?(?:sig|signature|token|key|credential|password|secret|expires)\b\S*", re.IGNORECASE
)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
# what a catalog calls infinite or nonsense is not shown as a figure
_LARGEST = 1e12


@dataclass(frozen=True)
class CaptureLine:
    """One capture as a report shows it.

    Attributes
    ----------
    taken : datetime or None
        UTC.
    cloud, off_nadir, gsd : float or None
        Per cent, degrees, metres.
    group : int or None
        The number of what it is priced with, from 1.
    error : str or None
        Why it has no price.
    key : tuple of str
        Host and id as the service knows them, to ask for its picture and to compare carts; never shown.
    """

    number: int
    id: str
    host: str
    collection: str
    taken: datetime | None = None
    cloud: float | None = None
    off_nadir: float | None = None
    gsd: float | None = None
    group: int | None = None
    error: str | None = None
    key: tuple[str, str] = ("", "")

    @property
    def acquired(self) -> str:
        """When it was taken, to the minute."""
        return "" if self.taken is None else f"{self.taken:%Y-%m-%d %H:%M}"


@dataclass(frozen=True)
class Contents:
    """All that a report says, in the order in which it says it.

    Attributes
    ----------
    kind : str
        ``"quote"``, ``"order"`` or ``"cart"``.
    made_at : datetime or None
        When the price was told or the order placed; None for a cart, which has no time.
    facts : tuple of (str, str)
        What stands below the title.
    how : str
        How the price was obtained, in a sentence or two.
    captures, bought : geopandas.GeoSeries
        Whole footprints and what is bought of each, EPSG:4326; both empty where the ground is not known.
    pictures : tuple of bytes or None
        A small JPEG of each capture, where there is one; empty where none were asked for.
    late : int
        How many pictures did not come in time, or not at all.
    """

    kind: str
    title: str
    made_at: datetime | None
    hosts: tuple[str, ...]
    area: Area | None
    area_km2: float | None
    split_by_date: bool | None
    groups: tuple[PriceGroup, ...]
    lines: tuple[CaptureLine, ...]
    total_credits: int | None
    total_aud: Decimal | None
    fingerprint: str | None
    how: str
    captures: gpd.GeoSeries
    bought: gpd.GeoSeries
    facts: tuple[tuple[str, str], ...] = ()
    order: tuple[tuple[str, str], ...] = ()
    show: Callable[[Any], bytes | None] | None = None
    pictures: tuple[bytes | None, ...] = ()
    late: int = 0

    @property
    def stamp(self) -> datetime:
        """The time that a file of this carries: never the clock's, so that the same contents give the same file."""
        taken = [line.taken for line in self.lines if line.taken is not None]
        return self.made_at or max(taken, default=_EPOCH)

    @property
    def said_when(self) -> str:
        """What the report is of, and of when."""
        when = "" if self.made_at is None else f" {self.made_at:%Y-%m-%d %H:%M} UTC"
        verb = {"quote": "priced", "order": "placed", "cart": "not priced"}[self.kind]
        hosts = ", ".join(self.hosts[:6]) + (" and others" if len(self.hosts) > 6 else "")  # noqa: PLR2004  # a line holds six
        return f"{hosts} · {verb}{when}" if hosts else f"{verb}{when}".capitalize()

    @property
    def options(self) -> str:
        """The options that change the price."""
        if self.split_by_date is None:
            return "not known"
        return "each date priced for itself" if self.split_by_date else "dates priced together"

    @property
    def about_pictures(self) -> str:
        """What there is to say of pictures that are missing."""
        if not self.late:
            return ""
        return f"{self.late:,} of {len(self.lines):,} pictures did not arrive; outlines of the footprints stand in their place."

    @property
    def refused(self) -> tuple[CaptureLine, ...]:
        """The captures without a price, and why."""
        return tuple(line for line in self.lines if line.error)


def shown(value: Any, limit: int) -> str:
    """Return a text of the service as a report shows it: one line, and no signature of an address in it."""
    return _SIGNED.sub(r"\1…", clean_text(value, limit)).strip()


@singledispatch
def contents_of(subject: Any, title: str | None = None) -> Contents:  # noqa: ARG001  # what is registered below uses it
    """Gather what a report says of an estimate, an order or a cart.

    Raises
    ------
    InvalidRequest
        If it is something else.
    """
    raise InvalidRequest(
        f"There are no reports of {type(subject).__name__}.", hint="Pass an estimate, an order or a cart of this library."
    )


@contents_of.register
def _of_cart(cart: Cart, title: str | None = None) -> Contents:
    frame = cart.captures
    return _with_facts(
        Contents(
            kind="cart",
            title=shown(title, 200) or "Cart of archive imagery",
            made_at=None,
            hosts=_hosts(frame),
            area=cart.area,
            area_km2=cart.km2,
            split_by_date=cart.split_by_date,
            groups=(),
            lines=_lines(frame),
            total_credits=None,
            total_aud=None,
            fingerprint=cart.fingerprint,
            how="This cart has no prices: the service was not asked, and nothing here is an offer. cart.estimate() asks it.",
            captures=frame.geometry,
            bought=cart.clipped(),
            show=cart.quicklook,
        )
    )


@contents_of.register
def _of_estimate(estimate: Estimate, title: str | None = None) -> Contents:
    cart = estimate.cart
    of_cart = _of_cart(cart)
    clipped = "whole" if cart.area is None else "clipped to the area of interest"
    when = f"{estimate.priced_at:%Y-%m-%d %H:%M} UTC"
    how = (
        f"The service{_at(estimate.service)} answered {operations.ESTIMATE.id} on {when}, asked for exactly "
        f"{_counted(len(cart))}, {clipped}, {of_cart.options}. Every amount is that answer; none was computed here. "
        "100 credits are one Australian dollar. The price is asked for once more before anything is ordered."
    )
    return _with_facts(
        replace(
            of_cart,
            kind="quote",
            title=shown(title, 200) or "Quote for archive imagery",
            made_at=estimate.priced_at,
            groups=estimate.price_groups,
            lines=_priced(of_cart.lines, estimate.price_groups, dict(estimate.refused)),
            total_credits=estimate.total_credits,
            total_aud=estimate.total_aud,
            how=how,
        )
    )


@contents_of.register
def _of_order(order: Order, title: str | None = None) -> Contents:
    papers = order.papers()
    base = _of_cart(papers.cart) if papers.cart is not None else _of_ids(order.captures)
    facts = (
        ("Order", shown(order.id, 120)),
        ("Status", shown(order.status, 80) + (f": {shown(order.reason, 300)}" if order.reason else "")),
        ("Project", shown(order.project, 120) or "not told"),
        ("Licence", shown(papers.license_type, 120) or "not told"),
    )
    options = "options not known" if papers.split_by_date is None else base.options
    how = (
        f"The order was placed by {operations.PLACE.id}, for {_counted(len(base.lines))}, {options}. "
        f"Every amount is the service's own record of it{_at(papers.service)}; none was computed here. "
        "100 credits are one Australian dollar."
    )
    return _with_facts(
        replace(
            base,
            kind="order",
            title=shown(title, 200) or "Order of archive imagery",
            made_at=order.created,
            area=base.area if papers.is_whole else None,
            split_by_date=papers.split_by_date,
            groups=order.price_groups,
            lines=_priced(base.lines, order.price_groups, {}),
            total_credits=order.total_credits,
            total_aud=order.total_aud,
            how=how,
            order=facts,
            show=papers.quicklook,
        ),
        is_whole=papers.is_whole,
    )


def _of_ids(ids: list[str]) -> Contents:
    """Return what can be said where only the ids of the captures are known."""
    nothing = gpd.GeoSeries([], crs=4326)
    lines = tuple(CaptureLine(number, shown(name, 200), "", "", key=("", name)) for number, name in enumerate(ids, 1))
    return Contents(
        kind="order",
        title="",
        made_at=None,
        hosts=(),
        area=None,
        area_km2=None,
        split_by_date=None,
        groups=(),
        lines=lines,
        total_credits=None,
        total_aud=None,
        fingerprint=None,
        how="",
        captures=nothing,
        bought=nothing,
    )


def _with_facts(contents: Contents, *, is_whole: bool = True) -> Contents:
    facts = [*contents.order, ("Captures", html.whole(len(contents.lines)))]
    if contents.area_km2 is not None:
        facts.append(("Ground covered", f"{html.km2(contents.area_km2)} km²"))
    if contents.area is not None:
        facts.append(("Area of interest", f"{html.km2(contents.area.km2)} km²"))
    elif is_whole and contents.area_km2 is not None:
        facts.append(("Area of interest", "none: whole footprints"))
    if contents.kind != "cart" or contents.split_by_date:
        facts.append(("Options", contents.options))
    return replace(contents, facts=tuple(facts))


def _lines(frame: gpd.GeoDataFrame) -> tuple[CaptureLine, ...]:
    columns = {name: frame[name].tolist() if name in frame.columns else [None] * len(frame) for name in _COLUMNS}
    return tuple(
        CaptureLine(
            number=number,
            id=shown(row["id"], 200),
            host=shown(row["host"], 120),
            collection=shown(row["collection"], 120),
            taken=_when(row["datetime"]) or _when(row["start_datetime"]),
            cloud=_number(row["eo:cloud_cover"]),
            off_nadir=_number(row["view:off_nadir"]),
            gsd=_number(row["gsd"]),
            key=(row["host"] if isinstance(row["host"], str) else "", row["id"]),
        )
        for number, row in enumerate((dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)), 1)
    )


def _priced(lines: tuple[CaptureLine, ...], groups: tuple[PriceGroup, ...], reasons: dict[str, str]) -> tuple[CaptureLine, ...]:
    """Return lines with the group that the service priced each capture in, or why it has no price."""
    group_of = {name: number for number, group in enumerate(groups, 1) for name in group.ids}
    return tuple(
        replace(line, group=group_of.get(name), error=shown(reasons[name], 500) if name in reasons else None)
        for line in lines
        for _, name in [line.key]
    )


_COLUMNS = ("id", "host", "collection", "datetime", "start_datetime", "eo:cloud_cover", "view:off_nadir", "gsd")


def _hosts(frame: gpd.GeoDataFrame) -> tuple[str, ...]:
    found = {shown(host, 120) for host in frame["host"] if isinstance(host, str)} if "host" in frame.columns else set()
    return tuple(sorted(found - {""}))


def _counted(count: int) -> str:
    return "this one capture" if count == 1 else f"these {count:,} captures"


def _at(address: str) -> str:
    """Name the machine that was asked; neither a user nor a path of the address is shown."""
    try:
        host = urlsplit(address).hostname
    except ValueError:
        host = None
    return f" at {shown(host, 120)}" if host else ""


def _when(value: Any) -> datetime | None:
    if not isinstance(value, pd.Timestamp) or pd.isna(value):
        return None
    moment = value.tz_localize(UTC) if value.tzinfo is None else value.tz_convert(UTC)
    return moment.floor("s").to_pydatetime()


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and not pd.isna(value) and abs(value) < _LARGEST else None
