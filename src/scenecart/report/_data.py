"""Reports as data: layers for GIS, CSV for spreadsheets, and Markdown for a message."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
from shapely.geometry import mapping

from scenecart._geo.geometry import union
from scenecart._util.files import arrow_buffer
from scenecart._util.html import km2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scenecart.report._model import Contents

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NAMES = ("number", "id", "host", "collection", "acquired", "cloud", "off_nadir", "gsd")


def to_frame(contents: Contents) -> gpd.GeoDataFrame:
    """Return the captures of a report: what is bought of each, and what its group costs, EPSG:4326.

    A cart without prices has no columns of them.
    """
    rows = [
        (line.number, line.id, line.host, line.collection, line.taken, line.cloud, line.off_nadir, line.gsd)
        for line in contents.lines
    ]
    ground = list(contents.bought) if len(contents.bought) else [None] * len(rows)
    frame = gpd.GeoDataFrame(pd.DataFrame(rows, columns=list(_NAMES)), geometry=ground, crs=4326)
    # a column without a figure has a type all the same
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


def to_csv(contents: Contents) -> bytes:
    """Return the captures as CSV."""
    frame = to_frame(contents)
    names = [name for name in frame.columns if name != "geometry"]
    return csv_of([names, *frame[names].itertuples(index=False)])


def csv_of(rows: Iterable[Iterable[Any]]) -> bytes:
    """Return rows as CSV, whose texts no spreadsheet takes for formulas."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerows([_plain(value) for value in row] for row in rows)
    # the mark tells spreadsheets that it is UTF-8
    return b"\xef\xbb\xbf" + stream.getvalue().encode("utf-8", "replace")


def to_markdown(contents: Contents) -> bytes:
    """Return the report as Markdown, whose texts are never markup."""
    priced = contents.kind != "cart"
    lines = [f"# {literal(contents.title)}", "", _total(contents), ""]
    lines += [f"- {name}: {literal(value)}" for name, value in contents.facts]
    if contents.groups:
        figures = [
            [str(number), f"{len(group.ids):,}", km2(group.aoi_km2), f"{group.credits:,}", f"{group.aud:,.2f}"]
            for number, group in enumerate(contents.groups, 1)
        ]
        lines += ["", "## Price", "", *markdown_table(("Group", "Captures", "km²", "Credits", "A$"), "rrrrr", figures)]
    rows = []
    for line in contents.lines:
        of_capture = ["" if value is None else f"{value:g}" for value in (line.cloud, line.off_nadir, line.gsd)]
        last = [f"not priced: {literal(line.error)}" if line.error else str(line.group or "")] if priced else []
        rows.append([literal(line.id), literal(line.collection), line.acquired, *of_capture, *last])
    titles = ("Capture", "Collection", "Acquired (UTC)", "Cloud %", "Off-nadir °", "GSD m", *(["Group"] if priced else []))
    lines += ["", "## Captures", "", *markdown_table(titles, "lllrrrl", rows), "", literal(contents.how)]
    if contents.fingerprint is not None:
        lines += ["", f"Cart fingerprint `{contents.fingerprint}`"]
    return "\n".join([*lines, ""]).encode("utf-8", "replace")


def _total(contents: Contents) -> str:
    if contents.total_credits is None or contents.total_aud is None:
        return "**No prices**: the service was not asked." if contents.kind == "cart" else "**Price not told** by the service."
    total = f"**{contents.total_credits:,} credits · A\\${contents.total_aud:,.2f}**"
    return f"{total} · {literal(contents.said_when)}"


def markdown_table(titles: Sequence[str], sides: str, rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; ``sides`` has ``r`` for a column whose figures stand at the right."""
    marks = ["---:" if side == "r" else "---" for side in sides[: len(titles)]]
    return [f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in (titles, marks, *rows)]


def to_geojson(contents: Contents) -> bytes:
    """Return the captures as GeoJSON, with the totals as a member of its own."""
    frame = to_frame(contents)
    times = [None if line.taken is None else f"{line.taken:%Y-%m-%dT%H:%M:%SZ}" for line in contents.lines]
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
    """Return a GeoPackage of the layers ``captures`` and, where there are such, ``groups`` and ``area``."""
    frame = to_frame(contents)
    layers = {"captures": frame}
    if contents.groups and len(contents.bought):
        parts = {
            number: frame.geometry[(frame["group"] == number).fillna(value=False)] for number in frame["group"].dropna().unique()
        }
        rows = [
            (number, len(group.ids), group.aoi_km2, group.credits, float(group.aud))
            for number, group in enumerate(contents.groups, 1)
        ]
        table = pd.DataFrame(rows, columns=["group", "captures", "aoi_km2", "credits", "aud"]).astype({"aoi_km2": "float64"})
        ground = [union(parts[number]) if number in parts else None for number in table["group"]]
        layers["groups"] = gpd.GeoDataFrame(table, geometry=ground, crs=4326)
    if contents.area is not None:
        about = {name: [value] for name, value in _about(contents).items() if value is not None}
        layers["area"] = gpd.GeoDataFrame(about, geometry=[contents.area.geometry], crs=4326)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.gpkg"
        for name, layer in layers.items():
            layer.to_file(path, layer=name, driver="GPKG")
        return path.read_bytes()


def _about(contents: Contents) -> dict[str, Any]:
    told = {
        "kind": contents.kind,
        "title": contents.title,
        "made_at": None if contents.made_at is None else contents.made_at.isoformat(),
        "total_credits": contents.total_credits,
        "split_by_date": contents.split_by_date,
        "fingerprint": contents.fingerprint,
        "how": contents.how,
    }
    return {**told, **{name.lower(): value for name, value in contents.order}}


def _plain(value: Any) -> Any:
    """Return a value for a cell; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def literal(text: str) -> str:
    """Return a text that Markdown shows as it is, in a table too."""
    kept = text.replace("\\", "\\\\").replace("\n", " ")
    for mark in "`*_{}[]<>#|~$":
        kept = kept.replace(mark, f"\\{mark}")
    return kept.replace("&", "&amp;").replace("\\<", "&lt;").replace("\\>", "&gt;")
