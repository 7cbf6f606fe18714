"""JSON bytes to plain values and back. The only rules: strict, bounded in depth, and never NaN."""

from __future__ import annotations

import gc
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_LONGEST_REASON = 200


class NotJson(ValueError):
    """The bytes are not the JSON they should be."""


def loads(data: bytes) -> Any:
    """Decode one JSON document.

    Lone surrogates, which some catalogs write, are kept; NaN and Infinity are refused as JSON does.

    Raises
    ------
    NotJson
        If the bytes are no JSON document, or nest deeper than the parser allows.
    """
    # whatever the collector runs where a document is nested too deeply has no depth left, and can only fail
    with collector_paused():
        try:
            return msgspec.json.decode(data)
        except RecursionError:
            raise NotJson("nested too deeply") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            try:
                return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
            except (ValueError, RecursionError):
                # the parser spells out every level of a path that is as deep as the document
                raise NotJson(str(error)[:_LONGEST_REASON]) from None


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the cyclic garbage collector from looking at a million new objects that hold no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def dumps(value: Any) -> bytes:
    """Encode a value in one canonical way: sorted keys, no spaces, UTF-8.

    The same value gives the same bytes in every process, so the bytes can be fingerprinted and sent again. A text that is no
    Unicode, such as a lone surrogate, is written with escapes, as the catalog had it.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def encode(value: Any) -> bytes:
    """Encode a value as it stands, quickly; for what is decoded again in this process."""
    return msgspec.json.encode(value)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_LONGEST_LINE = 64 * 2**20
_PIECE = 2**20


class LineTooLong(ValueError):
    """A line goes on for longer than any feature could."""


def batches(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    r"""Yield the whole lines each chunk completes; the last line needs no newline.

    Raises
    ------
    LineTooLong
        If a line passes 64 MiB.

    Examples
    --------
    >>> list(batches([b'{"a":', b'1}\r\n\n{"a":2}']))
    [[b'{"a":1}'], [b'{"a":2}']]
    """
    rest = bytearray()
    # a small body can unpack to one huge chunk
    for piece in (chunk[start : start + _PIECE] for chunk in chunks for start in range(0, len(chunk), _PIECE)):
        end = piece.rfind(b"\n")
        begun = len(rest)
        rest += piece
        if end < 0:
            if len(rest) > _LONGEST_LINE:
                raise LineTooLong(f"a line is longer than {_LONGEST_LINE >> 20} MiB")
            continue
        whole = bytes(rest[: begun + end])
        del rest[: begun + end + 1]
        lines = [line.strip() for line in whole.split(b"\n")]
        if any(lines):
            yield [line for line in lines if line]
    last = bytes(rest).strip()
    if last:
        yield [last]
