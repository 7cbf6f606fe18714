"""A sandbox in this process, and other people's clients in their own environments."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# read on import: during a test the environment has no SCENECART_ variables
_ENVIRONMENTS = os.environ.get("SCENECART_CLIENTS")


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    """Return a sandbox that delivers orders in seconds."""
    with Sandbox(pace="demo") as box:
        box.rate_limits = None
        yield box


@pytest.fixture
def run(running: Sandbox, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a program of an environment without network access beyond this machine."""
    if _ENVIRONMENTS is None:
        pytest.fail("run `make test-clients`, which creates the environments")
    folder = Path(_ENVIRONMENTS).absolute()
    ready = tmp_path / "ready.json"
    ready.write_text(json.dumps(running.ready()), encoding="utf-8")

    def start(environment: str, program: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        closed_port = "http://127.0.0.1:9"
        clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and name != "PYTHONPATH"}
        home = {"HOME": str(tmp_path), "READY": str(ready), "COLUMNS": "200", "NO_COLOR": "1"}
        proxies = {
            "HTTP_PROXY": closed_port,
            "HTTPS_PROXY": closed_port,
            "ALL_PROXY": closed_port,
            "NO_PROXY": "127.0.0.1,localhost",
        }
        return subprocess.run(
            [str(folder / environment / "bin" / program), *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**clean, **home, **proxies, **variables},
            timeout=280,
            check=False,
        )

    return start
