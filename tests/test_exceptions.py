"""What is said when something is wrong: in the language of whoever is spoken to, and with what to do."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import scenecart
from scenecart import exceptions, widgets
from scenecart.cli._parser import make_parser, option_names
from scenecart.cli._speech import PATTERNS, PHRASES, spoken
from scenecart.widgets import _speech

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOURCE = Path(__file__).resolve().parents[1] / "src" / "scenecart"
# what no command reaches: widgets, the verbs of frames, and the command line's own words
NOT_TYPED = {"widgets", "cli", "sandbox", "_choose", "_timeline", "_many", "_following", "_compare_report", "_raster", "_spelling"}
NOT_TYPED_FILES = {"report/_compare.py", "report/_contents.py"}
# calls and keywords that no command makes
NOT_TYPED_TEXTS = (
    "Orders are not placed by call()",
    "client.cart(captures).estimate().place(project=…)",
    "Say which: open(",
    "Take a slice: captures.iloc[[0]]",
    "Pass one row of client.search(…), such as captures.iloc[0].",
    "client.cart(captures).estimate()",
    "cart.estimate() gives one",
    "A cart is made of a GeoDataFrame",
    "Captures are a GeoDataFrame, not ",
    "Pass rows of client.search(…), such as captures.iloc[[0]].",
    "batch_size must be",
    "Pass one of token, api_key",
)
SPEAKING = {*exceptions.PUBLIC, "kind", "warn", "tell", "add_note", "reword"}
PYTHON = re.compile(
    r"(?<!-)\b[A-Za-z_]\w*\((?!s\))"  # a call
    r"|(?<![-\w])\b[a-z_]+=(?!\S*\.parquet)"  # a keyword
    r"|(?<![\w`*])\.(?!cart|parquet|geojson|html|pdf|xlsx|md|csv|gpkg|png|svg)[a-z_]+"  # an attribute
    r"|(?<!\"scenecart)(?<=\w)\["  # an item
    r"|(?<![-\w/])[a-z]+_[a-z_]+"  # a name of several words
    r"|\b(?:GeoDataFrame|GeoSeries|geopandas|shapely|rioxarray)\b"
)


def _texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield what is said in a file, with X for what is filled in: in errors and warnings, and in what is called a hint."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            hints = [keyword.value for keyword in node.keywords if keyword.arg == "hint"]
            said = [*(node.args if name in SPEAKING else []), *hints]
        elif isinstance(node, ast.Assign | ast.AnnAssign) and "hint" in ast.unparse(node).partition("=")[0].lower():
            said = [] if node.value is None else [node.value]
        elif isinstance(node, ast.Return) and node.value is not None and isinstance(node.value, ast.Tuple):
            said = node.value.elts
        else:
            continue
        for one in said:
            yield from ((one.lineno, text) for text in _strings(one))


def _strings(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(_filled(part) for part in node.values)
    elif not isinstance(node, ast.Call | ast.Compare | ast.Subscript):
        for inner in ast.iter_child_nodes(node):
            yield from _strings(inner)


def _filled(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    return "'X'" if isinstance(part, ast.FormattedValue) and part.conversion == ord("r") else "X"


def _said() -> list[tuple[str, str]]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if name.partition("/")[0].removesuffix(".py") not in NOT_TYPED and name not in NOT_TYPED_FILES:
            for line, text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
                if " " in text and not text.startswith(NOT_TYPED_TEXTS):
                    found.append((f"{name}:{line}", text))
    return found


def test_no_message_on_the_command_line_speaks_python():
    """Whatever the library says, the command line says it with its own options and commands."""
    options = option_names(make_parser())
    said = _said()
    assert len(said) > 150
    python = {place: spoken(text, options) for place, text in said if PYTHON.search(spoken(text, options))}
    assert not python, python


def test_every_phrase_that_is_translated_is_said():
    """The table of phrases holds nothing that no message says any more."""
    texts = [text for _, text in _said()]
    unused = [phrase for phrase, _ in PHRASES if not any(phrase in text for text in texts)]
    unused += [pattern.pattern for pattern, _ in PATTERNS if not any(pattern.search(text) for text in texts)]
    assert not unused


def test_every_phrase_that_widgets_translate_is_said():
    """What widgets say in another way is said by the library somewhere."""
    sources = [path for path in SOURCE.rglob("*.py") if path.parent.name not in {"cli", "widgets"}]
    texts = [text for path in sources for _, text in _texts(ast.parse(path.read_text(encoding="utf-8")))]
    assert not [phrase for phrase, _ in _speech.PHRASES if not any(phrase in text for text in texts)]


@pytest.mark.parametrize(
    "text",
    [
        "There is no file 'max_credits.parquet'.",
        "The file is at /tmp/max_credits/aoi.geojson.",
        "aurora has no 'max_credits'; it has aoi.",
        "https://example.com/?max_credits=5",
    ],
)
def test_what_is_no_keyword_stays_as_it_is(text: str):
    """Names of files, addresses and what stands in quotation marks are not taken for keywords."""
    assert spoken(text, option_names(make_parser())) == text


def test_who_is_asked_by_default_is_said_where_it_does_not_know_the_account(tmp_path: Path):
    """A sign-in that the public service refuses, or that does not get there, says that no other service was named."""

    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"error": "invalid_grant"}, request=request)

    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    said = "SCENECART_BASE_URL is not set, so this asked api.geopera.com."
    for handle in (refuse, fail):
        given = {"transport": httpx.MockTransport(handle), "home": tmp_path, "sleep": lambda _: None}
        for sign_in in ({"username": "analyst", "password": "wrong"}, {"token": "old"}):
            with (
                scenecart.connect(**sign_in, **given) as client,
                pytest.raises((scenecart.AuthenticationError, scenecart.ConnectionFailed)) as told,
            ):
                client.orders()
            assert str(told.value).count(said) == 1
            with (
                scenecart.connect(base_url="https://other.example", **sign_in, **given) as client,
                pytest.raises((scenecart.AuthenticationError, scenecart.ConnectionFailed)) as told,
            ):
                client.orders()
            assert "SCENECART_BASE_URL" not in str(told.value)


@pytest.mark.parametrize(
    ("ask", "kind", "says", "hints"),
    [
        (lambda client: client.order("nix"), "NotFound", "There is no order 'nix'", r"client\.orders\(\)"),
        (lambda client: client.search("nix", collections="x"), "NotFound", "There is no such catalog host", "base_url"),
        (lambda client: _cart(client).estimate().place(project="nix"), "NotFound", "nothing was ordered", "project's id"),
        (lambda client: client.call("items.get_stac", {"item_id": "nix"}), "NotFound", "found nothing", "spelled"),
    ],
)
def test_what_is_not_there_is_told_with_what_to_check(
    client: scenecart.Client, ask: Callable[[scenecart.Client], object], kind: str, says: str, hints: str
):
    """An unknown order, host or project is told in words, not by an operation's name, and with what to check."""
    with pytest.raises(getattr(scenecart, kind)) as told:
        ask(client)
    assert says in told.value.message
    assert re.search(hints, told.value.hint)


