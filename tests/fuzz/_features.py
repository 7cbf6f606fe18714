"""Fuzzing of the feature decoder, compared with the JSON parser of the standard library."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any
from zlib import crc32

from fuzz import _mutate
from fuzz._engine import Bare
from scenecart import ServiceError
from scenecart._captures.decode import read_page
from scenecart._captures.features import columns_of, geometry_text, properties_of
from scenecart._captures.footprints import read_geometries
from scenecart._captures.frame import assets, to_frame
from scenecart._util.json import NotJson

if TYPE_CHECKING:
    from random import Random

    from scenecart._captures.features import Feature

_FRAMES = 32
_MISSING: Any = object()
_PROPERTIES: tuple[dict[str, Any] | None, ...] = (
    {"datetime": "2024-03-05T10:20:30Z", "eo:cloud_cover": 12.5, "gsd": 0.5, "title": "é", "instruments": ["pan"]},
    {"datetime": None, "start_datetime": "2024-03-05", "price:credits_per_km2": 1250, "providers": [{"name": "v"}]},
    {"id": "x", "geometry": None, 'a "b"': 1, "": {}, "gsd": 1, "stac_version": "9", "properties:id": 2},
    {},
    None,
)


def feature(pick: Random, number: int) -> dict[str, Any]:
    """Return a capture as catalogs write it."""
    document: dict[str, Any] = {
        "type": "Feature",
        "id": f"c{number}",
        "collection": "c",
        "geometry": pick.choice(_mutate.SHAPES[:7]) if pick.randrange(3) else _mutate.SQUARE,
        "properties": pick.choice(_PROPERTIES),
        "assets": {"thumbnail": {"href": "https://example.com/é.png"}},
        "links": [{"rel": "self", "href": "x"}],
    }
    if pick.randrange(3) == 0:
        document |= {"bbox": [0, 0, 1, 1], "stac_version": "1.0.0", "stac_extensions": ["a"]}
    if pick.randrange(6) == 0:
        document["foreign"] = pick.choice((None, 5, {"a": [1]}))
    return json.loads(json.dumps(document))  # type: ignore[no-any-return]  # a copy that shares nothing


class Features(Bare):
    """Pages of features, mutated as documents and as bytes."""

    def make(self, pick: Random) -> bytes:
        """Generate a page."""
        page: Any = {"type": "FeatureCollection", "features": [feature(pick, number) for number in range(pick.randrange(5))]}
        if pick.randrange(4) == 0:
            page |= {"next": pick.choice(("t", 5, None)), "links": [{"rel": "next", "href": "?token=t"}]}
        if pick.randrange(3):
            page = _mutate.document(pick, page)
        text = _mutate.encode(pick, page)
        return _mutate.data(pick, text, text) if pick.randrange(2) else text

    def check(self, data: bytes) -> str:
        """Compare the decoded features with the reference."""
        expected = reference(data)
        try:
            features, skipped, rest = read_page(data, "a search")
        except ServiceError as error:
            assert len(str(error)) < 2_000
            # an empty page is accepted only where it is strictly valid
            assert not _is_page(expected) or not expected["features"] or _is_deep(data), "a valid page was refused"
            return "refused"
        if expected is _MISSING:
            assert _is_deep(data), "invalid JSON was read"
            return "read, deep"
        assert _is_page(expected), "another document was read as a page"
        assert_same(features, skipped, expected["features"], typed=False)
        assert rest.get("next") == expected.get("next")
        assert truncated_raises(data)
        _check_columns(features, build_frame=crc32(data) % _FRAMES == 0)
        return "read"


def reference(data: bytes) -> Any:
    """Return the document that the standard library reads, or a marker where it fails."""
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _MISSING


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _is_page(expected: Any) -> bool:
    return isinstance(expected, dict) and isinstance(expected.get("features"), list)


def _is_deep(data: bytes) -> bool:
    """Return whether the data is nested so deeply that a parser may fail."""
    return data.count(b"[") + data.count(b"{") > 500


def is_capture(entry: Any, *, typed: bool) -> bool:
    """Return whether an entry is a capture, by the documented rule."""
    if not isinstance(entry, dict):
        return False
    has_some = any(entry.get(name) is not None for name in ("id", "geometry", "properties"))
    return entry.get("type") == "Feature" or (entry.get("type") is None and not typed and has_some)


def assert_same(features: list[Feature], skipped: int, entries: list[Any], *, typed: bool) -> None:
    """Compare features with the entries they were read from: none lost, none changed, the others counted."""
    wanted = [entry for entry in entries if is_capture(entry, typed=typed)]
    assert len(features) == len(wanted), f"{len(features)} features of {len(wanted)}"
    assert skipped == len(entries) - len(wanted), f"{skipped} skipped of {len(entries) - len(wanted)}"
    for found, entry in zip(features, wanted, strict=True):
        assert found.id == entry.get("id")
        assert found.collection == entry.get("collection")
        assert _without_nulls(properties_of(found.properties)) == _without_nulls(entry.get("properties"))
        assert _shape(json.loads(geometry_text(found))) == _shape(entry.get("geometry"))
        assert (json.loads(bytes(found.assets)) or {}) == (entry.get("assets") or {})


def _without_nulls(properties: Any) -> dict[str, Any]:
    """Return properties without nulls, which are missing values in a column; empty for other values."""
    return {name: value for name, value in properties.items() if value is not None} if isinstance(properties, dict) else {}


def _shape(geometry: Any) -> Any:
    """Return the type and the coordinates of a geometry, without other members."""
    if not isinstance(geometry, dict):
        return geometry
    return [geometry.get(name) for name in ("type", "coordinates", "geometries")]


def _as_in_column(name: Any) -> Any:
    """Return an id as in its column: a number larger than any float is text."""
    return str(name) if type(name) is int and abs(name) > sys.float_info.max else name


def truncated_raises(page: bytes) -> bool:
    """Return whether the same page is refused without its end."""
    cut = crc32(page) % len(page.rstrip())
    try:
        read_page(page[:cut], "a search")
    except ServiceError:
        return True
    return False


def _check_columns(features: list[Feature], *, build_frame: bool) -> None:
    """Convert features to columns, and to a frame where requested; check the number of rows and the reasons."""
    shapes, _, why = read_geometries(features)
    assert all(len(values) == len(features) for values in columns_of(features).values())
    assert all(shape is not None or row in why for row, shape in enumerate(shapes))
    if build_frame:
        frame = to_frame(features, host="h")
        assert len(frame) == len(features)
        ids = frame["id"].astype(object).where(frame["id"].notna(), None).tolist()
        assert ids == [_as_in_column(one.id) for one in features]
        assert frame["not_orderable_reason"].notna().tolist() == [not able for able in frame["orderable"]]
        with contextlib.suppress(NotJson):
            frame.apply(assets, axis=1)
