"""How a command ends: exit codes, and output that cannot be printed or is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from _cli import COMMAND, SEARCH, account, environment, run

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox

PLACE = ["place", "one.parquet", "--again", "--yes", "--max-credits", "9999999"]
# how a shell makes an output unwritable
OUTPUTS = {"closed": 'exec "$@" >&-', "full": 'exec "$@" >/dev/full', "all full": 'exec "$@" >/dev/full 2>&1'}


def run_unwritable(output: str, *arguments: str, box: Sandbox, cwd: Path, home: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command whose output cannot be written."""
    return subprocess.run(
        ["/bin/sh", "-c", OUTPUTS[output], "sh", *COMMAND, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(box, **home),
        timeout=250,
        check=False,
    )


def placements(box: Sandbox, cwd: Path, home: dict[str, str]) -> list[dict[str, str]]:
    """Return the placements in the journal."""
    return json.loads(run("placements", "--json", box=box, cwd=cwd, **home).stdout)


@pytest.mark.parametrize("output", ["closed", "full"])
def test_place_unprintable_order_is_printed_to_stderr(box: Sandbox, tmp_path: Path, home: dict[str, str], output: str):
    """After an order, an output that cannot be written is no failure: the order's id goes to standard error."""
    done = run_unwritable(output, *PLACE, "--json", box=box, cwd=tmp_path, home=home)
    (order,) = placements(box, tmp_path, home)
    assert order["state"] == "placed"
    assert done.returncode == 6
    assert order["order_id"] in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_place_reader_left_is_success(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """A reader of the output may leave: the order's id goes to standard error, and the exit code is 0."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, *PLACE, "--json"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(box, **home),
        timeout=250,
        check=False,
    )
    os.close(write)
    (order,) = placements(box, tmp_path, home)
    assert done.returncode == 0
    assert order["order_id"] in done.stderr.splitlines()[-1]
    assert done.stderr.endswith("Broken pipe.\n")


@pytest.mark.parametrize("output", OUTPUTS)
def test_place_unprintable_price_buys_nothing(box: Sandbox, tmp_path: Path, home: dict[str, str], output: str):
    """If the price cannot be displayed, nothing is bought, and standard error says so in two lines."""
    done = run_unwritable(output, *PLACE, box=box, cwd=tmp_path, home=home)
    assert done.returncode == 1
    assert placements(box, tmp_path, home) == []
    if output != "all full":
        assert done.stderr.startswith("scenecart: ")
        assert done.stderr.endswith("\n  Nothing was ordered.\n")
        assert done.stderr.count("\n") == 2


@pytest.mark.parametrize("arguments", [["orders"], ["placements", "--json"], ["--help"]])
@pytest.mark.parametrize("output", ["closed", "full"])
def test_unprintable_output_is_one_line(box: Sandbox, tmp_path: Path, home: dict[str, str], output: str, arguments: list[str]):
    """A command that only reads, with an output that cannot be written, fails with one line."""
    done = run_unwritable(output, *arguments, box=box, cwd=tmp_path, home=home)
    assert done.returncode == 1
    assert done.stderr.startswith("scenecart: ")
    assert done.stderr.count("\n") == 1


def test_unusable_journal_is_reported_once(box: Sandbox, tmp_path: Path):
    """A journal that cannot be opened is not told twice by the commands that need it."""
    (tmp_path / "file").touch()
    home = {"SCENECART_HOME": str(tmp_path / "file" / "home")}
    for command in ("placements", "settle"):
        done = run(command, box=box, cwd=tmp_path, **home)
        assert (done.returncode, done.stderr.count("scenecart: ")) == (1, 1), done.stderr


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        ([*SEARCH, "-o", "found.doc"], "-o"),
        (["report", "o-1", "-o", "out.doc"], "-o"),
        (["estimate", "one.parquet", "--report", "out.doc"], "--report"),
        ([*SEARCH, "--max-cloud-cover", "0.2"], "--max-cloud-cover"),
        (["watch", "add", " ", "aurora", "--collections", "aurora-50cm"], "NAME"),
    ],
)
def test_message_names_an_argument_as_it_was_typed(box: Sandbox, tmp_path: Path, arguments: list[str], typed: str):
    """Errors and warnings about an argument begin with its option, or with its name in the help."""
    done = run(*arguments, box=box, cwd=tmp_path, **account(box, tmp_path / "home"))
    assert done.stderr.startswith(f"scenecart: {typed} "), done.stderr


def test_unreachable_service_orders_nothing(tmp_path: Path, box: Sandbox, home: dict[str, str]):
    """If the service cannot be reached, `place` says that nothing was ordered, and other commands do not."""
    unreachable = {**home, "SCENECART_BASE_URL": "http://127.0.0.1:9"}
    done = run(*PLACE, box=box, cwd=tmp_path, pauses=0.01, **unreachable)
    assert done.returncode == 1
    assert done.stderr.endswith("\n  Nothing was ordered.\n")
    listed = run("orders", box=box, cwd=tmp_path, pauses=0.01, **unreachable)
    assert listed.returncode == 1
    assert listed.stderr.startswith("scenecart: ")
    assert "Traceback" not in listed.stderr
    assert "Nothing was ordered" not in listed.stderr


def test_unfinished_purchases_of_another_account_are_not_mentioned(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """A purchase without payment is mentioned to its own account, not to another one, which can list it."""
    broke = {**home, "SCENECART_PROJECT": box.principals["broke"]["project"] or ""}
    assert run(*PLACE, box=box, principal="broke", cwd=tmp_path, **broke).returncode == 3
    assert "1 placement" in run("orders", box=box, principal="broke", **broke).stderr
    assert run("orders", box=box, **home).stderr == ""
    status = run("login-status", box=box, **home).stdout
    assert "none; 1 placement of other accounts on this machine" in " ".join(status.split())
    own = json.loads(run("login-status", "--json", box=box, principal="broke", **broke).stdout)
    assert own["unfinished_placements"] == 1
    assert [one["state"] for one in placements(box, tmp_path, home)] == ["unpaid"]


def test_unsafe_url_of_a_variable_names_the_variable(tmp_path: Path, box: Sandbox):
    """An unsafe URL in the environment is not blamed on an option."""
    done = run("orders", box=box, cwd=tmp_path, SCENECART_BASE_URL="http://other.example")
    assert done.returncode == 1
    assert done.stderr.startswith("scenecart: SCENECART_BASE_URL ")


def test_missing_sign_in_names_the_sandbox(tmp_path: Path):
    """Without a sign-in, the message names the sandbox as a profile."""
    done = run(*SEARCH, HOME=str(tmp_path))
    assert done.returncode == 1
    assert "--profile sandbox" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_interruption_at_the_question_is_printed_on_its_own_line(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """A terminal displays ^C, and the message follows on the next line: before a yes, nothing was ordered."""
    display, terminal = os.openpty()
    with subprocess.Popen(
        [*COMMAND, "place", "one.parquet"],
        cwd=tmp_path,
        env=environment(box, **home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
    ) as place:
        os.close(terminal)
        watch = threading.Timer(90, place.kill)
        watch.start()
        assert any(home["SCENECART_PROJECT"] in line for line in place.stdout or ())
        watch.cancel()
        place.send_signal(signal.SIGINT)
        assert place.wait(60) == 130
    assert os.read(display, 1_000) == b"\r\nInterrupted.\r\n  Nothing was ordered.\r\n"
    os.close(display)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_interruption_while_loading_is_one_line():
    """A command that is interrupted while it loads prints one line, without a traceback."""
    # the signal comes with the import of the parser, however fast the machine is
    code = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'scenecart.cli._parser': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from scenecart.cli import main\n"
        "sys.exit(main(['orders']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")


def test_package_runs_as_the_command_line():
    """``python -m scenecart`` is the command line too."""
    done = subprocess.run([sys.executable, "-m", "scenecart", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("scenecart ")
