"""The server of an agent's tools, driven by the official client of the protocol over standard input and output."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import anyio
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from _cli import environment
from scenecart.cli._mcp_server import NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox

AREA = [151.16, -34.0, 151.26, -33.9]


def test_agent_prepares_an_order_over_stdio(box: Sandbox, tmp_path: Path):
    """The official client lists read-only tools, none of which spends, and ends with a cart file and a report."""
    folder = tmp_path / "agent"
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "scenecart.cli", "mcp", "--folder", str(folder)],
        env=environment(box, SCENECART_HOME=str(tmp_path / "home")),
    )

    async def talk() -> None:
        async with Client(stdio_client(server)) as client:
            tools = (await client.list_tools()).tools
            assert [tool.name for tool in tools] == list(NAMES)
            for tool in tools:
                assert tool.annotations is not None
                assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (True, False)
                assert tool.description

            async def call(name: str, **arguments: Any) -> Any:
                answer = await client.call_tool(name, arguments)
                assert not answer.is_error, answer.content
                return answer.structured_content

            # below one percent, which may be meant as a fraction
            wanted = {"collections": ["aurora-50cm"], "datetime": "2024-02", "max_cloud_cover": 0.5}
            found = await call("search", host="aurora", aoi=AREA, **wanted)
            assert found["warnings"]
            plan = await call("cover", captures=found["file"], aoi=AREA, min_coverage=0.01)
            written = await call("report", cart=plan["cart_file"], save_as="quote.html")
            assert written["total_credits"] == plan["estimate"]["total_credits"]
            refused = await client.call_tool("search", {"host": "aurora", "save_as": "none.parquet"})
            assert refused.is_error
            assert "collections" in str(refused.content)
            unknown = await client.call_tool("place", {"captures": plan["cart_file"]})
            assert unknown.is_error

    # Playwright leaves a running event loop in the thread of a worker that has used a browser
    with ThreadPoolExecutor(1) as pool:
        pool.submit(anyio.run, talk).result(100)
    assert sorted(path.name for path in folder.iterdir()) == ["cover.cart.parquet", "found.parquet", "quote.html"]
