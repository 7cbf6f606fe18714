"""The built documentation: every link resolves, and no page needs a network."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

import screens
from _docs import DOCS, ROOT, Built, pages
from _site import is_page

# `make docs` takes pictures of the Workbench before it builds the pages
SCREENS = ("../workbench/", "workbench/")


@pytest.fixture(scope="module")
def built(site: Path) -> dict[Path, Built]:
    """Return every page of the built site, parsed."""
    return {path: Built(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts}


def test_site_has_every_page_and_notebook(site: Path, built: dict[Path, Built]):
    """Each page of docs/ and each notebook is a page of the site."""
    made = {path.relative_to(site).with_suffix("").as_posix() for path in built}
    kept = {path.relative_to(DOCS).with_suffix("").as_posix() for path in pages()}
    kept |= {f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb") if is_page(path)}
    assert kept <= made


def test_benchmarks_begin_with_ten_lines_and_a_plot_for_each_theme():
    """The page of the benchmarks begins with ten lines and a plot that is read on light and on dark pages."""
    _, head, *_ = (DOCS / "benchmarks.md").read_text("utf-8").split("\n## ")
    assert len(re.findall(r"^\| .* \|$", head, re.MULTILINE)) == 1 + 10
    for theme in ("light", "dark"):
        assert f":class: only-{theme}\n" in head
        assert (DOCS / "images" / f"bench-summary-{theme}.svg").is_file()


def test_pictures_of_the_workbench_on_pages_are_taken():
    """`make docs` takes exactly the pictures of the Workbench that pages show, light and dark."""
    named = {found for path in pages() for found in re.findall(r'workbench/([\w-]+\.png)"', path.read_text("utf-8"))}
    assert named == {f"{name}-{scheme}.png" for name in {*screens.SHOWN, "jupyterlab"} for scheme in ("light", "dark")}


def test_notebook_of_a_user_is_no_page():
    """The notebooks of the project are pages; new notebooks and copies that JupyterLab makes beside them are not."""
    names = ("01_first_order.ipynb", "app.ipynb", "Untitled.ipynb", "01_first_order-Copy1.ipynb")
    assert [name for name in names if is_page(Path(name))] == ["01_first_order.ipynb"]


def test_link_of_the_site_resolves(built: dict[Path, Built]):
    """Each link within the site finds its page and anchor; each link out of it is https."""
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


def test_site_loads_nothing_from_a_network(site: Path, built: dict[Path, Built]):
    """Scripts, styles, fonts and images of every page are files of the site."""
    for path, page in built.items():
        for load in page.loads:
            name = re.split(r"[?#]", unquote(load))[0]
            if name.startswith(SCREENS):
                continue
            assert load.startswith("data:") or (path.parent / name).exists(), (path.name, load)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", sheet.read_text("utf-8")), sheet.name


def test_notebook_page_shows_its_outputs(site: Path):
    """A widget is on its page as an image of footprints, and a panel without one as a line that says so."""
    text = (site / "notebooks" / "04_map_and_selection.html").read_text("utf-8")
    assert text.count("<polygon") > 50
    assert "eo:cloud_cover" in text
    assert "Output()" not in text
    assert "widget-state" not in text
