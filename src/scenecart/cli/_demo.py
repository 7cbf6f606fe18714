"""The demo: the whole workflow on the sandbox, from search to delivery, with a line for each step."""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any

import shapely

from scenecart._api.operations import available_credits
from scenecart._captures.properties import CLOUD_COVER
from scenecart._cart.cart import make_cart
from scenecart._geo.area import Area, as_area
from scenecart._geo.geometry import clip_each
from scenecart._geo.globe import split_at_antimeridian
from scenecart._util.text import clean_text, pluralize
from scenecart.connection import connect
from scenecart.exceptions import InvalidCart, missing_extra

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    from rich.console import Console

    from scenecart._cart.estimate import Estimate
    from scenecart.client import Client

# Port Botany and the mouth of the Cooks River, Sydney
HARBOUR = (151.18, -33.99, 151.24, -33.94)
_MONTHS = "2024-01/2024-06"
_MAX_CLOUD = 20
_PICKED = 3
_WAIT_SECONDS = 50.0
_AREA_SHARE = 0.4
_LARGEST_SIDE_DEGREES = 0.2


def run(*, directory: Path, items: str | None, aoi: Any, console: Console) -> Path:
    """Run the workflow once on the embedded sandbox, and return the folder with the report and the imagery.

    Raises
    ------
    ScenecartError
        If a step is impossible, for example because the area has no captures.
    """
    started = time.monotonic()
    try:
        # a missing package is reported before the first step
        for module in ("_html", "_thumbnails"):
            importlib.import_module(f"scenecart.report.{module}")
        from scenecart.sandbox import Sandbox, SandboxError  # noqa: PLC0415  # an optional extra
    except ModuleNotFoundError as error:
        raise missing_extra("The demo needs", error, "sandbox,report") from error
    try:
        box = Sandbox(items=items, pace="demo").start()
    except SandboxError as error:
        raise InvalidCart(str(error), code="sandbox_items_unusable") from error
    try:
        principal = box.principals["analyst"]
        _step(console, "Connected", f"the embedded sandbox at {box.url} (no account, no network, no money)")
        with connect(
            base_url=box.url,
            username=principal["username"],
            password=principal["password"],
            project=principal["project"],
            home=box.data / "client",
        ) as client:
            _workflow(client, box.hosts, directory, aoi if aoi is not None else (None if items else HARBOUR), console)
    finally:
        box.stop()
    _step(console, "Done", f"in {time.monotonic() - started:.1f} s")
    return directory


def _workflow(client: Client, hosts: dict[str, list[str]], directory: Path, aoi: Any, console: Console) -> None:
    captures, area = _find(client, hosts, aoi, console)
    estimate = _estimate(client, captures, area, console)
    quote = estimate.to_report(directory / "quote.html", title="Quote for archive imagery")
    _step(console, "Report", str(quote))
    before = client.balance()
    order = estimate.place()
    _step(console, "Placed", f"order {order.id}, {estimate.total_credits:,} credits reserved")
    order.wait(timeout=_WAIT_SECONDS)
    files = order.download(directory / "imagery")
    delivered = order.items()
    after = client.balance()
    _step(console, "Delivered", _delivered(len(delivered), files))
    for path in files:
        console.print(f"             {path}", markup=False, style="dim", soft_wrap=True)
    _step(console, "Money", _money(estimate, before, after))


def _find(client: Client, hosts: dict[str, list[str]], aoi: Any, console: Console) -> tuple[gpd.GeoDataFrame, Area]:
    area = None if aoi is None else as_area(aoi)
    for host, collections in hosts.items():
        if area is None:
            sample = client.search(host, collections=collections, limit=500)
            area = _area_within(sample)
            if area is None:
                continue
        months: dict[str, Any] = {"datetime": _MONTHS, "max_cloud_cover": _MAX_CLOUD} if aoi == HARBOUR else {}
        found = client.search(host, collections=collections, aoi=area, **months)
        usable = found[found["orderable"]]
        if len(usable):
            _step(
                console,
                "Found",
                f"{pluralize(len(found), 'capture')} from {clean_text(host, 60)} for an area of {area.km2:,.1f} km²",
            )
            return usable, area
    raise InvalidCart(
        "No capture can be ordered.",
        code="demo_without_captures",
        hint="Try another --aoi, or --items with polygons and ids.",
    )


def _area_within(captures: gpd.GeoDataFrame) -> Area | None:
    """Return a small area inside one of the captures, or None."""
    for geometry in captures[captures["orderable"]].geometry:
        footprint = max(shapely.get_parts(split_at_antimeridian(geometry)), key=shapely.area)
        west, south, east, north = footprint.bounds
        middle = footprint.representative_point()
        half_x = min((east - west) * _AREA_SHARE, _LARGEST_SIDE_DEGREES) / 2
        half_y = min((north - south) * _AREA_SHARE, _LARGEST_SIDE_DEGREES) / 2
        square = shapely.box(middle.x - half_x, middle.y - half_y, middle.x + half_x, middle.y + half_y)
        inside = shapely.intersection(square, footprint)
        if inside.geom_type == "Polygon" and inside.area > 0:
            return as_area(inside)
    return None


def _estimate(client: Client, captures: gpd.GeoDataFrame, area: Area, console: Console) -> Estimate:
    """Return the price of the clearest captures that the service prices."""
    best = captures.sort_values(CLOUD_COVER) if CLOUD_COVER in captures else captures
    overlapping = best[~shapely.is_empty(clip_each(best.geometry.to_numpy(), area.geometry))]
    reasons: list[str] = []
    for start in range(0, min(len(overlapping), 10 * _PICKED), _PICKED):
        cart = make_cart(overlapping.iloc[start : start + _PICKED], area, client=client)
        estimate = cart.estimate()
        reasons += [reason for _, reason in estimate.refused]
        if estimate.price_groups:
            complete = estimate if estimate.is_complete else estimate.priced_cart().estimate()
            captures_ = pluralize(len(complete.cart), "capture")
            _step(
                console,
                "Estimate",
                f"{captures_}, {complete.total_credits:,} credits (A${complete.total_aud:,.2f}), priced by the service",
            )
            return complete
    raise InvalidCart(
        f"None of the captures has a price: {reasons[0] if reasons else 'none overlaps the area'}.",
        code="demo_without_prices",
        hint="Try another --aoi.",
    )


def _money(estimate: Estimate, before: dict[str, Any], after: dict[str, Any]) -> str:
    price = f"{estimate.total_credits:,} credits (A${estimate.total_aud:,.2f})"
    old, new = available_credits(before), available_credits(after)
    if old is not None and new is not None:
        return f"{price}; balance {old:,} → {new:,} credits"
    return price


def _delivered(items: int, files: list[Path]) -> str:
    return f"{pluralize(items, 'item')}, {pluralize(len(files), 'file')}, {_megabytes(files)}, all verified"


def _megabytes(files: list[Path]) -> str:
    return f"{sum(path.stat().st_size for path in files) / 1e6:.1f} MB"


def _step(console: Console, name: str, text: str) -> None:
    console.print(f"[bold cyan]{name:>10}[/]   ", end="")
    console.print(text, markup=False, soft_wrap=True)
