"""SQLite files that are damaged in a way of their own."""

from __future__ import annotations

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
