"""Other people's clients work with the sandbox unchanged."""

from __future__ import annotations

import json
import re
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from scenecart.sandbox import Sandbox

    Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]
HERE = Path(__file__).parent
SCHEMAS = Path(__file__).resolve().parents[3] / "shared" / "reference" / "json-schemas"
SYDNEY = {"type": "Polygon", "coordinates": [[[150, -35], [153, -35], [153, -32], [150, -32], [150, -35]]]}


def printed_json(done: subprocess.CompletedProcess[str]) -> Any:
    """Return the JSON in the last line of a program's output."""
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_official_sdk_orders_and_reads_errors(run: Run):
    """The official SDK searches, prices, orders and downloads, and returns errors as its own types."""
    found = printed_json(run("geopera", "python", str(HERE / "drive_geopera.py")))
    assert found["features"] == 5
    assert found["placed"] == [202, found["credits"]]
    assert found["cancelled"] == [True, "cancelled"]
    assert found["status"] == "delivered"
    assert (found["groups"], found["assets"], found["listed"]) == (1, 1, 2)
    assert all(found[name] for name in ("stac", "search", "signed"))
    assert found["lineage"] == ["order", "capture"]
    assert found["transactions"] == ["settle", "refund", "reserve", "reserve"]
    assert found["quicklook"] == 307
    assert found["refused"] == ["HTTPValidationError", ["body", "collections"]]
    assert found["missing"] == ["Problem", 404]


