"""Real captures of other catalogs through every part: search, frame, map, filter, cart, every report and export, and back."""

from __future__ import annotations

import csv
import io
import json
import warnings
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import openpyxl
import pandas as pd
import pytest

import scenecart
from _stac_diff import differences
from _thorough import first_of
from scenecart import ScenecartWarning
from scenecart.cli import _output
from scenecart.report import _FORMATS as REPORTS
from scenecart.report._export import _FORMATS as EXPORTS
from scenecart.sandbox import Sandbox
from scenecart.widgets import CaptureMap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import geopandas as gpd

mpl.use("agg")

# small, and between them every kind of geometry, time and property
FOLDERS = ["api-items-planetary-computer", "antimeridian", "stac-geoparquet", "planet-native", "stactools-sentinel2"]
AT_MOST = 60


def published_in(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield every feature of a folder, as it was published."""
    for path in sorted(folder.rglob("*json")):
        text = path.read_text("utf-8-sig")
        try:
            documents = [json.loads(text)]
        except ValueError:
            documents = [json.loads(line) for line in text.split("\n") if line.strip()]
        for document in documents:
            yield from _features(document)


def _features(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, list):
        for part in document:
            yield from _features(part)
    elif isinstance(document, dict) and isinstance(document.get("features"), list):
        yield from _features(document["features"])
    elif isinstance(document, dict) and document.get("type") == "Feature":
        yield document


def check_items(frames: list[gpd.GeoDataFrame], expected: list[dict[str, Any]]) -> None:
    """Check that captures have the items, in any order, to the last member."""
    keys = sorted(_key(item) for item in expected)
    found = [item for captures in frames for item in scenecart.to_items(captures)]
    assert sorted(map(_key, found)) == keys
    pairs = zip(sorted(expected, key=_text), sorted(found, key=_text), strict=True)
    assert [found for one, other in pairs for found in differences(_without_empty_parts(one), _without_empty_parts(other))] == []


def _without_empty_parts(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item without the empty parts of its geometry, which STAC GeoParquet does not hold."""
    geometry = item["geometry"]
    if geometry is None or geometry["type"] != "MultiPolygon":
        return item
    parts = [part for part in geometry["coordinates"] if part and part[0]]
    return {**item, "geometry": {**geometry, "coordinates": parts}}


def _key(item: dict[str, Any]) -> str:
    return json.dumps([item.get("collection"), item.get("id")], default=str)


def _text(item: dict[str, Any]) -> str:
    times = {name: str(item["properties"].get(name))[:19] for name in ("datetime", "start_datetime")}
    return json.dumps([_key(item), times, sorted(item["properties"])], default=str)


def check_map_and_filters(captures: gpd.GeoDataFrame) -> None:
    """Check that the widgets display and filter the captures, and that the copied code does the same."""
    picker = CaptureMap(captures, aoi=(-179, -60, 179, 60) if len(captures) % 2 else None, basemap="none")
    names: dict[str, Any] = {"captures": captures, "scenecart": scenecart, "aoi": picker.aoi}
    for facet in picker.state.facets:
        wanted: Any = list(facet.options[:1])
        if facet.kind == "dates":
            middle = pd.Timestamp(0, unit="s") + pd.Timedelta(days=min(facet.low, 100_000))
            wanted = [f"{middle:%Y-%m-%d}", f"{middle + pd.Timedelta(days=400):%Y-%m-%d}"]
        elif facet.kind == "range":
            wanted = [facet.low, (facet.low + facet.high) / 2]
        picker.filters = {facet.name: wanted}
        exec(picker.code, names)  # noqa: S102  # the code that a user would run
        assert names["chosen"].index.equals(picker.filtered.index), facet.name
    picker.filters = {}
    picker.state.selection = tuple(captures.index[::3])
    exec(picker.code, names)  # noqa: S102  # likewise
    assert sorted(names["chosen"].index) == sorted(picker.state.selection)
    assert len(picker.table.shown) == len(captures)
    for name in ("datetime", "eo:cloud_cover", "id"):
        picker.table.sort = (name, True)
        assert len(picker.table.shown) == len(captures)
    assert picker.static_html()
    picker.close()


def check_exports(captures: gpd.GeoDataFrame, folder: Path) -> None:
    """Check that every export has every capture, and that what can be read back is the same items."""
    expected = list(scenecart.to_items(captures))
    for suffix in EXPORTS:
        path = scenecart.export(captures, folder / f"found{suffix}")
        if suffix == ".csv":
            assert len(list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))) == len(captures) + 1
        elif suffix == ".xlsx":
            assert openpyxl.load_workbook(path, read_only=True)["Captures"].max_row == len(captures) + 1
        else:
            # a GeoPackage keeps milliseconds
            was = list(scenecart.to_items(_to_milliseconds(captures))) if suffix == ".gpkg" else expected
            check_items([scenecart.read_captures(path)], was)
    with Sandbox(items=folder / "found.parquet", pace="instant") as box, box.client(home=folder / "again") as client:
        assert len(client.search("archive", collections=box.hosts["archive"])) == len(captures)


