"""The pages of the sandbox in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

REALM = "/realms/public/protocol/openid-connect"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Return a sandbox whose orders take minutes."""
    with Sandbox(pace="real") as running:
        yield running


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Return a narrow page in a light or dark theme; errors in the console fail the test."""
    page = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme=request.param)
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert [text for text in errors if "favicon" not in text and "404" not in text] == []


def fits_width(page: Page) -> bool:
    """Return whether nothing is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def place(box: Sandbox, caller: httpx.Client) -> httpx.Response:
    """Place an order as the principal whose bank requires 3-D Secure."""
    search = {"host_name": "aurora", "collections": ["aurora-50cm"], "limit": 1}
    capture = caller.post("/v1/op/catalog.search", json=search).json()["features"][0]
    captures = [{"id": capture["id"], "geometry": capture["geometry"]}]
    body = {"projectId": box.principals["secure"]["project"], "captures": captures}
    return caller.post("/v1/op/orders.archive.place", json=body, headers={"Idempotency-Key": str(id(caller))})


def test_challenge_page_confirm_lets_same_key_succeed(box: Sandbox, page: Page):
    """The challenge page shows the amount; after Confirm the same key places the order, and the page shows that it is charged."""
    headers = {"Authorization": f"Bearer {box.token('secure')}"}
    with httpx.Client(base_url=box.url, headers=headers, timeout=20) as caller:
        problem = place(box, caller)
        assert problem.status_code == 402
        page.goto(problem.json()["challenge_url"])
        assert "A$" in page.locator(".amount").inner_text()
        assert fits_width(page)
        page.get_by_role("button", name="Confirm").click()
        assert "confirmed" in page.locator("h1").inner_text()
        assert fits_width(page)
        assert place(box, caller).status_code == 202
        page.reload()
        assert "charged" in page.locator("h1").inner_text()


def test_device_page_approves_sign_in(box: Sandbox, page: Page):
    """The page of a waiting sign-in has its code and a list of principals, and shows an error for a wrong code."""
    waiting = httpx.post(f"{box.url}{REALM}/auth/device", data={"client_id": "geopera-cli"}).json()
    page.goto(waiting["verification_uri_complete"])
    code = page.get_by_label("Code")
    assert code.input_value() == waiting["user_code"]
    code.fill("AAAA-AAAA")
    page.get_by_role("button", name="Approve").click()
    assert page.get_by_role("alert").is_visible()
    assert fits_width(page)
    page.get_by_label("Code").fill(waiting["user_code"].lower())
    page.get_by_label("Sign in as").select_option("card")
    page.get_by_role("button", name="Approve").click()
    assert "Signed in as card" in page.locator("h1").inner_text()
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": waiting["device_code"]}
    assert httpx.post(f"{box.url}{REALM}/token", data=grant).status_code == 200


def test_start_page_lists_hosts(box: Sandbox, page: Page):
    """The start page shows that the sandbox is running, and its hosts."""
    page.goto(box.url)
    assert "running" in page.locator("h1").inner_text()
    assert page.locator("dt").all_inner_texts() == sorted(box.hosts)
    assert fits_width(page)
