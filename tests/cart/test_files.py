"""Carts as files: the same cart comes back, and nothing else does."""

from __future__ import annotations

import copy
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

import scenecart
from scenecart._cart.cart import make_cart

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
def test_a_cart_comes_back_as_it_was(client: scenecart.Client, cart: scenecart.Cart, tmp_path: Path, suffix: str):
    """A saved cart has the same fingerprint, captures, area and options, and a colleague's price is the same."""
    path = cart.save(tmp_path / "new" / f"harbour{suffix}")
    again = scenecart.load_cart(path, client)
    assert again == cart
    assert again.fingerprint == cart.fingerprint
    assert again.ids == cart.ids
    assert again.split_by_date
    assert again.area is not None
    assert again.area.geometry.equals(cart.area.geometry)
    assert again.captures["datetime"].tolist() == cart.captures["datetime"].tolist()
    assert again.estimate().total_credits == cart.estimate().total_credits
    assert client.estimate(scenecart.load_cart(path)).total_credits == cart.estimate().total_credits
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_programs_open_it(cart: scenecart.Cart, tmp_path: Path, suffix: str):
    """GDAL and geopandas read the file as captures with their footprints."""
    path = cart.save(tmp_path / f"harbour{suffix}")
    opened = gpd.read_parquet(path) if suffix.endswith("parquet") else gpd.read_file(path)
    assert opened["id"].tolist() == cart.ids
    assert opened.crs.to_epsg() == 4326


def test_footprints_over_the_antimeridian_come_back(tmp_path: Path):
    """A cart whose footprints are in two pieces is the same after the round trip, in both formats."""
    split = shapely.MultiPolygon([shapely.box(179, -15, 180, -14), shapely.box(-180, -15, -179, -14)])
    made = make_cart(gpd.GeoDataFrame({"id": ["über/🛰"]}, geometry=[split], crs=4326))
    for suffix in SUFFIXES:
        assert scenecart.load_cart(made.save(tmp_path / f"x{suffix}")).fingerprint == made.fingerprint


def _changed(path: Path, change: Any) -> None:
    """Change what a cart's file says of itself, or of its captures."""
    if path.suffix == ".geojson":
        document = json.loads(path.read_text())
        change(document["scenecart"], document["features"])
        path.write_text(json.dumps(document))
        return
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"scenecart"])
    features: list[Any] = [{"properties": {"id": "a"}}] * table.num_rows
    change(about, features)
    kept = table.slice(0, len(features))
    content = io.BytesIO()
    pq.write_table(kept.replace_schema_metadata({**table.schema.metadata, b"scenecart": json.dumps(about).encode()}), content)
    path.write_bytes(content.getvalue())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda about, _: about.update(version=3), "newer version"),
        (lambda about, _: about.update(version="one"), "no cart"),
        (lambda about, _: (about.update(version=1), about.pop("contents")), "was changed"),
        (lambda about, _: about.update(split_by_date=False), "was changed since it was saved"),
        (lambda about, _: about.update(area=None), "was changed since it was saved"),
        (lambda about, _: about.update(area={"type": "Cube"}), "damaged"),
        (lambda about, _: about.update(area={"type": "Polygon", "coordinates": [[[10**400, 0]] * 4]}), "damaged"),
        (lambda about, _: about.update(area={"type": "Polygon", "coordinates": json.loads("[" * 600 + "]" * 600)}), "damaged"),
        (lambda about, _: about.update(fingerprint="0"), "was changed since it was saved"),
        (lambda about, _: about.update(contents="0"), "was changed since it was saved"),
        (lambda about, _: about.pop("contents"), "was changed since it was saved"),
        (lambda _, features: features.pop(), "was changed since it was saved"),
    ],
)
def test_a_changed_or_newer_file_is_refused(cart: scenecart.Cart, tmp_path: Path, suffix: str, change: Any, says: str):
    """A file that is not what was approved is refused with the reason."""
    path = cart.save(tmp_path / f"harbour{suffix}")
    _changed(path, change)
    with pytest.raises(scenecart.InvalidCart, match=says):
        scenecart.load_cart(path)


def _set(features: list[Any], name: str, value: Any) -> None:
    features[0]["properties"][name] = value


@pytest.mark.parametrize(
    ("name", "value"),
    [("eo:cloud_cover", 77), ("datetime", "2023-01-01T00:00:00Z"), ("view:off_nadir", None), ("gsd", 0.3), ("note", "approved")],
)
def test_what_is_shown_beside_a_fingerprint_is_as_it_was_saved(cart: scenecart.Cart, tmp_path: Path, name: str, value: Any):
    """A date, a cloud cover or anything else of a capture that was changed by hand is found out, in both formats."""
    path = cart.save(tmp_path / "harbour.cart.geojson")
    _changed(path, lambda _, features: _set(features, name, value))
    with pytest.raises(scenecart.InvalidCart, match="was changed since it was saved"):
        scenecart.load_cart(path)
    path = cart.save(tmp_path / "harbour.cart.parquet")
    table = pq.read_table(path)
    frame = gpd.read_parquet(path)
    frame[name] = [pd.Timestamp(value) if name == "datetime" else value, *(frame[name][1:] if name in frame else [None] * 2)]
    frame.to_parquet(path)
    pq.write_table(pq.read_table(path).replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(scenecart.InvalidCart, match="was changed since it was saved"):
        scenecart.load_cart(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_was_only_written_anew_is_the_same_cart(cart: scenecart.Cart, tmp_path: Path, suffix: str):
    """Another layout of the same values is no change: indented JSON, and Parquet in other groups of rows."""
    path = cart.save(tmp_path / f"harbour{suffix}")
    if suffix.endswith("parquet"):
        pq.write_table(pq.read_table(path), path, row_group_size=1, compression="none", use_dictionary=False)
    else:
        path.write_text(json.dumps(json.loads(path.read_text()), indent=4, sort_keys=False))
    assert scenecart.load_cart(path) == cart


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_odd_values_come_back_unchanged(tmp_path: Path, suffix: str):
    """Values that formats keep in ways of their own do not look like a change: large numbers, gaps, lists, times of any year."""
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
    made = make_cart(gpd.GeoDataFrame(columns, geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], crs=4326))
    assert scenecart.load_cart(made.save(tmp_path / f"odd{suffix}")) == made


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"PAR1", b'{"features": 5}', b'{"type": "FeatureCollection", "features": []}', b"\xff" * 99]
)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_no_cart_is_refused(tmp_path: Path, suffix: str, content: bytes):
    """Any other file is refused in one clear line, whatever is in it."""
    path = tmp_path / f"odd{suffix}"
    path.write_bytes(content)
    with pytest.raises(scenecart.InvalidCart):
        scenecart.load_cart(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, suffix: str):
    """Whatever is wrong with a cart's file, the error says which file it is."""
    for content in (b"", b"{", b"[]", b'{"features": 5}'):
        path = tmp_path / f"odd{suffix}"
        path.write_bytes(content)
        with pytest.raises(scenecart.InvalidCart, match=rf"^odd{suffix} is "):
            scenecart.load_cart(path)


