"""Folders of the user."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest

import scenecart
from _expect import raises
from scenecart._util.folders import data_folder, folder_problem, state_folder


@pytest.fixture
def _no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user without HOME and without an entry in passwd, as in a container with a random user id."""
    for name in ("HOME", "SCENECART_HOME", "SCENECART_STATE", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(_: int) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_folders_are_those_of_the_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """SCENECART_HOME and SCENECART_STATE choose the folders; an argument goes before the variable."""
    monkeypatch.setenv("SCENECART_HOME", str(tmp_path / "h"))
    monkeypatch.setenv("SCENECART_STATE", "~/s")
    assert data_folder() == tmp_path / "h"
    assert data_folder(tmp_path / "given") == tmp_path / "given"
    assert state_folder() == Path(os.environ["HOME"]) / "s"


@pytest.mark.usefixtures("_no_home")
def test_unknown_home_is_an_error_that_names_the_variable():
    """Without a home directory, the error says which variable to set."""
    for folder, variable in ((data_folder, "SCENECART_HOME"), (state_folder, "SCENECART_STATE")):
        with raises(scenecart.ConfigurationError, "home_unknown") as caught:
            folder()
        assert variable in str(caught.value.hint)


@pytest.mark.usefixtures("_no_home")
def test_unknown_home_does_not_matter_with_the_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """With SCENECART_HOME set, no home directory is needed to connect."""
    monkeypatch.setenv("SCENECART_HOME", str(tmp_path))
    with scenecart.connect(base_url="http://127.0.0.1:9", token="t"):
        assert data_folder() == tmp_path


@pytest.mark.parametrize("home", [3, 0, b"folder", ["folder"], "a\0b"])
def test_home_that_is_no_path_is_refused(home: Any):
    """A home that is no path is an error of the argument, before anything is opened."""
    with raises(scenecart.InvalidRequest, "path_invalid") as caught:
        scenecart.connect(base_url="http://127.0.0.1:9", token="t", home=home)
    assert str(caught.value).startswith("home must be a path")


def test_folder_problem_names_the_file_in_its_place(tmp_path: Path):
    """A file in place of a folder, or of one above it, is named; a folder that is there or can be created has no problem."""
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    for folder in (file, file / "sub" / "folder"):
        assert folder_problem(folder) == f"{str(file)!r} is a file, not a folder"
    assert folder_problem(tmp_path) == folder_problem(tmp_path / "sub" / "folder") == ""
