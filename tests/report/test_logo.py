"""The logo at the top of reports."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

import scenecart
from _expect import raises
from _scripted_service import feature
from scenecart.report._logo import read_logo

if TYPE_CHECKING:
    from pathlib import Path

    from _report_data import ScriptedClient


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    """Write a large logo with a comment in it."""
    path = tmp_path / "logo.png"
    Image.new("RGBA", (1_200, 300), (10, 80, 160, 128)).save(path, pnginfo=None)
    return path


@pytest.mark.parametrize("suffix", ["html", "pdf", "xlsx", "md"])
def test_report_with_a_logo_has_it_where_it_can_be_shown(scripted: ScriptedClient, logo: Path, tmp_path: Path, suffix: str):
    """Pages and PDF have the picture; other formats take the argument and leave it out."""
    cart = scripted.cart(feature("a"))
    plain = cart.to_report(tmp_path / f"plain.{suffix}").read_bytes()
    with_logo = cart.to_report(tmp_path / f"logo.{suffix}", logo=logo).read_bytes()
    assert (with_logo != plain) == (suffix in {"html", "pdf"})


def test_logo_is_made_smaller_and_keeps_its_shape(logo: Path):
    """A large logo becomes a PNG of at most 480 × 160 pixels, in the same proportions."""
    picture = Image.open(io.BytesIO(read_logo(logo)))
    assert (picture.format, picture.size) == ("PNG", (480, 120))


@pytest.mark.parametrize(("content", "code"), [(None, "logo_unreadable"), (b"<svg/>", "logo_not_a_picture")])
def test_logo_that_is_no_picture_is_refused(scripted: ScriptedClient, tmp_path: Path, content: bytes | None, code: str):
    """A file that is missing, or that could hold scripts, is refused, and no report is written."""
    path = tmp_path / "logo.svg"
    if content is not None:
        path.write_bytes(content)
    with raises(scenecart.InvalidRequest, code):
        scripted.cart(feature("a")).to_report(tmp_path / "cart.html", logo=path)
    assert not (tmp_path / "cart.html").exists()
