"""File paths of delivered assets: inside the folder, distinct and valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import scenecart
from _expect import raises
from scenecart._delivery.checksums import Checksum
from scenecart._delivery.paths import ItemFolder, PlannedFile, folder_names, items_with, plain_folder_names, plan_files, safe_name

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE_NAMES = [
    "../../etc/passwd", "C:\\x", "CON", "con.txt", "..", ".", "", "x" * 300, "a\0b", "line\nbreak", "-rf", "$(id)",
    "a\u202eb", "é", "e\u0301", "a/b", "a_b", "A_B", "~/x", "nul", "🛰" * 100, "\ud800", " x ", "x.", "x",
]  # fmt: skip


def plan(folder: Path, assets: dict[str, Any], *, is_plain: bool = False) -> list[PlannedFile]:
    """Return the files of one item, in a folder of this version or of 0.1.0."""
    return plan_files([{"id": "item", "assets": assets}], {"item": ItemFolder(folder / "item", is_plain=is_plain)}, None)


@pytest.mark.parametrize("layout", ["dated", "plain"])
def test_plan_hostile_names_are_distinct_and_inside(tmp_path: Path, layout: str):
    """For any names of items and assets, every file is inside its folder and has a distinct, valid name."""
    assets = {name: {"href": f"https://x.example/{name}", "type": "image/tiff"} for name in HOSTILE_NAMES}
    paths = [
        path for file in plan(tmp_path, assets, is_plain=layout == "plain") for path in (file.target, file.part, file.etag_path)
    ]
    assert len({str(path).casefold() for path in paths}) == 3 * len(HOSTILE_NAMES)
    for path in paths:
        assert path.parent == tmp_path / "item"
        assert_valid(path.name)


def test_folder_of_hostile_items_is_distinct_and_valid():
    """For any ids of items, the names of folders are distinct and valid, as this version and 0.1.0 chose them."""
    items: list[dict[str, Any]] = [{"id": name, "properties": {"datetime": "2024-06-18T00:00:00Z"}} for name in HOSTILE_NAMES]
    for names in ([next(folder_names(item)) for item in items], list(plain_folder_names(items).values())):
        for name in names:
            assert_valid(name)
    assert len({name.casefold() for name in plain_folder_names(items).values()}) == len(HOSTILE_NAMES)


def assert_valid(name: str) -> None:
    assert 0 < len(name.encode()) <= 240
    assert name not in {".", ".."}
    assert name.partition(".")[0].lower() not in {"con", "nul"}
    assert not set(name) & set('/\\:*?"<>|\0\n$')


@pytest.mark.parametrize(
    ("capture", "when", "names"),
    [
        ("A2_20240618T001530_S33", "2024-06-18T00:15:30Z", ["2024-06-18_A2_S33", "2024-06-18_A2_20240618T001530_S33"]),
        ("A2-2024-06-18", "2024-06-18T10:00:00+00:00", ["2024-06-18_A2", "2024-06-18_A2-2024-06-18"]),
        # the date is the one in UTC, and another date in the id stays
        ("A2_20240618", "2024-06-18T23:00:00-05:00", ["2024-06-19_A2_20240618"] * 2),
        ("20240618", "2024-06-18", ["2024-06-18_20240618"] * 2),
        ("A2", None, ["undated_A2"] * 2),
        ("A2", "soon", ["undated_A2"] * 2),
    ],
)
def test_folder_is_named_by_date_and_capture(capture: str, when: Any, names: list[str]):
    """A folder is named by date and capture; further names are for captures that would have the same."""
    found = folder_names({"id": "item", "properties": {"datetime": when, "capture:id": capture}})
    assert [next(found), next(found)] == names
    third, fourth = next(found), next(found)
    assert third != fourth
    assert third.startswith(names[0])


def test_plan_one_asset_cannot_hide_beside_another(tmp_path: Path):
    """No asset gets a name that raster libraries read along with another file, such as visual.tif.ovr or visual.aux."""
    keys = {"visual": ".tif", "visual.tif": ".ovr", "visual.aux": ".aux", "VISUAL": ".msk", "visual.tif.aux": ".xml"}
    files = plan(tmp_path, {key: {"href": f"https://x.example/a{suffix}"} for key, suffix in keys.items()})
    stems = [file.target.name.split(".")[0].casefold() for file in files]
    assert len(set(stems)) == len(keys)
    assert all(file.target.name.count(".") == 1 for file in files)


def test_plan_asset_named_like_our_own_files_is_renamed(tmp_path: Path):
    """An asset in a folder of 0.1.0 does not get the name of a part, a lock or the item."""
    keys = ["visual", "visual.part", "visual.part.etag", "item.json", ".visual.part.lock"]
    files = plan(tmp_path, {key: {"href": "x"} for key in keys}, is_plain=True)
    targets = {file.target.name for file in files}
    own = {path.name for file in files for path in (file.part, file.etag_path, file.unverified_path)}
    assert len(targets) == len(keys)
    assert not targets & (own | {"item.json"})


@example({"a/b", "a_b", "a:b"})
@example({"\u00e9", "e\u0301", " \u00e9"})
@given(st.sets(st.text(max_size=300), max_size=6))
def test_safe_name_differs_for_different_texts(texts: set[str]):
    """No two texts have the same name, and every name is valid on a file system."""
    names = {safe_name(text) for text in texts}
    assert len(names) == len(texts)
    assert all(0 < len(name.encode()) <= 255 for name in names)


@pytest.mark.parametrize(
    ("asset", "name"),
    [
        ({"type": "image/tiff; application=geotiff", "href": "https://x.example/a.dat"}, "visual.tif"),
        ({"href": "https://x.example/a.JP2?signature=s"}, "visual.jp2"),
        ({"href": "https://x.example/a.tar.gz/"}, "visual.gz"),
        ({"href": "https://x.example/a.not-a-suffix"}, "visual"),
        ({"href": "http://[broken"}, "visual"),
        ({}, "visual"),
    ],
)
def test_plan_suffix_follows_media_type_then_url(tmp_path: Path, asset: dict[str, Any], name: str):
    """A file is named after its asset, with the suffix of its media type or else of its URL."""
    (file,) = plan(tmp_path, {"visual": asset})
    assert file.target == tmp_path / "item" / f"item_{name}"
    (file,) = plan(tmp_path, {"visual": asset}, is_plain=True)
    assert file.target == tmp_path / "item" / name


def test_plan_reads_size_and_checksum(tmp_path: Path):
    """A planned file has the announced size and checksum."""
    (file,) = plan(tmp_path, {"visual": {"file:size": 5, "file:checksum": "1220" + "AB" * 32}})
    assert (file.checksum, file.size) == (Checksum("sha256", "ab" * 32), 5)


def test_unknown_asset_is_refused_with_known_ones():
    """A requested asset that no item has is an error that names the available ones; items without it are left out."""
    document = {"features": [{"id": "a", "assets": {"visual": {}}}, {"id": "b", "assets": {"thermal": {}}}, {"id": "c"}]}
    assert [item["id"] for item in items_with(document, ["visual"])] == ["a"]
    assert [item["id"] for item in items_with(document, None)] == ["a", "b"]
    with raises(scenecart.InvalidRequest, "asset_unknown") as caught:
        items_with(document, ["udm"])
    assert "visual" in caught.value.message
