"""The wheel and the source distribution as they would be published, and environments that hold only a part of what is here."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.parser import BytesParser
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message

ROOT = Path(__file__).resolve().parents[1]


def build(folder: Path) -> tuple[Path, Path]:
    """Build the source distribution, and the wheel from it; nothing is fetched. Return the wheel and the source distribution."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


def metadata(wheel: Path) -> Message:
    """Return what a wheel says of itself."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return BytesParser().parsebytes(archive.read(name))


class Environment:
    """An environment as ``pip install "scenecart[extra]"`` makes it, of what is installed here already: nothing is fetched."""

    def __init__(self, folder: Path, wheel: Path, extra: str = "") -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin" / "python"
        self._site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
        needed = {Requirement(line) for line in metadata(wheel).get_all("Requires-Dist") or ()}
        for name in _all_of(needed, {extra}):
            self._link(name)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self._site)

    def run(self, code: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run Python in it."""
        return self.call("-c", code, cwd=cwd, **environ)

    def call(self, *arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run its interpreter."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SCENECART_", "GEOPERA_", "PYTHON"))}
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=cwd,
            env={**clean, "MPLBACKEND": "agg", **environ},
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )

    def _link(self, name: str) -> None:
        """Put a package there, with what was compiled of it."""
        for file in distribution(name).files or ():
            if ".." in file.parts:
                continue
            source = Path(str(file.locate()))
            compiled = [Path(importlib.util.cache_from_source(str(source)))] if source.suffix == ".py" else []
            for one in (source, *compiled):
                target = self._site / Path(str(file)).parent / one.relative_to(source.parent)
                if one.is_file() and not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.symlink_to(one)


def _all_of(requirements: Iterable[Requirement], extras: set[str]) -> set[str]:
    """Return the names of all packages that requirements lead to."""
    found: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(requirement, extras) for requirement in requirements]
    while waiting:
        requirement, asked = waiting.pop()
        if requirement.marker is not None and not any(requirement.marker.evaluate({"extra": one}) for one in asked | {""}):
            continue
        key = (requirement.name, frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            more = distribution(requirement.name).requires or ()
        except PackageNotFoundError as error:
            raise AssertionError(f"{requirement.name} is needed, and not installed here") from error
        found.add(requirement.name)
        waiting += [(Requirement(line), set(requirement.extras)) for line in more]
    return found
