"""The table of guards: nasty inputs, the source lines that handle them, and the tests that fail without those lines."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
SOURCE = ROOT / "src" / "scenecart"


@dataclass(frozen=True)
class Guard:
    """A piece of the source, its weakened form, and the tests that must fail with that form."""

    row: int
    keeps: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]

    def weakened(self) -> str:
        """Return the file without the guard."""
        source = (SOURCE / self.file).read_text(encoding="utf-8")
        if source.count(self.text) != 1:
            raise ValueError(f"row {self.row}: {self.file} holds {source.count(self.text)} times {self.text!r}")
        return source.replace(self.text, self.instead)


@dataclass(frozen=True)
class Row:
    """An unusual input, and what is promised for it."""

    number: int
    input: str
    promise: str
    guards: tuple[Guard, ...]


def read_rows() -> list[Row]:
    """Read the table."""
    document = tomllib.loads((Path(__file__).parent / "guards.toml").read_text(encoding="utf-8"))
    rows = []
    for number, row in enumerate(document["row"], 1):
        guards = tuple(
            Guard(number, one["keeps"], one["file"], one["text"], one["instead"], tuple(one["tests"])) for one in row["guard"]
        )
        rows.append(Row(number, row["input"], row["promise"], guards))
    return rows


def as_markdown(rows: list[Row]) -> str:
    """Return the table as Markdown, one line a guard."""
    lines = ["| | Input and promise | Guard | Test | Without it |", "|---|---|---|---|---|"]
    for row in rows:
        summary = f"{row.input} → {row.promise}"
        for place, guard in enumerate(row.guards):
            tests = "<br>".join(f"`{name.removeprefix('tests/')}`" for name in guard.tests)
            first = (str(row.number), summary) if place == 0 else ("", "")
            lines.append(f"| {first[0]} | {first[1]} | {guard.keeps} (`{guard.file}`) | {tests} | fails |")
    return "\n".join(lines)


def write_page() -> None:
    """Write the table of today into the page that shows it."""
    page = PAGE.read_text(encoding="utf-8")
    begin = page.index("| | Input and promise |")
    PAGE.write_text(page[:begin] + as_markdown(read_rows()) + "\n", encoding="utf-8")
