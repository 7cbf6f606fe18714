"""A sandbox in this process, and other people's programs in environments of their own."""

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


# read at once: a test's own environment holds no settings of scenecart
_MADE = os.environ.get("SCENECART_CLIENTS")


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    """Give a sandbox whose orders are delivered in seconds."""
    with Sandbox(pace="demo") as box:
        box.rate_limits = None
        yield box


@pytest.fixture
def run(running: Sandbox, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a way to run a program of one of the environments; nothing but this machine answers it."""
    if _MADE is None:
        pytest.fail("the environments are made by `make test-clients`")
    folder = Path(_MADE).absolute()
    ready = tmp_path / "ready.json"
    ready.write_text(json.dumps(running.ready()), encoding="utf-8")

    def start(environment: str, program: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        nowhere = "http://127.0.0.1:9"
        clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and name != "PYTHONPATH"}
        home = {"HOME": str(tmp_path), "READY": str(ready), "COLUMNS": "200", "NO_COLOR": "1"}
        closed = {"HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "ALL_PROXY": nowhere, "NO_PROXY": "127.0.0.1,localhost"}
        return subprocess.run(
            [str(folder / environment / "bin" / program), *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**clean, **home, **closed, **variables},
            timeout=280,
            check=False,
        )

    return start
