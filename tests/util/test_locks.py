"""Locks between processes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from scenecart._util.locks import process_lock

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys, pathlib
from scenecart._util.locks import process_lock
with process_lock(pathlib.Path(sys.argv[1]), 5):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_lock_keeps_another_process_out(tmp_path: Path):
    """While another process holds the lock, waiting for it ends with TimeoutError; afterwards it is free."""
    path = tmp_path / "x.lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(TimeoutError), process_lock(path, 0.1):
            pass
        other.communicate("", timeout=30)
    with process_lock(path, 5) as is_locked:
        assert is_locked


def test_lock_keeps_another_client_of_this_process_out(tmp_path: Path):
    """Two locks of one process on one file exclude each other too."""
    with process_lock(tmp_path / "x.lock", 5), pytest.raises(TimeoutError), process_lock(tmp_path / "x.lock", 0.1):
        pass


def test_lock_in_a_missing_folder_is_left_out(tmp_path: Path):
    """Where no lock file can be created, the block runs without one."""
    (tmp_path / "file").touch()
    with process_lock(tmp_path / "file" / "x.lock", 5) as is_locked:
        assert not is_locked
