"""Writing a file: whole, or not at all."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from scenecart._errors import InvalidRequest
from scenecart._wire import clean_text

if TYPE_CHECKING:
    import os


def write_whole(content: bytes, path: str | os.PathLike[str], what: str) -> Path:
    """Write a file beside its place, then put it there, so that nobody ever sees half of it. Folders are made if needed.

    Raises
    ------
    InvalidRequest
        If it cannot be written there, told as of ``what``; what stood there before still stands.
    """
    target = Path(path).expanduser()
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
