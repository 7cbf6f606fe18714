"""Paths, atomic file writes and Arrow buffers."""

from __future__ import annotations

import contextlib
import errno
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scenecart._util.text import clean_text
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    import os


_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
FREE_SPACE = "Free disk space, then run it again."
"""Hint for a file that a full disk could not take."""


def is_full(error: BaseException | None) -> bool:
    """Return whether an error means that a disk or a quota is full.

    Examples
    --------
    >>> import errno
    >>> from scenecart._util.files import is_full
    >>> is_full(OSError(errno.ENOSPC, "No space left on device")), is_full(OSError(errno.EACCES, "Permission denied"))
    (True, False)
    """
    return isinstance(error, OSError) and error.errno in _FULL


def not_written(error: OSError, target: Path, subject: str) -> InvalidRequest:
    """Return the error for a file that could not be written; ``subject`` begins the message, such as "The report"."""
    return InvalidRequest(
        f"{subject} cannot be written to {clean_text(target, 200)} ({error.strerror or type(error).__name__}).",
        code="file_not_writable",
        hint=FREE_SPACE if is_full(error) else "Choose another folder or name, or close the program that has the file open.",
    )


def as_path(value: str | os.PathLike[str], argument: str = "path") -> Path:
    """Return an argument as a path, with ``~`` replaced by the home directory.

    Raises
    ------
    InvalidRequest
        If it is not a path.
    """
    try:
        path = Path(value).expanduser()
        usable = "\0" not in str(path)
    except (TypeError, RuntimeError):
        # not a path, or the home directory of an unknown user
        usable = False
    if not usable:
        raise InvalidRequest(
            f"must be a path, got {shown_value(value)}.",
            argument=argument,
            code="path_invalid",
            hint="Pass the name of a file or folder.",
        )
    return path


def write_atomic(content: bytes, path: str | os.PathLike[str], subject: str) -> Path:
    """Write a file completely or not at all, and create missing folders.

    The content goes to a temporary file in the same folder, which then replaces the target.

    Parameters
    ----------
    content, path
        What to write, and where.
    subject
        What is written, for messages, such as "The report".

    Raises
    ------
    InvalidRequest
        If it cannot be written; an existing file is left unchanged.
    """
    target = as_path(path)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(target)
    except OSError as error:
        raise not_written(error, target, subject) from error
    finally:
        # the folder may not exist
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return target


def arrow_buffer(content: bytes) -> pa.BufferReader:
    """Return a copy of bytes in a buffer of Arrow, which its threads read without Python.

    Examples
    --------
    >>> from scenecart._util.files import arrow_buffer
    >>> arrow_buffer(b"PAR1").read()
    b'PAR1'
    """
    stream: Any = pa.BufferOutputStream()
    stream.write(content)
    return pa.BufferReader(stream.getvalue())
