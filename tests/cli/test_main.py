"""How commands end: what they say, and to whom, when they cannot print, cannot write, or are interrupted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from _cli import ASKED, environment, run
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "scenecart.cli"]
PLACE = ["place", "one.parquet", "--again", "--yes", "--max-credits", "9999999"]
# the output of a command is closed, full, or read by nobody
OUTPUTS = {"closed": 'exec "$@" >&-', "full": 'exec "$@" >/dev/full', "all full": 'exec "$@" >/dev/full 2>&1'}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """Give a sandbox for other processes."""
    with Sandbox(pace="instant", captures=20_000) as box:
        box.rate_limits = None
        yield box


@pytest.fixture(scope="module")
def one(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with one capture."""
    folder = tmp_path_factory.mktemp("captures")
    assert run(*ASKED, "--limit", "1", "-o", "one.parquet", box=running, cwd=folder).returncode == 0
    return folder / "one.parquet"


@pytest.fixture
def home(running: Sandbox, one: Path, tmp_path: Path) -> dict[str, str]:
    """Give an analyst's variables, and a file with one capture where commands are run."""
    shutil.copy(one, tmp_path)
    return {"SCENECART_HOME": str(tmp_path / "home"), "SCENECART_PROJECT": running.principals["analyst"]["project"] or ""}


