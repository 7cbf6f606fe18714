"""SQLite files: the errors of damaged ones, and which files are ours."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from _sqlite_files import FOREIGN, contents, damage_schema, write_foreign
from scenecart._util.sqlite import ERRORS, ForeignFileError, check_own

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


@pytest.mark.parametrize("kind", FOREIGN)
def test_check_own_leaves_files_of_other_programs_as_they_are(tmp_path: Path, kind: str):
    """A file of another program is refused, and neither it nor the folder changes."""
    write_foreign(tmp_path / "one.sqlite", kind, "CREATE TABLE one (x);")
    before = contents(tmp_path, "one")
    with pytest.raises(ForeignFileError):
        check_own(tmp_path / "one.sqlite", 5, [{"one": ("x",)}])
    assert contents(tmp_path, "one") == before


def test_check_own_leaves_the_transaction_of_a_crashed_program(tmp_path: Path):
    """A database that another program left in the middle of a transaction is not rolled back."""
    (tmp_path / "crashed").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "one.sqlite", isolation_level=None)) as database:
        database.execute("CREATE TABLE customer (name)")
        database.execute("INSERT INTO customer VALUES (zeroblob(100000))")
        # one page of memory: changes reach the file before the end of the transaction
        database.execute("PRAGMA cache_size = 1")
        database.execute("BEGIN")
        database.execute("UPDATE customer SET name = randomblob(100000)")
        for name in ("one.sqlite", "one.sqlite-journal"):
            shutil.copy(tmp_path / name, tmp_path / "crashed" / name)
    before = contents(tmp_path / "crashed", "one")
    assert len(before) == 2
    with pytest.raises(ForeignFileError):
        check_own(tmp_path / "crashed" / "one.sqlite", 5, [{"one": ("x",)}])
    assert contents(tmp_path / "crashed", "one") == before


def test_check_own_accepts_files_of_this_kind(tmp_path: Path):
    """A missing file, an empty one, one with the application id and one with exactly the known tables are ours."""
    path = tmp_path / "one.sqlite"
    check_own(path, 5, [])
    path.touch()
    check_own(path, 5, [])
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE one (x)")
    check_own(path, 5, [{"one": ("x",)}])
    with pytest.raises(ForeignFileError):
        check_own(path, 5, [{"one": ("x", "y")}])
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA application_id = 5")
    check_own(path, 5, [])
