"""Reports as HTML: complete, self-contained, and without markup of the service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from _report_data import ScriptedClient, price_answer
from _scripted_service import feature

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = '<script>alert("1")</script>\u202e'


def test_html_report_has_captures_totals_and_map(scripted: ScriptedClient, tmp_path: Path):
    """The report has every capture, both totals in full, the time, the cart's fingerprint and a map."""
    estimate = scripted.estimate(feature("first", gsd=0.5), feature("second", west=0.05), aoi=(0, 10, 0.1, 10.1))
    text = estimate.to_report(tmp_path / "quote.html", title="Harbour").read_text("utf-8")
    for expected in ("Harbour", "first", "second", "246,900", "2,469.00", "2024-03-09", estimate.cart.fingerprint[:12], "<svg"):
        assert expected in text, expected


def test_html_report_escapes_text_of_the_service(scripted: ScriptedClient, tmp_path: Path):
    """Markup in ids, collections, titles and reasons is text and executes nothing."""
    response = {**price_answer("good"), "errors": [{"id": HOSTILE, "detail": HOSTILE}]}
    bad = {**feature(HOSTILE), "collection": HOSTILE}
    estimate = scripted.estimate(feature("good"), bad, response=response)
    text = estimate.to_report(tmp_path / "a.html", title=HOSTILE).read_text("utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "\u202e" not in text


def test_html_report_loads_nothing_from_outside(scripted: ScriptedClient, tmp_path: Path):
    """The file refers to no script, style or image on the network."""
    text = scripted.estimate(feature("first")).to_report(tmp_path / "a.html").read_text("utf-8")
    outside = re.findall(r"""(?:src|href|url\()\s*=?\s*["']?(https?:[^"')\s]+)""", text)
    assert outside == []
    assert "<script" not in text


@pytest.mark.parametrize("west", [179.95, -180.0, 0.0])
def test_html_map_is_narrow_across_antimeridian(scripted: ScriptedClient, tmp_path: Path, west: float):
    """Footprints on both sides of 180 degrees are drawn next to each other and not around the world."""
    text = scripted.estimate(feature("first", west=west)).to_report(tmp_path / "a.html").read_text("utf-8")
    east = [float(number) for number in re.findall(r">([\d.]+)°[EW]<", text)]
    assert east
    assert max(east) - min(east) < 0.5


def test_html_ids_are_unique(scripted: ScriptedClient, tmp_path: Path):
    """The map and the globe are in one page, in which no id occurs twice."""
    ids: list[Any] = re.findall(r' id="([^"]+)"', scripted.cart().to_report(tmp_path / "cart.html").read_text())
    assert len(ids) == len(set(ids))
