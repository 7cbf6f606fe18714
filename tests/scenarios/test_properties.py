"""What holds for any input, whoever made it: looked for by hypothesis."""

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
from _purchases import captures, priced
from _scripted_service import feature, page
from _stac_diff import differences
from scenecart._api import schemas
from scenecart._captures import decode, query
from scenecart._captures.frame import TIMES, to_frame
from scenecart._captures.parquet import to_items
from scenecart._cart.estimate import Estimate
from scenecart._delivery.paths import plan_files
from scenecart._geo.area import as_area
from scenecart._geo.geometry import clip_each, geodesic_km2
from scenecart._util.html import render
from scenecart.report._data import csv_of

if TYPE_CHECKING:
    from scenecart.sandbox import Sandbox

unicode = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False, width=32)
values = st.recursive(
    st.none() | st.booleans() | numbers | unicode,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(unicode, inner, min_size=1, max_size=3),
    max_leaves=4,
)
taken = [
    "id",
    "geometry",
    "bbox:as_given",
    "datetime:as_given",
    "properties:id",
    "foreign_members",
    "stac_version",
    "not_orderable_reason",
]
names = (unicode | st.sampled_from(taken)).filter(lambda name: name not in TIMES)
nasty = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["=1+1", "+x", "-2", "@x", "\tx", "\rx", "<b>", "</script>", '"><svg/onload=x>', "a&b", "a,b", 'a"b', "a\nb", "'x"]
    ),
)


@settings(deadline=None)
@given(st.lists(st.tuples(unicode, st.dictionaries(names, values, max_size=4), st.booleans()), max_size=5))
def test_captures_go_into_a_frame_and_out_again_whole(items: list[tuple[str, dict[str, Any], bool]]):
    """Features that became a frame and then items again have their ids, order, geometries and properties, under any names."""
    given_ = [
        {**feature(name), "properties": {"datetime": None, **known}, **({} if has_place else {"geometry": None})}
        for name, known, has_place in items
    ]
    read, skipped, _ = decode.read_page(json.dumps(page(*given_)).encode(), "t")
    frame = to_frame(read, host="h")
    assert skipped == 0
    found = json.loads(json.dumps(list(to_items(frame))))
    assert [one["id"] for one in found] == [one["id"] for one in given_]
    for one, other in zip(found, given_, strict=True):
        assert list(differences(one["properties"], other["properties"])) == []
        assert (one["geometry"] is None) == (other["geometry"] is None)


steps = st.tuples(st.floats(-3, 3), st.floats(-3, 3))


@given(st.floats(-170, 170), st.floats(-80, 80), st.floats(0.01, 5), steps, st.sampled_from([-360, 360]))
def test_a_whole_turn_changes_no_clip(lon: float, lat: float, size: float, step: tuple[float, float], turn: int):
    """Footprints and areas with longitudes a whole turn away are the same ground: the clip lies in both and has the same size."""
    footprint = shapely.box(lon, lat, lon + size, lat + size)
    area = as_area(translate(footprint, *step))
    moved = translate(footprint, xoff=turn)
    here, there = (geodesic_km2(part) for part in clip_each(np.array([footprint, moved]), area.geometry))
    assert 0 <= here <= min(geodesic_km2(footprint), area.km2) * (1 + 1e-9) + 1e-9
    assert there == pytest.approx(here, rel=1e-6, abs=1e-6)
    assert as_area(translate(area.geometry, xoff=turn)).km2 == pytest.approx(area.km2, rel=1e-6)


marks = st.sampled_from(["a_b", "A_B", "a/b", "a:b", "CON", "é", "e\u0301", "..", "", "x" * 300, "\ud800"])


@settings(deadline=None)
@given(st.sets(st.text(max_size=60) | marks, max_size=6), st.data())
def test_every_file_of_an_order_has_a_place_of_its_own(keys: set[str], data: st.DataObject):
    """Whatever assets are called, even by names that others were given, files lie inside the folder and apart from each other."""
    folder = Path("folder")
    assets = {key: {"type": "image/tiff"} for key in sorted(keys, key=ascii)}
    item = {**feature("item"), "assets": assets}
    given_names = [file.target.stem for file in plan_files({"features": [item]}, folder, None)]
    stolen = data.draw(st.lists(st.sampled_from(given_names), max_size=3)) if given_names else []
    item["assets"] = {**{name: {"type": "image/tiff"} for name in stolen}, **assets}
    files = plan_files({"features": [item]}, folder, None)
    assert [file.asset_id for file in files] == list(item["assets"])
    assert len({unicodedata.normalize("NFD", str(file.target)).casefold() for file in files}) == len(files)
    for file in files:
        assert file.target.parent.parent == folder
        assert 0 < len(f"{file.target.name}.part.etag".encode()) <= 255


