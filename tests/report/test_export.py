"""Tests of captures as one file in any format."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
import shapely

import scenecart
from _expect import raises, warns
from scenecart import InvalidRequest
from scenecart.report import _export

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIME, RFC3339 = pd.Timestamp("2024-03-05T10:00:00.25Z"), "2024-03-05T10:00:00.250000Z"


@pytest.fixture
def captures() -> gpd.GeoDataFrame:
    """Return captures with values of every kind, under labels of the user's."""
    return gpd.GeoDataFrame(
        {
            "id": ["=1+1", "x;=2", "2024-03-05"],
            "datetime": pd.Series([TIME, pd.NaT, TIME], dtype="datetime64[us, UTC]").tolist(),
            "gsd": [0.5, None, 1.0],
            "instruments": [["msi"], None, "msi"],
            "count": pd.array([1, None, 3], dtype="Int64"),
            "is_new": [True, False, True],
            "big": [2**70, 1, None],
        },
        geometry=[shapely.box(0, 0, 1, 1), None, shapely.Polygon()],
        crs=4326,
        index=pd.Index(["p", "q", "r"], name="plot"),
    )


def test_export_csv_has_every_row_and_no_formula(captures: gpd.GeoDataFrame, tmp_path: Path):
    """A CSV has the user's labels, every column, lists as JSON and footprints as WKT; no text is a formula."""
    path = scenecart.export(captures, tmp_path / "new" / "found.csv")
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    assert [row["plot"] for row in rows] == ["p", "q", "r"]
    assert [row["id"] for row in rows] == ["'=1+1", "x;'=2", "2024-03-05"]
    assert [row["instruments"] for row in rows] == ['["msi"]', "", "msi"]
    assert [row["datetime"] for row in rows] == [RFC3339, "", RFC3339]
    assert rows[0]["geometry"].startswith("POLYGON")


def test_export_xlsx_has_times_numbers_and_text(captures: gpd.GeoDataFrame, tmp_path: Path):
    """A workbook has cells of times in UTC, numbers and text; a number that a cell would round is text, and nothing a formula."""
    sheet = openpyxl.load_workbook(scenecart.export(captures, tmp_path / "found.xlsx"))["Captures"]
    titles, *rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    found = [dict(zip(titles, row, strict=True)) for row in rows]
    assert [row["plot"] for row in found] == ["p", "q", "r"]
    assert [row["id"] for row in found] == captures["id"].tolist()
    assert [row["count"] for row in found] == [1, None, 3]
    assert [row["big"] for row in found] == [str(2**70), 1, None]
    assert abs(found[0]["datetime"] - TIME.tz_localize(None)) < pd.Timedelta(1, "ms")
    assert "f" not in {cell.data_type for row in sheet.iter_rows() for cell in row}


def test_export_xlsx_limits_are_said(captures: gpd.GeoDataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A text longer than a cell is cut with a warning, old and far times are kept, and more rows than a sheet has are refused."""
    when = pd.Series(["1850-01-01", "9999-12-31", None], captures.index, "datetime64[us]").dt.tz_localize("UTC")
    odd = captures.assign(note="x" * 40_000, when=when)
    with warns("cells_cut"):
        path = scenecart.export(odd, tmp_path / "found.xlsx")
    sheet = openpyxl.load_workbook(path)["Captures"]
    titles = [cell.value for cell in sheet[1]]
    assert len(sheet.cell(2, titles.index("note") + 1).value) == 32_767
    assert str(sheet.cell(2, titles.index("when") + 1).value).startswith("1850-01-01")
    assert sheet.cell(3, titles.index("when") + 1).value.year == 9999
    monkeypatch.setattr(_export, "_MOST_ROWS", 2)
    with raises(InvalidRequest, "workbook_too_large"):
        scenecart.export(captures, tmp_path / "more.xlsx")


def test_export_geojson_has_rfc3339_times(captures: gpd.GeoDataFrame, tmp_path: Path):
    """GeoJSON has longitude and latitude, times as RFC 3339, lists as lists, and no geometry for an empty one."""
    path = scenecart.export(captures.to_crs(3857), tmp_path / "found.geojson")
    first, second, third = json.loads(path.read_text())["features"]
    assert first["properties"]["datetime"] == RFC3339
    assert first["properties"]["instruments"] == ["msi"]
    assert shapely.geometry.shape(first["geometry"]).bounds == pytest.approx((0, 0, 1, 1))
    assert second["geometry"] is third["geometry"] is None


def test_export_gpkg_names_columns_apart(captures: gpd.GeoDataFrame, tmp_path: Path):
    """Columns that differ in letter case alone, or have the name of the row number, get names of their own, and all are kept."""
    doubled = captures.assign(GSD=7, fid=["a", "b", "c"], geom="text")
    with warns("columns_renamed"):
        path = scenecart.export(doubled, tmp_path / "found.gpkg")
    read = gpd.read_file(path, layer="captures")
    assert read["GSD_2"].tolist() == [7, 7, 7]
    assert read["fid_2"].tolist() == ["a", "b", "c"]
    assert read["geom_2"].tolist() == ["text"] * 3
    assert read["id"].tolist() == captures["id"].tolist()


def test_export_parquet_keeps_labels(captures: gpd.GeoDataFrame, tmp_path: Path):
    """GeoParquet keeps the labels of the user's index."""
    read = scenecart.read_captures(scenecart.export(captures, tmp_path / "found.parquet"))
    assert read.index.equals(captures.index)
    assert read["big"].tolist() == [2**70, 1, None]


@pytest.mark.parametrize("suffix", sorted(_export._FORMATS))
@pytest.mark.parametrize(
    "change",
    [lambda frame: frame.iloc[:0], lambda frame: frame[["geometry"]], lambda frame: pd.concat([frame, frame])],
    ids=["no rows", "no columns", "labels twice"],
)
def test_export_any_frame_in_any_format(
    captures: gpd.GeoDataFrame, tmp_path: Path, suffix: str, change: Callable[[gpd.GeoDataFrame], Any]
):
    """Frames without rows, without columns and with repeated labels are written in every format."""
    if suffix in {".ndjson", ".jsonl"}:
        captures = captures.assign(id="a")
    changed = change(captures)
    if suffix in {".ndjson", ".jsonl"} and "id" not in changed.columns:
        changed = changed.assign(id="a")
    assert scenecart.export(changed, tmp_path / f"found{suffix}").stat().st_size >= 0


def test_export_unusable_argument_is_refused(captures: gpd.GeoDataFrame, tmp_path: Path):
    """An unknown format, something that is not captures, and a folder in place of a file are refused."""
    for path in ("found.shp", "found", 5):
        with pytest.raises(InvalidRequest):
            scenecart.export(captures, path)
    with raises(scenecart.InvalidQuery, "captures_invalid"):
        scenecart.export(captures.drop(columns="geometry"), tmp_path / "found.csv")
    (tmp_path / "found.csv").mkdir()
    with raises(InvalidRequest, "file_not_writable"):
        scenecart.export(captures, tmp_path / "found.csv")
