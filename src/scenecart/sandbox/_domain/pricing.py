"""The price rules of the sandbox, in integer credits.

A group is a connected area: captures of one host whose purchased areas overlap or share an edge; with ``splitByDate``, of one date.
Within a group, the captures of one product and date are charged for the area of their union, or each for its own area, depending on
the product. The sum is rounded up once for the group, and is at least the product's minimum order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from scenecart.sandbox._data.geometry import POLYGONAL, InvalidGeometry, area_km2, parse_geometry, polygonal_part
from scenecart.sandbox._domain.ledger import CREDITS_PER_AUD

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapely.geometry.base import BaseGeometry

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._domain.catalog import Catalog

# about a centimetre, for areas that clients clipped to the footprint with other software
_TOLERANCE_DEGREES = 1e-7


class NotPriceable(ValueError):
    """A capture without a price; the message is the reason in the response."""


@dataclass(frozen=True)
class LineItem:
    """One capture and the area of it that is purchased."""

    name: str
    row: Any
    product: Any
    shape: BaseGeometry
    date: str
    km2: float


@dataclass(frozen=True)
class Quote:
    """The price of several captures: line items, groups and errors."""

    items: list[LineItem]
    groups: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    credits: int

    def document(self) -> dict[str, Any]:
        """Return the response of an estimate."""
        return {
            "groups": self.groups,
            "errors": self.errors,
            "total_aud": self.credits / CREDITS_PER_AUD,
            "total_credits": self.credits,
        }


def price_captures(catalog: Catalog, storage: Storage, captures: list[Any], *, by_date: bool) -> Quote:
    """Price captures; a capture without a price becomes an entry of ``errors``."""
    products = {(row["host"], row["collection"]): row for row in storage.read.execute("SELECT * FROM product")}
    items: list[LineItem] = []
    errors: list[dict[str, Any]] = []
    for capture in captures:
        try:
            items.append(_line_item(catalog, products, capture))
        except (NotPriceable, InvalidGeometry) as reason:
            name = capture.get("id") if isinstance(capture, dict) else None
            errors.append({"id": name if isinstance(name, str) else None, "detail": str(reason)})
    groups = [_price_group(group, catalog.price_factor) for group in _connected_groups(items, by_date=by_date)]
    return Quote(items, groups, errors, sum(group["credits"] for group in groups))


def _line_item(catalog: Catalog, products: dict[tuple[str, str], Any], capture: Any) -> LineItem:
    if not isinstance(capture, dict):
        raise NotPriceable("the capture is not an object")
    name = capture.get("id")
    if not isinstance(name, str) or not name.strip():
        raise NotPriceable("the capture has no id")
    host, collection = capture.get("host_name"), capture.get("collection")
    row = catalog.find_capture(host if isinstance(host, str) else None, collection if isinstance(collection, str) else None, name)
    if row is None:
        raise NotPriceable("there is no capture with this id")
    product = products[row["host"], row["collection"]]
    if product["retired"]:
        raise NotPriceable("the product is retired")
    shape = parse_geometry(capture.get("geometry"))
    if shape.geom_type not in POLYGONAL:
        raise NotPriceable("the geometry is not a polygon")
    if row["shape"] is None:
        raise NotPriceable("the capture has no valid footprint")
    footprint = polygonal_part(shapely.from_wkb(row["shape"]))
    if footprint.is_empty:
        raise NotPriceable("the footprint has no area")
    if not shapely.covers(shapely.buffer(footprint, _TOLERANCE_DEGREES), shape):
        raise NotPriceable("the geometry is outside the footprint")
    km2 = area_km2(shape)
    if km2 < product["least_km2"]:
        raise NotPriceable(f"the area of {km2:.3g} km² is below the minimum of {product['least_km2']:g} km²")
    date = datetime.fromtimestamp(row["begins"], UTC).date().isoformat()
    return LineItem(name, row, product, shape, date, km2)


def _connected_groups(items: list[LineItem], *, by_date: bool) -> list[list[LineItem]]:
    """Group line items by connected area, in the order of the request."""
    groups: dict[object, list[LineItem]] = {}
    for key, members in _group_by(items, lambda item: (item.row["host"], item.date if by_date else "")).items():
        for item, component in zip(members, _components([item.shape for item in members]), strict=True):
            groups.setdefault((key, component), []).append(item)
    position = {id(item): number for number, item in enumerate(items)}
    return sorted(groups.values(), key=lambda group: position[id(group[0])])


def _components(shapes: list[BaseGeometry]) -> list[int]:
    """Return the index of the connected area of each shape; a shape across the antimeridian connects both sides."""
    pieces, owners = shapely.get_parts(np.array(shapes, dtype=object), return_index=True)
    areas = shapely.get_parts(shapely.union_all(pieces))
    area_of_piece = shapely.STRtree(areas).nearest(shapely.point_on_surface(pieces)).tolist()
    parent = list(range(len(areas)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[int, int] = {}
    for piece, owner in enumerate(owners.tolist()):
        area = area_of_piece[piece]
        parent[root(area)] = root(first.setdefault(owner, area))
    return [root(first[owner]) for owner in range(len(shapes))]


def _price_group(group: list[LineItem], factor: float) -> dict[str, Any]:
    cost = 0.0
    for _, part in sorted(_group_by(group, lambda item: (item.product["collection"], item.date)).items()):
        rules = part[0].product
        cost += rules["credits_per_km2"] * (_union_km2(part) if rules["unites_one_date"] else sum(item.km2 for item in part))
    minimum = max(item.product["least_credits"] for item in group)
    # rounded first, so that floating-point noise above an integer does not add a credit
    price = math.ceil(round(max(minimum, cost) * factor, 6))
    return {
        "captures": [item.name for item in group],
        "aoi_km2": round(_union_km2(group), 6),
        "credits": price,
        "aud": price / CREDITS_PER_AUD,
    }


def _union_km2(items: list[LineItem]) -> float:
    """Return the area of the union in km²."""
    return items[0].km2 if len(items) == 1 else area_km2(shapely.union_all([item.shape for item in items]))


def _group_by(items: list[LineItem], key: Callable[[LineItem], tuple[str, str]]) -> dict[tuple[str, str], list[LineItem]]:
    found: dict[tuple[str, str], list[LineItem]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found
