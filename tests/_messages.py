"""Every message of an error or a warning, read from the source; `python tests/_messages.py` writes the snapshot anew."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scenecart import exceptions
from scenecart.cli._hints import HINTS as CLI_HINTS
from scenecart.widgets._hints import HINTS as WIDGET_HINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).resolve().parents[1] / "src" / "scenecart"
SNAPSHOT = Path(__file__).with_name("messages.txt")
ERRORS = {name for name in exceptions.PUBLIC if name != "ScenecartWarning"}


@dataclass(frozen=True, order=True)
class Message:
    """One place in the source that says something: its code, the kind of error, and its words with {…} for what is filled in."""

    code: str
    kind: str
    message: str
    hint: str
    place: str


@functools.cache
def read_messages() -> list[Message]:
    """Return every call that makes an error or a warning, or that is given a code."""
    trees = {
        path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py")) if "sandbox" not in path.parts
    }
    shared = {name: text for tree in trees.values() for name, text in _constants(tree).items()}
    return sorted(message for path, tree in trees.items() for message in _of_module(path, tree, {**shared, **_constants(tree)}))


def _constants(tree: ast.Module) -> dict[str, str]:
    """Return the texts that a module names at its top."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text = text_of(node.value, found)
            if isinstance(node.value, ast.Constant | ast.JoinedStr | ast.BinOp) and text:
                found[node.targets[0].id] = text
    return found


def _of_module(path: Path, tree: ast.Module, constants: dict[str, str]) -> Iterator[Message]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) == "warnings.warn":
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = {keyword.arg: text_of(keyword.value, constants) for keyword in node.keywords if keyword.arg}
        if "code" not in given and name not in ERRORS | {"warn"}:
            continue
        words = text_of(node.args[0], constants) if node.args else ""
        if given.get("argument"):
            words = f"{given['argument']} {words}"
        yield Message(given.get("code", ""), name, words, given.get("hint", ""), path.relative_to(SOURCE).as_posix())


def text_of(node: ast.expr, constants: dict[str, str]) -> str:
    """Return a text of the source as it reads, with {…} for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value) if isinstance(node.value, str) else "" if node.value is None else "{…}"
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part, constants) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return constants.get(node.value.id, "{…}") if isinstance(node.value, ast.Name) else "{…}"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text_of(node.left, constants) + text_of(node.right, constants)
    if isinstance(node, ast.IfExp):
        return " | ".join(part for part in (text_of(node.body, constants), text_of(node.orelse, constants)) if part)
    return constants.get(node.id, f"{{{node.id}}}") if isinstance(node, ast.Name) else "{…}"


def as_text(messages: list[Message]) -> str:
    """Return the snapshot: each code with its words, and the hints for Python, the command line and the widgets."""
    lines = [
        "Every message of an error or a warning, by code. Written by `make messages`; read the difference before you commit it."
    ]
    for code in sorted({message.code for message in messages}):
        lines += ["", code or "(no code)"]
        same = dict.fromkeys((one.kind, one.message, one.hint) for one in messages if one.code == code)
        for kind, words, hint in same:
            lines.append(f"    {kind}: {_one_line(words)}")
            if hint:
                lines.append(f"        hint: {_one_line(hint)}")
        lines += [
            f"        {audience}: {_one_line(hints[code] or '(nothing)')}"
            for audience, hints in (("command line", CLI_HINTS), ("widgets", WIDGET_HINTS))
            if code in hints
        ]
    return "\n".join(lines) + "\n"


def _one_line(words: str) -> str:
    return re.sub(r"\s*\n\s*", " ", words)


if __name__ == "__main__":
    SNAPSHOT.write_text(as_text(read_messages()), encoding="utf-8")
