"""JSON bytes to plain values and back. The only rules: strict, bounded in depth, and never NaN."""

from __future__ import annotations

import gc
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

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
