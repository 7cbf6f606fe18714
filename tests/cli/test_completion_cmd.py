"""The command completion: scripts that a real shell completes with."""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from _cli import environment, run
from scenecart import cli

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox

# what bash does at a Tab, with the words of the line as arguments
_TAB = """
source "$1"; shift
COMP_WORDS=(scenecart "$@"); COMP_CWORD=$#; COMP_LINE="${COMP_WORDS[*]}"; COMP_POINT=${#COMP_LINE}
function=$(complete -p scenecart | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
$function scenecart "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def _script(shell: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert cli.main(["completion", shell]) == 0
    return printed.getvalue()


def _completed(script: Path, *words: str) -> set[str]:
    command = ["bash", "--norc", "-c", _TAB, "bash", str(script), *words]
    done = subprocess.run(command, cwd=script.parent, capture_output=True, text=True, timeout=60, check=True)
    assert not done.stderr
    return {word for word in done.stdout.split("\n") if word}


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the script for bash into a folder with a cart and another folder."""
    path = tmp_path_factory.mktemp("shell") / "scenecart.bash"
    path.write_text(_script("bash"), encoding="utf-8")
    (path.parent / "harbour.cart.parquet").touch()
    (path.parent / "harbour").mkdir()
    return path


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (("wa",), "wait watch"),
        (("watch", "r"), "remove run"),
        (("place", "--max-c"), "--max-credits"),
        (("place", "harbour.c"), "harbour.cart.parquet"),
        (("download", "ORDER", "harb"), "harbour"),
        (("completion", ""), "bash fish zsh"),
        (("place", "x.parquet", "--owned", ""), "buy refuse"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_completion_in_bash_offers_what_fits(script: Path, words: tuple[str, ...], completed: str):
    """At a Tab, bash offers commands, options, choices, files and folders."""
    assert _completed(script, *words) == set(completed.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
def test_completion_with_names_offers_providers_and_collections(box: Sandbox, tmp_path: Path):
    """With --names, bash offers the providers and collections of the service."""
    done = run("completion", "bash", "--names", box=box, cwd=tmp_path)
    assert done.returncode == 0
    path = tmp_path / "scenecart.bash"
    path.write_text(done.stdout, encoding="utf-8")
    assert _completed(path, "search", "au") == {"aurora"}
    assert _completed(path, "search", "aurora", "--collections", "aurora-5") == {"aurora-50cm"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_script_is_read_by_its_shell(shell: str, tmp_path: Path):
    """The script names every command, and zsh and fish read it without an error."""
    path = tmp_path / f"scenecart.{shell}"
    path.write_text(_script(shell), encoding="utf-8")
    assert "max-credits" in path.read_text("utf-8")
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this machine")
    subprocess.run([shell, "--no-execute", str(path)], timeout=60, check=True)


def test_completion_without_its_extra_names_it():
    """Without the package shtab, the error names the extra."""
    code = "import sys; sys.modules['shtab'] = None; from scenecart.cli import main; sys.exit(main(['completion', 'bash']))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert 'pip install "scenecart[completion]"' in done.stderr
