"""The documentation as it is built: links that lead somewhere, and nothing fetched from elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from _docs import DOCS, ROOT, Built, pages

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def built(site: Path) -> dict[Path, Built]:
    """Give every page of the built site, read."""
    return {path: Built(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts}


def test_every_page_is_built(site: Path, built: dict[Path, Built]):
    """Each page that is kept, and each notebook, is a page of the site."""
    made = {path.relative_to(site).with_suffix("").as_posix() for path in built}
    kept = {path.relative_to(DOCS).with_suffix("").as_posix() for path in pages()}
    kept |= {f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb") if path.stem != "app"}
    assert kept <= made


def test_every_link_of_the_site_leads_somewhere(built: dict[Path, Built]):
    """Each link within the site finds its page and its place on it; each link out of it is https."""
    lost = []
    for path, page in built.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                assert link.startswith(("https://", "mailto:")), (path.name, link)
                continue
            where, _, anchor = unquote(link).partition("#")
            target = (path.parent / where.partition("?")[0]).resolve() if where else path
            is_there = target.is_file() and (anchor in {"", "top"} or target not in built or anchor in built[target].anchors)
            if not is_there:
                lost.append((path.name, link))
    assert lost == []


def test_the_site_needs_no_network(site: Path, built: dict[Path, Built]):
    """Scripts, styles, fonts and pictures of every page are files of the site."""
    for path, page in built.items():
        for load in page.loads:
            name = re.split(r"[?#]", unquote(load))[0]
            assert load.startswith("data:") or (path.parent / name).exists(), (path.name, load)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", sheet.read_text("utf-8")), sheet.name


def test_notebooks_are_shown_with_what_they_gave(site: Path):
    """A widget stands on its page as a picture of footprints, and a panel without one as a line that says so."""
    text = (site / "notebooks" / "04_map_and_selection.html").read_text("utf-8")
    assert text.count("<polygon") > 50
    assert "eo:cloud_cover" in text
    assert "Output()" not in text
    assert "widget-state" not in text
