"""Input and output files of commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
from shapely.geometry import box as rectangle

from _cli import HARBOUR, SEARCH, run
from _expect import raises
from scenecart import InvalidRequest
from scenecart.cli import _io

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox


def test_saved_cart_is_priced_the_same_by_another_user(box: Sandbox, tmp_path: Path):
    """A saved cart has the same price for another user, refuses other options, and the layers of a report are captures."""
    aoi = ["--aoi", HARBOUR]
    assert run(*SEARCH, "--limit", "2", "-o", "two.parquet", box=box, cwd=tmp_path).returncode == 0
    first = run("estimate", "two.parquet", *aoi, "--save", "two.cart.geojson", "--json", box=box, cwd=tmp_path)
    second = run("estimate", "two.cart.geojson", "--json", box=box, cwd=tmp_path)
    found = [json.loads(one.stdout) for one in (first, second)]
    assert found[0]["fingerprint"] == found[1]["fingerprint"]
    assert found[0]["total_credits"] == found[1]["total_credits"]
    for report in ("quote.geojson", "quote.parquet"):
        assert run("estimate", "two.cart.geojson", "--report", report, box=box, cwd=tmp_path).returncode == 0
        again = run("estimate", report, *aoi, "--json", box=box, cwd=tmp_path)
        assert json.loads(again.stdout)["total_credits"] == found[0]["total_credits"], again.stderr
    refused = run("estimate", "two.cart.geojson", *aoi, box=box, cwd=tmp_path)
    assert refused.returncode == 2
    assert "--aoi" in refused.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_output_file_that_cannot_be_written_is_reported_after_the_result(
    box: Sandbox, tmp_path: Path, home: dict[str, str], options: list[str]
):
    """The result is printed although its file cannot be written; that is a failure, not wrong usage."""
    for arguments, displayed in (
        ([*SEARCH, "--limit", "1", "-o", "one.parquet/found.parquet"], "AURORA"),
        (["estimate", "one.parquet", "--save", "one.parquet/a.cart.parquet"], "otal"),
        (["estimate", "one.parquet", "--report", "one.parquet/quote.md"], "otal"),
    ):
        done = run(*arguments, *options, box=box, cwd=tmp_path, **home)
        assert done.returncode == 1, done.stderr
        assert displayed in done.stdout
        assert arguments[-1] in done.stderr
        assert not options or json.loads(done.stdout)


def test_missing_file_is_refused(tmp_path: Path):
    """The name of a file that does not exist, or of a folder, is refused."""
    for name in (tmp_path / "nowhere.parquet", tmp_path):
        with raises(InvalidRequest, "file_missing"):
            _io.existing_file(str(name))


def test_damaged_captures_file_is_refused(tmp_path: Path):
    """A damaged file, and a table without geometries, is refused."""
    for name, content in (("damaged.parquet", b"\0"), ("damaged.geojson", b"\0"), ("table.csv", b"id,gsd\na,0.5\n")):
        damaged = tmp_path / name
        damaged.write_bytes(content)
        with raises(InvalidRequest, "captures_unreadable"):
            _io.read_captures(damaged)


def test_area_file_in_place_of_captures_is_refused(tmp_path: Path):
    """A file without ids, such as an area of interest, is not taken for captures."""
    gpd.GeoDataFrame(geometry=[rectangle(0, 0, 1, 1)], crs=4326).to_file(tmp_path / "harbour.geojson")
    with raises(InvalidRequest, "not_a_captures_file"):
        _io.read_captures(tmp_path / "harbour.geojson")


def test_captures_of_several_layers_are_those_of_a_report(tmp_path: Path):
    """Of several layers, the one that reports write is read; without it, the layers are named in an error."""
    path = tmp_path / "layers.gpkg"
    frame = gpd.GeoDataFrame({"id": ["a"]}, geometry=[rectangle(0, 0, 1, 1)], crs=4326)
    frame.to_file(path, layer="north")
    assert _io.read_captures(path)["id"].tolist() == ["a"]
    frame.to_file(path, layer="south")
    with raises(InvalidRequest, "captures_layers_ambiguous") as caught:
        _io.read_captures(path)
    assert "'north', 'south'" in caught.value.message
    frame.assign(id=["b"]).to_file(path, layer="captures")
    assert _io.read_captures(path)["id"].tolist() == ["b"]


def test_captures_format_is_checked_by_its_suffix():
    """Captures are written in every format of an export, in any case of letters; other formats are refused."""
    for name in (None, "a.parquet", "a.GEOJSON", "a.json", "a.xlsx", "a.csv", "a.gpkg", "a.ndjson"):
        _io.check_captures(name)
    for name in ("a.xyz", "a"):
        with raises(InvalidRequest, "captures_format_unsupported"):
            _io.check_captures(name)


def test_json_option_is_parsed():
    """An option with JSON is parsed, and an invalid one names the option."""
    assert _io.json_argument(None, "query") is None
    assert _io.json_argument('{"gsd": {"lte": 0.5}}', "query") == {"gsd": {"lte": 0.5}}
    with raises(InvalidRequest, "option_not_json") as caught:
        _io.json_argument("{", "query")
    assert caught.value.argument == "query"


def test_question_to_a_program_without_input_is_answered_no(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """A program that was started with its input closed has no stdin: nothing is confirmed, and the option for scripts is named."""
    monkeypatch.setattr("sys.stdin", None)
    assert not _io.is_confirmed("buy", "--yes --max-credits N")
    assert "--yes --max-credits N" in capsys.readouterr().err
