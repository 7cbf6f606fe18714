"""Reports as PDF: numbered pages, heads that repeat, rows that are whole, and letters of any script."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pypdfium2
import pytest

from _report_data import Shop, pages, priced
from _scripted_service import feature

if TYPE_CHECKING:
    from pathlib import Path


def many(count: int) -> list[dict]:
    return [feature(f"capture-{number:03}", west=number * 0.2, gsd=0.5, **{"view:off_nadir": 3.25}) for number in range(count)]


def test_pages_are_numbered_and_heads_repeat(shop: Shop, tmp_path: Path):
    """Each page says which of how many it is, each page of a table has its head, and each capture's row is on one page, whole."""
    path = shop.estimate(*many(150)).to_report(tmp_path / "quote.pdf", title="A long quote")
    texts = pages(path)
    assert len(texts) > 4
    for number, text in enumerate(texts, 1):
        assert f"{number} of {len(texts)}" in text
    for text in texts:
        if "capture-" in text:
            assert "Acquired (UTC)" in text
            assert len(re.findall(r"capture-\d{3}", text)) == text.count("2024-03-05 10:20") == text.count("3.2°")
    told = [name for text in texts for name in re.findall(r"capture-\d{3}", text)]
    assert told == [f"capture-{number:03}" for number in range(150)]
    assert "A$185,175.00" in texts[0]
    assert "18,517,500 credits" in texts[0]


@pytest.mark.parametrize("refused", [1, 2])
def test_a_short_report_is_one_page(shop: Shop, tmp_path: Path, refused: int):
    """Where captures that have no price would push a few last words onto a page of their own, the map is a little lower instead."""
    features = [feature(f"capture-{number:03}") for number in range(1 + refused)]
    told = priced("capture-000")
    told["errors"] = [{"id": one["id"], "detail": "there is no such capture"} for one in features[1:]]
    (text,) = pages(shop.estimate(*features, told=told).to_report(tmp_path / "quote.pdf"))
    assert "Not priced, not bought" in text
    assert "Cart fingerprint" in text
    assert "1 of 1" in text


def test_nothing_reaches_beyond_the_page(shop: Shop, tmp_path: Path):
    """However long titles, names and reasons are, every letter lies within the margins."""
    long = "x" * 200
    told = {"groups": [], "errors": [{"id": long, "detail": "why " * 120}], "total_credits": 0, "total_aud": 0}
    bad = {**feature(long), "collection": "c" * 120}
    path = shop.estimate(bad, told=told).to_report(tmp_path / "quote.pdf", title="W" * 200)
    document = pypdfium2.PdfDocument(path)
    for number in range(len(document)):
        page = document[number]
        words = page.get_textpage()
        boxes = [words.get_charbox(place) for place in range(words.count_chars())]
        width, height = page.get_size()
        assert all(left >= 40 and right <= width - 40 for left, _, right, _ in boxes if right > left)
        assert all(below >= 20 and above <= height - 30 for _, below, _, above in boxes if above > below)
        words.close()
        page.close()
    document.close()


@pytest.mark.parametrize("name", ["Ωμέγα", "Жилина", "Łódź", "naïve", "€ ≤ 5 km²", "中文 one", "日本語", "emoji 😀", "e\u0301"])
def test_names_of_any_script_are_written(shop: Shop, tmp_path: Path, name: str):
    """Letters that the fonts have are written as they are, others as their numbers, so that no two names look alike."""
    text = " ".join(pages(shop.cart(feature(name)).to_report(tmp_path / "cart.pdf", title=f"{name} \ud800")))
    shown = name.encode("utf-8", "replace").decode()
    for letter in shown.replace(" ", ""):
        assert letter in text or f"U+{ord(letter):04X}" in text, letter


def test_the_file_brings_its_letters_and_its_time(shop: Shop, tmp_path: Path):
    """Fonts are part of the file, and its time is the price's, so that the same contents give the same bytes everywhere."""
    content = shop.estimate(feature("first")).to_report(tmp_path / "quote.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"+DejaVuSans" in content
    assert b"D:20240309160000Z" in content
    assert not re.search(rb"/(JavaScript|OpenAction|URI|Launch|EmbeddedFile)\b", content)


@pytest.mark.parametrize(
    ("package", "suffix"), [("reportlab", "pdf"), ("xlsxwriter", "xlsx"), ("matplotlib", "html"), ("PIL", "html")]
)
def test_a_missing_package_is_named(package: str, suffix: str, tmp_path: Path):
    """Without a package of the extra, an error says which one, and what to install."""
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "import geopandas, shapely, scenecart\n"
        "frame = geopandas.GeoDataFrame({'id': ['a']}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)\n"
        "client = scenecart.connect(base_url='http://127.0.0.1:9', token='x')\n"
        f"try: client.cart(frame).to_report({str(tmp_path / 'cart')!r} + '.{suffix}')\n"
        "except scenecart.MissingExtra as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "scenecart[report]"' in done.stdout
    assert list(tmp_path.glob("cart*")) == []
