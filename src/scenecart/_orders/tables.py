"""Orders and placements as tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
from shapely.errors import ShapelyError
from shapely.geometry import shape

from scenecart._api.schemas import purchased_captures
from scenecart._captures.frame import CRS
from scenecart._geo.geometry import union
from scenecart._util.json import loads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapely.geometry.base import BaseGeometry

    from scenecart._api.schemas import OrderRecord
    from scenecart._orders.journal import Placement


def orders_frame(records: list[OrderRecord], footprints: Mapping[str, BaseGeometry]) -> pd.DataFrame:
    """Return orders as a table indexed by id; a GeoDataFrame if at least one footprint is known."""
    columns = [
        "status",
        "captures",
        "total_credits",
        "total_aud",
        "billing_mode",
        "project",
        "name",
        "tags",
        "reference",
        "created",
        "reason",
    ]
    rows = [
        {
            "id": record.id,
            "status": record.state,
            # an order has captures: if the service names none, their number is unknown
            "captures": len(record.captures) or None,
            "total_credits": record.total_credits,
            "total_aud": record.total_aud,
            "billing_mode": record.billing_mode,
            "project": record.project,
            "name": record.name,
            "tags": list(record.tags),
            "reference": record.reference,
            "created": parse_time(record.created),
            "reason": record.reason,
        }
        for record in records
    ]
    frame = pd.DataFrame(rows, columns=["id", *columns]).set_index("id")
    # nanoseconds end in 2262, and a service may name any year
    created = pd.Series(frame["created"].to_list(), index=frame.index, dtype="datetime64[us, UTC]")
    numbers = {name: frame[name].astype("Int64") for name in ("captures", "total_credits")}
    frame = frame.assign(**numbers, created=created)
    if not footprints:
        return frame
    with_footprints: pd.DataFrame = gpd.GeoDataFrame(frame, geometry=[footprints.get(name) for name in frame.index], crs=CRS)
    return with_footprints


def footprints_of(records: list[OrderRecord], placements: list[Placement]) -> dict[str, BaseGeometry]:
    """Return the geometry that each order bought, as far as the service or the journal knows it."""
    bodies = {placement.order_id: placement.body for placement in placements if placement.order_id is not None}
    found: dict[str, BaseGeometry] = {}
    for record in records:
        document = loads(bodies[record.id]) if record.id in bodies else record.raw
        try:
            shapes = [shape(dict(capture.geometry)) for capture in purchased_captures(document) if capture is not None]
        except (ShapelyError, AttributeError, IndexError, KeyError, TypeError, ValueError):
            # a malformed geometry of the service
            continue
        if shapes:
            found[record.id] = union(shapes)
    return found


def placements_frame(placements: list[Placement]) -> pd.DataFrame:
    """Return placements as a table, oldest first."""
    columns = ["number", "state", "order_id", "project", "captures", "total_credits", "total_aud", "key", "created", "detail"]
    rows = [
        (
            placement.number,
            placement.state,
            placement.order_id,
            placement.project,
            placement.captures,
            placement.credits,
            placement.aud,
            placement.key,
            datetime.fromtimestamp(placement.created, UTC),
            placement.detail,
        )
        for placement in placements
    ]
    return pd.DataFrame(rows, columns=columns)


def parse_time(text: str | None) -> datetime | None:
    """Return an ISO 8601 time of the service, in UTC if it names no zone; None if it cannot be read.

    Examples
    --------
    >>> from scenecart._orders.tables import parse_time
    >>> parse_time("2024-05-06T07:08:09").isoformat(), parse_time("yesterday")
    ('2024-05-06T07:08:09+00:00', None)
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
