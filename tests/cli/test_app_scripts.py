"""The scripts of the app's page as one: what is learned from a page, and what is kept for the next start."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("voila", reason="the app is an optional extra")

from scenecart.cli._app_scripts import PageScripts

if TYPE_CHECKING:
    from pathlib import Path

PART = '"use strict";(self.webpackChunk_page=self.webpackChunk_page||[]).push([[%d],{}]);'


def scripts_of(folder: Path) -> PageScripts:
    """Return the scripts of a folder with two parts and a script that runs."""
    static = folder / "static"
    static.mkdir(exist_ok=True)
    (static / "1.js").write_text(PART % 1)
    (static / "2.js").write_text(PART % 2)
    (static / "main.js").write_text("start()")
    (folder / "secret.js").write_text(PART % 3)
    return PageScripts({"static/": [str(folder / "none"), str(static)]}, folder / "state" / "scripts.json")


def test_page_scripts_are_the_parts_that_a_page_asked_for(tmp_path: Path):
    """Parts are joined once each; a script that runs by itself, one that is missing and one of another folder are left out."""
    scripts = scripts_of(tmp_path)
    assert scripts.script == b""
    for name in (
        "static/1.js",
        "static/1.js",
        "static/main.js",
        "static/9.js",
        "static/../secret.js",
        "other/2.js",
        "static/\0.js",
    ):
        scripts.note(name)
    assert scripts.script.decode().count("push([[1]") == 1
    assert b"start()" not in scripts.script
    assert b"push([[3]" not in scripts.script
    scripts.note("static/2.js")
    assert b"push([[2]" in scripts.script


def test_page_scripts_are_known_at_the_next_start(tmp_path: Path):
    """A new start knows what an earlier one learned, but not what was learned from other versions of the packages."""
    scripts = scripts_of(tmp_path)
    scripts.note("static/1.js")
    assert scripts.script == scripts_of(tmp_path).script
    memory = tmp_path / "state" / "scripts.json"
    kept = json.loads(memory.read_text())
    memory.write_text(json.dumps({**kept, "packages": {**kept["packages"], "voila": "0.1"}}))
    assert scripts_of(tmp_path).script == b""


@pytest.mark.parametrize("content", ["", "{", "[]", '{"packages": 1}', '{"packages": {}, "scripts": 5}', "[1, 2"])
def test_page_scripts_with_a_damaged_memory_learn_anew(tmp_path: Path, content: str):
    """A file that is not what was kept counts as none, and is replaced."""
    memory = tmp_path / "state" / "scripts.json"
    memory.parent.mkdir()
    memory.write_text(content)
    scripts = scripts_of(tmp_path)
    assert scripts.script == b""
    scripts.note("static/1.js")
    assert scripts.script
    assert json.loads(memory.read_text())["scripts"] == ["static/1.js"]


def test_page_scripts_that_cannot_be_kept_are_given_all_the_same(tmp_path: Path):
    """A folder that cannot be made costs the next start time, and this one nothing."""
    (tmp_path / "state").write_text("a file")
    scripts = scripts_of(tmp_path)
    scripts.note("static/1.js")
    assert b"push([[1]" in scripts.script
