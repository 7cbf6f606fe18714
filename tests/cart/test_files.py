"""Cart files: the same cart is read back, and a changed or damaged file is refused."""

from __future__ import annotations

import datetime as dt
import io
import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely
from shapely.geometry import mapping

import scenecart
from _expect import raises
from scenecart._cart.cart import make_cart
from scenecart._cart.files import check_path, is_cart

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HARBOUR = (151.18, -33.99, 151.24, -33.94)
SUFFIXES = [".cart.parquet", ".cart.geojson"]


@pytest.fixture
def cart(client: scenecart.Client) -> scenecart.Cart:
    found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06").head(3)
    return client.cart(found, aoi=HARBOUR, split_by_date=True)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_load_returns_the_saved_cart(client: scenecart.Client, cart: scenecart.Cart, tmp_path: Path, suffix: str):
    """A saved cart has the same fingerprint, captures, area and options, and a colleague's price is the same."""
    path = cart.save(tmp_path / "new" / f"harbour{suffix}")
    loaded = scenecart.load_cart(path, client)
    assert loaded == cart
    assert loaded.fingerprint == cart.fingerprint
    assert loaded.ids == cart.ids
    assert loaded.split_by_date
    assert loaded.area is not None
    assert loaded.area.geometry.equals(cart.area.geometry)
    assert loaded.captures["datetime"].tolist() == cart.captures["datetime"].tolist()
    assert loaded.estimate().total_credits == cart.estimate().total_credits
    assert client.estimate(scenecart.load_cart(path)).total_credits == cart.estimate().total_credits
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_saved_cart_is_read_by_gdal(cart: scenecart.Cart, tmp_path: Path, suffix: str):
    """GDAL and geopandas read the file as captures with their footprints."""
    path = cart.save(tmp_path / f"harbour{suffix}")
    opened = gpd.read_parquet(path) if suffix.endswith("parquet") else gpd.read_file(path)
    assert opened["id"].tolist() == cart.ids
    assert opened.crs.to_epsg() == 4326


def test_load_keeps_footprints_across_the_antimeridian(tmp_path: Path):
    """A cart whose footprints are in two pieces is the same after the round trip, in both formats."""
    split = shapely.MultiPolygon([shapely.box(179, -15, 180, -14), shapely.box(-180, -15, -179, -14)])
    cart = make_cart(gpd.GeoDataFrame({"id": ["über/🛰"]}, geometry=[split], crs=4326))
    for suffix in SUFFIXES:
        assert scenecart.load_cart(cart.save(tmp_path / f"x{suffix}")).fingerprint == cart.fingerprint


def change_file(path: Path, change: Any) -> None:
    """Change the metadata or the captures in a cart file."""
    if path.suffix == ".geojson":
        document = json.loads(path.read_text())
        change(document["scenecart"], document["features"])
        path.write_text(json.dumps(document))
        return
    table = pq.read_table(path)
    metadata = json.loads(table.schema.metadata[b"scenecart"])
    features: list[Any] = [{"properties": {"id": "a"}}] * table.num_rows
    change(metadata, features)
    kept = table.slice(0, len(features))
    content = io.BytesIO()
    pq.write_table(kept.replace_schema_metadata({**table.schema.metadata, b"scenecart": json.dumps(metadata).encode()}), content)
    path.write_bytes(content.getvalue())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda metadata, _: metadata.update(version=4), "cart_file_newer"),
        (lambda metadata, _: metadata.update(version="one"), "not_a_cart_file"),
        (lambda metadata, _: (metadata.update(version=1), metadata.pop("contents")), "cart_file_changed"),
        (lambda metadata, _: metadata.update(split_by_date=False), "cart_file_changed"),
        (lambda metadata, _: metadata.update(area=None), "cart_file_changed"),
        (lambda metadata, _: metadata.update(area={"type": "Cube"}), "cart_file_damaged"),
        (lambda metadata, _: metadata.update(area={"type": "Polygon", "coordinates": [[[10**400, 0]] * 4]}), "cart_file_damaged"),
        (
            lambda metadata, _: metadata.update(area={"type": "Polygon", "coordinates": json.loads("[" * 600 + "]" * 600)}),
            "cart_file_damaged",
        ),
        (lambda metadata, _: metadata.update(fingerprint="0"), "cart_file_changed"),
        (lambda metadata, _: metadata.update(contents="0"), "cart_file_changed"),
        (lambda metadata, _: metadata.pop("contents"), "cart_file_changed"),
        (lambda _, features: features.pop(), "cart_file_changed"),
    ],
)
def test_load_changed_or_newer_file_is_refused(cart: scenecart.Cart, tmp_path: Path, suffix: str, change: Any, code: str):
    """A file that is not what was approved is refused with the reason."""
    path = cart.save(tmp_path / f"harbour{suffix}")
    change_file(path, change)
    with raises(scenecart.InvalidCart, code):
        scenecart.load_cart(path)


