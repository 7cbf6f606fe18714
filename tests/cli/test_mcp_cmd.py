"""The command mcp: its extra, its folder, and an output that is the protocol's alone."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from _cli import environment, run

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox


def test_mcp_without_its_extra_names_it():
    """Without the package mcp, the error names the extra."""
    code = "import sys; sys.modules['mcp'] = None; from scenecart.cli import main; sys.exit(main(['mcp', '--profile', 'sandbox']))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert 'pip install "scenecart[mcp]"' in done.stderr


def test_mcp_with_a_file_as_folder_is_refused(tmp_path: Path):
    """A folder that cannot be made is wrong usage."""
    (tmp_path / "agent").write_text("a file")
    done = run("mcp", "--folder", "agent", cwd=tmp_path)
    assert done.returncode == 2
    assert "--folder" in done.stderr


def test_mcp_ends_when_the_agent_leaves(box: Sandbox, tmp_path: Path):
    """When its input ends, the server ends with 0 and has printed nothing but the protocol."""
    done = run("mcp", "--folder", "agent", box=box, cwd=tmp_path, SCENECART_HOME=str(tmp_path / "home"))
    assert (done.returncode, done.stdout) == (0, "")
