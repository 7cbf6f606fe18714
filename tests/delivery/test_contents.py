"""What bytes are: imagery or a page, and whether they have the announced size and checksum."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

import scenecart
from _expect import raises
from scenecart._delivery import contents
from scenecart._delivery.checksums import Checksum
from scenecart._delivery.contents import FileRecord
from scenecart._delivery.paths import PlannedFile

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = bytes(range(256))
SHA256 = Checksum("sha256", hashlib.sha256(CONTENT).hexdigest())
OTHER = Checksum("sha256", "00" * 32)


def planned(folder: Path, name: str = "visual.tif", **more: Any) -> PlannedFile:
    return PlannedFile(
        "item", "visual", folder / name, folder / f"{name}.part", more.pop("size", None), more.pop("checksum", None), **more
    )


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "a.tif", "an HTML page"),
        (b"\xef\xbb\xbf \n<HTML lang='en'>", "a.json", "an HTML page"),
        (b"<html>a report</html>", "report.html", None),
        (b'{"error": "AccessDenied"}', "a.png", "text"),
        (b"<?xml version='1.0'?><Error/>", "a.jp2", "text"),
        (b'<VRTDataset rasterXSize="4" rasterYSize="4">', "a.tif", "text"),
        (b"Maximum number of concurrent flows", "a.jpg", "text"),
        ("Zugriff verweigert: zu viele Übertragungen".encode(), "a.tif", "text"),
        (b'{"type": "Feature"}', "item.json", None),
        (b"<?xml version='1.0'?><metadata/>", "a.xml", None),
        (b"II*\0\x08\0\0\0", "a.tif", None),
        (b"\x89PNG\r\n\x1a\n", "a.png", None),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a.jpg", None),
        (b"anything", "a.bin", None),
        (b"", "a.tif", None),
    ],
)
def test_looks_wrong_finds_pages_and_text_in_place_of_imagery(tmp_path: Path, head: bytes, name: str, kind: str | None):
    """A page is never a file other than a page, and text is never an image; anything else may be."""
    assert contents.looks_wrong(head, planned(tmp_path, name)) == kind


@pytest.mark.parametrize("driver", ["GTiff", "PNG", "JPEG"])
def test_looks_wrong_accepts_real_images(tmp_path: Path, driver: str):
    """Images that GDAL writes are not text."""
    path = tmp_path / "a.tif"
    grid = {"width": 16, "height": 16, "transform": rasterio.Affine(10, 0, 0, 0, -10, 0)}
    with rasterio.open(path, "w", driver=driver, count=3, dtype="uint8", **grid) as raster:
        raster.write(np.full((3, 16, 16), 65, "uint8"))
    assert contents.looks_wrong(contents.head_of(path), planned(tmp_path, "a.tif")) is None


@pytest.mark.parametrize(
    ("size", "checksum", "wrong"),
    [
        (None, None, set()),
        (256, SHA256, set()),
        (255, SHA256, {"checksum", "size"}),
        (256, OTHER, {"checksum"}),
        (None, OTHER, {"checksum"}),
    ],
)
def test_mismatch_depends_on_how_far_a_file_is_verified(
    tmp_path: Path, size: int | None, checksum: Checksum | None, wrong: set[str]
):
    """Size and checksum are compared as asked: both, the size alone, or nothing."""
    file = planned(tmp_path, size=size, checksum=checksum)
    file.target.write_bytes(CONTENT)
    for verify in ("checksum", "size", "none"):
        mode = contents.verify_mode({"checksum": True, "size": "size", "none": False}[verify])
        assert (contents.mismatch(file.target, file, mode) is not None) == (verify in wrong)


def test_is_as_recorded_notices_a_change(tmp_path: Path):
    """A file that changed after it was recorded is noticed by size, and by checksum if that is verified."""
    path = tmp_path / "a.tif"
    path.write_bytes(CONTENT)
    assert contents.is_as_recorded(path, FileRecord(256, SHA256, "none"), "checksum")
    assert contents.is_as_recorded(path, FileRecord(None, None, "none"), "checksum")
    assert not contents.is_as_recorded(path, FileRecord(255, None, "none"), "size")
    assert not contents.is_as_recorded(path, FileRecord(256, OTHER, "none"), "checksum")
    assert contents.is_as_recorded(path, FileRecord(256, OTHER, "none"), "size")
    assert contents.is_as_recorded(path, FileRecord(1, OTHER, "none"), "none")


@pytest.mark.parametrize("verify", ["sha256", 1, None, 0.0, []])
def test_verify_mode_of_anything_else_is_refused(verify: object):
    """Any other value than True, "size" and False is refused."""
    with raises(scenecart.InvalidRequest, "verify_invalid") as caught:
        contents.verify_mode(verify)
    assert caught.value.argument == "verify"
