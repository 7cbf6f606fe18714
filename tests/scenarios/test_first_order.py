"""From search to delivery on the embedded sandbox, over real sockets."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from decimal import Decimal
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pystac
import pytest
import rasterio
import shapely

import scenecart
from _expect import raises
from _thorough import first_of
from scenecart._geo.geometry import split_at_antimeridian
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

HARBOUR = (151.18, -33.99, 151.24, -33.94)
FAST = {"sleep": lambda _: None}


def choose(client: scenecart.Client, count: int = 2, months: str = "2024-01/2024-06") -> gpd.GeoDataFrame:
    """Return the clearest captures of the harbour."""
    found = client.search("aurora", collections=["aurora-50cm"], aoi=HARBOUR, datetime=months, max_cloud_cover=20)
    return found.nsmallest(count, "eo:cloud_cover")


def test_first_order_from_search_to_download(client: scenecart.Client, tmp_path: Path):
    """Search, cart, estimate, report, place, wait, items, download: each step returns what the next one takes."""
    area = gpd.GeoDataFrame(geometry=gpd.GeoSeries.from_wkt(["POLYGON((151.18 -33.99,151.24 -33.99,151.24 -33.94,151.18 -33.99))"]))
    area.set_crs(4326).to_file(tmp_path / "harbour.geojson")
    captures = client.search(
        "aurora",
        collections=["aurora-50cm"],
        aoi=tmp_path / "harbour.geojson",
        datetime="2024-01/2024-06",
        max_cloud_cover=20,
    )
    assert isinstance(captures, gpd.GeoDataFrame)
    assert captures["eo:cloud_cover"].max() <= 20
    assert set(captures["host"]) == {"aurora"}
    estimate = client.cart(captures.head(2), aoi=tmp_path / "harbour.geojson").estimate()
    assert isinstance(estimate.total_credits, int)
    assert estimate.total_aud == Decimal(estimate.total_credits) / 100
    assert estimate.to_report(tmp_path / "quote.html").stat().st_size > 5_000
    before = client.balance()["balance_credits"]
    order = estimate.place()
    assert order.wait(timeout=30, progress=False).status == "delivered"
    assert before - client.balance()["balance_credits"] == estimate.total_credits
    items = order.items()
    assert items["capture:id"].tolist() == captures["id"].head(2).tolist() or len(items) == 2
    assert isinstance(order.item_collection(), pystac.ItemCollection)
    files = order.download(tmp_path / "imagery", progress=False)
    assert len(files) == 8
    for path in files:
        if path.suffix == ".tif":
            with rasterio.open(path) as picture:
                # red, green, blue and alpha, the analytic bands, or the mask
                assert picture.count == (1 if path.stem.endswith("udm") else 4)
    assert order.id in client.orders().index


def _corners(captures: gpd.GeoDataFrame) -> shapely.MultiPolygon:
    """Return a small square inside each footprint, so that the captures cost little."""
    points = [shapely.get_parts(split_at_antimeridian(shape))[0].representative_point() for shape in captures.geometry]
    return shapely.union_all([shapely.box(p.x - 0.05, p.y - 0.05, p.x + 0.05, p.y + 0.05) for p in points])


def test_search_by_pages_and_by_stream_is_the_same(client: scenecart.Client):
    """A search with a limit uses pages, one without uses the stream; the captures are the same."""
    criteria = {"collections": ["aurora-50cm", "aurora-30cm"], "bbox": (150, -35, 153, -32)}
    everything = client.search("aurora", **criteria)
    first = client.search("aurora", **criteria, limit=len(everything))
    pd.testing.assert_frame_equal(first, everything)
    batches = list(client.search_stream("aurora", **criteria, batch_size=50))
    assert [len(batch) for batch in batches[:-1]] == [50] * (len(batches) - 1)
    assert [name for batch in batches for name in batch["id"]] == everything["id"].tolist()


def test_search_broken_stream_keeps_captures(client: scenecart.Client, box: Sandbox):
    """A stream that breaks raises an error with the captures that had arrived."""
    box.faults.add("cut", times=10, operation="catalog.search_stream")
    with pytest.raises(scenecart.ScenecartError) as caught:
        client.search("aurora", collections="aurora-50cm")
    assert isinstance(caught.value.captures, gpd.GeoDataFrame)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("garbage", "ServiceError"),
        ("empty", "ServiceError"),
        ("500", "ServiceError"),
        ("503", "ServiceError"),
        ("429", "RateLimited"),
        ("drop-before", "ConnectionFailed"),
    ],
)
def test_search_failing_service_raises_typed_error(box: Sandbox, tmp_path: Path, kind: str, error: str):
    """HTML, empty answers, server errors and lost connections each raise their own error after a bounded number of attempts."""
    with box.client("analyst", home=tmp_path, **FAST) as client:
        box.faults.add(kind, times=1_000, operation="catalog.search")
        try:
            with pytest.raises(getattr(scenecart, error)):
                client.search("aurora", collections="aurora-50cm", limit=1)
        finally:
            box.faults.clear()


def test_expired_token_is_renewed(client: scenecart.Client, box: Sandbox):
    """A token that the service refuses is renewed once, without an error."""
    client.orders()
    box.faults.add("expire-token", operation="orders.list")
    client.orders()


def test_invalid_token_is_an_authentication_error(box: Sandbox, tmp_path: Path):
    """An invalid bearer token is an authentication error, which does not contain the token."""
    with scenecart.connect(base_url=box.url, token="not-a-token-at-all", home=tmp_path) as client:
        with pytest.raises(scenecart.AuthenticationError) as caught:
            client.orders()
        assert "not-a-token-at-all" not in f"{caught.value!r} {caught.value}"


def test_search_unknown_host_is_not_found(client: scenecart.Client):
    """A host that does not exist is NotFound, with the hosts that the service names."""
    with raises(scenecart.NotFound, "host_not_found") as caught:
        client.search("auroa", collections="aurora-50cm")
    assert "aurora, lumen, openterra" in str(caught.value)


def test_place_with_api_key_is_refused(box: Sandbox, tmp_path: Path):
    """An API key can estimate but not place; the error has the missing scope, and nothing is ordered."""
    with box.client("robot", home=tmp_path) as robot:
        estimate = robot.cart(choose(robot), aoi=HARBOUR).estimate()
        count = len(robot.orders())
        with pytest.raises(scenecart.PermissionDenied) as caught:
            estimate.place(owned="buy")
        assert caught.value.missing_scope == "orders:write"
        assert len(robot.orders()) == count


def test_place_with_too_few_credits_is_refused(box: Sandbox, tmp_path: Path):
    """Without enough credits the error has the required and the available credits."""
    with box.client("broke", home=tmp_path) as broke:
        estimate = broke.cart(choose(broke), aoi=HARBOUR).estimate()
        with pytest.raises(scenecart.InsufficientCredits) as caught:
            estimate.place()
        assert (caught.value.required_credits, caught.value.balance_credits) == (estimate.total_credits, 10)
        assert not caught.value.money_may_have_moved


def test_place_lost_answer_buys_once(client: scenecart.Client, box: Sandbox):
    """If the order was placed and the answer lost, the same key returns it: one order, paid once."""
    estimate = client.cart(choose(client, months="2023-07/2023-12"), aoi=HARBOUR).estimate()
    known, before = len(client.orders()), client.balance()["balance_credits"]
    box.faults.add("drop-after", operation="orders.archive.place")
    order = estimate.place()
    assert len(client.orders()) == known + 1
    assert before - client.balance()["balance_credits"] == estimate.total_credits
    assert client.placements().iloc[-1]["order_id"] == order.id


def test_place_in_another_process_returns_the_order(box: Sandbox, tmp_path: Path):
    """The same cart placed in another process returns the existing order."""
    principal = box.principals["analyst"]
    script = textwrap.dedent(f"""
        import scenecart
        client = scenecart.connect(base_url={box.url!r}, username={principal["username"]!r}, password={principal["password"]!r},
                                   project={principal["project"]!r}, home={str(tmp_path / "home")!r})
        found = client.search("aurora", collections="aurora-50cm", aoi={HARBOUR!r}, datetime="2024-07/2024-12", limit=2)
        print(client.cart(found, aoi={HARBOUR!r}).estimate().place().id)
    """)
    orders = {
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()[-1]
        for _ in range(2)
    }
    assert len(orders) == 1


def test_connect_sandbox_shares_one_server():
    """`connect("sandbox")` starts one server per process, and needs no account."""
    with scenecart.connect("sandbox") as first, scenecart.connect("sandbox") as second:
        assert first.base_url == second.base_url
        assert first.balance() == second.balance()


@pytest.mark.parametrize(
    "folder", first_of(["antimeridian", "ext-sar", "pgstac-naip", "stactools-sentinel2", "stactools-landsat"], 2)
)
def test_real_captures_are_delivered(shared_data: Path, tmp_path: Path, folder: str):
    """Captures of real catalogs, across the antimeridian and near the poles too, are bought, delivered and verified."""
    with Sandbox(items=shared_data / folder, pace="instant") as box, box.client(home=tmp_path / "home") as client:
        found = client.search("archive", collections=box.hosts["archive"])
        usable = found[found["orderable"]].drop_duplicates("id").head(12)
        estimate = client.cart(usable, aoi=_corners(usable)).estimate()
        estimate = estimate if estimate.is_complete else estimate.priced_cart().estimate()
        order = estimate.place().wait(timeout=60, progress=False)
        assert len(order.items()) == len(estimate.cart)
        files = order.download(tmp_path / "imagery", progress=False)
        # radar has no spectral bands
        assert len(files) == (2 if folder == "ext-sar" else 4) * len(estimate.cart)
