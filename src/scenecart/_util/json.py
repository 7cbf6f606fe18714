"""Strict JSON: decoding bounded in depth, canonical encoding, lines of a stream."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from scenecart._util.collector import collector_paused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_MAX_REASON = 200


class NotJson(ValueError):
    """The bytes are not valid JSON."""


def loads(data: bytes) -> Any:
    """Decode one JSON document.

    Lone surrogates, which some catalogs send, are kept; NaN and Infinity are refused, as JSON does not have them, and numbers that
    are too large for a float.

    Raises
    ------
    NotJson
        If the bytes are not a JSON document, or are nested deeper than the parser allows.
    """
    # near the recursion limit, finalizers that the collector runs would fail
    with collector_paused():
        try:
            return msgspec.json.decode(data)
        except RecursionError:
            raise NotJson("nested too deeply") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            try:
                return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse, parse_float=_finite)
            except (ValueError, RecursionError):
                # the parser's message names every level of a deep document
                raise NotJson(str(error)[:_MAX_REASON]) from None


def dumps(value: Any) -> bytes:
    """Encode a value canonically: sorted keys, no spaces, UTF-8.

    The same value gives the same bytes in every process, so the bytes can be fingerprinted and sent again. Lone surrogates
    are written as escapes, as the catalog sent them.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def dumps_readable(value: Any) -> bytes:
    """Encode a value for people and other programs: indented, in the given order, UTF-8."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=1, allow_nan=False).encode()


def encode(value: Any) -> bytes:
    """Encode a value quickly, in no canonical form, for decoding in this process."""
    return msgspec.json.encode(value)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotJson(f"the number {text[:20]} is too large")
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_MAX_LINE = 64 * 2**20
_PIECE = 2**20


class LineTooLong(ValueError):
    """A line is longer than any feature."""


def batches(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    r"""Yield the lines that each chunk completes; the last line needs no newline.

    Raises
    ------
    LineTooLong
        If a line is longer than 64 MiB.

    Examples
    --------
    >>> list(batches([b'{"a":', b'1}\r\n\n{"a":2}']))
    [[b'{"a":1}'], [b'{"a":2}']]
    """
    rest = bytearray()
    # a small compressed body can expand to one huge chunk
    for piece in (chunk[start : start + _PIECE] for chunk in chunks for start in range(0, len(chunk), _PIECE)):
        end = piece.rfind(b"\n")
        held = len(rest)
        rest += piece
        if end < 0:
            if len(rest) > _MAX_LINE:
                raise LineTooLong(f"a line is longer than {_MAX_LINE >> 20} MiB")
            continue
        complete = bytes(rest[: held + end])
        del rest[: held + end + 1]
        lines = [line.strip() for line in complete.split(b"\n")]
        if any(lines):
            yield [line for line in lines if line]
    last = bytes(rest).strip()
    if last:
        yield [last]
