"""The commands watch add, list, run and remove."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import geopandas as gpd
import shapely

import scenecart
from _cli import account, run

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox

SEARCH = ["aurora", "--collections", "aurora-50cm", "--bbox=151.18,-33.99,151.24,-33.94", "--datetime", "2024-01/2024-03"]


def test_watch_run_prints_news_once(box: Sandbox, tmp_path: Path):
    """`watch run` prints what is new with its files and ends with 0, then with 3 until there is more; the notebook shares it."""
    home = account(box, tmp_path / "home")
    added = run("watch", "add", "harbour", *SEARCH, box=box, cwd=tmp_path, **home)
    assert added.returncode == 0, added.stderr
    files = ["--report", "news.html", "-o", "news.parquet"]
    kept = run("watch", "run", "harbour", "--keep", "--json", *files, box=box, cwd=tmp_path, **home)
    assert kept.returncode == 0, kept.stderr
    features = json.loads(kept.stdout)["features"]
    assert {feature["properties"]["news"] for feature in features} == {"new"}
    assert "Report: news.html" in kept.stderr
    assert len(scenecart.read_captures(tmp_path / "news.parquet")) == len(features)
    # the report is of the watched box
    assert "whole footprints" not in (tmp_path / "news.html").read_text("utf-8")
    printed = run("watch", "run", "harbour", box=box, cwd=tmp_path, **home)
    assert printed.returncode == 0
    assert f"{len(features)} captures" in printed.stdout
    none = run("watch", "run", "harbour", "-o", "none.parquet", box=box, cwd=tmp_path, **home)
    assert (none.returncode, none.stderr) == (3, "")
    assert "'harbour'" in none.stdout
    assert not (tmp_path / "none.parquet").exists()
    with box.client("analyst", home=tmp_path / "home") as client:
        assert len(client.watch("harbour").new()) == 0
    listed = json.loads(run("watch", "list", "--json", box=box, **home).stdout)
    assert [(one["name"], one["host"], one["criteria"]["collections"]) for one in listed] == [
        ("harbour", "aurora", ["aurora-50cm"])
    ]
    assert json.loads(run("watch", "remove", "harbour", "--json", box=box, **home).stdout)["removed"] is True
    gone = run("watch", "run", "harbour", box=box, **home)
    assert gone.returncode == 1
    assert "'harbour'" in gone.stderr


def test_watch_of_many_areas_is_added_from_one_file(box: Sandbox, tmp_path: Path):
    """Each area of a file is watched for itself, under the name in its column; a wrong column, or one name twice, saves nothing."""
    home = account(box, tmp_path / "home")
    boxes = {"Sydney": (151.18, -33.99, 151.24, -33.94), "Botany": (151.12, -34.02, 151.26, -33.92)}
    ports = gpd.GeoDataFrame({"port": list(boxes), "land": "AU"}, geometry=[shapely.box(*one) for one in boxes.values()], crs=4326)
    ports.to_file(tmp_path / "ports.gpkg")
    words = ["watch", "add", "ports", "aurora", "--collections", "aurora-50cm", "--datetime", "2024-01", "--areas", "ports.gpkg"]
    for column, hint in (("harbour", "port, land"), ("land", "another column")):
        refused = run(*words, "--area-name", column, box=box, cwd=tmp_path, **home)
        assert refused.returncode == 2
        assert hint in refused.stderr
    alone = run("watch", "add", "ports", *SEARCH, "--area-name", "port", box=box, cwd=tmp_path, **home)
    assert (alone.returncode, "--areas" in alone.stderr) == (2, True)
    assert run(*words, "--area-name", "port", box=box, cwd=tmp_path, **home).returncode == 0
    with box.client("analyst", home=tmp_path / "home") as client:
        assert set(client.watch("ports").new()["area"]) == set(boxes)


def test_watch_run_that_cannot_print_marks_nothing(box: Sandbox, tmp_path: Path):
    """News that could not be printed, or whose file could not be written, are printed again."""
    home = account(box, tmp_path / "home")
    assert run("watch", "add", "harbour", *SEARCH, box=box, **home).returncode == 0
    (tmp_path / "news.parquet").mkdir()
    lost = run("watch", "run", "harbour", "--updated", "-o", "news.parquet", box=box, cwd=tmp_path, **home)
    assert lost.returncode == 1
    assert run("watch", "run", "harbour", box=box, **home).returncode == 0


def test_watch_add_from_now_has_no_news(box: Sandbox, tmp_path: Path):
    """--from-now marks what exists; another search under the name is wrong usage that names a command."""
    home = account(box, tmp_path / "home")
    added = json.loads(run("watch", "add", "coast", *SEARCH, "--from-now", "--json", box=box, **home).stdout)
    assert added["seen"] > 0
    assert run("watch", "run", "coast", box=box, **home).returncode == 3
    taken = run("watch", "add", "coast", *SEARCH, "--max-cloud-cover", "20", box=box, **home)
    assert taken.returncode == 2
    assert "scenecart watch remove coast" in taken.stderr


def test_watch_of_many_areas_runs_on_the_command_line(box: Sandbox, tmp_path: Path):
    """A watch of many areas, saved in a notebook, is run by the command; its report has each capture once."""
    areas = {"all": (151.18, -33.99, 151.24, -33.94), "south": (151.18, -33.99, 151.24, -33.97)}
    with box.client("analyst", home=tmp_path / "home") as client:
        client.watch("fields", "aurora", collections="aurora-50cm", datetime="2024-02", areas=areas)
    done = run("watch", "run", "fields", "--json", "--report", "n.md", box=box, cwd=tmp_path, **account(box, tmp_path / "home"))
    assert done.returncode == 0, done.stderr
    found = [feature["properties"] for feature in json.loads(done.stdout)["features"]]
    assert {one["area"] for one in found} == {"all", "south"}
    assert len({one["id"] for one in found}) < len(found)
    assert "Report: n.md" in done.stderr
    assert "whole footprints" not in (tmp_path / "n.md").read_text("utf-8")
