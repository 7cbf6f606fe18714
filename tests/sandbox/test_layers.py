"""The layers inside the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

import scenecart.sandbox
from _imports import imports_of

PACKAGE = Path(scenecart.sandbox.__file__).parent
# a module imports only from its own layer and those before it
LAYERS = ("_problem", "_data", "_domain", "_http", "server", "command", "__init__")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Return the layers that a module imports when it runs, in functions too; imports for type checkers are left out."""
    return {name.split(".")[2] for name in imports_of(path) if name.startswith("scenecart.sandbox.")}


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_module_imports_only_lower_layers(path: Path):
    """A module imports only from its own layer and lower ones, also inside functions."""
    layer = path.relative_to(PACKAGE).with_suffix("").parts[0]
    assert {LAYERS.index(name) for name in imports(path)} <= set(range(LAYERS.index(layer) + 1))


def test_every_module_belongs_to_a_layer():
    """Each module and package of the sandbox is a layer, and each layer exists."""
    assert {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in modules()} == set(LAYERS)
