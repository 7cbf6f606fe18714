"""Reports as GIS layers: GeoJSON, GeoParquet and GeoPackage."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
from shapely.geometry import mapping

from scenecart._geo.geometry import union
from scenecart._util.files import arrow_buffer

if TYPE_CHECKING:
    from scenecart.report._model import Contents

_NAMES = ("number", "id", "host", "collection", "acquired", "cloud", "off_nadir", "gsd")


def to_frame(contents: Contents) -> gpd.GeoDataFrame:
    """Return the captures with their clipped footprints (EPSG:4326) and the price of their group.

    A cart has no price columns.
    """
    rows = [
        (line.number, line.id, line.host, line.collection, line.acquired, line.cloud, line.off_nadir, line.gsd)
        for line in contents.lines
    ]
    footprints = list(contents.clipped) if len(contents.clipped) else [None] * len(rows)
    frame = gpd.GeoDataFrame(pd.DataFrame(rows, columns=list(_NAMES)), geometry=footprints, crs=4326)
    # a column of None has no type by itself
    figures = {name: frame[name].astype("float64") for name in ("cloud", "off_nadir", "gsd")}
    frame = frame.assign(acquired=pd.to_datetime(frame["acquired"], utc=True).dt.as_unit("ms"), **figures)
    if contents.kind == "cart":
        return frame
    numbered = dict(enumerate(contents.groups, 1))
    groups = pd.Series([line.group for line in contents.lines], dtype="Int64")
    return frame.assign(
        group=groups,
        group_credits=groups.map({number: group.credits for number, group in numbered.items()}).astype("Int64"),
        group_aud=groups.map({number: float(group.aud) for number, group in numbered.items()}).astype("float64"),
        group_captures=groups.map({number: len(group.ids) for number, group in numbered.items()}).astype("Int64"),
        error=[line.error for line in contents.lines],
    )


def to_geojson(contents: Contents) -> bytes:
    """Return the captures as GeoJSON, with the totals in the member ``scenecart``."""
    frame = to_frame(contents)
    times = [None if line.acquired is None else f"{line.acquired:%Y-%m-%dT%H:%M:%SZ}" for line in contents.lines]
    document = json.loads(frame.assign(acquired=times).to_json(drop_id=True))
    about = {
        **_about(contents),
        "total_aud": None if contents.total_aud is None else str(contents.total_aud),
        "area": None if contents.area is None else mapping(contents.area.geometry),
    }
    return json.dumps({**document, "scenecart": about}, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")


def to_parquet(contents: Contents) -> bytes:
    """Return the captures as GeoParquet, with the totals in the file's metadata."""
    first, second = io.BytesIO(), io.BytesIO()
    to_frame(contents).to_parquet(first, index=False)
    table = pq.read_table(arrow_buffer(first.getvalue()))
    about = {**_about(contents), "total_aud": None if contents.total_aud is None else str(contents.total_aud)}
    metadata = {**(table.schema.metadata or {}), b"scenecart": json.dumps(about, sort_keys=True).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), second)
    return second.getvalue()


def to_gpkg(contents: Contents) -> bytes:
    """Return a GeoPackage with the layers ``captures`` and, if they exist, ``groups`` and ``area``."""
    frame = to_frame(contents)
    layers = {"captures": frame}
    if contents.groups and len(contents.clipped):
        parts = {
            number: frame.geometry[(frame["group"] == number).fillna(value=False)] for number in frame["group"].dropna().unique()
        }
        rows = [
            (number, len(group.ids), group.aoi_km2, group.credits, float(group.aud))
            for number, group in enumerate(contents.groups, 1)
        ]
        table = pd.DataFrame(rows, columns=["group", "captures", "aoi_km2", "credits", "aud"]).astype({"aoi_km2": "float64"})
        footprints = [union(parts[number]) if number in parts else None for number in table["group"]]
        layers["groups"] = gpd.GeoDataFrame(table, geometry=footprints, crs=4326)
    if contents.area is not None:
        about = {name: [value] for name, value in _about(contents).items() if value is not None}
        layers["area"] = gpd.GeoDataFrame(about, geometry=[contents.area.geometry], crs=4326)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.gpkg"
        for name, layer in layers.items():
            layer.to_file(path, layer=name, driver="GPKG")
        return path.read_bytes()


def _about(contents: Contents) -> dict[str, Any]:
    """Return the totals and the facts about an order, as JSON values."""
    about = {
        "kind": contents.kind,
        "title": contents.title,
        "made_at": None if contents.time is None else contents.time.isoformat(),
        "total_credits": contents.total_credits,
        "split_by_date": contents.split_by_date,
        "fingerprint": contents.fingerprint,
        "how": contents.price_note,
    }
    return {**about, **{name.lower(): value for name, value in contents.order_facts}}