def test_load_larger_area_is_refused(cart: scenecart.Cart, tmp_path: Path):
    """An area that was enlarged beyond every footprint buys the same, and is a change all the same."""
    around = make_cart(cart.captures, shapely.box(*cart.captures.total_bounds).buffer(1, join_style="mitre"))
    path = around.save(tmp_path / "harbour.cart.geojson")
    assert scenecart.load_cart(path) == around
    change_file(path, lambda about, _: about.update(area=mapping(around.area.geometry.buffer(1))))
    with raises(scenecart.InvalidCart, "cart_file_changed"):
        scenecart.load_cart(path)


def set_property(features: list[Any], name: str, value: Any) -> None:
    features[0]["properties"][name] = value


@pytest.mark.parametrize(
    ("name", "value"),
    [("eo:cloud_cover", 77), ("datetime", "2023-01-01T00:00:00Z"), ("view:off_nadir", None), ("gsd", 0.3), ("note", "approved")],
)
def test_load_changed_property_is_refused(cart: scenecart.Cart, tmp_path: Path, name: str, value: Any):
    """A date, a cloud cover or any other property that was changed by hand is detected, in both formats."""
    path = cart.save(tmp_path / "harbour.cart.geojson")
    change_file(path, lambda _, features: set_property(features, name, value))
    with raises(scenecart.InvalidCart, "cart_file_changed"):
        scenecart.load_cart(path)
    path = cart.save(tmp_path / "harbour.cart.parquet")
    table = pq.read_table(path)
    frame = gpd.read_parquet(path)
    frame[name] = [pd.Timestamp(value) if name == "datetime" else value, *(frame[name][1:] if name in frame else [None] * 2)]
    frame.to_parquet(path)
    pq.write_table(pq.read_table(path).replace_schema_metadata(table.schema.metadata), path)
    with raises(scenecart.InvalidCart, "cart_file_changed"):
        scenecart.load_cart(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_load_rewritten_file_is_the_same_cart(cart: scenecart.Cart, tmp_path: Path, suffix: str):
    """Another layout of the same values is not a change: indented JSON, and Parquet with other row groups."""
    path = cart.save(tmp_path / f"harbour{suffix}")
    if suffix.endswith("parquet"):
        pq.write_table(pq.read_table(path), path, row_group_size=1, compression="none", use_dictionary=False)
    else:
        path.write_text(json.dumps(json.loads(path.read_text()), indent=4, sort_keys=False))
    assert scenecart.load_cart(path) == cart


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_load_keeps_unusual_values(tmp_path: Path, suffix: str):
    """Values that formats store differently are not taken for changes: large numbers, gaps, lists, dates of any year."""
    columns = {
        "id": ["a", "b"],
        "big": [10**30, 1],
        "float": [0.1, float("nan")],
        "gap": pd.array([None, 5], dtype="Int64"),
        "listed": [[1, 2], None],
        "nested": [{"a": [1.5, None]}, {"b": "ü/🛰"}],
        "mixed": ["x", 5],
        "datetime": pd.to_datetime(["2024-03-01T00:00:00.123456Z", None], utc=True),
        "far": pd.Series(np.array(["12024-01-01", "NaT"], dtype="datetime64[s]")),
        "day": [dt.date(2024, 3, 1), None],
        "kind": pd.Categorical(["x", "y"]),
    }
    cart = make_cart(gpd.GeoDataFrame(columns, geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], crs=4326))
    assert scenecart.load_cart(cart.save(tmp_path / f"unusual{suffix}")) == cart


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"PAR1", b'{"features": 5}', b'{"type": "FeatureCollection", "features": []}', b"\xff" * 99]
)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_load_file_not_a_cart_is_refused_by_name(tmp_path: Path, suffix: str, content: bytes):
    """A file that is not a cart is refused, and the error names the file."""
    path = tmp_path / f"other{suffix}"
    path.write_bytes(content)
    with raises(scenecart.InvalidCart, "not_a_cart_file") as caught:
        scenecart.load_cart(path)
    assert path.name in caught.value.message


