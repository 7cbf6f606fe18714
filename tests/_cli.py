"""The command line, run as a user runs it: each command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import _warm

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox

COMMAND = [sys.executable, "-m", "scenecart.cli"]
SEARCH = ["search", "aurora", "--collections", "aurora-50cm", "--bbox=151.18,-33.99,151.24,-33.94", "--datetime", "2024-01/2024-06"]
HARBOUR = "POLYGON ((151.18 -33.99, 151.24 -33.99, 151.24 -33.94, 151.18 -33.94, 151.18 -33.99))"


def account(box: Sandbox, home: Path, principal: str = "analyst") -> dict[str, str]:
    """Return the variables that give a principal a journal of its own and a project to deliver to."""
    return {"SCENECART_HOME": str(home), "SCENECART_PROJECT": box.principals[principal]["project"] or ""}


def environment(box: Sandbox | None = None, principal: str = "analyst", **variables: str) -> dict[str, str]:
    """Return the variables of a process that is signed in to a sandbox, with a terminal of 140 columns."""
    sign_in: dict[str, str] = {}
    if box is not None:
        found = box.principals[principal]
        sign_in = {
            "SCENECART_BASE_URL": box.url,
            "SCENECART_USERNAME": found["username"] or "",
            "SCENECART_PASSWORD": found["password"] or "",
        }
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SCENECART_", "GEOPERA_"))}
    return {**clean, **sign_in, "COLUMNS": "140", **variables}


def run(
    *arguments: str,
    box: Sandbox | None = None,
    principal: str = "analyst",
    cwd: Path | None = None,
    answer: str = "",
    pauses: float = 1.0,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run a command, signed in by environment variables; ``answer`` is its input, ``pauses`` the share of its pauses to wait."""
    if any(name.startswith("PYTHON") for name in variables):
        # these are read when Python starts
        return subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            input=answer,
            cwd=cwd,
            env=environment(box, principal, **variables),
            timeout=250,
            check=False,
        )
    return _warm.run("command", arguments, env=environment(box, principal, **variables), cwd=cwd, answer=answer, pauses=pauses)
