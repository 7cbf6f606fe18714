"""The file of captures, and that it is written once."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from scenecart.sandbox import Sandbox
from scenecart.sandbox._data import archive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from _http_client import ServiceClient


def count_captures(path: Path) -> int:
    database = sqlite3.connect(path)
    try:
        return int(database.execute("SELECT count(*) FROM capture").fetchone()[0])
    finally:
        database.close()


def test_default_catalog_has_200000_captures(shared_box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The generated catalog has at least 200,000 captures in five collections."""
    client = sign_in(shared_box)
    collections = client.http.get("/v2/catalog/collections").json()["collections"]
    numbers = [int(one["description"].split()[0].replace(",", "")) for one in collections]
    assert sum(numbers) >= 200_000
    assert len(collections) == 5


def test_prepare_data_folder_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In a data folder the captures are generated once, and again for another seed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Sandbox(tmp_path / "box", captures=1_000, pace="instant"):
        pass
    first = (tmp_path / "box" / "catalog.sqlite").stat()
    assert count_captures(tmp_path / "box" / "catalog.sqlite") >= 1_000
    with Sandbox(tmp_path / "box", captures=1_000, pace="instant"):
        pass
    again = (tmp_path / "box" / "catalog.sqlite").stat()
    assert (again.st_ino, again.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    with Sandbox(tmp_path / "box", captures=1_000, seed=9, pace="instant"):
        pass
    assert (tmp_path / "box" / "catalog.sqlite").stat().st_ino != first.st_ino


def test_prepare_data_folders_with_one_seed_have_copies_of_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The captures of a seed are generated once for all data folders; a cache folder that cannot be used makes no difference."""
    contents = []
    for cache, folder in (("cache", "first"), ("cache", "second"), ("file/cache", "third")):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / cache))
        (tmp_path / "file").touch()
        (tmp_path / folder).mkdir()
        contents.append(archive.prepare(tmp_path / folder, 7, 100, None, keep=True).read_bytes())
    assert contents[0] == contents[1] == contents[2]
    assert len(list((tmp_path / "cache" / "scenecart" / "sandbox").glob("*.sqlite"))) == 1


def test_prepare_without_data_folder_uses_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign_in: Callable[..., ServiceClient]
):
    """Without a data folder the captures are cached for the user; a damaged file is written again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    request = {"host_name": "aurora", "collections": ["aurora-50cm"], "limit": 50}

    def names() -> list[str]:
        with Sandbox(captures=1_000, pace="instant") as box:
            return [one["id"] for one in sign_in(box).search(**request)]

    first = names()
    (kept,) = (tmp_path / "scenecart" / "sandbox").glob("*.sqlite")
    kept.write_bytes(b"half of a file")
    assert names() == first
    assert count_captures(kept) >= 1_000


def test_prepare_at_once_writes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of sandboxes that start at once with the same captures, one generates them and the others wait for it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def written(number: int) -> int:
        return archive.prepare(tmp_path / str(number), 7, 2_000, None, keep=False).stat().st_ino

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(written, range(4)))) == 1


def test_prepare_items_replace_captures_of_folder(tmp_path: Path, small_items: str):
    """Given items replace the catalog of a folder; without items the folder keeps those it has."""
    for options, hosts in (
        ({"captures": 1_000}, {"aurora", "lumen", "openterra"}),
        ({"items": small_items}, {"archive"}),
        ({}, {"archive"}),
    ):
        known: dict[str, Any] = options
        with Sandbox(tmp_path, pace="instant", **known) as box:
            assert set(box.hosts) == hosts
