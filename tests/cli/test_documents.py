"""JSON for programs: every command prints what its schema in the documentation says, failures included."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from _cli import SEARCH, account, environment
from _docs import DOCS
from _json_documents import FOLDER, check, schema_of
from scenecart import cli
from scenecart.cli._parser import make_parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from scenecart.cli._arguments import ArgumentParser
    from scenecart.sandbox import Sandbox

AOI = ["--aoi", "151.16,-34,151.26,-33.9"]


def commands(parser: ArgumentParser, before: str = "") -> Iterator[tuple[str, ArgumentParser]]:
    for name, one in parser.commands.items():
        yield from commands(one, f"{before}{name} ") if one.commands else [(f"{before}{name}", one)]


WITH_JSON = [name for name, one in commands(make_parser()) if "--json" in one.options]


def test_command_has_json_unless_it_starts_a_program():
    """Every command has --json, except those that start a server or a demonstration, or write for a shell."""
    others = {name for name, one in commands(make_parser()) if "--json" not in one.options}
    assert others == {"app", "completion", "demo", "lab", "mcp", "sandbox"}


def test_document_of_each_command_has_a_schema_and_no_other():
    """The documentation has a schema for every command with --json, each on the page, and none besides."""
    page = (DOCS / "reference" / "json.md").read_text("utf-8")
    assert {path.stem for path in FOLDER.glob("*.json")} == {schema_of(name) for name in WITH_JSON}
    assert set(re.findall(r"^```\{literalinclude\} json/(.*)\.json$", page, re.MULTILINE)) == {
        schema_of(name) for name in WITH_JSON
    }
    named = {command for line in re.findall(r"^\| `(.*)` \|", page, re.MULTILINE) for command in line.split("`, `")}
    assert named == set(WITH_JSON)


@pytest.fixture
def command(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """Return a function that runs a command in this process with --json, and checks what it prints against its schema."""
    for name, value in {**environment(box), **account(box, tmp_path / "home")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def run(words: str, *more: str, code: int = 0) -> Any:
        found = cli.main([*words.split(), *more, "--json"])
        out, err = capsys.readouterr()
        assert found == code, err
        name = next(name for name in sorted(WITH_JSON, key=len, reverse=True) if words.startswith(name))
        return check(name, out)

    return run


def test_documents_from_a_search_to_an_order_are_as_documented(command: Callable[..., Any], box: Sandbox, tmp_path: Path):
    """Search, watch, estimate, cover, report, place and all that lists orders print what their schemas say."""
    # months in which no other test of this sandbox buys
    search = [*SEARCH[1:-1], "2022-01/2022-06", "--limit", "3"]
    assert len(command("search", *search, "--owned", "-o", "found.parquet")["features"]) == 3
    command("watch add harbour", *SEARCH[1:])
    command("watch run harbour")
    command("watch run harbour", code=3)
    assert [one["name"] for one in command("watch list")] == ["harbour"]
    command("watch remove harbour")
    price = command("estimate found.parquet --save a.cart.parquet")
    command("estimate found.parquet --without-owned")
    command("cover found.parquet --prices area --min-coverage 0.01", *AOI)
    command("cover found.parquet --min-coverage 0.01", *AOI)
    command("report found.parquet -o quote.md --no-thumbnails")
    limit = ["--yes", "--max-credits", "999999999", "--again"]
    order = command("place a.cart.parquet", *limit)
    assert (order["schema"], order["total_credits"]) == ("scenecart/order/1", price["total_credits"])
    assert command(f"wait {order['id']}")[0]["phase"] == "delivered"
    assert command("order", f" {order['id'][:20]}\n  {order['id'][20:]} ")["id"] == order["id"]
    assert command(f"download {order['id']} files --assets visual")["files"]
    command("orders --limit 3")
    command("owned")
    command("placements")
    command("settle")
    command("login-status")


def test_documents_of_orders_that_failed_say_why(
    command: Callable[..., Any], box: Sandbox, one: Path, capsys: pytest.CaptureFixture[str]
):
    """An order that failed has its reason in `order` and `orders`, as text and as JSON."""
    assert one.is_file()
    box.fail_next_order("The archive has lost this scene.")
    order = command("place one.parquet --yes --max-credits 999999999")
    failed = command(f"wait {order['id']}", code=7)[0]
    assert "lost this scene" in failed["reason"]
    assert command(f"order {order['id']}")["reason"] == failed["reason"]
    listed = {each["id"]: each for each in command("orders")}
    assert listed[order["id"]]["reason"] == failed["reason"]
    for words in (["order", order["id"]], ["orders"]):
        cli.main(words)
        assert "lost this scene" in " ".join(capsys.readouterr().out.split())


def test_geojson_of_captures_is_one_document(command: Callable[..., Any]):
    """Captures stay a FeatureCollection that map programs read, with the member `schema` beside its features."""
    document = command("search", *SEARCH[1:], "--limit", "1")
    assert list(document) == ["type", "features", "schema"]
