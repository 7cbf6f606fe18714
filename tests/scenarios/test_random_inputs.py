"""Tests of promises for any input, with random examples by hypothesis."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.affinity import translate

import scenecart
from _expect import raises
from _purchases import captures, priced
from _scripted_service import feature, page
from _stac_diff import differences
from scenecart._api import schemas
from scenecart._captures import decode, query
from scenecart._captures.frame import to_frame
from scenecart._captures.parquet import to_items
from scenecart._captures.properties import TIMES
from scenecart._cart.estimate import Estimate
from scenecart._delivery.paths import ItemFolder, plan_files
from scenecart._geo.area import as_area
from scenecart._geo.geometry import clip_each, geodesic_km2
from scenecart._util.html import render
from scenecart.report._csv import csv_of

if TYPE_CHECKING:
    from scenecart.sandbox import Sandbox

unicode = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False, width=32)
values = st.recursive(
    st.none() | st.booleans() | numbers | unicode,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(unicode, inner, min_size=1, max_size=3),
    max_leaves=4,
)
taken_names = [
    "id",
    "geometry",
    "bbox:as_given",
    "datetime:as_given",
    "properties:id",
    "foreign_members",
    "stac_version",
    "not_orderable_reason",
]
names = (unicode | st.sampled_from(taken_names)).filter(lambda name: name not in TIMES)
risky_text = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["=1+1", "+x", "-2", "@x", "\tx", "\rx", "<b>", "</script>", '"><svg/onload=x>', "a&b", "a,b", 'a"b', "a\nb", "'x"]
    ),
)


@settings(deadline=None)
@given(st.lists(st.tuples(unicode, st.dictionaries(names, values, max_size=4), st.booleans()), max_size=5))
def test_to_items_of_any_frame_equals_its_features(items: list[tuple[str, dict[str, Any], bool]]):
    """Features converted to a frame and to items keep their ids, order, geometries and properties, under any names."""
    features = [
        {**feature(name), "properties": {"datetime": None, **known}, **({} if has_geometry else {"geometry": None})}
        for name, known, has_geometry in items
    ]
    read, skipped, _ = decode.read_page(json.dumps(page(*features)).encode(), "t")
    frame = to_frame(read, host="h")
    assert skipped == 0
    found = json.loads(json.dumps(list(to_items(frame))))
    assert [one["id"] for one in found] == [one["id"] for one in features]
    for one, other in zip(found, features, strict=True):
        assert list(differences(one["properties"], other["properties"])) == []
        assert (one["geometry"] is None) == (other["geometry"] is None)


offsets = st.tuples(st.floats(-3, 3), st.floats(-3, 3))


@given(st.floats(-170, 170), st.floats(-80, 80), st.floats(0.01, 5), offsets, st.sampled_from([-360, 360]))
def test_clip_longitudes_shifted_by_360_gives_same_area(
    lon: float, lat: float, size: float, offset: tuple[float, float], shift: int
):
    """Footprints and areas with longitudes shifted by 360 degrees are the same: the clip is within both and has the same size."""
    footprint = shapely.box(lon, lat, lon + size, lat + size)
    area = as_area(translate(footprint, *offset))
    moved = translate(footprint, xoff=shift)
    here, there = (geodesic_km2(part) for part in clip_each(np.array([footprint, moved]), area.geometry))
    assert 0 <= here <= min(geodesic_km2(footprint), area.km2) * (1 + 1e-9) + 1e-9
    assert there == pytest.approx(here, rel=1e-6, abs=1e-6)
    assert as_area(translate(area.geometry, xoff=shift)).km2 == pytest.approx(area.km2, rel=1e-6)


awkward_names = st.sampled_from(["a_b", "A_B", "a/b", "a:b", "CON", "é", "e\u0301", "..", "", "x" * 300, "\ud800"])


@settings(deadline=None)
@given(st.sets(st.text(max_size=60) | awkward_names, max_size=6), st.data())
def test_download_plan_any_asset_names_give_distinct_paths(keys: set[str], data: st.DataObject):
    """For any names of assets, even those of other assets' files, each file has its own path inside the folder."""
    folder = Path("folder")
    assets = {key: {"type": "image/tiff"} for key in sorted(keys, key=ascii)}
    item = {**feature("item"), "assets": assets}
    folders = {"item": ItemFolder(folder / "item", is_plain=data.draw(st.booleans()))}
    given_names = [file.target.stem for file in plan_files([item], folders, None)]
    repeated = data.draw(st.lists(st.sampled_from(given_names), max_size=3)) if given_names else []
    item["assets"] = {**{name: {"type": "image/tiff"} for name in repeated}, **assets}
    files = plan_files([item], folders, None)
    assert [file.asset_id for file in files] == list(item["assets"])
    assert len({unicodedata.normalize("NFD", str(file.target)).casefold() for file in files}) == len(files)
    for file in files:
        assert file.target.parent.parent == folder
        assert 0 < len(f"{file.target.name}.part.etag".encode()) <= 255


