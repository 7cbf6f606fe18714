"""The demo: the whole workflow on the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from _cli import run
from _thorough import first_of

if TYPE_CHECKING:
    from pathlib import Path


def test_demo_delivers_imagery_and_a_report(tmp_path: Path):
    """`scenecart demo` ends with verified imagery, a priced report and the change of the balance."""
    done = run("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for step in ("Found", "Estimate", "Placed", "Delivered", "Money", "verified"):
        assert step in done.stdout, step
    assert (tmp_path / "demo" / "quote.html").is_file()
    assert len(list((tmp_path / "demo" / "imagery").rglob("*_visual.tif"))) == 3


@pytest.mark.parametrize(
    "items", first_of(["antimeridian", "pgstac-naip/src__pgstac__tests__testdata__planetary-computer__data__naip__items.ndjson"], 1)
)
def test_demo_with_items_of_public_catalogs_delivers(shared_data: Path, tmp_path: Path, items: str):
    """`scenecart demo --items` runs the same workflow on captures from public catalogs."""
    done = run("demo", "--items", str(shared_data / items), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "verified" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--items", __file__], __file__),
        (["--items", "nowhere"], "nowhere"),
        (["--aoi", "POLYGON((0 0,0.01 0,0.01 0.01,0 0))"], "--aoi"),
        (["--aoi", "POLYGON((0 0,1 1,1 0,0 1,0 0))"], ""),
    ],
    ids=["not items", "missing file", "no captures", "self-intersecting area"],
)
def test_demo_with_unusable_input_is_one_message(tmp_path: Path, arguments: list[str], named: str):
    """Items that cannot be used, and areas without captures, are reported without a traceback."""
    done = run("demo", *arguments, cwd=tmp_path)
    assert done.returncode in {1, 2}
    assert done.stderr.startswith("scenecart: ")
    assert named in done.stderr
    assert "Traceback" not in done.stderr
