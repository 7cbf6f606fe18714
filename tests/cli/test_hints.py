"""Hints on the command line: one for each code whose hint is in Python, and no Python in a message."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from _messages import ERRORS, text_of
from scenecart import ScenecartError, ScenecartWarning
from scenecart.cli._hints import HINTS, lines_of
from scenecart.cli._parser import make_parser, option_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "scenecart"
OPTIONS = option_names(make_parser())
PYTHON = re.compile(
    r"(?<!-)\b[A-Za-z_]\w*\((?!s\))"  # a call
    r"|(?<![-\w])\b[a-z_]+=(?!\S*\.parquet)"  # a keyword
    r"|(?<![\w`*…])\.(?!cart|parquet|geojson|html|pdf|xlsx|md|csv|gpkg|png|svg|json|part|prj)[a-z_]+"  # an attribute
    r"|(?<=\w)(?<!\"scenecart)\["  # an item
    r"|(?<![-\w/{:])[a-z]+_[a-z_]+"  # a name of several words
)
# errors that no command can cause: they are about calls and objects that only Python has
PYTHON_ONLY = {
    "areas_failed",
    "asset_ambiguous",
    "capture_column_missing",
    "capture_not_a_row",
    "captures_invalid",
    "cart_not_connected",
    "client_closed",
    "comparison_subjects_invalid",
    "credentials_ambiguous",
    "estimate_not_connected",
    "executor_invalid",
    "file_several_rasters",
    "geometry_column_missing",
    "hosts_failed",
    "not_a_cart",
    "not_a_list_of_orders",
    "not_an_estimate",
    "not_an_order",
    "orders_not_finished",
    "raster_block_too_large",
    "raster_without_crs",
    "raster_without_overviews",
    "spending_by_call",
    "stac_catalog_too_large",
    "stac_extension_missing",
    "stac_next_page_invalid",
    "stac_sign_in_required",
    "stack_across_antimeridian",
    "stack_grid_unknown",
    "watch_not_searched",
}


@dataclass(frozen=True)
class Site:
    """A place in the source that creates an error, a warning or a notice."""

    place: str
    code: str
    message: str
    hint: str
    details: frozenset[str]


@functools.cache
def sites() -> tuple[Site, ...]:
    """Return the places in the source, outside of widgets and the sandbox, that give a code, a hint or a note."""
    paths = [path for path in sorted(SOURCE.rglob("*.py")) if not {"widgets", "sandbox"} & set(path.parts)]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    constants = {
        node.targets[0].id: text_of(node.value, {})
        for tree in trees.values()
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    return tuple(site for path, tree in trees.items() for site in _sites_of(path, tree, constants))


def _sites_of(path: Path, tree: ast.Module, constants: Mapping[str, str]) -> Iterator[Site]:
    # the command line prints no notes of an interruption
    interruptions = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and _name(node.type) == "BaseException"]
    skipped = {id(node) for handler in interruptions for node in ast.walk(handler) if _name(node) == "add_note"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or id(node.func) in skipped:
            continue
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        if not {"code", "hint"} & set(keywords) and _name(node.func) not in {*ERRORS, "add_note"}:
            continue
        message = " ".join(text_of(argument, dict(constants)) for argument in node.args)
        hint = text_of(keywords["hint"], dict(constants)) if "hint" in keywords else ""
        details = keywords.get("details")
        names = {text_of(key, {}) for key in details.keys if key is not None} if isinstance(details, ast.Dict) else set()
        for code in text_of(keywords["code"], dict(constants)).split(" | ") if "code" in keywords else [""]:
            yield Site(f"{path.relative_to(SOURCE).as_posix()}:{node.lineno}", code, message, hint, frozenset(names))


def _name(node: ast.AST | None) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))


def test_python_hint_has_a_hint_for_the_command_line():
    """Every error and warning that a command can meet has a hint without Python."""
    found = {(site.place, site.code, site.hint) for site in sites() if PYTHON.search(site.hint)}
    assert len(found) > 30
    assert [one for one in found if one[1] not in HINTS and one[1] not in PYTHON_ONLY] == []
    assert {code for _, code, _ in found} | {site.code for site in sites()} >= PYTHON_ONLY


def test_message_has_no_python():
    """A message, and a note to an error, is the same for every user: it names no call, keyword or attribute."""
    assert [site for site in sites() if PYTHON.search(site.message) and site.code not in PYTHON_ONLY] == []


def test_hint_for_the_command_line_has_no_python():
    """A hint for the command line names commands and options, and these options exist."""
    for code, hint in HINTS.items():
        assert not PYTHON.search(hint or ""), code
        assert set(re.findall(r"--[a-z-]+", hint or "")) <= OPTIONS | {"--look"}, code


def test_hints_are_sorted_and_their_codes_exist():
    """The table of hints is sorted by code, and each code is one of an error, a warning or a notice."""
    assert list(HINTS) == sorted(HINTS)
    codes = {site.code for site in sites()}
    assert set(HINTS) - codes == set()


def test_value_in_a_hint_is_in_the_details():
    """Every name in braces of a hint is in the details of every error with this code."""
    for code, hint in HINTS.items():
        names = set(re.findall(r"\{(\w+)\}", hint or ""))
        for site in sites():
            assert site.code != code or names <= site.details, (site.place, names)


def test_lines_name_the_option_of_an_argument():
    """The message about an argument begins with its option, if a command has one."""
    error = ScenecartError("must be a whole number, got 'x'.", argument="max_credits", hint="Use digits.")
    assert lines_of(error, OPTIONS) == ["--max-credits must be a whole number, got 'x'.", "Use digits."]
    assert lines_of(error, ()) == ["max_credits must be a whole number, got 'x'.", "Use digits."]
    assert lines_of(error, (), {"max_credits": "N"})[0].startswith("N must be")
    warning = ScenecartWarning("is a percentage.", argument="max_cloud_cover")
    assert lines_of(warning, OPTIONS) == ["--max-cloud-cover is a percentage."]
    item = ScenecartError("has no operators.", argument="query['gsd']")
    assert lines_of(item, OPTIONS) == ["--query['gsd'] has no operators."]


def test_hint_names_no_option_that_the_command_lacks():
    """A sentence about an option of another command is left out; a command in a hint has options of its own."""
    error = ScenecartError("Nothing is left.", code="cart_all_owned")
    assert "--owned" not in " ".join(lines_of(error, option_names(make_parser().commands["estimate"])))
    assert "--owned" in " ".join(lines_of(error, option_names(make_parser().commands["place"])))
    unsaved = ScenecartError("This is no cart.", code="not_a_cart_file")
    assert len(lines_of(unsaved, ["--project"])) == 2


def test_lines_take_the_hint_of_the_code(monkeypatch: pytest.MonkeyPatch):
    """A hint by code replaces the hint in Python, filled from the details; None leaves the hint out."""
    monkeypatch.setitem(HINTS, "a_code", "Run `scenecart order {order_id}`.")
    monkeypatch.setitem(HINTS, "another_code", None)
    error = ScenecartError("It failed.", code="a_code", hint="Call order().", details={"order_id": "o-1"})
    assert lines_of(error, ()) == ["It failed.", "Run `scenecart order o-1`."]
    assert lines_of(ScenecartWarning("It failed.", code="another_code", hint="Call order()."), ()) == ["It failed."]
    assert lines_of(ScenecartWarning("It failed.", code="no_code", hint="Wait."), ()) == ["It failed.", "Wait."]
