"""The map of the packages in CONTRIBUTING.md, written from the source tree and the first line of each module: `make house`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "scenecart"
PAGE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- the map of the packages: written by `make house` -->", "<!-- end of the map -->"

# the order in which packages may import: each from those above it alone
ORDER = (
    "_version",
    "exceptions",
    "_util",
    "_geo",
    "_api",
    "_captures",
    "_cart",
    "_imagery",
    "_delivery",
    "_orders",
    "_cover",
    "_watch",
    "_office",
    "report",
    "_client",
    "client",
    "connection",
    "widgets",
    "cli",
)
SANDBOX = ("sandbox", "sandbox/_problem", "sandbox/_data", "sandbox/_domain", "sandbox/_http", "sandbox/server")


def first_line(path: Path) -> str:
    """Return the first line of a module's docstring, without its full stop."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return said.partition("\n")[0].removesuffix(".")


def house_map() -> str:
    """Return the map as Markdown: a heading for each package, and a line for each of its modules."""
    lines = []
    for name in (*ORDER, *SANDBOX):
        folder = SOURCE / name
        if not folder.is_dir():
            lines += ["", f"**`{name}.py`**: {first_line(folder.with_suffix('.py'))}"]
            continue
        lines += ["", f"**`{name}/`**: {first_line(folder / '__init__.py')}"]
        if name != "sandbox":
            modules = (path for path in sorted(folder.rglob("*.py")) if path.stem not in {"__init__", "__main__"})
            lines += ["", *(f"- `{path.relative_to(folder).as_posix()}`: {first_line(path)}" for path in modules)]
    return "\n".join(lines).strip("\n")


def with_map(page: str) -> str:
    """Return the page with the map of today between its two marks."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    return pattern.sub(lambda _: f"{BEGIN}\n\n{house_map()}\n\n{END}", page)


if __name__ == "__main__":
    PAGE.write_text(with_map(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
