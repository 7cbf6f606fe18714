"""The Makefile: what `make` says before it sets anything up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_make_lab_as_root_names_the_option(tmp_path: Path):
    """`make lab` as root fails with one line that names the option, before any package is installed; other users are not asked."""
    shutil.copy(ROOT / "Makefile", tmp_path)

    def make_lab(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "--dry-run", "lab", f"PYTHON={sys.executable}", *arguments]
        # the options of a make that runs the tests are not for this one
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=variables, timeout=60, check=False)

    refused = make_lab("USER_ID=0")
    assert refused.returncode == 2
    assert refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    assert "make lab ARGS=--allow-root" in line
    assert "Error" not in line
    for arguments in (["USER_ID=0", "ARGS=--allow-root"], ["USER_ID=1000"]):
        # the copy has no package to install, so make ends there
        assert "--allow-root" not in make_lab(*arguments).stderr
