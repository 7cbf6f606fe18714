"""Where the captures are kept, and that they are made once."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _http_client import Wire


def count(path: Path) -> int:
    database = sqlite3.connect(path)
    try:
        return int(database.execute("SELECT count(*) FROM capture").fetchone()[0])
    finally:
        database.close()


def test_there_are_more_than_two_hundred_thousand_captures(shared_box: Sandbox, wire: Callable[..., Wire]):
    """The invented catalog holds at least 200,000 captures, each with an id of its own, over years and the whole world."""
    caller = wire(shared_box)
    collections = caller.http.get("/v2/catalog/collections").json()["collections"]
    numbers = [int(one["description"].split()[0].replace(",", "")) for one in collections]
    assert sum(numbers) >= 200_000
    assert len(collections) == 5


def test_a_data_folder_keeps_its_captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """With a data folder the captures are made there, once; they are not made again at the next start."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Sandbox(tmp_path / "box", captures=1_000, pace="instant"):
        pass
    made = (tmp_path / "box" / "catalog.sqlite").stat()
    assert count(tmp_path / "box" / "catalog.sqlite") >= 1_000
    with Sandbox(tmp_path / "box", captures=1_000, pace="instant"):
        pass
    again = (tmp_path / "box" / "catalog.sqlite").stat()
    assert (again.st_ino, again.st_mtime_ns) == (made.st_ino, made.st_mtime_ns)
    with Sandbox(tmp_path / "box", captures=1_000, seed=9, pace="instant"):
        pass
    assert (tmp_path / "box" / "catalog.sqlite").stat().st_ino != made.st_ino


def test_without_a_data_folder_the_cache_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wire: Callable[..., Wire]):
    """Without a data folder the captures stand in the user's cache; a broken file there is made anew."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = {"host_name": "aurora", "collections": ["aurora-50cm"], "limit": 50}

    def names() -> list[str]:
        with Sandbox(captures=1_000, pace="instant") as box:
            return [one["id"] for one in wire(box).search(**asked)]

    first = names()
    (kept,) = (tmp_path / "scenecart" / "sandbox").iterdir()
    kept.write_bytes(b"half of a file")
    assert names() == first
    assert count(kept) >= 1_000


def test_other_items_replace_what_a_folder_was_filled_with(tmp_path: Path, small_items: str):
    """Items that are named fill the catalog; without any the folder keeps those it has."""
    for options, hosts in (
        ({"captures": 1_000}, {"aurora", "lumen", "openterra"}),
        ({"items": small_items}, {"archive"}),
        ({}, {"archive"}),
    ):
        known: dict[str, Any] = options
        with Sandbox(tmp_path, pace="instant", **known) as box:
            assert set(box.hosts) == hosts


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path):
    """A data folder that is a file is an error that names it."""
    from scenecart.sandbox import SandboxError  # noqa: PLC0415  # used here alone

    (tmp_path / "box").write_text("a file")
    with pytest.raises(SandboxError, match="cannot be used"):
        Sandbox(tmp_path / "box").start()
