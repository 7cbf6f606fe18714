"""The command completion: a script with which a shell completes words. The only module that imports shtab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart.cli import _io
from scenecart.exceptions import missing_extra

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from scenecart.cli._arguments import ArgumentParser

SHELLS = ("bash", "zsh", "fish")
_FILES = frozenset({"FILE", "AREA", "PATH", "CART", "[NAME=]SOURCE"})
_FOLDERS = frozenset({"DIR"})


def completion(arguments: argparse.Namespace) -> int:
    """Print the script for a shell."""
    try:
        import shtab  # noqa: PLC0415  # an optional extra
    except ModuleNotFoundError as error:
        raise missing_extra("Completion in a shell needs", error, "completion") from error
    from scenecart.cli._parser import make_parser  # noqa: PLC0415  # it imports this module

    parser = make_parser()
    names = _names(arguments) if arguments.names else {}
    for action in _actions(parser):
        if action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab reads it
        elif action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]  # likewise
        elif action.dest in names:
            action.choices = names[action.dest]
    print(shtab.complete(parser, arguments.shell))
    return 0


def _names(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """Return what the service offers, by argument."""
    with _io.connect(arguments) as client:
        collections = client.hosts()["collections"]
    return {"host": [*collections.index], "collections": sorted({name for each in collections for name in each})}


def _actions(parser: ArgumentParser) -> Iterator[argparse.Action]:
    yield from parser._actions  # noqa: SLF001  # argparse has no public way to list them
    for command in parser.commands.values():
        yield from _actions(command)