def _to_milliseconds(captures: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    times = captures.select_dtypes("datetimetz").columns
    return captures.assign(**{name: captures[name].dt.floor("ms") for name in times})


def check_reports(client: scenecart.Client, captures: gpd.GeoDataFrame, folder: Path) -> scenecart.Cart | None:
    """Check that the captures that can be ordered have a price or a reason, every report and every cart file."""
    usable = captures[captures["orderable"]]
    usable = usable[~usable.duplicated(["collection", "id"])]
    if not len(usable):
        return None
    cart = client.cart(usable)
    estimate = cart.estimate()
    assert len(estimate.refused) + sum(len(group.ids) for group in estimate.price_groups) == len(cart)
    for suffix in REPORTS:
        for subject in (cart, estimate):
            assert subject.to_report(folder / f"report{suffix}", thumbnails=False).stat().st_size > 0
    for suffix in (".cart.parquet", ".cart.geojson"):
        assert scenecart.load_cart(cart.save(folder / f"a{suffix}")).fingerprint == cart.fingerprint
    return cart


def run_corpus(folder: Path, work: Path, at_most: int | None) -> int:
    """Take the features of a folder through every part; return how many there were."""
    # a search returns a capture that is listed twice once
    named = {_key(item) if isinstance(item.get("id"), str) else number: item for number, item in enumerate(published_in(folder))}
    published = list(named.values())[:at_most]
    work.mkdir()
    (work / "items.json").write_text(json.dumps(published))
    with Sandbox(items=work / "items.json", pace="instant") as box, box.client(home=work / "home") as client:
        box.rate_limits = None
        captures = client.search("archive", collections=box.hosts["archive"])
        assert len(captures) == len(published)
        with_id = [one for one in published if isinstance(one.get("id"), str)]
        assert set(captures["id"].dropna()) >= {one["id"] for one in with_id}
        files = client.search_to_parquet(work / "found", "archive", collections=box.hosts["archive"], partition="year")
        check_items([scenecart.read_captures(path) for path in files], list(scenecart.to_items(captures)))
        check_map_and_filters(captures)
        assert len(scenecart.coverage(captures, (-170, -60, 170, 60))) == len(captures)
        if captures["datetime"].notna().any():
            scenecart.timeline(captures, by="host")
        _output.captures_table(captures)
        check_exports(captures, work)
        check_reports(client, captures, work)
    return len(published)


@pytest.mark.parametrize("folder", first_of(FOLDERS, 2))
@pytest.mark.timeout(300)
def test_corpus_of_real_captures_loses_nothing(shared_data: Path, tmp_path: Path, folder: str):
    """Real captures of a catalog go through every part and come back as they were; nothing is raised that is not ours."""
    with warnings.catch_warnings():
        # catalogs write times without a zone, and texts longer than a cell
        warnings.simplefilter("ignore", ScenecartWarning)
        assert run_corpus(shared_data / folder, tmp_path / "work", AT_MOST) > 0