class Skeleton(html.parser.HTMLParser):
    """What of a page is markup: its elements with the names of their attributes, and its comments."""

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


def shown(text: str) -> str:
    """Return an estimate and its order as a notebook shows them, with one text in every place that a service fills."""
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
@given(nasty.filter(str.strip))
def test_no_text_adds_an_element_to_a_page(text: str):
    """A page with any text in it has the very elements and attributes that it has with a plain word there."""
    assert Skeleton(shown(text)).parts == Skeleton(shown("word")).parts


@settings(deadline=None)
@given(st.lists(st.tuples(nasty, nasty), min_size=1, max_size=4))
def test_a_table_reads_back_as_it_was_and_holds_no_formula(rows: list[tuple[str, str]]):
    """Python and pandas read every cell of a CSV as the text that it was, and no cell begins as a formula does."""
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
def test_a_total_is_the_sum_of_its_groups_or_no_total(groups: list[tuple[set[str], int]], random: Any, other: int):
    """A price in whole credits whose groups add up is taken, in any order of groups and captures; any other total is refused."""
    apart = [([f"{name}{number}" for name in sorted(ids)], price) for number, (ids, price) in enumerate(groups)]
    asked = [name for ids, _ in apart for name in ids]
    total = sum(price for _, price in apart)
    random.shuffle(apart)
    random.shuffle(asked)
    prices = schemas.parse_estimate(priced(*apart), asked)
    assert prices.total_credits == total == sum(group.credits for group in prices.groups)
    assert prices.total_aud * 100 == total
    assert all(type(group.credits) is int for group in prices.groups)
    for wrong in (other, total + 0.5, str(total), -total - 1, None):
        if wrong != total:
            with pytest.raises(scenecart.UntrustedEstimate):
                schemas.parse_estimate({**priced(*apart), "total_credits": wrong}, asked)


@settings(deadline=None, max_examples=15)
@given(st.permutations(range(6)), st.integers(1, 6), st.booleans())
def test_the_order_of_captures_changes_no_price(box: Sandbox, order: list[int], count: int, split: bool):  # noqa: FBT001  # hypothesis passes it by name
    """The same captures in any order are the same cart at the same price, whose groups add up."""
    client, found = _shelf(box)
    chosen = sorted(order[:count])
    plain, mixed = (client.cart(found.iloc[rows], split_by_date=split) for rows in (chosen, order[:count]))
    assert plain.fingerprint == mixed.fingerprint
    first, second = plain.estimate(), mixed.estimate()
    assert first.total_credits == second.total_credits == sum(group.credits for group in second.price_groups)
    assert first.total_aud == second.total_aud == Decimal(first.total_credits) / 100


_SHELVES: dict[str, Any] = {}


def _shelf(box: Sandbox) -> Any:
    """Return a client and six captures of a sandbox, looked up once for all examples."""
    if box.url not in _SHELVES:
        client = box.client("analyst", sleep=lambda _: None)
        harbour = (151.18, -33.99, 151.24, -33.94)
        found = client.search("aurora", collections="aurora-50cm", aoi=harbour, datetime="2024-01/2024-12", limit=6)
        _SHELVES[box.url] = client, found
    return _SHELVES[box.url]


operators = st.sampled_from(sorted(query.OPERATORS)).flatmap(lambda name: st.sampled_from([name, name.upper(), name.title()]))
conditions_of_one = st.dictionaries(operators, numbers | unicode | st.lists(unicode), min_size=1, max_size=3)
wanted = st.dictionaries(unicode, conditions_of_one, max_size=4)


@given(wanted)
def test_a_query_is_sent_as_it_was_given(conditions: dict[str, dict[str, Any]]):
    """Each property, operator and value is sent as it was given, the operator in lower case; an unknown one is refused."""
    lower = {name: {operator.lower(): value for operator, value in tests.items()} for name, tests in conditions.items()}
    twice = any(len(lower[name]) < len(tests) for name, tests in conditions.items())
    if twice:
        with pytest.raises(scenecart.InvalidQuery, match="twice"):
            query.build_query("h", collections="c", query=conditions)
        return
    assert query.build_query("h", collections="c", query=conditions).body.get("query", {}) == lower
    with pytest.raises(scenecart.InvalidQuery, match="unknown operator"):
        query.build_query("h", collections="c", query={**conditions, "other": {"less": 1}})
