"""Fuzzing of the stream decoder: the same features however the bytes are split, and an error for half a line."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any
from zlib import crc32

from fuzz import _mutate
from fuzz._engine import Bare
from fuzz._features import assert_same, feature, is_capture, reference
from scenecart import PermissionDenied, ServiceError
from scenecart._api import paging
from scenecart._captures.features import geometry_text, properties_of
from scenecart._captures.stream import _WRAPPERS, InvalidLine, read_stream
from scenecart._util.json import batches

if TYPE_CHECKING:
    from scenecart._captures.features import Feature

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
    """Streams of captures, mutated as lines and as bytes."""

    def make(self, pick: Random) -> bytes:
        """Generate a stream."""
        stream = b"\xef\xbb\xbf" if pick.randrange(8) == 0 else b""
        for number in range(pick.randrange(6)):
            line: Any = feature(pick, number)
            if pick.randrange(4) == 0:
                line = _mutate.document(pick, line)
            text = _mutate.encode(pick, line) if pick.randrange(5) else pick.choice(_LINES)
            stream += text.replace(b"\n", b"") + pick.choice(_ENDS)
        stream = stream.rstrip() if pick.randrange(3) == 0 else stream
        return _mutate.data(pick, stream, stream) if pick.randrange(2) else stream

    def check(self, data: bytes) -> str:
        """Compare a stream in chunks with the same stream at once, and both with the reference."""
        pick = Random(crc32(data))  # noqa: S311  # where to cut, not a secret
        ends = sorted(pick.choices(range(len(data) + 1), k=pick.randrange(12)))
        chunks = [data[begin:end] for begin, end in zip([0, *ends], [*ends, len(data)], strict=True)]
        all_lines = [line for lines in batches([data]) for line in lines]
        assert all_lines == [line for lines in batches(chunks) for line in lines]
        assert all_lines == [line for line in map(bytes.strip, data.split(b"\n")) if line]
        features, skipped, error = _read([data])
        again, skipped_again, other = _read(chunks)
        assert list(map(_normalized, again)) == list(map(_normalized, features))
        assert (skipped_again, type(other)) == (skipped, type(error))
        entries = _entries(all_lines, stopped=error is not None)
        if entries is not None:
            assert_same(features, skipped, entries, typed=False)
        if error is None and entries is not None and all_lines and all_lines[-1][:1] in b"{[":
            shorter = data.rstrip()
            last = _read([shorter[: len(shorter) - 1 - crc32(data) % (len(all_lines[-1]) - 1)]])[2]
            assert last is not None, "half a line was read as a complete one"
        return "read" if error is None else type(error).__name__


def _read(chunks: list[bytes]) -> tuple[list[Feature], int, Exception | None]:
    features: list[Feature] = []
    skipped = 0
    try:
        for some, batch_skipped in read_stream(iter(chunks), "h"):
            features += some
            skipped += batch_skipped
    except (ServiceError, PermissionDenied, InvalidLine) as error:
        return features, skipped, error
    return features, skipped, None


def _normalized(found: Feature) -> tuple[Any, ...]:
    """Return all members of a feature in one form, for any decoder."""
    properties = {name: value for name, value in properties_of(found.properties).items() if value is not None}
    shape = reference(geometry_text(found).encode())
    parts = [shape.get(name) for name in ("type", "coordinates", "geometries")] if isinstance(shape, dict) else shape
    # as text, NaN equals itself, and 1 differs from 1.0
    return json.dumps([found.id, found.collection, properties, parts], sort_keys=True, default=str), reference(
        bytes(found.assets)
    ) or {}


def _entries(lines: list[bytes], *, stopped: bool) -> list[Any] | None:
    """Return the expected entries of the lines, or None where the standard library does not decide."""
    found: list[Any] = []
    for line in lines:
        document = reference(line)
        if _is_other_form(document):
            return None
        if document is _MISSING:
            # decoded leniently, or where the stream ended
            return found if stopped and line.isascii() else None
        if isinstance(document, dict) and document.get("type") == "FeatureCollection":
            if not isinstance(document.get("features"), list):
                return found if stopped else None
            found += document["features"]
        elif (
            isinstance(document, dict)
            and not is_capture(document, typed=True)
            and "status" in document
            and {"title", "detail"} & document.keys()
        ):
            return found if stopped else None
        else:
            found.append(document if is_capture(document, typed=True) else None)
    return None if stopped else found


def _is_other_form(document: Any) -> bool:
    """Return whether a line is an array, an error, a wrapped feature or one page of several, which other tests cover."""
    if isinstance(document, list):
        return True
    if not isinstance(document, dict) or is_capture(document, typed=True):
        return False
    others = {*paging.MEMBERS, *_WRAPPERS, "error", "errors"}
    is_collection = document.get("type") == "FeatureCollection"
    names = document.keys() & (set(paging.MEMBERS) if is_collection else others)
    return bool(names) or "error" in {str(document.get(name)).lower() for name in ("type", "event", "kind", "level")}
