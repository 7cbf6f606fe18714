"""The commands sandbox, lab and app."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from _cli import COMMAND, run
from _expect import raises
from scenecart import InvalidRequest
from scenecart.cli._apps_cmd import copy_notebooks
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    """Read the output of a process until it has a text; 90 seconds and 500 lines at most."""
    watch = threading.Timer(90, process.kill)
    watch.start()
    output = ""
    try:
        for line, _ in zip(process.stdout or (), range(500), strict=False):
            output += line
            if wanted in line:
                break
    finally:
        watch.cancel()
    return output


def test_lab_serves_copies_of_the_notebooks(tmp_path: Path):
    """`scenecart lab` serves a folder with every example notebook, and keeps existing files."""
    mine = tmp_path / "work" / "01_first_order.ipynb"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    homes = {name: str(tmp_path / "home") for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    with subprocess.Popen(
        [*COMMAND, "lab", "work", "--no-browser", "--allow-root", "--port", "0"],
        cwd=tmp_path,
        env={**os.environ, **homes},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as lab:
        try:
            output = read_until(lab, "http://127.0.0.1:")
        finally:
            os.killpg(lab.pid, signal.SIGTERM)
    assert "http://127.0.0.1:" in output
    names = {path.name for path in mine.parent.glob("*.ipynb")}
    assert {"01_first_order.ipynb", "08_cover_planning.ipynb", "app.ipynb"} <= names
    assert mine.read_text(encoding="utf-8") == "mine"


def test_app_without_a_sign_in_is_refused(tmp_path: Path):
    """Without a sign-in, the app does not start a server, and ends with the error of every other command."""
    done = run("app", "--no-browser", HOME=str(tmp_path))
    assert done.returncode == 1
    assert "--profile sandbox" in done.stderr
    assert done.stderr.startswith("scenecart: ")


def test_app_on_a_used_port_is_wrong_usage(tmp_path: Path):
    """A port that another program uses is refused with its number, before anything is sent."""
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = str(used.getsockname()[1])
        done = run("app", "--port", port, HOME=str(tmp_path))
    assert done.returncode == 2
    assert f"--port {port}" in done.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root is refused")
def test_lab_as_root_names_the_option(tmp_path: Path):
    """As root, one line names the option that JupyterLab needs, and nothing is copied."""
    done = run("lab", "work", "--no-browser", cwd=tmp_path)
    assert done.returncode == 1
    assert "--allow-root" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "work").exists()


def test_notebooks_to_an_unwritable_folder_are_refused(tmp_path: Path):
    """A folder that cannot be created is refused with an error."""
    (tmp_path / "file").touch()
    with raises(InvalidRequest, "notebooks_not_copied"):
        copy_notebooks(tmp_path / "file" / "work")


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_sandbox_interrupted_while_starting_is_one_line(tmp_path: Path):
    """The sandbox, interrupted while it generates its catalog, stops at once with one line, and starts anew the next time."""
    command = [*COMMAND, "sandbox", "--port", "0", "--data", str(tmp_path / "box"), "--captures", "1000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as box:
        assert box.stdout is not None
        assert box.stdout.readline()
        box.send_signal(signal.SIGINT)
        output, errors = box.communicate(timeout=60)
    assert (box.returncode, output, errors) == (130, "", "Interrupted.\n")
    with Sandbox(tmp_path / "box", captures=1_000) as again:
        assert again.hosts


def test_sandbox_on_a_used_folder_is_refused(tmp_path: Path):
    """A second sandbox on the same folder is refused with one line, and starts once the first has stopped."""
    with Sandbox(tmp_path, captures=1_000):
        done = run("sandbox", "--port", "0", "--data", str(tmp_path), "--captures", "1000")
        assert done.returncode == 1
        assert str(tmp_path) in done.stderr
        assert done.stderr.count("\n") == 1
    with Sandbox(tmp_path, captures=1_000) as box:
        assert box.hosts


def test_sandbox_on_the_folder_of_a_killed_one_starts(tmp_path: Path):
    """A killed sandbox no longer locks its folder."""
    command = [*COMMAND, "sandbox", "--port", "0", "--data", str(tmp_path / "box"), "--captures", "1000"]
    with subprocess.Popen([*command, "--ready-file", str(tmp_path / "ready.json")], stdout=subprocess.DEVNULL) as killed:
        deadline = time.monotonic() + 60
        while not (tmp_path / "ready.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        killed.kill()
        killed.wait(60)
    with Sandbox(tmp_path / "box", captures=1_000) as box:
        assert box.hosts


def test_sandbox_on_a_busy_port_is_refused_at_once(box: Sandbox, tmp_path: Path):
    """A port that another program uses is refused before the catalog is prepared."""
    done = run("sandbox", "--port", box.url.rpartition(":")[2], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")


def test_sandbox_on_an_invalid_port_is_refused(tmp_path: Path):
    """A port that does not exist is refused without a traceback."""
    done = run("sandbox", "--port", "70000", cwd=tmp_path)
    assert done.returncode in {1, 2}
    assert "70000" in done.stderr
    assert "Traceback" not in done.stderr
