"""Reports of priced carts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _scripted_service import ScriptedService, answer, feature, page
from scenecart import report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOSTILE = '<script>alert("1")</script>\u202e'


def priced(*names: str) -> dict[str, Any]:
    groups = [{"captures": [name], "aoi_km2": 121.5, "credits": 123_450, "aud": 1234.5} for name in names]
    return {"groups": groups, "errors": [], "total_credits": 123_450 * len(names), "total_aud": 1234.5 * len(names)}


@pytest.fixture
def estimate(service: ScriptedService, tmp_path: Path) -> Iterator[Callable[..., scenecart.Estimate]]:
    """Price captures of the test's own at a service whose answers it writes."""
    made: list[scenecart.Client] = []

    def ask(*features: Any, aoi: Any = None, told: Any = None, **options: Any) -> scenecart.Estimate:
        service.put("catalog.search", answer(page(*features)))
        service.put("orders.archive.estimate", answer(told or priced(*(one["id"] for one in features))))
        client = scenecart.connect(base_url=service.url, token="t", home=tmp_path / "home", wall=lambda: 1_710_000_000.0)
        made.append(client)
        return client.cart(client.search("h", collections="c", limit=10), aoi=aoi, **options).estimate()

    yield ask
    for client in made:
        client.close()


def test_a_report_says_what_is_bought_and_what_it_costs(estimate: Callable[..., Any], tmp_path: Path):
    """The report holds every capture, both totals in full, the time, and the cart's fingerprint."""
    priced_cart = estimate(feature("first", gsd=0.5), feature("second", west=0.05), aoi=(0, 10, 0.1, 10.1))
    text = priced_cart.to_report(tmp_path / "deep" / "quote.html", title="Harbour").read_text("utf-8")
    for wanted in ("Harbour", "first", "second", "246,900", "2,469.00", "2024-03-09", priced_cart.cart.fingerprint[:12], "<svg"):
        assert wanted in text, wanted


def test_the_same_estimate_gives_the_same_bytes(estimate: Callable[..., Any], tmp_path: Path):
    """A report is deterministic: written twice, it is the same file."""
    priced_cart = estimate(feature("first"), feature("second", west=3))
    first, second = (priced_cart.to_report(tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second


def test_texts_of_the_service_are_escaped(estimate: Callable[..., Any], tmp_path: Path):
    """Markup in ids, collections, hosts, titles and reasons is shown as text and executes nothing."""
    told = {**priced("good"), "errors": [{"id": HOSTILE, "detail": HOSTILE}]}
    bad = {**feature(HOSTILE), "collection": HOSTILE}
    text = estimate(feature("good"), bad, told=told).to_report(tmp_path / "a.html", title=HOSTILE).read_text("utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "\u202e" not in text


def test_a_report_needs_nothing_else(estimate: Callable[..., Any], tmp_path: Path):
    """The file refers to nothing on the network: no script, no style, no picture from elsewhere."""
    text = estimate(feature("first")).to_report(tmp_path / "a.html").read_text("utf-8")
    outside = re.findall(r"""(?:src|href|url\()\s*=?\s*["']?(https?:[^"')\s]+)""", text)
    assert outside == []
    assert "<script" not in text


@pytest.mark.parametrize("west", [179.95, -180.0, 0.0])
def test_the_picture_is_drawn_anywhere(estimate: Callable[..., Any], tmp_path: Path, west: float):
    """Over the antimeridian, too, footprints are drawn beside each other and not around the world."""
    text = estimate(feature("first", west=west)).to_report(tmp_path / "a.html").read_text("utf-8")
    east = [float(number) for number in re.findall(r">([\d.]+)°[EW]<", text)]
    assert east
    assert max(east) - min(east) < 0.5


def test_an_unknown_format_names_those_there_are(estimate: Callable[..., Any], tmp_path: Path):
    """A suffix that is no format is an error that lists the formats, and writes nothing."""
    with pytest.raises(scenecart.InvalidRequest, match="html"):
        estimate(feature("first")).to_report(tmp_path / "quote.docx")
    assert list(tmp_path.glob("quote*")) == []


def test_a_report_can_be_written_from_the_part_itself(estimate: Callable[..., Any], tmp_path: Path):
    """`scenecart.report.write` is what `to_report` calls."""
    assert report.write(estimate(feature("first")), tmp_path / "a.html").is_file()
