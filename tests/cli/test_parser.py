"""The parser: help, examples and arguments that it refuses."""

from __future__ import annotations

import re
import shlex

import pytest

from _cli import run
from scenecart import cli
from scenecart.cli._parser import make_parser, option_names

COMMANDS = [
    *("search", "estimate", "cover", "place", "orders", "owned", "order", "download", "report", "cancel", "placements", "settle"),
    *("login-status", "sandbox", "lab", "app", "demo", "mcp"),
]
NESTED = ["watch add", "watch list", "watch run", "watch remove"]


def test_help_lists_every_command():
    """--help lists every command, without a sign-in."""
    done = run("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"^    {command}\b", done.stdout, re.MULTILINE), command


@pytest.mark.parametrize("command", [*COMMANDS, *NESTED])
def test_help_of_a_command_has_valid_examples(command: str, capsys: pytest.CaptureFixture[str]):
    """--help of every command has examples that its own parser accepts."""
    with pytest.raises(SystemExit) as left:
        cli.main([*command.split(), "--help"])
    assert left.value.code == 0
    displayed = capsys.readouterr().out.replace("\\\n      ", "")
    examples = re.findall(rf"^  scenecart ({command}\b.*)$", displayed, re.MULTILINE)
    assert examples
    for example in examples:
        assert make_parser().parse_args(shlex.split(example)).run


@pytest.mark.parametrize("command", [*COMMANDS, *NESTED])
def test_argument_of_a_command_has_help(command: str):
    """Every argument and option of every command has a help text."""
    parser = make_parser()
    for word in command.split():
        parser = parser.commands[word]
    missing = [action.dest for action in parser._actions if not action.help]
    assert missing == []


def test_option_names_are_those_of_all_commands():
    """Options are known by their full names, from every command."""
    names = option_names(make_parser())
    assert {"--max-credits", "--max-cloud-cover", "--split-by-date", "--ready-file"} <= names
    assert all(name.startswith("-") for name in names)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["fly"], "'fly'"),
        (["search"], "host"),
        (["watch"], "COMMAND"),
        (["watch", "runn", "harbour"], "'runn'. Did you mean run"),
        (["search", "aurora", "--bbox=1,2,x"], "'1,2,x'"),
        (["search", "aurora", "--bbox", "-1", "2", "3", "4"], "'-1'"),
        *((["app", "--port", port], f"'{port}'") for port in ("x", "0", "-1", "65536", "9" * 5000)),
        (["sandbox", "--port", "70000"], "'70000'"),
        (["place", "found.parquet", "--ag"], "--ag"),
        *(
            (["place", "found.parquet", "--max-credits", number], f"'{number}'")
            for number in ("-5", "50,5", "50.000", "5,0000", "50,000_000", "1 00", "٥")
        ),
        (["cover", "found.parquet", "--aoi", "x", "--budget", "5e3"], "'5e3'"),
    ],
)
def test_argument_that_cannot_be_parsed_is_refused(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]):
    """Wrong usage ends with 2 and names the argument; abbreviated options and ambiguous numbers are refused."""
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert left.value.code == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize("command", ["", *COMMANDS, "resolve", "watch", *NESTED])
def test_help_fits_into_eighty_columns(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """No line of a help text is longer than a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        cli.main([*command.split(), "--help"])
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) >= 80] == []


def test_place_again_takes_a_name_or_none():
    """--again alone buys once more, with a name once for this name; without it nothing is bought again."""
    parse = make_parser().parse_args
    given = [parse(["place", "a.parquet", *more]).again for more in ([], ["--again"], ["--again", "harbour office"])]
    assert given == [False, True, "harbour office"]


def test_place_again_before_the_file_is_refused(capsys: pytest.CaptureFixture[str]):
    """A file after --again would be its name, so that nothing is left to buy: this is wrong usage."""
    with pytest.raises(SystemExit) as left:
        make_parser().parse_args(["place", "--again", "a.parquet"])
    assert left.value.code == 2
    assert "FILE" in capsys.readouterr().err
