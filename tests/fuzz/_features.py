"""The feature parser: bytes of a page to features, beside what the standard library's parser reads in the same bytes."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any
from zlib import crc32

from fuzz import _mutate
from fuzz._engine import Bare
from scenecart import ServiceError
from scenecart._captures.decode import _as_dict, columns_of, geometry_text, read_page
from scenecart._captures.footprints import read_geometries
from scenecart._captures.frame import assets, to_frame
from scenecart._util.json import NotJson

if TYPE_CHECKING:
    from random import Random

    from scenecart._captures.decode import Feature

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
    """Return a capture as catalogs write them."""
    made: dict[str, Any] = {
        "type": "Feature",
        "id": f"c{number}",
        "collection": "c",
        "geometry": pick.choice(_mutate.SHAPES[:7]) if pick.randrange(3) else _mutate.SQUARE,
        "properties": pick.choice(_PROPERTIES),
        "assets": {"thumbnail": {"href": "https://example.com/é.png"}},
        "links": [{"rel": "self", "href": "x"}],
    }
    if pick.randrange(3) == 0:
        made |= {"bbox": [0, 0, 1, 1], "stac_version": "1.0.0", "stac_extensions": ["a"]}
    if pick.randrange(6) == 0:
        made["foreign"] = pick.choice((None, 5, {"a": [1]}))
    return json.loads(json.dumps(made))  # type: ignore[no-any-return]  # a copy that shares nothing


class Features(Bare):
    """Pages of features, changed as documents and as bytes."""

    def make(self, pick: Random) -> bytes:
        """Make a page."""
        page: Any = {"type": "FeatureCollection", "features": [feature(pick, number) for number in range(pick.randrange(5))]}
        if pick.randrange(4) == 0:
            page |= {"next": pick.choice(("t", 5, None)), "links": [{"rel": "next", "href": "?token=t"}]}
        if pick.randrange(3):
            page = _mutate.document(pick, page)
        text = _mutate.encode(pick, page)
        return _mutate.data(pick, text, text) if pick.randrange(2) else text

    def check(self, data: bytes) -> str:
        """Hold what was read against what is there."""
        there = reference(data)
        try:
            features, skipped, rest = read_page(data, "a search")
        except ServiceError as error:
            assert len(str(error)) < 2_000
            # that there is nothing is believed only where nothing speaks against it
            assert not _is_page(there) or not there["features"] or _is_deep(data), "a page was refused"
            return "refused"
        if there is _MISSING:
            assert _is_deep(data), "what is no JSON was read"
            return "read, deep"
        assert _is_page(there), "what is no page was read as one"
        same(features, skipped, there["features"], typed=False)
        assert rest.get("next") == there.get("next")
        assert truncated_raises(data)
        _columns(features, whole=crc32(data) % _FRAMES == 0)
        return "read"


def reference(data: bytes) -> Any:
    """Return what the standard library reads, or nothing."""
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _MISSING


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _is_page(there: Any) -> bool:
    return isinstance(there, dict) and isinstance(there.get("features"), list)


def _is_deep(data: bytes) -> bool:
    """Tell whether a text nests so deeply that a parser may give up."""
    return data.count(b"[") + data.count(b"{") > 500


def is_capture(entry: Any, *, typed: bool) -> bool:
    """Tell whether an entry is a capture, by the rule that the documentation gives."""
    if not isinstance(entry, dict):
        return False
    has_some = any(entry.get(name) is not None for name in ("id", "geometry", "properties"))
    return entry.get("type") == "Feature" or (entry.get("type") is None and not typed and has_some)


def same(features: list[Feature], skipped: int, entries: list[Any], *, typed: bool) -> None:
    """Hold features against the entries they were read from: none lost, none changed, the rest counted."""
    wanted = [entry for entry in entries if is_capture(entry, typed=typed)]
    assert len(features) == len(wanted), f"{len(features)} features of {len(wanted)}"
    assert skipped == len(entries) - len(wanted), f"{skipped} skipped of {len(entries) - len(wanted)}"
    for found, entry in zip(features, wanted, strict=True):
        assert found.id == entry.get("id")
        assert found.collection == entry.get("collection")
        assert _said(_as_dict(found.properties)) == _said(entry.get("properties"))
        assert _shape(json.loads(geometry_text(found))) == _shape(entry.get("geometry"))
        assert (json.loads(bytes(found.assets)) or {}) == (entry.get("assets") or {})


def _said(properties: Any) -> dict[str, Any]:
    """Leave out what is null, which is kept as missing; what is no object says nothing."""
    return {name: value for name, value in properties.items() if value is not None} if isinstance(properties, dict) else {}


def _shape(geometry: Any) -> Any:
    """Leave out what a geometry has beside its coordinates."""
    if not isinstance(geometry, dict):
        return geometry
    return [geometry.get(name) for name in ("type", "coordinates", "geometries")]


def _kept(name: Any) -> Any:
    """Return an id as a column has it: a number that no float holds is text."""
    return str(name) if type(name) is int and abs(name) > sys.float_info.max else name


def truncated_raises(page: bytes) -> bool:
    """Tell whether the same page without its end is refused."""
    cut = crc32(page) % len(page.rstrip())
    try:
        read_page(page[:cut], "a search")
    except ServiceError:
        return True
    return False


def _columns(features: list[Feature], *, whole: bool) -> None:
    """Turn features into columns, and now and then into a whole frame: a row each, and a reason where one cannot be drawn."""
    shapes, _, why = read_geometries(features)
    assert all(len(values) == len(features) for values in columns_of(features).values())
    assert all(shape is not None or row in why for row, shape in enumerate(shapes))
    if whole:
        frame = to_frame(features, host="h")
        assert len(frame) == len(features)
        ids = frame["id"].astype(object).where(frame["id"].notna(), None).tolist()
        assert ids == [_kept(one.id) for one in features]
        assert frame["not_orderable_reason"].notna().tolist() == [not able for able in frame["orderable"]]
        with contextlib.suppress(NotJson):
            frame.apply(assets, axis=1)
