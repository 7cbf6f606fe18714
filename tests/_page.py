"""Runs the Python of a documentation page from top to bottom in one namespace; tracebacks name the page and the line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from _docs import blocks

if __name__ == "__main__":
    page = Path(sys.argv[1])
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page, "python"):
        if block.option == "":
            exec(compile("\n" * block.line + block.text, str(page), "exec"), names)  # noqa: S102  # a page of this project
