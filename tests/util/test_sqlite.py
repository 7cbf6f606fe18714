"""Errors of damaged SQLite files."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest

from _sqlite_files import damage_schema
from scenecart._util.sqlite import ERRORS

if TYPE_CHECKING:
    from pathlib import Path


def test_errors_include_a_message_that_is_no_text(tmp_path: Path):
    """A file whose schema is not text is an error of the kinds that readers expect."""
    path = tmp_path / "one.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE one (x)")
    damage_schema(path)
    with contextlib.closing(sqlite3.connect(path)) as database, pytest.raises(ERRORS):
        database.execute("SELECT x FROM one")
