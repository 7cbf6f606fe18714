"""The pages of the sandbox as people see and use them."""

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
    """Give a sandbox whose orders take their time."""
    with Sandbox(pace="real") as running:
        yield running


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Give a narrow page in either theme; complaints of the browser fail the test."""
    page = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme=request.param)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    page.close()
    assert [text for text in complaints if "favicon" not in text and "404" not in text] == []


def is_whole(page: Page) -> bool:
    """Tell whether nothing is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def refused(box: Sandbox, caller: httpx.Client) -> httpx.Response:
    """Try to buy as someone whose bank asks first."""
    asked = {"host_name": "aurora", "collections": ["aurora-50cm"], "limit": 1}
    capture = caller.post("/v1/op/catalog.search", json=asked).json()["features"][0]
    wanted = [{"id": capture["id"], "geometry": capture["geometry"]}]
    body = {"projectId": box.principals["secure"]["project"], "captures": wanted}
    return caller.post("/v1/op/orders.archive.place", json=body, headers={"Idempotency-Key": str(id(caller))})


def test_a_person_completes_the_challenge(box: Sandbox, page: Page):
    """The page of a 402 shows what is to be paid; after Confirm the same key buys, and the page says so."""
    headers = {"Authorization": f"Bearer {box.token('secure')}"}
    with httpx.Client(base_url=box.url, headers=headers, timeout=20) as caller:
        problem = refused(box, caller)
        assert problem.status_code == 402
        page.goto(problem.json()["challenge_url"])
        assert "A$" in page.locator(".amount").inner_text()
        assert is_whole(page)
        page.get_by_role("button", name="Confirm").click()
        assert "confirmed" in page.locator("h1").inner_text()
        assert is_whole(page)
        assert refused(box, caller).status_code == 202
        page.reload()
        assert "charged" in page.locator("h1").inner_text()


def test_a_person_approves_a_sign_in(box: Sandbox, page: Page):
    """The page of a waiting sign-in knows its code, takes a name, and a wrong code is said beside the field."""
    waiting = httpx.post(f"{box.url}{REALM}/auth/device", data={"client_id": "geopera-cli"}).json()
    page.goto(waiting["verification_uri_complete"])
    code = page.get_by_label("Code")
    assert code.input_value() == waiting["user_code"]
    code.fill("AAAA-AAAA")
    page.get_by_role("button", name="Approve").click()
    assert "No sign-in waits" in page.get_by_role("alert").inner_text()
    assert is_whole(page)
    page.get_by_label("Code").fill(waiting["user_code"].lower())
    page.get_by_label("Sign in as").select_option("card")
    page.get_by_role("button", name="Approve").click()
    assert "Signed in as card" in page.locator("h1").inner_text()
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": waiting["device_code"]}
    assert httpx.post(f"{box.url}{REALM}/token", data=grant).status_code == 200


def test_the_first_page_says_what_runs(box: Sandbox, page: Page):
    """The sandbox's own address says what it is and which hosts it has."""
    page.goto(box.url)
    assert "running" in page.locator("h1").inner_text()
    assert page.locator("dt").all_inner_texts() == sorted(box.hosts)
    assert is_whole(page)
