"""The sandbox killed at any instant."""

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

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 4


def start(folder: Path, items: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start the command over a data folder, and return what it says once it answers."""
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
def test_nothing_is_lost_when_it_is_killed(tmp_path: Path, small_items: str):
    """Killed again and again in the middle of placements, it keeps every answered order, doubles none, and its books balance."""
    pick = random.Random(7)  # noqa: S311  # instants, not secrets
    geometry = {"type": "Polygon", "coordinates": [[[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1], [0, 0]]]}
    answered: dict[str, str] = {}
    keys: list[str] = []
    for _ in range(ROUNDS):
        process, ready = start(tmp_path, small_items)
        analyst = ready["principals"]["analyst"]
        body = {"projectId": analyst["project"], "captures": [{"id": "first", "geometry": geometry}]}
        headers = {"Authorization": f"Bearer {analyst['token']}"}
        with httpx.Client(base_url=ready["url"], headers=headers, timeout=20) as caller:
            # what was asked before is asked again: the same key gives the order that exists
            for key in keys:
                order = caller.post("/v1/op/orders.archive.place", json=body, headers={"Idempotency-Key": key}).json()["id"]
                assert answered.setdefault(key, order) == order
            kill = threading.Timer(pick.uniform(0.05, 0.6), os.kill, (process.pid, signal.SIGKILL))
            kill.start()
            with contextlib.suppress(httpx.TransportError):
                for _ in range(2_000):
                    keys.append(str(uuid.uuid4()))
                    answer = caller.post("/v1/op/orders.archive.place", json=body, headers={"Idempotency-Key": keys[-1]})
                    answered[keys[-1]] = answer.json()["id"]
            kill.join()
        process.wait(20)
        orders = reconcile(tmp_path / "box")
        assert len(answered) <= orders <= len(keys)
    assert len(set(answered.values())) == len(answered) > ROUNDS