def test_official_cli_signs_in_by_key_and_calls_operations(run: Run, running: Sandbox, tmp_path: Path):
    """The official command line signs in by key, lists and calls operations, and reports errors."""
    url, robot = running.url, running.principals["robot"]

    def geopera(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run("geopera", "geopera", *arguments, GEOPERA_API_URL=url)

    signed = geopera("login", "--api-key", robot["api_key"] or "")
    assert "Logged in as" in signed.stdout, signed.stderr
    assert "principal_type:  api_key" in geopera("whoami").stdout
    assert "orders.archive.place" in geopera("op", "--list").stdout.split()
    searched = geopera("op", "catalog.search", json.dumps({"host_name": "lumen", "collections": ["lumen-spot"], "limit": 2}))
    assert len(json.loads(searched.stdout)["features"]) == 2
    refused = geopera("op", "orders.archive.place", json.dumps({"projectId": robot["project"], "captures": [{}]}))
    assert "orders:write" in refused.stderr
    store = tmp_path / ".config" / "geopera" / "credentials.json"
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


def test_official_cli_signs_in_by_device_flow(run: Run, running: Sandbox, tmp_path: Path):
    """`geopera login` waits until the sign-in is approved on the page, and is then signed in as the approving principal."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # only this needs it

    with ThreadPoolExecutor(1) as threads:
        # the program prints its code only at the end, so it is read from the database
        waiting = threads.submit(run, "geopera", "geopera", "login", "--no-browser", GEOPERA_API_URL=running.url)
        deadline = time.monotonic() + 30
        code = None
        while code is None and time.monotonic() < deadline:
            time.sleep(0.2)
            code = _pending_code(running)
        assert code is not None
        page = httpx.get(f"{running.url}/device", params={"user_code": code})
        assert code in page.text
        answer = httpx.post(f"{running.url}/device", data={"user_code": code, "principal": "card", "decision": "approve"})
        assert "Signed in as card" in answer.text
        done = waiting.result(60)
    assert "Logged in as" in done.stdout, done.stderr
    who = run("geopera", "geopera", "whoami", "--json", GEOPERA_API_URL=running.url)
    assert json.loads(who.stdout)["preferred_username"] == "card"
    assert "Logged out" in run("geopera", "geopera", "logout", GEOPERA_API_URL=running.url).stdout


def _pending_code(box: Sandbox) -> str | None:
    import contextlib  # noqa: PLC0415  # only this needs it
    import sqlite3  # noqa: PLC0415  # likewise

    with contextlib.closing(sqlite3.connect(box.data / "sandbox.sqlite")) as database:
        row = database.execute("SELECT user_code FROM device WHERE state = 'pending'").fetchone()
    return None if row is None else str(row[0])


def test_up42_client_orders_tracks_and_downloads(run: Run, tmp_path: Path):
    """up42-py searches, estimates, places, tracks, lists, cancels, tags and downloads."""
    found = printed_json(run("up42", "python", str(HERE / "drive_up42.py"), str(tmp_path)))
    assert found["hosts"] == ["aurora-30cm", "aurora-50cm", "aurora-legacy", "lumen-spot", "openterra-10m"]
    assert found["estimate"] == [True, "SQ_KM", "OrderError"]
    assert found["wrong"] == 1
    assert found["status"] == "FULFILLED"
    assert found["details"] == ["ARCHIVE", True]
    assert found["cancelled"][0] is True
    assert found["fulfilled"] == [True]
    assert found["tags"] == ["evening"]
    assert found["downloaded"] in {"II", "MM"}  # how every TIFF begins


@pytest.mark.parametrize(("root", "scene"), [("stac", None), ("v2/assets/stac", None), ("v2/catalog", "aurora-50cm")])
def test_stac_apis_conform(run: Run, running: Sandbox, root: str, scene: str | None):
    """The STAC API validator finds no errors in core, collections, features and item search."""
    if not SCHEMAS.is_dir():
        pytest.skip("the JSON schemas are not beside this checkout")
    caller = httpx.Client(base_url=running.url, headers={"Authorization": f"Bearer {running.principals['analyst']['token']}"})
    with caller:
        _deliver(caller, running)
        scene = scene or caller.get(f"/{root}/collections").json()["collections"][0]["id"]
    classes = [part for name in ("core", "collections", "features", "item-search") for part in ("--conformance", name)]
    done = run(
        "stac",
        "python",
        str(HERE / "drive_validator.py"),
        str(SCHEMAS),
        *("--root-url", f"{running.url}/{root}/", "--collection", scene, "--geometry", json.dumps(SYDNEY), *classes),
        *("-H", f"Authorization: Bearer {running.principals['analyst']['token']}"),
    )
    report = done.stdout + done.stderr
    assert done.returncode == 0, report[-4000:]
    assert re.search(r"Errors:\s+none", report), report[-4000:]
    assert "Item Search conformance class" in report


def _deliver(caller: httpx.Client, box: Sandbox) -> None:
    """Deliver an order, unless it is delivered already."""
    search = {"host_name": "aurora", "collections": ["aurora-50cm"], "bbox": [151.18, -33.99, 151.24, -33.94], "limit": 3}
    found = caller.post("/v1/op/catalog.search", json=search).json()["features"]
    captures = [{"id": one["id"], "geometry": one["geometry"]} for one in found]
    body = {"projectId": box.principals["analyst"]["project"], "captures": captures}
    order = caller.post("/v1/op/orders.archive.place", json=body, headers={"Idempotency-Key": "for-the-validator"}).json()["id"]
    box.advance(60)
    deadline = time.monotonic() + 30
    while caller.get("/v1/op/orders.get", params={"id": order}).json()["status"] != "delivered":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_openapi_document_matches_behaviour(run: Run, running: Sandbox):
    """Responses to thousands of generated requests match the sandbox's own OpenAPI document.

    One check is excluded: that every request that matches the schemas is accepted. Which captures exist, which areas lie within
    a footprint, and which page tokens are valid cannot be expressed in a schema.
    """
    done = run(
        "schemathesis",
        "schemathesis",
        *("run", f"{running.url}/openapi.json", "-H", f"Authorization: Bearer {running.principals['analyst']['token']}"),
        *("--checks", "all", "--exclude-checks", "positive_data_acceptance", "-n", "15", "--max-time", "60"),
        *("--generation-database", "none", "--seed", "20261123", "--no-color"),
    )
    assert done.returncode == 0, done.stdout[:6000]
    assert re.search(r"[1-9]\d{2,} generated", done.stdout), done.stdout[-2000:]
