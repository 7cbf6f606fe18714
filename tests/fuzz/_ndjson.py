"""The splitter of streams: however the bytes are cut, the same lines and the same features, and half a line is an error."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any
from zlib import crc32

from fuzz import _mutate
from fuzz._engine import Bare
from fuzz._features import feature, is_capture, reference, same
from scenecart import PermissionDenied, ServiceError
from scenecart._captures.decode import _as_dict, geometry_text
from scenecart._captures.search import _CutLine, _streamed
from scenecart._util.json import batches

if TYPE_CHECKING:
    from scenecart._captures.decode import Feature

_MISSING: Any = reference(b"{")
_ENDS = (b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b" \n", b"\r", b"\x0b\n", "\u2028".encode())
_LINES: tuple[bytes, ...] = (
    b"null",
    b"5",
    b"{}",
    b"[]",
    b'{"type":"Other"}',
    b'{"status":503,"title":"Service Unavailable","detail":"later"}',
    b"<html>",
    b"\xef\xbb\xbf",
    b'{"type":"FeatureCollection","features":[{"type":"Feature","id":"in","properties":{}},5]}',
)


class Lines(Bare):
    """Streams of captures, changed as lines and as bytes."""

    def make(self, pick: Random) -> bytes:
        """Make a stream."""
        made = b"\xef\xbb\xbf" if pick.randrange(8) == 0 else b""
        for number in range(pick.randrange(6)):
            line: Any = feature(pick, number)
            if pick.randrange(4) == 0:
                line = _mutate.document(pick, line)
            text = _mutate.encode(pick, line) if pick.randrange(5) else pick.choice(_LINES)
            made += text.replace(b"\n", b"") + pick.choice(_ENDS)
        made = made.rstrip() if pick.randrange(3) == 0 else made
        return _mutate.data(pick, made, made) if pick.randrange(2) else made

    def check(self, data: bytes) -> str:
        """Hold a stream in pieces against the same stream at once, and both against what is there."""
        pick = Random(crc32(data))  # noqa: S311  # where to cut, not a secret
        ends = sorted(pick.choices(range(len(data) + 1), k=pick.randrange(12)))
        pieces = [data[begin:end] for begin, end in zip([0, *ends], [*ends, len(data)], strict=True)]
        whole = [line for lines in batches([data]) for line in lines]
        assert whole == [line for lines in batches(pieces) for line in lines]
        assert whole == [line for line in map(bytes.strip, data.split(b"\n")) if line]
        features, skipped, error = _read([data])
        again, skipped_again, other = _read(pieces)
        assert list(map(_plain, again)) == list(map(_plain, features))
        assert (skipped_again, type(other)) == (skipped, type(error))
        entries = _entries(whole, stopped=error is not None)
        if entries is not None:
            same(features, skipped, entries, typed=False)
        if error is None and entries is not None and whole and whole[-1][:1] in b"{[":
            shorter = data.rstrip()
            last = _read([shorter[: len(shorter) - 1 - crc32(data) % (len(whole[-1]) - 1)]])[2]
            assert last is not None, "half a line was taken for a whole one"
        return "read" if error is None else type(error).__name__


def _read(pieces: list[bytes]) -> tuple[list[Feature], int, Exception | None]:
    features: list[Feature] = []
    skipped = 0
    try:
        for some, odd in _streamed(iter(pieces), "h"):
            features += some
            skipped += odd
    except (ServiceError, PermissionDenied, _CutLine) as error:
        return features, skipped, error
    return features, skipped, None


def _plain(found: Feature) -> tuple[Any, ...]:
    """Return everything of a feature in one form, whichever decoder read it."""
    properties = {name: value for name, value in _as_dict(found.properties).items() if value is not None}
    shape = reference(geometry_text(found).encode())
    parts = [shape.get(name) for name in ("type", "coordinates", "geometries")] if isinstance(shape, dict) else shape
    # a text tells NaN from nothing, and one number from another that only equals it
    return json.dumps([found.id, found.collection, properties, parts], sort_keys=True, default=str), reference(
        bytes(found.assets)
    ) or {}


def _entries(lines: list[bytes], *, stopped: bool) -> list[Any] | None:
    """Return what should come of the lines that were read, or None where the standard library cannot tell."""
    found: list[Any] = []
    for line in lines:
        there = reference(line)
        if there is _MISSING:
            # read leniently, or where the stream was broken off
            return found if stopped and line.isascii() else None
        if isinstance(there, dict) and there.get("type") == "FeatureCollection":
            if not isinstance(there.get("features"), list):
                return found if stopped else None
            found += there["features"]
        elif (
            isinstance(there, dict)
            and not is_capture(there, typed=True)
            and "status" in there
            and {"title", "detail"} & there.keys()
        ):
            return found if stopped else None
        else:
            found.append(there if is_capture(there, typed=True) else None)
    return None if stopped else found
