"""The scripts of the app's page as one file: a page that loads a hundred separate files takes a third longer."""

from __future__ import annotations

import contextlib
import json
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from scenecart._util.files import write_atomic
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PACKAGES = ("voila", "jupyterlab_widgets", "jupyter_leaflet", "anywidget")
# a part of a bundle of webpack or rspack, which only registers its modules: it may be loaded before they are needed
_PART = re.compile(r"""self(?:\.|\[")(?:webpack|rspack)Chunk""")
_HEAD = 500
_MOST_SCRIPTS = 512
_MOST_BYTES = 32 << 20


class PageScripts:
    """Records which parts of scripts a page requests, and serves them to the next pages as one script.

    The record is kept for the next start, until a package that has scripts is updated.

    Parameters
    ----------
    roots
        The folders of scripts by the beginnings of their names, such as ``static/``; the first folder that has a file counts.
    memory
        The file that keeps the names; None for none. One that cannot be read or written costs only time.
    """

    def __init__(self, roots: Mapping[str, Sequence[str]], memory: Path | None) -> None:
        self._roots, self._memory = roots, memory
        self._packages = {name: _version_of(name) for name in _PACKAGES}
        self._parts: dict[str, str] = {}
        self._script: bytes | None = None
        self._is_saved = True
        for name in self._remembered():
            self.note(name)
        self._is_saved = True

    def note(self, name: str) -> None:
        """Record that a page requested a script, by the end of its path: ``static/143.voila.js``."""
        if name in self._parts or len(self._parts) >= _MOST_SCRIPTS or not name.endswith(".js"):
            return
        text = self._read(name)
        if text is not None and _PART.search(text[:_HEAD]):
            self._parts[name] = text
            self._script, self._is_saved = None, False

    @property
    def script(self) -> bytes:
        """One script with all parts that pages have requested so far; empty before the first page."""
        if self._script is None:
            # each in a function of its own, as some are strict and some are not
            self._script = "".join(f"(function(){{{text}\n}})();\n" for text in self._parts.values()).encode()
            self._save()
        return self._script

    def _read(self, name: str) -> str | None:
        """Return the text of a script; None if there is none, or too much of them."""
        folders = next((found for start, found in self._roots.items() if name.startswith(start)), ())
        for folder in map(Path, folders):
            try:
                path = (folder / name.partition("/")[2]).resolve()
                text = path.read_text("utf-8") if path.is_relative_to(folder.resolve()) else ""
            except (OSError, ValueError):
                continue
            return text if sum(map(len, self._parts.values())) + len(text) <= _MOST_BYTES else None
        return None

    def _remembered(self) -> list[str]:
        if self._memory is None:
            return []
        try:
            kept = json.loads(self._memory.read_bytes())
            names = kept["scripts"] if kept["packages"] == self._packages else []
        except (OSError, ValueError, LookupError, TypeError):
            return []
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def _save(self) -> None:
        if self._is_saved or self._memory is None:
            return
        self._is_saved = True
        content = json.dumps({"packages": self._packages, "scripts": list(self._parts)}).encode()
        # the next start learns them again if they cannot be written
        with contextlib.suppress(InvalidRequest):
            write_atomic(content, self._memory, "The list of the page's scripts")


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
