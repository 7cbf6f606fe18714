"""Reports as data: tables for spreadsheets, layers for GIS, and Markdown for a message."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
from shapely.geometry import mapping

from scenecart._errors import MissingExtra

if TYPE_CHECKING:
    from scenecart.report._contents import Contents

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TITLES = ("No.", "Capture", "Collection", "Acquired (UTC)", "Cloud %", "Off-nadir °", "GSD m", "Group")
_NAMES = ("number", "id", "collection", "acquired", "cloud", "off_nadir", "gsd", "group", "error")


def to_frame(contents: Contents) -> gpd.GeoDataFrame:
    """Return the captures of a report: what is bought of each, and what its group costs, EPSG:4326."""
    credits_of = {number: group.credits for number, group in enumerate(contents.groups, 1)}
    rows = [{name: getattr(line, name) for name in _NAMES} for line in contents.lines]
    frame = gpd.GeoDataFrame(rows, columns=list(_NAMES), geometry=contents.bought.to_numpy(), crs=4326)
    groups = frame["group"].astype("Int64")
    return frame.assign(
        group=groups,
        group_credits=groups.map(credits_of).astype("Int64"),
        group_captures=groups.map({number: len(group.ids) for number, group in enumerate(contents.groups, 1)}).astype("Int64"),
    )


def to_csv(contents: Contents) -> bytes:
    """Return the captures as CSV, whose texts no spreadsheet takes for formulas."""
    frame = to_frame(contents)
    names = [name for name in frame.columns if name != "geometry"]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(names)
    for row in frame[names].itertuples(index=False):
        writer.writerow([_plain(value) for value in row])
    # the mark tells spreadsheets that it is UTF-8
    return b"\xef\xbb\xbf" + stream.getvalue().encode()


def to_markdown(contents: Contents) -> bytes:
    """Return the report as Markdown, whose texts are never markup."""
    area = "whole footprints" if contents.area is None else f"clipped to {contents.area.km2:,.2f} km²"
    total = f"**{contents.total_credits:,} credits · A${contents.total_aud:,.2f}**"
    lines = [
        f"# {_literal(contents.title)}",
        "",
        f"{total} for {len(contents.lines):,} captures, {area}, as the service said on {contents.made_at:%Y-%m-%d %H:%M} UTC.",
        "",
        "| Group | Captures | km² | Credits | A$ |",
        "|---:|---:|---:|---:|---:|",
        *(
            f"| {number} | {len(group.ids):,} | {'' if group.aoi_km2 is None else f'{group.aoi_km2:,.2f}'} "
            f"| {group.credits:,} | {group.aud:,.2f} |"
            for number, group in enumerate(contents.groups, 1)
        ),
        "",
        "| Capture | Collection | Acquired (UTC) | Cloud % | Off-nadir ° | GSD m | Group |",
        "|---|---|---|---:|---:|---:|---|",
    ]
    for line in contents.lines:
        figures = " | ".join("" if value is None else f"{value:g}" for value in (line.cloud, line.off_nadir, line.gsd))
        where = f"not priced: {_literal(line.error)}" if line.error else str(line.group or "")
        lines.append(f"| {_literal(line.id)} | {_literal(line.collection)} | {line.acquired} | {figures} | {where} |")
    split = "each date priced for itself" if contents.split_by_date else "dates priced together"
    lines += ["", f"Options: {split}. Cart `{contents.fingerprint}`.", ""]
    return "\n".join(lines).encode()


def to_geojson(contents: Contents) -> bytes:
    """Return the captures as GeoJSON, with the totals as a member of its own."""
    document = json.loads(to_frame(contents).to_json(drop_id=True))
    about = {
        **_about(contents),
        "total_aud": str(contents.total_aud),
        "area": None if contents.area is None else mapping(contents.area.geometry),
    }
    return json.dumps({**document, "scenecart": about}, ensure_ascii=False, sort_keys=True).encode()


def to_parquet(contents: Contents) -> bytes:
    """Return the captures as GeoParquet."""
    stream = io.BytesIO()
    to_frame(contents).to_parquet(stream, index=False)
    return stream.getvalue()


def to_gpkg(contents: Contents) -> bytes:
    """Return a GeoPackage of the layers ``captures`` and, where there is one, ``area``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.gpkg"
        to_frame(contents).to_file(path, layer="captures", driver="GPKG")
        if contents.area is not None:
            about = {name: [value] for name, value in _about(contents).items()}
            gpd.GeoDataFrame(about, geometry=[contents.area.geometry], crs=4326).to_file(path, layer="area", driver="GPKG")
        return path.read_bytes()