def into(output: str, *arguments: str, box: Sandbox, cwd: Path, home: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the command with an output that takes nothing."""
    return subprocess.run(
        ["/bin/sh", "-c", OUTPUTS[output], "sh", *COMMAND, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(box, **home),
        timeout=100,
        check=False,
    )


def placed(box: Sandbox, cwd: Path, home: dict[str, str]) -> list[dict[str, str]]:
    """Return what the journal knows."""
    return json.loads(run("placements", "--json", box=box, cwd=cwd, **home).stdout)


@pytest.mark.parametrize("output", ["closed", "full"])
def test_an_order_that_cannot_be_printed_is_told(running: Sandbox, tmp_path: Path, home: dict[str, str], output: str):
    """Once something was ordered, an output that takes nothing is no failure: the order's id goes to standard error."""
    done = into(output, *PLACE, "--json", box=running, cwd=tmp_path, home=home)
    (order,) = placed(running, tmp_path, home)
    assert order["state"] == "placed"
    assert done.returncode == 5
    said = f"scenecart: Order {order['order_id']} was placed, but this could not be printed: "
    assert done.stderr.splitlines()[-1].startswith(said)
    assert "Traceback" not in done.stderr


def test_an_order_that_nobody_reads_is_told(running: Sandbox, tmp_path: Path, home: dict[str, str]):
    """Whoever reads the output may leave: what was ordered is told on standard error, and the command is done."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, *PLACE, "--json"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(running, **home),
        timeout=100,
        check=False,
    )
    os.close(write)
    (order,) = placed(running, tmp_path, home)
    assert done.returncode == 0
    assert done.stderr.endswith(f"Order {order['order_id']} was placed, but this could not be printed: Broken pipe.\n")


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_price_that_cannot_be_printed_buys_nothing(running: Sandbox, tmp_path: Path, home: dict[str, str], output: str):
    """Where the price cannot be shown nothing is bought, which is said in one line."""
    done = into(output, *PLACE, box=running, cwd=tmp_path, home=home)
    assert done.returncode == 1
    assert placed(running, tmp_path, home) == []
    if output != "all full":
        assert done.stderr.startswith("scenecart: What there is to say could not be printed: ")
        assert done.stderr.endswith("\n  Nothing was ordered.\n")
        assert done.stderr.count("\n") == 2


@pytest.mark.parametrize("arguments", [["orders"], ["placements", "--json"], ["--help"]])
@pytest.mark.parametrize("output", ["closed", "full"])
def test_what_only_reads_and_cannot_print_is_one_line(
    running: Sandbox, tmp_path: Path, home: dict[str, str], output: str, arguments: list[str]
):
    """A command that only reads, and whose output takes nothing, fails with one line."""
    done = into(output, *arguments, box=running, cwd=tmp_path, home=home)
    assert done.returncode == 1
    assert done.stderr.startswith("scenecart: What there is to say could not be printed: ")
    assert done.stderr.count("\n") == 1


def test_an_output_of_few_letters_is_written_to(running: Sandbox, tmp_path: Path, home: dict[str, str]):
    """Letters that an output does not have are spelled out, and nothing fails for them."""
    done = run("estimate", "one.parquet", box=running, cwd=tmp_path, **home, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "km\\xb2" in done.stdout


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_a_file_that_cannot_be_written_is_told_after_the_result(
    running: Sandbox, tmp_path: Path, home: dict[str, str], extra: list[str]
):
    """The service was asked, so its answer is printed; the file that cannot be written is a failure and no wrong question."""
    for arguments, shown, says in (
        ([*ASKED, "--limit", "1", "-o", "one.parquet/found.parquet"], "AURORA", "The captures cannot be written to"),
        (["estimate", "one.parquet", "--save", "one.parquet/a.cart.parquet"], "otal", "cannot be written to"),
        (["estimate", "one.parquet", "--report", "one.parquet/quote.md"], "otal", "cannot be written to"),
    ):
        done = run(*arguments, *extra, box=running, cwd=tmp_path, **home)
        assert done.returncode == 1, done.stderr
        assert shown in done.stdout
        assert says in done.stderr
        assert not extra or json.loads(done.stdout)


def test_an_asset_that_was_not_delivered_is_a_failure(running: Sandbox, tmp_path: Path, home: dict[str, str]):
    """The order was looked at, so an asset that it does not have is no wrong question."""
    order = json.loads(run(*PLACE, "--json", box=running, cwd=tmp_path, **home).stdout)["id"]
    done = run("download", order, "out", "--wait", "--assets", "nope", box=running, cwd=tmp_path, **home)
    assert done.returncode == 1
    assert "nope" in done.stderr


def test_a_service_that_is_not_there_takes_no_order(tmp_path: Path, running: Sandbox, home: dict[str, str]):
    """Whoever buys from a service that cannot be reached is told that nothing was ordered."""
    done = run(*PLACE, box=running, cwd=tmp_path, **{**home, "SCENECART_BASE_URL": "http://127.0.0.1:9"})
    assert done.returncode == 1
    assert done.stderr.endswith("\n  Nothing was ordered.\n")


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_what_is_interrupted_while_it_loads_says_so():
    """Interrupted before it has begun, a command says so in one line, without a traceback."""
    # the signal comes when the parser is looked for, however fast this machine is
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


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_a_sandbox_is_interrupted_while_its_catalog_is_made(tmp_path: Path):
    """Interrupted before it answers, the sandbox ends at once and in one line, and begins anew the next time."""
    begin = [*COMMAND, "sandbox", "--port", "0", "--data", str(tmp_path / "box"), "--captures"]
    with subprocess.Popen([*begin, "1000000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as box:
        assert box.stdout is not None
        assert "Making its catalog" in box.stdout.readline()
        box.send_signal(signal.SIGINT)
        said, complained = box.communicate(timeout=60)
    assert (box.returncode, said, complained) == (130, "", "Interrupted.\n")
    with Sandbox(tmp_path / "box", captures=1_000) as again:
        assert again.hosts


@pytest.mark.parametrize("columns", ["30", "80"])
def test_no_amount_is_ever_cut(running: Sandbox, tmp_path: Path, home: dict[str, str], columns: str):
    """However narrow the terminal, every price stands whole in one line, and so does an order's id, to be copied."""
    order = json.loads(run(*PLACE, "--json", box=running, cwd=tmp_path, **home).stdout)
    price = f"{order['total_credits']:,}"
    for arguments in (["estimate", "one.parquet"], ["orders"], ["placements"]):
        shown = run(*arguments, box=running, cwd=tmp_path, **{**home, "COLUMNS": columns}).stdout
        assert price in shown
        assert "…" not in shown
        assert (order["id"] in shown) is (arguments != ["estimate", "one.parquet"])
    assert (f"Order: {order['id']}\n" in shown) is (columns != "80")
    account = run("login-status", box=running, cwd=tmp_path, **{**home, "COLUMNS": columns}).stdout
    assert f"{home['SCENECART_PROJECT']}\n" in account


def test_what_is_not_known_of_a_placement_is_left_empty(running: Sandbox, tmp_path: Path, home: dict[str, str]):
    """Placements with an order stand beside one without, and nothing is told of an order that there is not."""
    assert run(*PLACE, box=running, cwd=tmp_path, **home).returncode == 0
    broke = {**home, "SCENECART_PROJECT": running.principals["broke"]["project"] or ""}
    assert run(*PLACE, box=running, who="broke", cwd=tmp_path, **broke).returncode == 3
    shown = run("placements", box=running, cwd=tmp_path, **home).stdout
    assert "placed" in shown
    assert "unpaid" in shown
    assert "nan" not in shown


def test_a_folder_is_one_sandbox_s_at_a_time(tmp_path: Path):
    """A second sandbox on the same folder is refused in one line, and may have it once the first has stopped."""
    with Sandbox(tmp_path, captures=1_000):
        done = run("sandbox", "--port", "0", "--data", str(tmp_path), "--captures", "1000")
        assert done.returncode == 1
        assert done.stderr == f"scenecart: Another sandbox runs on {tmp_path}; stop it, or use another folder.\n"
    with Sandbox(tmp_path, captures=1_000) as box:
        assert box.hosts


def test_a_folder_is_free_once_its_sandbox_was_killed(tmp_path: Path):
    """A sandbox that was killed holds its folder no more."""
    begin = [*COMMAND, "sandbox", "--port", "0", "--data", str(tmp_path / "box"), "--captures", "1000"]
    with subprocess.Popen([*begin, "--ready-file", str(tmp_path / "ready.json")], stdout=subprocess.DEVNULL) as killed:
        deadline = time.monotonic() + 60
        while not (tmp_path / "ready.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        killed.kill()
        killed.wait(60)
    with Sandbox(tmp_path / "box", captures=1_000) as box:
        assert box.hosts


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root is told")
def test_root_is_told_what_jupyterlab_wants(tmp_path: Path):
    """Where JupyterLab would refuse root with a page of log, one line says what to type; nothing is copied."""
    done = run("lab", "work", "--no-browser", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "scenecart: As root JupyterLab starts only with --allow-root.\n"
    assert not (tmp_path / "work").exists()


def test_root_is_told_by_make_before_anything_is_set_up(tmp_path: Path):
    """`make lab` as root is one line that says what to type, and no package is installed for it; anybody else is not asked."""
    shutil.copy(ROOT / "Makefile", tmp_path)

    def lab(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "--dry-run", "lab", f"PYTHON={sys.executable}", *words]
        # a make that runs the tests is not to speak into this one
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environ, timeout=60, check=False)

    refused = lab("USER_ID=0")
    assert refused.returncode == 2
    assert refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    assert "make lab ARGS=--allow-root" in line
    assert "Error" not in line
    for words in (["USER_ID=0", "ARGS=--allow-root"], ["USER_ID=1000"]):
        # the copy has no package beside it to install, which is as far as it gets
        assert "--allow-root" not in lab(*words).stderr
