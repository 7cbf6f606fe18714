"""Where commands print: a pipe may end, a disk may be full, an output may be closed or know few letters."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator


class CannotPrint(Exception):
    """What was to be printed could not be. No OSError: rich ends the process at some of those, without a word."""

    def __init__(self, error: OSError) -> None:
        self.why = error.strerror or type(error).__name__
        self.reader_left = isinstance(error, BrokenPipeError)
        super().__init__(self.why)


class Printing:
    """An output that tells by :class:`CannotPrint` what stands in its way; in everything else it is what it was made of."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or tell why not."""
        try:
            return self._stream.write(text)
        except OSError as error:
            raise CannotPrint(error) from error

    def flush(self) -> None:
        """Write what is held back, or tell why not."""
        try:
            self._stream.flush()
        except OSError as error:
            raise CannotPrint(error) from error

    def finish(self) -> None:
        """Flush, and forget what cannot be written: Python would try it once more at its end, and complain."""
        try:
            self._stream.flush()
        except OSError:
            # where no file of the system's stands behind it, nothing is tried again
            with contextlib.suppress(OSError):
                _point(self._stream.fileno(), os.O_WRONLY)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """Let what is printed in the block end in CannotPrint where it cannot be, and letters that an output has not be spelled out."""
    out, err = Printing(_standing(sys.stdout, 1)), Printing(_standing(sys.stderr, 2))
    with contextlib.redirect_stdout(cast("TextIO", out)), contextlib.redirect_stderr(cast("TextIO", err)):
        try:
            yield
        finally:
            out.finish()
            err.finish()


def _standing(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:
        # it was closed, and else the next file that is opened would take its number, and what is printed
        _point(number, os.O_RDONLY)
        stream = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # it stands until the process ends
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _point(number: int, how: int) -> None:
    """Let a number of this process stand for the file that holds nothing."""
    nothing = os.open(os.devnull, how)
    if nothing != number:
        os.dup2(nothing, number)
        os.close(nothing)
