"""What captures cost: the rules, in integers.

A group is ground that hangs together: captures of one host whose bought areas overlap or share an edge, of each date for itself
with ``splitByDate``. In a group, each product's captures of one date are paid for by the area of their union where the product says
so, and each by its own area where it does not. The sum is rounded up once, and is at least the product's smallest order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from scenecart.sandbox._data.geometry import POLYGONAL, Unusable, km2, polygons, read_shape
from scenecart.sandbox._domain.ledger import CREDITS_PER_AUD

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapely.geometry.base import BaseGeometry

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._domain.catalog import Catalog

# a millimetre or so, for clips computed by others
_TOLERANCE_DEGREES = 1e-7


@dataclass(frozen=True)
class Wanted:
    """One capture as it is to be bought."""

    name: str
    row: Any
    product: Any
    shape: BaseGeometry
    date: str
    area: float


@dataclass(frozen=True)
class Prices:
    """An estimate."""

    wanted: list[Wanted]
    groups: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    credits: int

    def answer(self) -> dict[str, Any]:
        """Return it as the service answers it."""
        return {
            "groups": self.groups,
            "errors": self.errors,
            "total_aud": self.credits / CREDITS_PER_AUD,
            "total_credits": self.credits,
        }


def price(catalog: Catalog, storage: Storage, captures: list[Any], *, by_date: bool) -> Prices:
    """Price captures; one that cannot be priced is an entry of ``errors``."""
    products = {(row["host"], row["collection"]): row for row in storage.read.execute("SELECT * FROM product")}
    wanted: list[Wanted] = []
    errors: list[dict[str, Any]] = []
    for capture in captures:
        try:
            wanted.append(_wanted(catalog, products, capture))
        except Unusable as why:
            name = capture.get("id") if isinstance(capture, dict) else None
            errors.append({"id": name if isinstance(name, str) else None, "detail": str(why)})
    groups = [_priced(group, catalog.price_factor) for group in _together(wanted, by_date=by_date)]
    return Prices(wanted, groups, errors, sum(group["credits"] for group in groups))


def _wanted(catalog: Catalog, products: dict[tuple[str, str], Any], capture: Any) -> Wanted:
    if not isinstance(capture, dict):
        raise Unusable("a capture is an object")
    name = capture.get("id")
    if not isinstance(name, str) or not name.strip():
        raise Unusable("the capture has no id")
    host, collection = capture.get("host_name"), capture.get("collection")
    row = catalog.capture(host if isinstance(host, str) else None, collection if isinstance(collection, str) else None, name)
    if row is None:
        raise Unusable("there is no capture of this id")
    product = products[row["host"], row["collection"]]
    if product["retired"]:
        raise Unusable("the product is retired")
    shape = read_shape(capture.get("geometry"))
    if shape.geom_type not in POLYGONAL:
        raise Unusable("the geometry is no area")
    if row["shape"] is None:
        raise Unusable("the capture's footprint is not known")
    footprint = polygons(shapely.from_wkb(row["shape"]))
    if footprint.is_empty:
        raise Unusable("the capture has no area")
    if not shapely.covers(shapely.buffer(footprint, _TOLERANCE_DEGREES), shape):
        raise Unusable("the geometry lies outside the footprint")
    area = km2(shape)
    if area < product["least_km2"]:
        raise Unusable(f"the area of {area:.3g} km² is below the least of {product['least_km2']:g} km²")
    date = datetime.fromtimestamp(row["begins"], UTC).date().isoformat()
    return Wanted(name, row, product, shape, date, area)


def _together(wanted: list[Wanted], *, by_date: bool) -> list[list[Wanted]]:
    """Put what hangs together into one group, in the order in which it was asked for."""
    groups: dict[object, list[Wanted]] = {}
    for kind, members in _by(wanted, lambda entry: (entry.row["host"], entry.date if by_date else "")).items():
        for entry, ground in zip(members, _grounds([entry.shape for entry in members]), strict=True):
            groups.setdefault((kind, ground), []).append(entry)
    place = {id(entry): number for number, entry in enumerate(wanted)}
    return sorted(groups.values(), key=lambda group: place[id(group[0])])


def _grounds(shapes: list[BaseGeometry]) -> list[int]:
    """Return the number of the connected ground each shape is on; over the antimeridian a shape connects both sides."""
    pieces, owners = shapely.get_parts(np.array(shapes, dtype=object), return_index=True)
    grounds = shapely.get_parts(shapely.union_all(pieces))
    ground_of = shapely.STRtree(grounds).nearest(shapely.point_on_surface(pieces)).tolist()
    parent = list(range(len(grounds)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[int, int] = {}
    for piece, owner in enumerate(owners.tolist()):
        ground = ground_of[piece]
        parent[root(ground)] = root(first.setdefault(owner, ground))
    return [root(first[owner]) for owner in range(len(shapes))]


def _priced(group: list[Wanted], factor: float) -> dict[str, Any]:
    cost = 0.0
    for _, part in sorted(_by(group, lambda entry: (entry.product["collection"], entry.date)).items()):
        rules = part[0].product
        cost += rules["credits_per_km2"] * (_united(part) if rules["unites_one_date"] else sum(entry.area for entry in part))
    least = max(entry.product["least_credits"] for entry in group)
    # a whole number that came out a hair too high is not rounded up to the next
    price = math.ceil(round(max(least, cost) * factor, 6))
    return {
        "captures": [entry.name for entry in group],
        "aoi_km2": round(_united(group), 6),
        "credits": price,
        "aud": price / CREDITS_PER_AUD,
    }


def _united(entries: list[Wanted]) -> float:
    """Return the km² of ground that some captures cover together."""
    return entries[0].area if len(entries) == 1 else km2(shapely.union_all([entry.shape for entry in entries]))


def _by(entries: list[Wanted], key: Callable[[Wanted], tuple[str, str]]) -> dict[tuple[str, str], list[Wanted]]:
    found: dict[tuple[str, str], list[Wanted]] = {}
    for entry in entries:
        found.setdefault(key(entry), []).append(entry)
    return found
