"""httpx as the library loads it."""

from __future__ import annotations

import subprocess
import sys


def test_httpx_is_loaded_without_its_command_line_and_stays_whole():
    """Connecting does not load the command line of httpx; whoever imports it later gets it."""
    code = """
import sys, scenecart.client
assert not [name for name in ("rich", "click", "pygments") if name in sys.modules]
import httpx, httpx._main
assert callable(httpx._main.main) and httpx.Client().close() is None
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
