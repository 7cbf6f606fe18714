"""The page about watches: its cron line and its systemd units do what the page says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from _cli import environment
from _docs import DOCS, blocks
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = DOCS / "howto" / "watch.md"
WATCH = ["harbour", "aurora", "--collections", "aurora-50cm", "--bbox=151.18,-33.99,151.24,-33.94", "--datetime", "2024-03"]


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Start a small sandbox."""
    with Sandbox(pace="instant", captures=5_000) as running:
        yield running


def _run(*words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, env=environment(**variables), capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def home(box: Sandbox, tmp_path: Path) -> Path:
    """Return a home with the command, the file of the sign-in, and a watch."""
    settings, programs = tmp_path / ".config" / "scenecart", tmp_path / ".local" / "bin"
    settings.mkdir(parents=True)
    programs.mkdir(parents=True)
    signed_in = {name: value for name, value in environment(box).items() if name.startswith("SCENECART_")}
    signed_in["SCENECART_HOME"] = str(tmp_path / "data")
    (settings / "env").write_text("".join(f"{name}={value}\n" for name, value in signed_in.items()))
    (programs / "scenecart").write_text(f'#!/bin/sh\nexec {sys.executable} -m scenecart.cli "$@"\n')
    (programs / "scenecart").chmod(0o700)
    added = _run(programs / "scenecart", "watch", "add", *WATCH, **signed_in)
    assert added.returncode == 0, added.stderr
    return tmp_path


# cron starts at the next minute only
@pytest.mark.thorough
def test_cron_line_prints_news_once(home: Path):
    """The line of the crontab, run by sh as cron does, prints the news once; afterwards nothing, so that no mail is sent."""
    (line,) = [block.text.strip() for block in blocks(PAGE, "text")]
    command = line.split(" ", 5)[5]
    assert "%" not in command  # cron would cut the line there
    ran = [_run("/bin/sh", "-c", command, HOME=str(home)) for _ in range(2)]
    assert [(done.returncode, done.stderr) for done in ran] == [(0, "")] * 2
    assert "capture" in ran[0].stdout
    assert ran[1].stdout == ""
    assert (home / "harbour.html").is_file()


def test_systemd_units_are_valid(home: Path, tmp_path: Path):
    """Systemd finds nothing to complain about in the service and the timer."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed on this machine")
    service, timer = (block.text.replace("%h", str(home)) for block in blocks(PAGE, "ini") if block.text.startswith("[Unit]"))
    for name, text in {"service": service, "timer": timer}.items():
        (tmp_path / f"scenecart-harbour.{name}").write_text(text)
    units = [str(tmp_path / f"scenecart-harbour.{name}") for name in ("service", "timer")]
    done = _run(program, "verify", "--man=no", *units)
    # the machine's own units may have faults
    assert (done.returncode, [line for line in done.stderr.splitlines() if "scenecart" in line]) == (0, [])
