"""Writing a file, whole or not at all, where a path leads to."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    import os


def as_path(value: str | os.PathLike[str], what: str) -> Path:
    """Return a path, with the user's home in the place of ``~``.

    Raises
    ------
    InvalidRequest
        If it is none, told as of ``what``.
    """
    try:
        path = Path(value).expanduser()
        usable = "\0" not in str(path)
    except (TypeError, RuntimeError):
        # no text, or the home of nobody
        usable = False
    if not usable:
        raise InvalidRequest(f"{what} needs a path, and {clean_text(repr(value), 200)} is none.", hint="Pass a name, as text.")
    return path


def write_atomic(content: bytes, path: str | os.PathLike[str], what: str) -> Path:
    """Write a file beside its place, then put it there, so that nobody ever sees half of it. Folders are made if needed.

    Raises
    ------
    InvalidRequest
        If it cannot be written there, told as of ``what``; what stood there before still stands.
    """
    target = as_path(path, what)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(target)
    except OSError as error:
        raise InvalidRequest(
            f"{what} cannot be written to {clean_text(target, 200)} ({error.strerror or type(error).__name__}).",
            hint="Choose another folder or name, or close the program that has the file open.",
        ) from error
    finally:
        # where there is no such folder, there is no such file
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return target


def arrow_buffer(content: bytes) -> pa.BufferReader:
    """Return bytes as a file of Arrow's own, with nothing of Python in it.

    Examples
    --------
    >>> from scenecart._util.files import arrow_buffer
    >>> arrow_buffer(b"PAR1").read()
    b'PAR1'
    """
    stream: Any = pa.BufferOutputStream()
    stream.write(content)
    return pa.BufferReader(stream.getvalue())