@pytest.mark.parametrize("take", [scenecart.Client.quicklook, lambda _, row: scenecart.assets(row)])
def test_what_is_no_row_is_told_what_one_is(client: scenecart.Client, take: Callable[..., object]):
    """What takes a capture refuses what is none, or several, and says what it takes."""
    found = client.search("aurora", collections="aurora-50cm", limit=1)
    assert take(client, found.iloc[0])
    assert take(client, found.iloc[0].to_dict())
    for odd, said in ((5, "not int"), (None, "not NoneType"), ("a", "not str"), (found, "not a frame of several")):
        with pytest.raises(scenecart.InvalidRequest, match=f"one row of a search result, {said}") as told:
            take(client, odd)
        assert told.value.hint == "Pass one row of client.search(…), such as captures.iloc[0]."


def test_a_row_without_host_has_no_picture_to_ask_for(client: scenecart.Client):
    """A picture is asked for by host and id: a row without either is told which it lacks."""
    with pytest.raises(scenecart.InvalidRequest, match="lacks the column 'host'"):
        client.quicklook({"id": "a"})


def _cart(client: scenecart.Client) -> scenecart.Cart:
    return client.cart(client.search("aurora", collections="aurora-50cm", limit=1))


def _with_keywords() -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield every public function, method and widget with two keywords or more."""
    things = {name: getattr(scenecart, name) for name in scenecart.__all__ if not name.startswith("__")}
    things |= {name: getattr(part, name) for part in (widgets,) for name in part.__all__}
    for name, thing in things.items():
        own = {"": thing} if inspect.isfunction(thing) else vars(thing) if inspect.isclass(thing) else {}
        if name in exceptions.PUBLIC:
            continue
        if (dataclasses.is_dataclass(thing) and name not in {"Limits", "Retry"}) or name == "Client":
            # made by the library
            own = {method: one for method, one in own.items() if method != "__init__"}
        for method, one in own.items():
            function = getattr(one, "__func__", one)
            if not inspect.isfunction(function) or (method.startswith("_") and method != "__init__"):
                continue
            parameters = inspect.signature(function).parameters.values()
            if sum(one.default is not one.empty or one.kind is one.VAR_KEYWORD for one in parameters) > 1:
                yield f"{name}.{method}".removesuffix(".").removesuffix(".__init__"), function


@pytest.mark.parametrize(("name", "function"), list(_with_keywords()))
def test_a_misspelled_keyword_is_told_with_the_nearest_right_one(name: str, function: Callable[..., object]):
    """Whatever takes several keywords refuses one that it has not, before anything is done, and names the one that is meant."""
    keyword = next(one.name for one in list(inspect.signature(function).parameters.values())[::-1] if one.default is not one.empty)
    with pytest.raises(scenecart.UnknownKeyword, match=rf"^{re.escape(name)}\(\) has no keyword '{keyword}x'\.") as told:
        function(**{f"{keyword}x": None})
    assert told.value.hint == f"Did you mean {keyword!r}?"
    assert isinstance(told.value, TypeError)


def test_keywords_that_are_handed_on_are_spelled_too(client: scenecart.Client):
    """Criteria of a stream and of many areas are checked at once; a setting of the sandbox is told to be the sandbox's own."""
    for search in (client.search_stream, widgets.CaptureMap.from_search, client.search_to_parquet):
        with pytest.raises(scenecart.UnknownKeyword, match="Did you mean 'max_cloud_cover'"):
            search(client, "aurora", max_cloud_covr=20)
    with pytest.raises(scenecart.UnknownKeyword, match="has no keyword 'bbox'"):
        client.search_many([], "aurora", bbox=(0, 0, 1, 1))
    with pytest.raises(scenecart.UnknownKeyword, match=r"Sandbox\(items=…\)"):
        scenecart.connect("sandbox", items="found.parquet")
