"""A plain HTTP client of the ordering service, written from the wire contract."""

from __future__ import annotations

import json
import ssl
import time
from typing import Any

import httpx

_TIMEOUT_SECONDS = 20.0
# on a busy machine the delivery of many orders takes long
_WAIT_SECONDS = 60.0
# its certificates, which no request over loopback needs, take longer to read than most tests
TLS = ssl.create_default_context()


class ServiceClient:
    """The service as one principal uses it."""

    def __init__(self, url: str, token: str | None, project: str, headers: dict[str, str]) -> None:
        self.url = url
        self.project = project
        authorization = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=url, headers={**authorization, **headers}, timeout=_TIMEOUT_SECONDS, verify=TLS)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def call(self, operation: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        """Call an operation."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.http.post(f"/v1/op/{operation}", json=body or {}, headers=headers)

    def search(self, **body: Any) -> list[dict[str, Any]]:
        """Search, and return the features of the first page."""
        answer = self.call("catalog.search", body)
        assert answer.status_code == 200, answer.text
        return answer.json()["features"]

    def stream(self, **body: Any) -> list[dict[str, Any]]:
        """Search by stream, and return all features."""
        answer = self.call("catalog.search_stream", body)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.split("\n") if line]

    def captures_of(self, *names: str, host: str = "archive") -> list[dict[str, Any]]:
        """Return captures with their complete footprints, as in an order."""
        found = {one["id"]: one for one in self.search(host_name=host, ids=list(names), limit=500)}
        return [{"id": name, "geometry": found[name]["geometry"]} for name in names]

    def place(self, *names: str, key: str | None = None, **body: Any) -> httpx.Response:
        """Place an order for complete footprints."""
        order = {"projectId": self.project, "captures": self.captures_of(*names), "licenseType": "standard", **body}
        return self.call("orders.archive.place", order, key=key)

    def wait(self, order_id: str, status: str) -> dict[str, Any]:
        """Wait until an order has a status, and return it."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < deadline:
            order = self.call("orders.get", {"id": order_id}).json()
            if order["status"] == status:
                return order
            time.sleep(0.02)
        raise AssertionError(f"the order is {order['status']}, not {status}")
