"""The service spoken to in plain HTTP, as the wire contract writes it."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx

_SECONDS = 20.0


class Wire:
    """One principal's connection."""

    def __init__(self, url: str, token: str | None, project: str, headers: dict[str, str]) -> None:
        self.url = url
        self.project = project
        signed = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=url, headers={**signed, **headers}, timeout=_SECONDS)

    def close(self) -> None:
        """Hang up."""
        self.http.close()

    def op(self, operation: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        """Call an operation."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.http.post(f"/v1/op/{operation}", json=body or {}, headers=headers)

    def search(self, **body: Any) -> list[dict[str, Any]]:
        """Search, and return the page's features."""
        answer = self.op("catalog.search", body)
        assert answer.status_code == 200, answer.text
        return answer.json()["features"]

    def stream(self, **body: Any) -> list[dict[str, Any]]:
        """Search by stream, and return every feature."""
        answer = self.op("catalog.search_stream", body)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.split("\n") if line]

    def wanted(self, *names: str, host: str = "archive") -> list[dict[str, Any]]:
        """Return captures with their whole footprints, as an order takes them."""
        found = {one["id"]: one for one in self.search(host_name=host, ids=list(names), limit=500)}
        return [{"id": name, "geometry": found[name]["geometry"]} for name in names]

    def place(self, *names: str, key: str | None = None, **body: Any) -> httpx.Response:
        """Place an order for whole footprints."""
        given = {"projectId": self.project, "captures": self.wanted(*names), "licenseType": "standard", **body}
        return self.op("orders.archive.place", given, key=key)

    def wait(self, order_id: str, status: str) -> dict[str, Any]:
        """Wait until an order is in a state."""
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            order = self.op("orders.get", {"id": order_id}).json()
            if order["status"] == status:
                return order
            time.sleep(0.02)
        raise AssertionError(f"the order is {order['status']}, not {status}")
