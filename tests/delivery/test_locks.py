"""Locks between processes: one holder at a time, released by any end of a process, and no file left behind."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from scenecart._delivery.locks import FileLock

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys
from pathlib import Path
from scenecart._delivery.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.read()
"""
COUNT = """
import sys
from pathlib import Path
from scenecart._delivery.locks import FileLock
counter = Path(sys.argv[2])
for _ in range(100):
    with FileLock(Path(sys.argv[1])).held(60) as is_held:
        assert is_held
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def test_lock_has_one_holder_and_leaves_no_file(tmp_path: Path):
    """A lock that is held is refused, also in the same process; released, it can be taken, and its file is gone."""
    path = tmp_path / "a.lock"
    first, second = FileLock(path), FileLock(path)
    assert (first.acquire(), second.acquire()) == (True, False)
    first.release()
    first.release()
    assert not path.exists()
    assert second.acquire()
    second.release()
    assert list(tmp_path.iterdir()) == []


def test_lock_of_a_killed_process_is_free(tmp_path: Path):
    """A process that is killed while it holds a lock releases it."""
    path = tmp_path / "a.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as held:
        assert held.stdout is not None
        assert held.stdout.readline().strip() == "True"
        assert not FileLock(path).acquire()
        held.kill()
    lock = FileLock(path)
    assert lock.acquire()
    lock.release()


def test_lock_of_many_processes_loses_no_step(tmp_path: Path):
    """Steps of several processes under one lock never run at the same time, although its file is removed each time."""
    counter = tmp_path / "counter"
    counter.write_text("0", encoding="utf-8")
    command = [sys.executable, "-c", COUNT, str(tmp_path / "a.lock"), str(counter)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: subprocess.run(command, check=True, timeout=250), range(3)))
    assert counter.read_text(encoding="utf-8") == "300"


def test_lock_that_is_not_free_in_time_is_not_held(tmp_path: Path):
    """Waiting for a lock ends after the given time."""
    path = tmp_path / "a.lock"
    lock = FileLock(path)
    assert lock.acquire()
    with FileLock(path).held(0.1) as is_held:
        assert not is_held
    lock.release()


def test_lock_is_not_taken_through_a_link(tmp_path: Path):
    """A symbolic link in place of the lock file is not followed."""
    (tmp_path / "a.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"a\.lock"):
        FileLock(tmp_path / "a.lock").acquire()
    assert not (tmp_path / "elsewhere").exists()
