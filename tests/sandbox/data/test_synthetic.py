"""The generated captures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _http_client import ServiceClient

HARBOUR = [151.18, -33.99, 151.24, -33.94]
AURORA: dict[str, Any] = {"host_name": "aurora", "collections": ["aurora-50cm"]}


def test_hosts_have_different_properties(shared_box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """There are priced optical captures, radar without cloud cover, and free captures."""
    client = sign_in(shared_box)
    firsts = {
        host: client.search(host_name=host, collections=shared_box.hosts[host], limit=1)[0]["properties"]
        for host in ("aurora", "lumen", "openterra")
    }
    assert firsts["aurora"]["price:credits_per_km2"] > 0
    assert "eo:cloud_cover" not in firsts["lumen"]
    assert firsts["lumen"]["sar:frequency_band"] == "X"
    assert "price:credits_per_km2" not in firsts["openterra"]


def test_generate_same_seed_gives_same_captures(tmp_path: Path, sign_in: Callable[..., ServiceClient]):
    """Two sandboxes with the same seed have the same captures byte for byte; another seed gives others."""
    request = {**AURORA, "limit": 50}

    def features(folder: str, seed: int) -> str:
        # a folder of its own has captures of its own
        with Sandbox(tmp_path / folder, captures=3_000, seed=seed, pace="instant") as box:
            return sign_in(box).call("catalog.search", request).text.replace(box.url, "")

    first = features("first", 1)
    assert first == features("same", 1)
    assert first != features("another", 7)