class Skeleton(html.parser.HTMLParser):
    """The markup of a page: its elements with the names of their attributes, and its comments."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[Any] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, [name for name, _ in attrs]))

    def handle_comment(self, data: str) -> None:
        self.parts.append(f"comment {len(data)}")

    def handle_decl(self, decl: str) -> None:
        self.parts.append(f"declaration {len(decl)}")


def rendered(text: str) -> str:
    """Return an estimate and its order as a notebook displays them, with one text in every field of the service."""
    document = priced(([text], 100), errors=[{"id": "b", "detail": text}])
    prices = schemas.parse_estimate(document, [text, "b"])
    estimate = Estimate(
        cart=scenecart.Cart(captures(text, "b")),
        total_credits=prices.total_credits,
        total_aud=prices.total_aud,
        priced_at=pd.Timestamp("2024-03-05", tz="UTC").to_pydatetime(),
        price_groups=prices.groups,
        refused=prices.errors,
    )
    order = {"id": text, "status": text, "kind": "processing", "captures": 1, "total_credits": 1, "total_aud": Decimal(1)}
    return estimate._repr_html_() + render("order.html", **order, created=text, paid=text, note=text, reason=text)


@settings(deadline=None, max_examples=60)
@given(risky_text.filter(str.strip))
def test_html_any_text_adds_no_element(text: str):
    """A page with any text in it has exactly the elements and attributes that it has with a plain word."""
    assert Skeleton(rendered(text)).parts == Skeleton(rendered("word")).parts


@settings(deadline=None)
@given(st.lists(st.tuples(risky_text, risky_text), min_size=1, max_size=4))
def test_csv_any_text_reads_back_and_is_no_formula(rows: list[tuple[str, str]]):
    """Python and pandas read every cell of a CSV as the original text, and no cell starts like a formula."""
    content = csv_of([("first", "second"), *rows]).decode("utf-8-sig")
    written = [[cell.encode("utf-8", "replace").decode() for cell in row] for row in rows]
    marked = [[f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell for cell in row] for row in written]
    read = list(csv.reader(io.StringIO(content, newline="")))
    assert read == [["first", "second"], *marked]
    assert not [cell for row in read for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    if not any("\0" in cell or "\r" in cell for row in written for cell in row):
        frame = pd.read_csv(io.StringIO(content, newline=""), dtype=str, keep_default_na=False, skip_blank_lines=False)
        assert frame.to_numpy().tolist() == marked


amounts = st.integers(0, 10**9)


parts = st.tuples(st.sets(st.sampled_from("abcdefgh"), min_size=1), amounts)


@given(st.lists(parts, min_size=1, max_size=4), st.randoms(), amounts)
def test_parse_estimate_total_must_equal_sum_of_groups(groups: list[tuple[set[str], int]], random: Any, other: int):
    """A price in whole credits whose groups add up, to a credit each, is accepted in any order; any other total is refused."""
    priced_groups = [([f"{name}{number}" for name in sorted(ids)], price) for number, (ids, price) in enumerate(groups)]
    requested = [name for ids, _ in priced_groups for name in ids]
    total = sum(price for _, price in priced_groups)
    random.shuffle(priced_groups)
    random.shuffle(requested)
    prices = schemas.parse_estimate(priced(*priced_groups), requested)
    assert prices.total_credits == total == sum(group.credits for group in prices.groups)
    assert prices.total_aud * 100 == total
    assert all(type(group.credits) is int for group in prices.groups)
    for wrong in (other, total + 0.5, str(total), -total - 1, None):
        is_rounded = isinstance(wrong, int) and wrong >= 0 and abs(wrong - total) <= len(groups)
        if not is_rounded:
            with pytest.raises(scenecart.UntrustedEstimate):
                schemas.parse_estimate({**priced(*priced_groups), "total_credits": wrong}, requested)


@settings(deadline=None, max_examples=15)
@given(st.permutations(range(6)), st.integers(1, 6), st.booleans())
def test_cart_any_order_of_captures_has_same_price(box: Sandbox, order: list[int], count: int, split: bool):  # noqa: FBT001  # hypothesis passes it by name
    """The same captures in any order are the same cart at the same price, whose groups add up."""
    client, found = _example_captures(box)
    chosen = sorted(order[:count])
    plain, mixed = (client.cart(found.iloc[rows], split_by_date=split) for rows in (chosen, order[:count]))
    assert plain.fingerprint == mixed.fingerprint
    first, second = plain.estimate(), mixed.estimate()
    assert first.total_credits == second.total_credits == sum(group.credits for group in second.price_groups)
    assert first.total_aud == second.total_aud == Decimal(first.total_credits) / 100


_EXAMPLES: dict[str, Any] = {}


def _example_captures(box: Sandbox) -> Any:
    """Return a client and six captures of a sandbox, searched once for all examples."""
    if box.url not in _EXAMPLES:
        client = box.client("analyst", sleep=lambda _: None)
        harbour = (151.18, -33.99, 151.24, -33.94)
        found = client.search("aurora", collections="aurora-50cm", aoi=harbour, datetime="2024-01/2024-12", limit=6)
        _EXAMPLES[box.url] = client, found
    return _EXAMPLES[box.url]


operators = st.sampled_from(sorted(query.OPERATORS)).flatmap(lambda name: st.sampled_from([name, name.upper(), name.title()]))
conditions_of_one = st.dictionaries(operators, numbers | unicode | st.lists(unicode), min_size=1, max_size=3)
queries = st.dictionaries(unicode, conditions_of_one, max_size=4)


@given(queries)
def test_build_query_sends_any_conditions_unchanged(conditions: dict[str, dict[str, Any]]):
    """Conditions are sent unchanged, with operators in lower case; unknown and repeated operators are refused."""
    lower = {name: {operator.lower(): value for operator, value in tests.items()} for name, tests in conditions.items()}
    is_repeated = any(len(lower[name]) < len(tests) for name, tests in conditions.items())
    if is_repeated:
        with raises(scenecart.InvalidQuery, "query_operator_repeated"):
            query.build_query("h", query.SearchCriteria(collections="c", query=conditions))
        return
    assert query.build_query("h", query.SearchCriteria(collections="c", query=conditions)).body.get("query", {}) == lower
    with raises(scenecart.InvalidQuery, "query_operator_unknown"):
        query.build_query("h", query.SearchCriteria(collections="c", query={**conditions, "other": {"less": 1}}))
