"""SQLite files that are damaged in a way of their own, and files of other programs."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def damage_schema(path: Path) -> bytes:
    """Make the definition of a table bytes that are no text, and return the file; SQLite repeats them in its message."""
    content = path.read_bytes()
    assert b"CREATE TABLE" in content
    damaged = content.replace(b"CREATE TABLE", b"CREATE TABL\xff", 1)
    path.write_bytes(damaged)
    return damaged


FOREIGN = ("text", "database", "write-ahead log", "same tables and more", "of another application")


def write_foreign(path: Path, kind: str, tables: str) -> None:
    """Write a file of another program; ``tables`` creates tables like ours."""
    path.parent.mkdir(exist_ok=True)
    if kind == "text":
        path.write_text("notes of a customer\n" * 300)
        return
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        if kind == "write-ahead log":
            database.execute("PRAGMA journal_mode = WAL")
        if kind == "same tables and more":
            database.executescript(tables)
        if kind == "of another application":
            database.executescript(f"{tables} PRAGMA application_id = 7")
        else:
            database.executescript("CREATE TABLE customer (name); INSERT INTO customer VALUES ('Ada')")


def contents(folder: Path, stem: str) -> dict[str, bytes]:
    """Return the files of a database with those that SQLite puts beside it."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob(f"{stem}.sqlite*"))}
