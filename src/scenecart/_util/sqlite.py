"""SQLite files: the errors of damaged ones, and whether scenecart wrote a file."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# SQLite's message about a damaged file repeats what is in it, which may not be text
ERRORS = (sqlite3.Error, UnicodeDecodeError)

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_JOURNAL_MODES, _ROLLBACK_JOURNAL = slice(18, 20), b"\1\1"
_APPLICATION_ID = slice(68, 72)
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# SQLite's extended codes hold more in their higher bits
_PRIMARY = 0xFF


class ForeignFileError(OSError):
    """A file that scenecart did not write, or that is too damaged to recognise; it was not changed."""


def check_own(path: Path, application_id: int, layouts: Iterable[Mapping[str, tuple[str, ...]]]) -> None:
    """Refuse a file that scenecart did not write, without changing it; a missing or an empty file is accepted.

    Call it with ``forks.sqlite.lock`` held: closing the file ends the locks that SQLite has on it in this process.

    Parameters
    ----------
    path
        The file.
    application_id
        What SQLite keeps in the header of a file of this kind.
    layouts
        The tables, each with its columns, of older files that have no application id.

    Raises
    ------
    ForeignFileError
        If it is another program's file, or cannot be recognised.
    OSError, sqlite3.OperationalError
        If it cannot be read, or another process writes to it.
    """
    if not path.exists():
        return
    header = b""
    if path.is_file():
        # SQLite itself may write when it opens a file: it ends the transaction of a program that crashed
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
        if not header:
            return
    if len(header) == _HEADER_BYTES and header.startswith(_MAGIC):
        found = int.from_bytes(header[_APPLICATION_ID], "big")
        if found == application_id or (
            # older files of ours have no write-ahead log, which SQLite would create for reading
            found == 0 and header[_JOURNAL_MODES] == _ROLLBACK_JOURNAL and _layout(path) in list(layouts)
        ):
            return
    raise ForeignFileError(f"{path.name} was not written by scenecart, or is damaged; it was not changed")


def _layout(path: Path) -> dict[str, tuple[str, ...]] | None:
    """Return the tables of a file with their columns; None if it cannot be read, or also holds views or triggers."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            parts = database.execute("SELECT type, name FROM sqlite_schema WHERE type != 'index'").fetchall()
            if any(kind != "table" for kind, _ in parts):
                return None
            columns = "SELECT name FROM pragma_table_info(?) ORDER BY cid"
            return {name: tuple(column for (column,) in database.execute(columns, (name,))) for _, name in parts}
    except ERRORS as error:
        if getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _BUSY:
            raise
        return None
