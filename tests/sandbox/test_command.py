"""The sandbox's command."""

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
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path


def test_serve_unwritable_ready_file_is_refused(tmp_path: Path, small_items: str):
    """A ready file in a missing folder is an error of one line, and the command ends."""
    ready = str(tmp_path / "nowhere" / "ready.json")
    command = [sys.executable, "-m", "scenecart.cli", "sandbox", "--port", "0", "--items", small_items, "--ready-file", ready]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert ready in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
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
        assert "auto, broke, card, declined, delegate, enterprise, other, robot, secure" in output
        assert str(ready) in output
        assert not [who for who in found["principals"].values() if who["token"] in output]
        assert max(map(len, output.splitlines())) < 200
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


ROUNDS = 4


def start(folder: Path, items: str, *options: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start the command with a data folder, and return its ready file."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "scenecart.cli", "sandbox", "--port", "0", "--data", str(folder / "box"), "--items", items]
    process = subprocess.Popen(
        [*command, "--pace", "instant", "--ready-file", str(ready), *options],
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not ready.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    found: dict[str, Any] = json.loads(ready.read_text(encoding="utf-8"))
    httpx.post(f"{found['url']}/_sandbox/settings", json={"calls_a_minute": 10**6, "places_a_minute": 10**6})
    return process, found


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
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


def test_dialect_help_lists_every_dialect():
    """`--dialect help` prints each dialect with its description and starts nothing."""
    command = [sys.executable, "-m", "scenecart.cli", "sandbox", "--dialect", "help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == list(Sandbox.dialects)


def test_serve_unknown_dialect_is_refused():
    """An unknown dialect is an error of one line with the nearest name."""
    command = [sys.executable, "-m", "scenecart.cli", "sandbox", "--dialect", "cents,bare-order", "--dialect", "awaiting"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "'bare-orders'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_serve_speaks_dialects(tmp_path: Path, small_items: str):
    """The command's sandbox speaks every dialect that is named, in one option or in several."""
    (tmp_path / "box").mkdir()
    process, ready = start(tmp_path, small_items, "--dialect", "other-names:sub,one-based", "--dialect", "seed-orders")
    try:
        with httpx.Client(
            base_url=ready["url"], headers={"Authorization": f"Bearer {ready['principals']['analyst']['token']}"}
        ) as client:
            assert set(client.get("/realms/public/protocol/openid-connect/userinfo").json()) == {"sub"}
            assert set(client.post("/v1/op/orders.list", json={}).json()) == {"content", "total"}
    finally:
        process.terminate()
        process.wait(20)
