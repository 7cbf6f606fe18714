"""Reports as layers for GIS: clipped footprints with groups, prices and reasons."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest

from _report_data import HARBOUR

if TYPE_CHECKING:
    from pathlib import Path

    import scenecart


@pytest.fixture
def estimate(client: scenecart.Client) -> scenecart.Estimate:
    """Return an estimate of three captures, one of which the sandbox does not know."""
    found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06").head(3)
    found.loc[found.index[2], "id"] = "=nobody()"
    return client.cart(found, aoi=HARBOUR, split_by_date=True).estimate()


@pytest.mark.parametrize("suffix", ["geojson", "gpkg", "parquet"])
def test_gis_report_has_clipped_footprints_and_prices(estimate: scenecart.Estimate, tmp_path: Path, suffix: str):
    """GIS programs get the clipped footprint of each capture with its group, price and reason."""
    path = estimate.to_report(tmp_path / f"quote.{suffix}")
    layer = {"layer": "captures"} if suffix == "gpkg" else {}
    found = gpd.read_parquet(path) if suffix == "parquet" else gpd.read_file(path, **layer)
    assert found["id"].tolist() == estimate.cart.ids
    assert found.crs.to_epsg() == 4326
    assert found.geometry.union_all().symmetric_difference(estimate.cart.clipped().union_all()).area < 1e-9
    assert found["group_credits"].dropna().sum() == estimate.total_credits
    assert found["error"].notna().tolist() == [False, False, True]


def test_geopackage_has_layers_for_groups_and_area(estimate: scenecart.Estimate, tmp_path: Path):
    """The layers of a GeoPackage carry the prices of the groups, and the totals with the area."""
    path = estimate.to_report(tmp_path / "quote.gpkg")
    (area,) = gpd.read_file(path, layer="area").to_dict("records")
    assert area["total_credits"] == estimate.total_credits
    assert area["fingerprint"] == estimate.cart.fingerprint
    groups = gpd.read_file(path, layer="groups")
    assert groups["credits"].sum() == estimate.total_credits
    assert groups.geometry.notna().all()


def test_geojson_has_totals_as_a_member(estimate: scenecart.Estimate, tmp_path: Path):
    """GeoJSON has the totals beside its features."""
    about = json.loads(estimate.to_report(tmp_path / "quote.geojson").read_text())["scenecart"]
    assert about["total_credits"] == estimate.total_credits
    assert about["total_aud"] == str(estimate.total_aud)
