"""File paths of delivered assets: inside the folder, distinct and valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import scenecart
from _expect import raises
from scenecart._delivery.paths import plan_files, safe_name

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE_NAMES = [
    "../../etc/passwd", "C:\\x", "CON", "con.txt", "..", ".", "", "x" * 300, "a\0b", "line\nbreak", "-rf", "$(id)",
    "a\u202eb", "é", "e\u0301", "a/b", "a_b", "A_B", "~/x", "nul", "🛰" * 100, "\ud800", " x ", "x.", "x",
]  # fmt: skip


def test_plan_hostile_names_are_distinct_and_inside(tmp_path: Path):
    """For any names of items and assets, every file is inside the folder and has a distinct, valid name."""
    assets = {name: {"href": f"https://x.example/{name}", "type": "image/tiff"} for name in HOSTILE_NAMES}
    files = plan_files({"features": [{"id": name, "assets": assets} for name in HOSTILE_NAMES]}, tmp_path, None)
    paths = [file.target for file in files]
    assert len({str(path).casefold() for path in paths}) == len(HOSTILE_NAMES) ** 2
    for path in paths:
        assert path.parent.parent == tmp_path
        for part in (path.name, path.parent.name):
            assert 0 < len(part.encode()) <= 240
            assert part not in {".", ".."}
            assert part.split(".")[0].lower() not in {"con", "nul"}
            assert not set(part) & set('/\\:*?"<>|\0\n$')


@example({"a/b", "a_b", "a:b"})
@example({"\u00e9", "e\u0301", " \u00e9"})
@given(st.sets(st.text(max_size=300), max_size=6))
def test_safe_name_differs_for_different_texts(texts: set[str]):
    """No two texts have the same name, and every name is valid on a file system."""
    names = {safe_name(text) for text in texts}
    assert len(names) == len(texts)
    assert all(0 < len(name.encode()) <= 255 for name in names)


def one_asset(**asset: Any) -> dict[str, Any]:
    return {"features": [{"id": "item", "assets": {"visual": asset}}]}


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
    (file,) = plan_files(one_asset(**asset), tmp_path, None)
    assert file.target == tmp_path / "item" / name


@pytest.mark.parametrize(
    ("checksum", "expected"),
    [
        ("1220" + "AB" * 32, ("sha256", "ab" * 32)),
        ("1114" + "00" * 20, ("sha1", "00" * 20)),
        ("9999", None),
        ("12zz", None),
        (5, None),
    ],
)
def test_plan_reads_multihash(tmp_path: Path, checksum: Any, expected: tuple[str, str] | None):
    """A hexadecimal multihash becomes algorithm and digest; anything else is no checksum."""
    (file,) = plan_files(one_asset(**{"file:checksum": checksum, "file:size": 5}), tmp_path, None)
    assert (file.checksum, file.size) == (expected, 5)


def test_plan_unknown_asset_is_refused_with_known_ones(tmp_path: Path):
    """A requested asset that no item has is an error that names the available ones."""
    assert plan_files(one_asset(), tmp_path, ["visual"])
    with raises(scenecart.InvalidRequest, "asset_unknown") as caught:
        plan_files(one_asset(), tmp_path, ["thermal"])
    assert "visual" in caught.value.message
