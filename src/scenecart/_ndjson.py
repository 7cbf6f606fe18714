r"""Lines of a newline-delimited JSON stream, from bytes as they arrive.

Split at ``\\n`` alone: a JSON text may hold U+2028, U+2029 or U+0085 as they are, which text readers split at too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