def to_xlsx(contents: Contents) -> bytes:
    """Return a workbook: summary, groups, captures and errors; numbers are numbers, and no text is a formula."""
    try:
        import xlsxwriter  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "Workbooks need the package 'XlsxWriter', which is not installed.", hint='Install it: pip install "scenecart[report]"'
        ) from error
    stream = io.BytesIO()
    safe = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(stream, safe)
    # the same contents give the same file
    book.set_properties({"title": contents.title, "created": contents.made_at.replace(tzinfo=None)})
    looks = {
        "head": book.add_format({"bold": True, "bottom": 1}),
        "whole": book.add_format({"num_format": "#,##0"}),
        "money": book.add_format({"num_format": '"A$"#,##0.00'}),
        "km2": book.add_format({"num_format": "#,##0.00"}),
    }
    groups = [
        [number, len(group.ids), group.aoi_km2, group.credits, float(group.aud)] for number, group in enumerate(contents.groups, 1)
    ]
    captures = [[getattr(line, name) for name in _NAMES[:-1]] for line in contents.lines]
    errors = [[line.id, line.error] for line in contents.lines if line.error]
    summary = [list(entry) for entry in _summary(contents)]
    sheets: list[tuple[str, list[tuple[str, str]], list[list[Any]]]] = [
        ("Summary", [("What", ""), ("Value", "")], summary),
        ("Groups", [("Group", ""), ("Captures", "whole"), ("km²", "km2"), ("Credits", "whole"), ("A$", "money")], groups),
        ("Captures", [(title, "") for title in _TITLES], captures),
        ("Errors", [("Capture", ""), ("Why it has no price", "")], errors),
    ]
    for name, columns, rows in sheets:
        _fill(book.add_worksheet(name), looks, columns, rows)
    book.close()
    return stream.getvalue()


def _fill(sheet: Any, looks: dict[str, Any], columns: list[tuple[str, str]], rows: list[list[Any]]) -> None:
    sheet.freeze_panes(1, 0)
    sheet.write_row(0, 0, [title for title, _ in columns], looks["head"])
    for number, row in enumerate(rows, 1):
        for place, value in enumerate(row):
            look = looks.get(columns[place][1])
            if isinstance(value, str):
                sheet.write_string(number, place, value, look)
            elif value is not None:
                sheet.write_number(number, place, value, look)
    for place, (title, _) in enumerate(columns):
        widest = max([len(title), *(len(str(row[place])) for row in rows)])
        sheet.set_column(place, place, min(60, widest + 2))
    if rows:
        sheet.autofilter(0, 0, len(rows), len(columns) - 1)


def _about(contents: Contents) -> dict[str, Any]:
    return {
        "title": contents.title,
        "made_at": contents.made_at.isoformat(),
        "total_credits": contents.total_credits,
        "split_by_date": contents.split_by_date,
        "fingerprint": contents.fingerprint,
    }


def _summary(contents: Contents) -> list[tuple[str, Any]]:
    return [
        ("Title", contents.title),
        ("Total, credits", contents.total_credits),
        ("Total, A$", float(contents.total_aud)),
        ("Captures", len(contents.lines)),
        ("Groups", len(contents.groups)),
        ("Ground, km²", round(contents.area_km2, 3)),
        ("Each date priced for itself", "yes" if contents.split_by_date else "no"),
        ("Hosts", ", ".join(contents.hosts)),
        ("Price of (UTC)", f"{contents.made_at:%Y-%m-%d %H:%M}"),
        ("Cart", contents.fingerprint),
    ]


def _plain(value: Any) -> Any:
    """Return a value for a cell; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if value is None or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _literal(text: str) -> str:
    """Return a text that Markdown shows as it is, in a table too."""
    kept = text.replace("\\", "\\\\").replace("\n", " ")
    for mark in "`*_{}[]<>#|~$":
        kept = kept.replace(mark, f"\\{mark}")
    return kept.replace("&", "&amp;").replace("\\<", "&lt;").replace("\\>", "&gt;")