@pytest.mark.parametrize("path", [5, None, b"x.cart.parquet", "~nobody-of-this-name/x.cart.parquet", "a\0b.cart.geojson"])
def test_cart_path_not_a_path_is_refused(cart: scenecart.Cart, path: Any):
    """A cart and a report are neither read from nor written to a value that is not a path."""
    uses: list[Callable[[Any], object]] = [
        scenecart.load_cart,
        cart.save,
        cart.to_report,
        lambda path: scenecart.compare_report([cart, cart], path),
    ]
    for use in uses:
        with raises(scenecart.InvalidRequest, "path_invalid"):
            use(path)


def test_load_truncated_file_is_refused(cart: scenecart.Cart, tmp_path: Path):
    """A file without its end is damaged, not a smaller cart."""
    for suffix in SUFFIXES:
        path = cart.save(tmp_path / f"harbour{suffix}")
        path.write_bytes(path.read_bytes()[:-200])
        with raises(scenecart.InvalidCart, "not_a_cart_file"):
            scenecart.load_cart(path)


def test_save_failure_leaves_nothing_behind(cart: scenecart.Cart, tmp_path: Path):
    """If a cart cannot be written, an error says so; no partial file remains and no other file is lost."""
    (tmp_path / "taken").write_text("mine")
    with raises(scenecart.InvalidRequest, "file_not_writable"):
        cart.save(tmp_path / "taken" / "harbour.cart.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize("name", ["harbour.xlsx", "harbour"])
def test_save_unsupported_suffix_is_refused(cart: scenecart.Cart, tmp_path: Path, name: str):
    """A format that cannot hold a cart is refused before anything is written."""
    for use in (cart.save, check_path):
        with raises(scenecart.InvalidRequest, "cart_format_unsupported"):
            use(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_load_missing_file_is_refused(tmp_path: Path):
    """A file that does not exist is an error that says so."""
    with raises(scenecart.InvalidCart, "cart_file_missing"):
        scenecart.load_cart(tmp_path / "none.parquet")


@pytest.mark.parametrize("suffix", [".parquet", ".geojson"])
def test_is_cart_reads_the_metadata(cart: scenecart.Cart, tmp_path: Path, suffix: str):
    """A cart file is recognized by its metadata under any name; captures and reports are not cart files."""
    assert is_cart(cart.save(tmp_path / f"plain{suffix}"))
    others = tmp_path / f"captures{suffix}"
    captures = cart.captures[["id", "geometry"]]
    captures.to_parquet(others) if suffix == ".parquet" else captures.to_file(others)
    assert not is_cart(others)
    damaged = tmp_path / f"damaged{suffix}"
    damaged.write_bytes(b"{")
    assert not is_cart(damaged)
    assert is_cart(damaged.rename(tmp_path / f"damaged.cart{suffix}"))
