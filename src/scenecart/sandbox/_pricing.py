"""What captures cost: the rules, in integers.

A group is ground that hangs together: captures of one host whose bought areas overlap, of each date for itself with
``splitByDate``. In a group, each product's captures of one date are paid for by the area of their union where the product says
so, and each by its own area where it does not. The sum is rounded up once, and is at least the product's smallest order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from scenecart.sandbox._problem import Invalid
from scenecart.sandbox._shapes import POLYGONAL, Unusable, km2, polygons, read_shape

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from scenecart.sandbox._catalog import Catalog
    from scenecart.sandbox._storage import Storage

CREDITS_PER_AUD = 100
_MOST_CAPTURES = 10_000
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


def estimate(catalog: Catalog, storage: Storage, body: Any) -> Prices:
    """Price the captures of a request.

    Raises
    ------
    Invalid
        If the request is none; a capture that cannot be priced is an entry of ``errors``.
    """
    if not isinstance(body, dict) or not isinstance(body.get("captures"), list):
        raise Invalid(("captures", "a list of captures"))
    captures = body["captures"]
    by_date = body.get("splitByDate")
    if not isinstance(by_date, bool | None):
        raise Invalid(("splitByDate", "true or false"))
    if len(captures) > _MOST_CAPTURES:
        raise Invalid(("captures", f"at most {_MOST_CAPTURES}"))
    products = {(row["host"], row["collection"]): row for row in storage.read.execute("SELECT * FROM product")}
    wanted: list[Wanted] = []
    errors: list[dict[str, Any]] = []
    for capture in captures:
        try:
            wanted.append(_wanted(catalog, products, capture))
        except Unusable as why:
            name = capture.get("id") if isinstance(capture, dict) else None
            errors.append({"id": name if isinstance(name, str) else None, "detail": str(why)})
    groups = [_priced(group) for group in _together(wanted, by_date=bool(by_date))]
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
    return Wanted(name, row, product, shape, date)


def _together(wanted: list[Wanted], *, by_date: bool) -> list[list[Wanted]]:
    """Put what overlaps into one group, in the order in which it was asked for."""
    if not wanted:
        return []
    shapes = np.array([capture.shape for capture in wanted], dtype=object)
    parent = list(range(len(wanted)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    tree = shapely.STRtree(shapes)
    for left, right in zip(*tree.query(shapes, predicate="intersects"), strict=True):
        a, b = wanted[left], wanted[right]
        if left >= right or a.row["host"] != b.row["host"] or (by_date and a.date != b.date):
            continue
        if root(left) != root(right) and not shapely.touches(a.shape, b.shape):
            parent[root(right)] = root(left)
    groups: dict[int, list[Wanted]] = {}
    for index, capture in enumerate(wanted):
        groups.setdefault(root(index), []).append(capture)
    return list(groups.values())


def _priced(group: list[Wanted]) -> dict[str, Any]:
    cost = 0.0
    for product, date in sorted({(entry.product["collection"], entry.date) for entry in group}):
        part = [entry for entry in group if (entry.product["collection"], entry.date) == (product, date)]
        rules = part[0].product
        united = km2(shapely.union_all([entry.shape for entry in part])) if rules["unites_one_date"] else None
        cost += rules["credits_per_km2"] * (united if united is not None else sum(km2(entry.shape) for entry in part))
    least = max(entry.product["least_credits"] for entry in group)
    # a whole number that came out a hair too high is not rounded up to the next
    price = max(least, math.ceil(round(cost, 6)))
    area = km2(shapely.union_all([entry.shape for entry in group]))
    return {
        "captures": [entry.name for entry in group],
        "aoi_km2": round(area, 6),
        "credits": price,
        "aud": price / CREDITS_PER_AUD,
    }
