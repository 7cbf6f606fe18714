"""The file of watches: short connections, other processes, forks, a full disk, and files that are something else."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from _expect import raises
from _sqlite_files import damage_schema
from scenecart import WatchError
from scenecart._watch.watch_file import CaptureKey, SavedSearch, WatchFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADDRESS = "https://service.example"


def search(name: str = "harbour", criteria: str = "{}") -> SavedSearch:
    return SavedSearch(0, ADDRESS, name, "aurora", criteria, "ana on desk", 1_000.0, None, None)


def marks(*names: str) -> list[tuple[CaptureKey, str]]:
    return [(CaptureKey("", "aurora", "c", name), "") for name in names]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "watches.sqlite"


def test_file_keeps_the_first_search_of_a_name(path: Path):
    """A second search of a name changes nothing; names are separate for each service."""
    file = WatchFile(path)
    first = file.add(search())
    assert file.add(search(criteria='{"ids":["x"]}')) == first
    assert (file.find(ADDRESS, "harbour"), file.list("https://other.example")) == (first, [])


def test_file_marks_captures_of_one_watch_only(path: Path):
    """What one watch has seen is new to another; a removed watch leaves nothing, and its number is not used again."""
    file = WatchFile(path)
    one, other = file.add(search()), file.add(search("quarry"))
    assert file.mark(one.number, marks("a", "b"), 5.0)
    assert (len(file.known(one.number)), file.known(other.number)) == (2, {})
    assert file.remove(one.number)
    assert not file.remove(one.number)
    assert file.known(one.number) == {}
    assert file.add(search()).number > other.number
    assert not file.mark(one.number, marks("a"), 6.0)
    assert not file.record_search(one.number, 6.0)


def test_file_is_private_and_between_operations_closed(path: Path):
    """The file can be read by its owner only, and no operation leaves it open."""
    WatchFile(path).add(search())
    assert (path.stat().st_mode & 0o77, path.parent.stat().st_mode & 0o77) == (0, 0)
    # the folder of this process's open files is Linux's own
    opened = {os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")}  # noqa: PTH208
    assert not [name for name in opened if name.startswith(str(path.parent))]


def _mark_many(path: Path, file: WatchFile | None, names: list[str]) -> None:
    for name in names:
        (file or WatchFile(path)).mark(1, marks(name), 7.0)
    os._exit(0)


@pytest.mark.parametrize("is_inherited", [True, False])
def test_file_in_forked_processes_loses_nothing(path: Path, *, is_inherited: bool):
    """Forked processes that mark captures at once, with the parent's object or their own, lose none."""
    file = WatchFile(path)
    file.add(search())
    fork = multiprocessing.get_context("fork")
    names = [[f"{number}-{place}" for place in range(5)] for number in range(3)]
    children = [fork.Process(target=_mark_many, args=(path, file if is_inherited else None, some)) for some in names]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * 3
    assert len(file.known(1)) == 15


def test_file_used_by_threads_loses_nothing(path: Path):
    """Threads of one process that mark captures at once wait for each other."""
    file = WatchFile(path)
    file.add(search())
    threads = [threading.Thread(target=file.mark, args=(1, marks(f"t-{number}"), 7.0)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(file.known(1)) == 6


def test_file_copied_while_it_is_written_keeps_other_processes_out(path: Path):
    """A copy made by the same process drops SQLite's locks, and another process still waits for the end of the transaction."""
    file = WatchFile(path)
    file.add(search())
    code = (
        "import sys; from pathlib import Path; from scenecart._watch.watch_file import WatchFile\n"
        "print(len(WatchFile(Path(sys.argv[1])).known(1)))"
    )
    with file._write() as database:
        database.execute("INSERT INTO seen VALUES (1, '', 'aurora', 'c', 'a', '')")
        shutil.copy(path, path.with_suffix(".copy"))
        other = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1.0)
    assert other.communicate(timeout=60)[0].strip() == "1"


def test_file_on_a_full_disk_marks_nothing(path: Path):
    """If the disk is full, no capture of the call is marked, the error says so, and the next call works."""
    file = WatchFile(path)
    file.add(search())
    file.mark(1, marks("before"), 5.0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        with raises(WatchError, "watches_not_written"):
            file.mark(1, marks(*(f"{'x' * 200}{number}" for number in range(500))), 6.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [key.id for key in file.known(1)] == ["before"]
    assert file.mark(1, marks("after"), 7.0)


def test_file_interrupted_while_it_writes_marks_nothing(path: Path):
    """An interrupt inside a transaction leaves the file as it was, and free."""
    file = WatchFile(path)
    file.add(search())

    def interrupted() -> Iterator[tuple[CaptureKey, str]]:
        yield from marks("a", "b")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        file.mark(1, interrupted(), 5.0)
    assert file.known(1) == {}
    assert file.mark(1, marks("a"), 6.0)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"not a database, but longer than a header is" * 90, "watches_damaged"), ("CREATE TABLE other (x)", "watches_foreign")],
    ids=["damaged", "another program's"],
)
def test_file_of_something_else_is_refused(path: Path, content: bytes | str, code: str):
    """A file of something else is an error, and is not changed."""
    path.parent.mkdir()
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute(content)
    before = path.read_bytes()
    with raises(WatchError, code):
        WatchFile(path).add(search())
    assert path.read_bytes() == before


def test_file_whose_schema_is_no_text_is_refused(path: Path):
    """A file that is damaged where SQLite repeats it in its message is an error, and is not changed."""
    WatchFile(path).add(search())
    damaged = damage_schema(path)
    with raises(WatchError, "watches_damaged"):
        WatchFile(path).add(search())
    assert path.read_bytes() == damaged


def test_file_of_a_newer_version_is_refused(path: Path):
    """A file of a newer version is not changed."""
    WatchFile(path).add(search())
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 9")
    with raises(WatchError, "watches_newer"):
        WatchFile(path).list(ADDRESS)


def test_file_that_another_program_writes_is_busy(path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that stays locked is an error that says so, after a bounded wait."""
    WatchFile(path).add(search())
    monkeypatch.setattr("scenecart._watch.watch_file._SQLITE_SECONDS", 0.05)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with raises(WatchError, "watches_busy"):
            WatchFile(path).add(search("quarry"))


def test_file_in_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path):
    """A folder that cannot be made is an error that names the file; listing needs no folder."""
    (tmp_path / "home").write_text("a file")
    file = WatchFile(tmp_path / "home" / "watches.sqlite")
    with raises(WatchError, "watches_not_opened") as caught:
        file.add(search())
    assert "is a file, not a folder" in str(caught.value)
    assert file.list(ADDRESS) == []
