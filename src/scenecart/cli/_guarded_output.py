"""Output streams of commands, which raise an error if writing fails."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator


class CannotPrint(Exception):
    """The output cannot be written. Not an OSError: rich exits the process at some of those, without a message."""

    def __init__(self, error: OSError) -> None:
        self.reason = error.strerror or type(error).__name__
        self.reader_left = isinstance(error, BrokenPipeError)
        super().__init__(self.reason)


class GuardedStream:
    """A text stream that raises :class:`CannotPrint` if a write fails."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text, or raise CannotPrint."""
        try:
            return self._stream.write(text)
        except OSError as error:
            raise CannotPrint(error) from error

    def flush(self) -> None:
        """Write the buffer, or raise CannotPrint."""
        try:
            self._stream.flush()
        except OSError as error:
            raise CannotPrint(error) from error

    def finish(self) -> None:
        """Write the buffer, or discard it: Python would try again at exit and print an error."""
        try:
            self._stream.flush()
        except OSError:
            # a stream without a file descriptor is not flushed at exit
            with contextlib.suppress(OSError):
                _point_to_null(self._stream.fileno(), os.O_WRONLY)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def guarded_output() -> Iterator[None]:
    """Raise CannotPrint for failed writes in the block, and escape characters that an output cannot encode."""
    out, err = GuardedStream(_usable(sys.stdout, 1)), GuardedStream(_usable(sys.stderr, 2))
    with contextlib.redirect_stdout(cast("TextIO", out)), contextlib.redirect_stderr(cast("TextIO", err)):
        try:
            yield
        finally:
            out.finish()
            err.finish()


def _usable(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:
        # the descriptor is closed: the next file to be opened would get its number, and the output
        _point_to_null(descriptor, os.O_RDONLY)
        stream = open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # open until the process exits
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _point_to_null(descriptor: int, flags: int) -> None:
    """Point a file descriptor of this process to the null device."""
    null = os.open(os.devnull, flags)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)
