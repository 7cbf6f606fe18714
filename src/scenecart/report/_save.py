"""Writing a report: whole, or not at all."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from scenecart._errors import InvalidRequest
from scenecart._wire import clean_text

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable


def suffix_of(path: str | os.PathLike[str], known: Iterable[str], what: str) -> str:
    """Return the format that a path asks for.

    Raises
    ------
    InvalidRequest
        If it is no known one.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        raise InvalidRequest(
            f"{what} cannot be written as {clean_text(Path(path).suffix, 40) or 'a file without suffix'!r}.",
            hint=f"The formats are {', '.join(sorted(known))}.",
        )
    return suffix


def save(document: bytes, path: str | os.PathLike[str]) -> Path:
    """Write a file beside its place, then put it there, so that nobody ever sees half of it. Folders are made if needed.

    Raises
    ------
    InvalidRequest
        If it cannot be written there; what stood there before still stands.
    """
    target = Path(path).expanduser()
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(document)
        part.replace(target)
    except OSError as error:
        raise InvalidRequest(
            f"The report cannot be written to {clean_text(target, 200)} ({error.strerror or type(error).__name__}).",
            hint="Choose another folder or name, or close the program that has the file open.",
        ) from error
    finally:
        _forget(part)
    return target


def _forget(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:
        # there is no such folder, then there is no such file
        return
