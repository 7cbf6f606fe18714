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
        (["search", "aurora", "--max-cloud", "20"], "--max-cloud-cover"),
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


@pytest.mark.parametrize("pasted", [" o-12345678\n", "o-1234\n    5678", "\u200bo-12345678\u00a0", "o-12345678\r\n"])
def test_id_is_read_as_it_is_pasted(pasted: str):
    """Blanks and line breaks that come along when an id is copied are left out, for every command."""
    parse = make_parser().parse_args
    for words in (["order", pasted], ["cancel", pasted], ["download", pasted, "files"]):
        assert parse(words).id == "o-12345678"
    assert parse(["wait", pasted, "o-2"]).id == ["o-12345678", "o-2"]
    assert parse(["resolve", "7", "--order", pasted]).order == "o-12345678"
    assert parse(["orders", "--project", pasted]).project == "o-12345678"


def test_id_without_anything_is_refused(capsys: pytest.CaptureFixture[str]):
    """An empty id, as of an unset variable in a script, is wrong usage."""
    with pytest.raises(SystemExit) as left:
        make_parser().parse_args(["order", " "])
    assert left.value.code == 2
    assert "empty" in capsys.readouterr().err


def test_ids_are_separated_by_commas_or_lines():
    """A list of ids can be pasted with blanks and line breaks; a blank inside an id stays."""
    assert make_parser().parse_args(["search", "aurora", "--ids", " a b,\nc\n\n d ,"]).ids == ["a b", "c", "d"]
