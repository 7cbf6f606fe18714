"""The command line, run as a user runs it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox

ASKED = ["search", "aurora", "--collections", "aurora-50cm", "--bbox=151.18,-33.99,151.24,-33.94", "--datetime", "2024-01/2024-06"]


def environment(box: Sandbox | None = None, who: str = "analyst", **environ: str) -> dict[str, str]:
    """Return the variables of a process that is signed in at a sandbox, and 140 columns wide."""
    signed: dict[str, str] = {}
    if box is not None:
        principal = box.principals[who]
        signed = {
            "SCENECART_BASE_URL": box.url,
            "SCENECART_USERNAME": principal["username"] or "",
            "SCENECART_PASSWORD": principal["password"] or "",
        }
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SCENECART_", "GEOPERA_"))}
    return {**clean, **signed, "COLUMNS": "140", **environ}


def run(
    *arguments: str, box: Sandbox | None = None, who: str = "analyst", cwd: Path | None = None, answer: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run the command, signed in by environment variables; ``answer`` is what is typed."""
    return subprocess.run(
        [sys.executable, "-m", "scenecart.cli", *arguments],
        capture_output=True,
        text=True,
        input=answer,
        cwd=cwd,
        env=environment(box, who, **environ),
        timeout=100,
        check=False,
    )
