"""Orders and placements as tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
from shapely.geometry import shape

from scenecart._api.schemas import bought
from scenecart._captures.frame import CRS
from scenecart._geo.geometry import union
from scenecart._util.json import loads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapely.geometry.base import BaseGeometry

    from scenecart._api.schemas import OrderRecord
    from scenecart._orders.journal import Placement


def orders_frame(records: list[OrderRecord], footprints: Mapping[str, BaseGeometry]) -> pd.DataFrame:
    """Return orders as a table: one row each, indexed by id; a GeoDataFrame where the ground of one is known."""
    columns = [
        "status",
        "captures",
        "total_credits",
        "total_aud",
        "billing_mode",
        "project",
        "name",
        "created",
        "reason",
    ]
    rows = [
        {
            "id": record.id,
            "status": record.state,
            "captures": len(record.captures),
            "total_credits": record.total_credits,
            "total_aud": record.total_aud,
            "billing_mode": record.billing_mode,
            "project": record.project,
            "name": record.name,
            "created": moment(record.created),
            "reason": record.reason,
        }
        for record in records
    ]
    frame = pd.DataFrame(rows, columns=["id", *columns]).set_index("id")
    # microseconds reach to the year 9999, as a service may say it
    created = pd.Series(frame["created"].to_list(), index=frame.index, dtype="datetime64[us, UTC]")
    frame = frame.assign(total_credits=frame["total_credits"].astype("Int64"), created=created)
    if not footprints:
        return frame
    placed: pd.DataFrame = gpd.GeoDataFrame(frame, geometry=[footprints.get(name) for name in frame.index], crs=CRS)
    return placed


def footprints_of(records: list[OrderRecord], placements: list[Placement]) -> dict[str, BaseGeometry]:
    """Return the ground of each order, as far as the service or the journal tells it."""
    bodies = {placement.order_id: placement.body for placement in placements if placement.order_id is not None}
    found: dict[str, BaseGeometry] = {}
    for record in records:
        document = loads(bodies[record.id]) if record.id in bodies else record.raw
        shapes = [shape(dict(capture.geometry)) for capture in bought(document) if capture is not None]
        if shapes:
            found[record.id] = union(shapes)
    return found


def placements_frame(placements: list[Placement]) -> pd.DataFrame:
    """Return what the journal knows as a table: one row a placement, oldest first."""
    columns = ["state", "order_id", "project", "captures", "total_credits", "total_aud", "key", "created", "detail"]
    rows = [
        (
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


def moment(text: str | None) -> datetime | None:
    """Read a time as the service writes it, in UTC where it names no zone; None where it is none."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
