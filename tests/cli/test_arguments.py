"""Arguments: misspelled names, coordinates, and numbers of credits."""

from __future__ import annotations

import pytest

from scenecart import cli
from scenecart.cli._parser import make_parser


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (["serch", "aurora"], "search"),
        (["search", "aurora", "--colections", "x"], "--collections"),
        (["place", "--max-credit=5"], "--max-credits"),
        (["cover", "found.parquet", "--objectve", "newest"], "--objective"),
    ],
)
def test_misspelled_name_is_refused_with_the_nearest(arguments: list[str], nearest: str, capsys: pytest.CaptureFixture[str]):
    """A misspelled command or option ends with 2 and names the nearest one that exists, whatever else is missing."""
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert left.value.code == 2
    assert capsys.readouterr().err.endswith(f"Did you mean {nearest}?\n")


@pytest.mark.parametrize("option", ["--bbox", "--aoi"])
@pytest.mark.parametrize("west", ["-46.4", "-.4", "46.4"])
def test_coordinates_may_begin_with_a_minus(option: str, west: str):
    """West, south, east and north are read as they are typed, in both ways to give an option its value."""
    for words in ([option, f"{west},-23.1,-46.2,-23"], [f"{option}={west},-23.1,-46.2,-23"]):
        read = make_parser().parse_args(["search", "aurora", *words])
        assert getattr(read, option[2:]) == (float(west), -23.1, -46.2, -23.0)


def test_area_that_is_no_box_is_kept_as_text():
    """Only four or six numbers are a bounding box; anything else is the name of a file, WKT or GeoJSON."""
    for text in ("harbour.geojson", "1,2", "a,b,c,d", "POINT (1 2)"):
        assert make_parser().parse_args(["estimate", "found.parquet", "--aoi", text]).aoi == text


@pytest.mark.parametrize("text", ["50000", "50,000", "50_000", "50 000", "50\u202f000"])
def test_credits_may_have_separators_of_thousands(text: str):
    """A number of credits may have commas, underscores or spaces between groups of three digits."""
    assert make_parser().parse_args(["place", "found.parquet", "--max-credits", text]).max_credits == 50_000
    million = f"1{text[2:-3]}0{text}"
    assert make_parser().parse_args(["cover", "f", "--aoi", "x", "--budget", million]).budget == 1_050_000
