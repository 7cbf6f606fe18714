"""Paths, atomic file writes and Arrow buffers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import scenecart
from _expect import raises
from scenecart._util.files import FREE_SPACE, arrow_buffer, as_path, write_atomic


def test_path_has_the_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A tilde is the home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert as_path("~/a.csv") == tmp_path / "a.csv"
    assert as_path(tmp_path) == tmp_path


@pytest.mark.parametrize("value", [5, None, "a\0b", "~nobody-of-this-name/a"])
def test_as_path_not_a_path_is_refused(value: Any):
    """What is no path is refused as the argument it is."""
    with raises(scenecart.InvalidRequest, "path_invalid") as caught:
        as_path(value, "directory")
    assert caught.value.argument == "directory"


def test_write_creates_folders_and_replaces_files(tmp_path: Path):
    """Missing folders are created, and an older file is replaced; no other file remains."""
    target = tmp_path / "deep" / "a.txt"
    assert write_atomic(b"first", target, "The file") == target
    write_atomic(b"second", str(target), "The file")
    assert target.read_bytes() == b"second"
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_write_that_fails_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """If writing fails, the file before is unchanged and no temporary file remains."""
    target = tmp_path / "a.txt"
    target.write_bytes(b"first")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with raises(scenecart.InvalidRequest, "file_not_writable") as caught:
        write_atomic(b"second", target, "The cart")
    assert caught.value.message.startswith("The cart cannot be written to ")
    assert caught.value.hint == FREE_SPACE
    assert target.read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_arrow_buffer_has_the_bytes():
    """The bytes are copied into memory of Arrow."""
    content = b"PAR1" * 1_000
    assert arrow_buffer(content).read() == content
