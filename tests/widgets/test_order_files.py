"""Files of orders on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scenecart.widgets._order_files import can_open_folders, files_by_order, open_folder, size_text

if TYPE_CHECKING:
    from pathlib import Path


def write_item(folder: Path, order: Any, **assets: Any) -> None:
    folder.mkdir(parents=True)
    (folder / "item.json").write_text(json.dumps({"type": "Feature", "properties": {"order:id": order}, "assets": assets}))


def test_files_are_found_by_order_with_size_and_check(tmp_path: Path):
    """Each file of each item is found, with its size and whether it was verified; a folder of an order of 0.1.0, too."""
    for name in ("a", "old/b"):
        write_item(
            tmp_path / name, name, visual={"href": "./visual.tif", "scenecart:verified": "checksum"}, udm={"href": "udm.tif"}
        )
        (tmp_path / name / "visual.tif").write_bytes(b"12345")
    (tmp_path / "old" / "catalog.json").write_text("{}")
    found = files_by_order(tmp_path)
    assert set(found) == {"a", "old/b"}
    assert [(one.path, one.size, one.is_verified) for one in found["a"]] == [((tmp_path / "a" / "visual.tif").resolve(), 5, True)]


@pytest.mark.parametrize("href", ["../other/visual.tif", "/etc/hostname", 5, None, "sub/visual.tif"])
def test_files_outside_of_the_item_are_not_listed(tmp_path: Path, href: Any):
    """An item that points elsewhere lists nothing there."""
    write_item(tmp_path / "a", "o-1", visual={"href": href})
    for name in ("other", "a/sub"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "visual.tif").write_bytes(b"12345")
    assert files_by_order(tmp_path) == {"o-1": []}


def test_files_without_folder_or_order_are_none(tmp_path: Path):
    """A folder that is not there, and an item without an order, list nothing."""
    assert files_by_order(tmp_path / "missing") == {}
    write_item(tmp_path / "a", None, visual={"href": "visual.tif"})
    assert files_by_order(tmp_path) == {}


def test_folder_is_opened_only_where_there_is_a_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without a screen no folder is shown; with one, the desktop's program gets the folder."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not can_open_folders()
    program = tmp_path / "xdg-open"
    program.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/part && mv {tmp_path}/part {tmp_path}/opened\n')
    program.chmod(0o755)
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert can_open_folders()
    process = open_folder(tmp_path)
    assert process is not None
    assert process.wait(30) == 0
    assert (tmp_path / "opened").read_text().strip() == str(tmp_path)


def test_size_text_has_one_decimal_above_bytes():
    """Sizes are short, in steps of a thousand."""
    assert [size_text(size) for size in (0, 999, 1_000, 1.5e12)] == ["0 B", "999 B", "1.0 kB", "1.5 TB"]
