"""Arguments: suggestions for misspelled names, coordinates that begin with a minus, and types of values."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import math
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    Commands = argparse._SubParsersAction["ArgumentParser"]  # noqa: SLF001  # argparse has no public name for it

_COORDINATES = frozenset({"--aoi", "--bbox"})
_NUMBER = re.compile(r"-\.?\d")
# thousands are separated by one kind of separator throughout: a comma, an underscore, or a space of any width
_CREDITS = re.compile(r"[0-9]+|[0-9]{1,3}(?:([,_ \u00a0\u2009\u202f])[0-9]{3})(?:\1[0-9]{3})*")
_BBOX_SIZES = (4, 6)
# of the start of an option, with its two hyphens
_SHORTEST = 3
_LAST_PORT = 65_535
# blanks, and characters without a width that web pages put into ids
_INVISIBLE = " \t\r\n\f\v\u00a0\u00ad\u200b\u200c\u200d\u2060\ufeff"
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class ArgumentParser(argparse.ArgumentParser):
    """A parser that suggests the nearest name for a misspelled one, and reads ``--bbox -46.4,-23.1,-46.2,-23``."""

    @property
    def options(self) -> set[str]:
        """The options of this parser, such as ``--max-credits``."""
        return set(self._option_string_actions)

    @property
    def positionals(self) -> dict[str, str]:
        """The names in the help of the arguments that are no options, such as ``NAME``, by their names in Python."""
        return {action.dest: str(action.metavar or action.dest) for action in self._get_positional_actions()}

    @property
    def commands(self) -> dict[str, ArgumentParser]:
        """The commands of this parser by name."""
        tables = [action.choices for action in self._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001  # argparse has no public way to list them
        return {name: command for table in tables for name, command in table.items()}

    def parse_known_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse arguments; the parser of each command gets its own here."""
        words = _joined_coordinates(sys.argv[1:] if args is None else args)
        self._check_names(words)
        return super().parse_known_args(words, namespace)

    def _check_names(self, words: list[str]) -> None:
        """Exit with a suggestion at the first option or command that does not exist."""
        commands = self.commands
        for word in words:
            name = word.partition("=")[0]
            if word == "--":
                return
            # argparse takes a word with a space for a value
            if name.startswith("--") and " " not in name and name not in self.options:
                self.error(f"unknown option {name}{_suggestion(name, self.options)}")
            if commands and not name.startswith("-"):
                if word not in commands:
                    self.error(f"unknown command {word!r}{_suggestion(word, commands)}")
                # what follows belongs to the command
                return


def _suggestion(name: str, known: Collection[str]) -> str:
    # one that was not typed to its end is nearer than any other
    longer = sorted(one for one in known if len(name) > _SHORTEST and one.startswith(name))
    nearest = longer or difflib.get_close_matches(name, sorted(known), n=1)
    return f". Did you mean {nearest[0]}?" if nearest else "; --help lists those that exist"


def _joined_coordinates(words: Iterable[str]) -> list[str]:
    """Join options and coordinates that begin with a minus, which argparse takes for another option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in _COORDINATES and _NUMBER.match(word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def read_area(text: str) -> str | tuple[float, ...]:
    """Read an area: four numbers are a bounding box, anything else is a file, WKT or GeoJSON."""
    numbers = _numbers(text)
    return text if numbers is None or len(numbers) not in _BBOX_SIZES else numbers


def read_bbox(text: str) -> tuple[float, ...]:
    """Read west, south, east and north in degrees.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is not four numbers.
    """
    numbers = _numbers(text)
    if numbers is None or len(numbers) not in _BBOX_SIZES:
        raise argparse.ArgumentTypeError(f"must be west,south,east,north in degrees, separated by commas, got {text!r}")
    return numbers


def _numbers(text: str) -> tuple[float, ...] | None:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        return None


def read_credits(text: str) -> int:
    """Read a whole number of credits, with or without separators of thousands.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is not such a number, or could be read in two ways.
    """
    if not _CREDITS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be a whole number of credits such as 50000 or 50,000, got {text!r}")
    return int(re.sub(r"\D", "", text))


def read_port(least: int) -> Callable[[str], int]:
    """Return the type of an option for a port from ``least`` to 65535."""

    def read(text: str) -> int:
        is_number = text.isascii() and text.isdecimal()
        if not is_number or not least <= int(text[:6]) <= _LAST_PORT or len(text) > len(str(_LAST_PORT)):
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {_LAST_PORT}, got {text!r}")
        return int(text)

    return read


def read_seconds(text: str) -> float:
    """Read a positive number of seconds.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is not such a number.
    """
    with contextlib.suppress(ValueError):
        seconds = float(text)
        if 0 < seconds < math.inf:
            return seconds
    raise argparse.ArgumentTypeError(f"must be a positive number of seconds, got {text!r}")


def read_host_name(text: str) -> str:
    """Read a host name without scheme, port and path.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is not such a name.
    """
    if not _HOST_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be a host name such as hub.example.org, got {text!r}")
    return text.lower()


def read_words(text: str) -> list[str]:
    """Read words separated by commas or line breaks, as they are pasted: blanks around them are left out."""
    return [word for word in (part.strip(_INVISIBLE) for part in re.split(r"[,\r\n]", text)) if word]


def read_id(text: str) -> str:
    """Read the id of an order or a project, as it is pasted: with blanks around it, or broken over lines by a terminal.

    Raises
    ------
    argparse.ArgumentTypeError
        If nothing else is in it.
    """
    found = "".join(text.translate(dict.fromkeys(map(ord, _INVISIBLE))).split())
    if not found:
        raise argparse.ArgumentTypeError("must not be empty")
    return found