@pytest.mark.parametrize("path", [5, None, b"x.cart.parquet", "~nobody-of-this-name/x.cart.parquet", "a\0b.cart.geojson"])
def test_what_is_no_path_is_refused(cart: scenecart.Cart, path: Any):
    """A cart and a report are neither read from nor written to what is no path."""
    for use in (scenecart.load_cart, cart.save, cart.to_report, lambda path: scenecart.compare_report([cart, cart], path)):
        with pytest.raises(scenecart.InvalidRequest, match=r"needs a path, and .* is none"):
            use(path)


def test_options_are_true_or_false(client: scenecart.Client, cart: scenecart.Cart):
    """A word for an option is refused instead of taken for True, and a misspelled or foreign name is told with the right one."""
    for odd in ("no", 0, None):
        with pytest.raises(scenecart.InvalidCart, match="split_by_date is True or False, not"):
            client.cart(cart.captures, split_by_date=odd)
        with pytest.raises(scenecart.InvalidCart, match="split_by_date is True or False, not"):
            cart.replace(split_by_date=odd)
    with pytest.raises(scenecart.UnknownKeyword, match="Did you mean 'split_by_date'"):
        cart.replace(splitbydate=True)
    with pytest.raises(scenecart.UnknownKeyword, match="Did you mean 'aoi'"):
        client.cart(cart.captures, area=HARBOUR)


def test_only_carts_are_priced_and_only_estimates_placed(client: scenecart.Client, cart: scenecart.Cart):
    """What is no cart, no estimate, no id and no name of an operation is refused in a line."""
    refusals: list[tuple[Callable[[], object], str]] = [
        (lambda: client.estimate(cart.captures), "What is priced is a cart, not a GeoDataFrame"),
        (lambda: client.place(cart), "What is placed is an estimate, not a Cart"),
        (lambda: client.call(5), "by its name, as text"),
        (lambda: cart.remove(5), "by their ids, as text"),
        (lambda: cart.remove([[]]), "by their ids, as text"),
    ]
    for use, said in refusals:
        with pytest.raises(scenecart.InvalidRequest, match=said):
            use()


def test_a_copy_of_an_estimate_uses_the_same_client(client: scenecart.Client, cart: scenecart.Cart):
    """Carts and estimates can be copied deeply; their connection is not copied, but shared."""
    estimate = cart.estimate()
    again = copy.deepcopy(estimate)
    assert again is not estimate
    assert (again.cart, again.total_credits) == (cart, estimate.total_credits)
    assert again.cart.estimate().total_credits == estimate.total_credits
    assert copy.copy(client) is client


def test_a_footprint_outside_the_world_is_refused():
    """A capture that lies nowhere on this world is in no cart, wherever its footprint came from."""
    nowhere = gpd.GeoDataFrame({"id": ["a"]}, geometry=[shapely.Polygon([(0, 0), (1, 1e308), (0, 1), (0, 0)])], crs=4326)
    with pytest.raises(scenecart.InvalidCart, match="outside the world"):
        make_cart(nowhere)


def test_a_truncated_file_is_refused(cart: scenecart.Cart, tmp_path: Path):
    """A file that lost its end is damaged, not a smaller cart."""
    for suffix in SUFFIXES:
        path = cart.save(tmp_path / f"harbour{suffix}")
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(scenecart.InvalidCart):
            scenecart.load_cart(path)


def test_a_cart_that_cannot_be_written_leaves_nothing_behind(cart: scenecart.Cart, tmp_path: Path):
    """Where a cart cannot stand, an error says so, and neither half a file nor a lost one remains."""
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(scenecart.InvalidRequest, match="The cart cannot be written to"):
        cart.save(tmp_path / "taken" / "harbour.cart.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    assert (tmp_path / "taken").read_text() == "mine"


def test_other_suffixes_are_refused(cart: scenecart.Cart, tmp_path: Path):
    """A format that cannot keep a cart is refused before anything is written; a missing file is said."""
    with pytest.raises(scenecart.InvalidRequest, match=r"\.cart\.parquet"):
        cart.save(tmp_path / "harbour.xlsx")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(scenecart.InvalidCart, match="no file"):
        scenecart.load_cart(tmp_path / "none.parquet")
