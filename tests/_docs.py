"""Code blocks of the documentation pages, and the links of the built site."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
# folders that a build creates
_BUILT = ("_build", "notebooks")
_FENCE = re.compile(r"^```(?P<language>\w+)(?P<option>[^\n]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, its option such as ``not-run``, its first line number and its text."""

    language: str
    option: str
    line: int
    text: str


def pages() -> list[Path]:
    """Return the pages of the documentation, without built ones."""
    return sorted(path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).parts[0] not in _BUILT)


def blocks(page: Path, language: str) -> list[Block]:
    """Return the code blocks of a page in one language."""
    text = page.read_text("utf-8")
    return [
        Block(found["language"], found["option"].strip(), text.count("\n", 0, found.start()) + 1, found["text"])
        for found in _FENCE.finditer(text)
        if found["language"] == language
    ]


def commands(page: Path) -> list[list[str]]:
    """Return the words of every shell command of a page, without redirections."""
    lines = [line for block in blocks(page, "sh") for line in block.text.replace("\\\n", " ").splitlines()]
    words = [shlex.split(line, comments=True) for part in lines for line in part.split(" && ")]
    return [line[: line.index(">")] if ">" in line else line for line in words if line]


@dataclass
class Built(HTMLParser):
    """A built page: its anchors, its links, and the files it loads."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if "href" in given:
            (self.loads if tag == "link" else self.links).append(given["href"])
        self.loads += [given[name] for name in ("src", "srcset", "data") if name in given]
