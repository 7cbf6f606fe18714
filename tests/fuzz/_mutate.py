"""Seeded mutations of bytes, as by a broken connection, and of JSON documents, as by another program."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

RING = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
SQUARE = {"type": "Polygon", "coordinates": [RING]}
TOKENS = (
    *(b"{", b"}", b"[", b"]", b'"', b",", b":", b"\n", b"\r\n", b"\\", b"\\u", b"\\ud800", b"\\u0000", b"\x00", b"\x85", b"\xff"),
    *(b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xc3", b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"01", b"1.", b"9" * 400),
    *(b"[" * 60, b'{"":' * 40, b'"type":"Feature",', b'"features":[', b'"id":', b'"coordinates":', b" " * 70),
)
NUMBERS = (0, -1, 1, 0.5, -0.0, 90, 91, 180, 181, 540, 541, 2**31, 2**53, 2**63, 2**64, 10**30, 10**400, 1e308, -1e308, 1e-320)
TEXTS = (
    *("", " ", "a", "null", "é", "\u202e", "\u2028", "\x00", "\x1b[2J", "\ud800", "../../x", "a/b", "%00", "~x", "=1+1"),
    *("<b>", "2024-02-30", "2024-01-01T00:00:00Z", "..", "x" * 300, "x" * 5_000, "Feature", "FeatureCollection", "Polygon"),
)
SHAPES: tuple[Any, ...] = (
    SQUARE,
    {"type": "Polygon", "coordinates": []},
    {"type": "Polygon", "coordinates": [[]]},
    {"type": "Polygon", "coordinates": [RING[:3]]},
    {"type": "Polygon", "coordinates": [[[170, 0], [-170, 0], [-170, 1], [170, 1], [170, 0]]]},
    {"type": "MultiPolygon", "coordinates": [[RING], [[[5, 5], [6, 5], [6, 6], [5, 5]]]]},
    {"type": "MultiPolygon", "coordinates": [[RING], [RING]]},
    {"type": "Point", "coordinates": [0, 0]},
    {"type": "Point", "coordinates": []},
    {"type": "LineString", "coordinates": [[0, 0], [1, 1]]},
    {"type": "GeometryCollection", "geometries": [SQUARE, {"type": "Point", "coordinates": [9, 9]}]},
    {"type": "GeometryCollection", "geometries": 5},
    {"type": "Feature", "properties": {}, "geometry": SQUARE},
    {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": SQUARE}, None]},
)
# as JSON text, so that each input gets a copy to change
_SHAPES = tuple(map(json.dumps, SHAPES))
_SMALL = ("null", "true", "false", "[]", "{}", "[null]", "[[]]", '{"": null}')


def value(pick: Random) -> Any:
    """Return any JSON value, preferably an unusual one."""
    kind = pick.randrange(8)
    if kind < 2:
        return pick.choice(NUMBERS)
    if kind < 4:
        return pick.choice(TEXTS)
    if kind < 6:
        return json.loads(pick.choice(_SMALL if kind == 4 else _SHAPES))
    if kind == 6:
        return [value(pick) for _ in range(pick.randrange(5))]
    return {pick.choice(TEXTS): value(pick) for _ in range(pick.randrange(3))}


def deep(pick: Random) -> Any:
    """Return a value nested more deeply than any real one."""
    found: Any = value(pick)
    name = pick.choice(("geometry", "a", None))
    for _ in range(pick.choice((50, 200, 900, 3_000))):
        found = [found] if name is None else {"type": "Feature", name: found}
    return found


def document(pick: Random, given: Any, times: int | None = None) -> Any:
    """Change a JSON document in some places; in place where possible."""
    for _ in range(pick.choice((1, 1, 1, 2, 3, 5)) if times is None else times):
        places = [(None, None, given), *_places(given)]
        parent, key, old = pick.choice(places[1:] or places) if pick.randrange(50) else places[0]
        new = _mutated(pick, old, places)
        if parent is None:
            given = new
        elif isinstance(parent, dict) and pick.randrange(4) == 0:
            _mutate_mapping(pick, parent, key, new)
        elif isinstance(parent, list) and pick.randrange(3) == 0:
            _mutate_list(pick, parent, key, new)
        else:
            parent[key] = new
    return given


def _places(given: Any) -> list[tuple[Any, Any, Any]]:
    """Return every place of a document as container, key and value."""
    found: list[tuple[Any, Any, Any]] = []
    waiting = [given]
    while waiting and len(found) < 400:
        inside = waiting.pop()
        pairs = inside.items() if isinstance(inside, dict) else enumerate(inside) if isinstance(inside, list) else ()
        for key, held in pairs:
            found.append((inside, key, held))
            if isinstance(held, dict | list):
                waiting.append(held)
    return found


def _mutated(pick: Random, old: Any, places: Sequence[tuple[Any, Any, Any]]) -> Any:
    kind = pick.randrange(12)
    if kind == 0:
        # a copy, since a document must not contain itself
        with contextlib.suppress(RecursionError):
            return json.loads(json.dumps(pick.choice(places)[2]))
    if kind == 1:
        return [old]
    if kind == 2 and pick.randrange(40) == 0:
        return deep(pick)
    if isinstance(old, bool | None) or kind < 6:
        return value(pick)
    if isinstance(old, int | float):
        return pick.choice((-old, old + 1, old + 360, old * 1_000, str(old), float(old), old + 1e-12)) if abs(old) < 1e300 else -old
    if isinstance(old, str):
        return pick.choice((old.upper(), old + " ", old[1:], old * 2, pick.choice(TEXTS) + old, old[::-1], [old]))
    if isinstance(old, list):
        return pick.choice((old[::-1], old + old, old[1:], old[:-1], {str(place): held for place, held in enumerate(old)}))
    return pick.choice((dict(list(old.items())[::-1]), [list(pair) for pair in old.items()], {**old, "id": value(pick)}, list(old)))


def _mutate_mapping(pick: Random, parent: dict[str, Any], key: str, new: Any) -> None:
    if pick.randrange(2):
        del parent[key]
    if pick.randrange(3):
        parent[pick.choice((*TEXTS, key.upper(), key + " ", "type", "id", "geometry", "properties"))] = new


def _mutate_list(pick: Random, parent: list[Any], key: int, new: Any) -> None:
    if pick.randrange(2):
        parent.insert(key, new)
    else:
        del parent[key]


def encode(pick: Random, given: Any) -> bytes:
    """Return a document as JSON, in one of several styles; NaN and lone surrogates are written."""
    try:
        text = json.dumps(given, ensure_ascii=pick.randrange(2) == 0, separators=pick.choice(((",", ":"), (", ", ": "))))
    except RecursionError:
        text = '{"features":' + "[" * 5_000
    return text.encode("utf-8", "surrogatepass")


def data(pick: Random, given: bytes, other: bytes = b"") -> bytes:
    """Change bytes in one to four places; parts of ``other`` may be inserted."""
    changed = bytearray(given)
    for _ in range(pick.choice((1, 1, 2, 4))):
        at = pick.randrange(len(changed) + 1)
        length = min(pick.choice((1, 1, 2, 8, 64, 512)), len(changed) - at)
        kind = pick.randrange(10)
        if kind == 0:
            changed[at : at + length] = pick.choice(TOKENS)
        elif kind <= 2:
            changed[at:at] = pick.choice(TOKENS)
        elif kind == 3:
            del changed[at : at + length]
        elif kind == 4:
            changed[at:at] = changed[at : at + length] * pick.choice((1, 2, 9))
        elif kind == 5:
            del changed[at:]
        elif kind == 6 and other:
            begin = pick.randrange(len(other))
            changed[at:at] = other[begin : begin + pick.choice((4, 40, 400))]
        elif length and kind == 7:
            changed[at] ^= 1 << pick.randrange(8)
        elif length:
            changed[at : at + length] = pick.randbytes(length)
    return bytes(changed)
