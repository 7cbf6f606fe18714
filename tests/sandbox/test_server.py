"""Starting and stopping the sandbox, and its command."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from _ledger_check import reconcile
from scenecart.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _http_client import ServiceClient


def test_data_folder_keeps_state_after_restart(tmp_path: Path, small_items: str, sign_in: Callable[..., ServiceClient]):
    """With a data folder, orders, balances and sign-ins survive a restart."""
    with Sandbox(tmp_path / "box", items=small_items, pace="real") as first:
        client = sign_in(first)
        order = client.place("first", key="k").json()
        principals = {name: one["password"] for name, one in first.principals.items()}
    with Sandbox(tmp_path / "box", pace="real") as second:
        client = sign_in(second)
        assert client.call("orders.get", {"id": order["id"]}).json()["status"] == "processing"
        assert client.place("first", key="k").json() == order
        assert {name: one["password"] for name, one in second.principals.items()} == principals


@pytest.mark.parametrize(
    "options",
    [{"pace": "slow"}, {"items": "/nowhere/at/all"}, {"port": 70_000}, {"captures": 0}],
    ids=str,
)
def test_start_invalid_argument_is_refused(options: dict[str, Any]):
    """An invalid argument is an error that begins with its name and shows its value."""
    with pytest.raises(SandboxError) as caught:
        Sandbox(**options).start()
    ((name, value),) = options.items()
    assert str(caught.value).lower().startswith(name)
    assert str(value) in str(caught.value)


def test_start_data_folder_that_is_a_file_is_refused(tmp_path: Path):
    """A data folder that is a file is an error that names it."""
    (tmp_path / "box").write_text("a file")
    with pytest.raises(SandboxError, match=str(tmp_path / "box")):
        Sandbox(tmp_path / "box").start()


def test_advance_beyond_year_9000_is_refused(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The clock cannot be advanced beyond the year 9000, and the sandbox continues."""
    client = sign_in(box)
    answers = {client.http.post("/_sandbox/advance", json={"seconds": 1e9}).status_code for _ in range(250)}
    assert answers == {200, 422}
    with pytest.raises(SandboxError):
        box.advance(1e9)
    assert sign_in(box).call("orders.list").status_code == 200


def test_serve_unwritable_ready_file_is_refused(tmp_path: Path, small_items: str):
    """A ready file in a missing folder is an error of one line, and the command ends."""
    ready = str(tmp_path / "nowhere" / "ready.json")
    command = [sys.executable, "-m", "scenecart.cli", "sandbox", "--port", "0", "--items", small_items, "--ready-file", ready]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert ready in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_serve_writes_ready_file_and_stops_on_sigterm(tmp_path: Path, small_items: str):
    """The command writes its ready file atomically, only for its owner, prints how to sign in, and stops on SIGTERM."""
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "scenecart.cli", "sandbox", "--port", "0", "--items", small_items]
    process = subprocess.Popen([*command, "--ready-file", str(ready), "--pace", "instant"], stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 30
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        found = json.loads(ready.read_text())
        assert set(found) == {"url", "stac_url", "hosts", "principals"}
        assert found["hosts"] == {"archive": ["test"]}
        analyst = found["principals"]["analyst"]
        assert set(analyst) == {"token", "api_key", "username", "password", "project"}
        answer = httpx.get(found["stac_url"], headers={"Authorization": f"Bearer {analyst['token']}"})
        assert answer.json()["type"] == "Catalog"
        assert ready.stat().st_mode & 0o077 == 0
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
        assert small_items in output.splitlines()[0]
        assert found["url"] in output.splitlines()[1]
        assert process.returncode == 0
        for name in ("username", "password", "project"):
            assert f"\nexport SCENECART_{name.upper()}={analyst[name]}\n" in output
        assert "broke, card, declined, enterprise, other, robot, secure" in output
        assert str(ready) in output
        assert not [who for who in found["principals"].values() if who["token"] in output]
        assert max(map(len, output.splitlines())) < 200
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


ROUNDS = 4


def start(folder: Path, items: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start the command with a data folder, and return its ready file."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "scenecart.cli", "sandbox", "--port", "0", "--data", str(folder / "box"), "--items", items]
    process = subprocess.Popen(
        [*command, "--pace", "instant", "--ready-file", str(ready)], stdout=subprocess.DEVNULL, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not ready.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    found: dict[str, Any] = json.loads(ready.read_text(encoding="utf-8"))
    httpx.post(f"{found['url']}/_sandbox/settings", json={"calls_a_minute": 10**6, "places_a_minute": 10**6})
    return process, found


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_kill_during_placements_loses_no_order(tmp_path: Path, small_items: str):
    """After kills during placements every confirmed order exists, none is doubled, and the ledger is balanced."""
    pick = random.Random(7)  # noqa: S311  # instants, not secrets
    geometry = {"type": "Polygon", "coordinates": [[[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1], [0, 0]]]}
    confirmed: dict[str, str] = {}
    keys: list[str] = []
    for _ in range(ROUNDS):
        process, ready = start(tmp_path, small_items)
        analyst = ready["principals"]["analyst"]
        body = {"projectId": analyst["project"], "captures": [{"id": "first", "geometry": geometry}]}
        headers = {"Authorization": f"Bearer {analyst['token']}"}
        with httpx.Client(base_url=ready["url"], headers=headers, timeout=20) as client:
            # repeat all requests: the same key gives the existing order
            for key in keys:
                order = client.post("/v1/op/orders.archive.place", json=body, headers={"Idempotency-Key": key}).json()["id"]
                assert confirmed.setdefault(key, order) == order
            kill = threading.Timer(pick.uniform(0.05, 0.6), os.kill, (process.pid, signal.SIGKILL))
            kill.start()
            with contextlib.suppress(httpx.TransportError):
                for _ in range(2_000):
                    keys.append(str(uuid.uuid4()))
                    answer = client.post("/v1/op/orders.archive.place", json=body, headers={"Idempotency-Key": keys[-1]})
                    confirmed[keys[-1]] = answer.json()["id"]
            kill.join()
        process.wait(20)
        orders = reconcile(tmp_path / "box")
        assert len(confirmed) <= orders <= len(keys)
    assert len(set(confirmed.values())) == len(confirmed) > ROUNDS
