"""Sections of the page, each measured in a process of its own, so that they do not share memory."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context


def section(name: str) -> tuple[str, str]:
    """Run a benchmark, print its lines as they come, and return its title and its Markdown."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_measure, name).result()


def _measure(name: str) -> tuple[str, str]:
    module = import_module(f"benchmarks.{name}")
    head = f"## {module.TITLE}\n\n{module.ABOUT}\n"
    print(head, flush=True)
    lines = []
    table = module.table()
    for line in table.splitlines() if isinstance(table, str) else table:
        print(line, flush=True)
        lines.append(line)
    print(flush=True)
    return module.TITLE, "\n".join([head, *lines, ""])
