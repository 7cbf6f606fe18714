"""Dialects of accounts, over plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from _ledger_check import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from scenecart.sandbox import Sandbox

REALM = "/realms/public/protocol/openid-connect"


def test_problem_errors_list_fields(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """A 422 of any operation is a problem document with a list of errors in two forms."""
    client = sign_in(serve("problem-errors"))
    for path in ("/v1/op/catalog.search", "/v1/catalog/search", "/v2/orders"):
        answer = client.http.post(path, json={"host_name": 5, "limit": 0})
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        forms = [set(entry) for entry in answer.json()["errors"][:2]]
        assert forms == [{"field", "message"}, {"pointer", "detail"}]
    assert client.call("catalog.search", {"host_name": "archive", "collections": ["test"]}).status_code == 200


def test_problem_errors_hide_the_payment_secret_elsewhere(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """The secret of 3-D Secure is nested in detail or has another name; it completes the payment for the same key."""
    box = serve("problem-errors")
    client = sign_in(box, "secure")
    problems = [client.place("first", key="k").json() for _ in range(3)]
    secrets = {
        problems[0]["detail"]["client_secret"],
        problems[1]["detail"]["clientSecret"],
        problems[2]["payment_intent_client_secret"],
    }
    assert len(secrets) == 1
    box.complete_challenge(secrets.pop())
    assert client.place("first", key="k").status_code == 202
    assert reconcile(box) == 1


@pytest.mark.parametrize(
    ("name", "card", "code"),
    [("broke", None, "BALANCE_TOO_LOW"), ("declined", "declined", "DO_NOT_HONOR"), ("declined", None, "NO_FUNDING_SOURCE")],
)
def test_problem_errors_use_other_words_for_payment(
    serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], name: str, card: str | None, code: str
):
    """The kinds of a 402 have other words, no type and no numbers."""
    box = serve("problem-errors")
    box.attach_card(name, card)
    refused = sign_in(box, name).place("first")
    assert refused.status_code == 402
    assert (refused.json()["code"], refused.json()["type"]) == (code, "about:blank")
    assert set(refused.json()) == {"type", "title", "status", "detail", "code"}


def test_direct_keys_refuse_the_exchange(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """An API key gets no token; as bearer token or X-API-Key it works, and so do other grants."""
    box = serve("direct-keys")
    robot = box.principals["robot"]
    fields = {"grant_type": "client_credentials", "client_id": "geopera", "client_secret": robot["api_key"]}
    assert [httpx.post(f"{box.url}{REALM}/token", data=fields).status_code for _ in range(4)] == [400, 401, 422, 400]
    assert sign_in(box, "robot").call("orders.list").status_code == 200
    by_header = httpx.post(f"{box.url}/v1/op/orders.list", json={}, headers={"X-API-Key": robot["api_key"] or ""})
    assert by_header.status_code == 200
    analyst = box.principals["analyst"]
    password = {"grant_type": "password", "username": analyst["username"], "password": analyst["password"]}
    assert httpx.post(f"{box.url}{REALM}/token", data=password).status_code == 200


@pytest.mark.parametrize(
    ("variant", "names"),
    [
        ("geopera", {"sub", "geopera_org_id", "geopera_principal_id", "geopera_principal_type"}),
        ("sub", {"sub"}),
        ("camel", {"sub", "organizationId", "preferredUsername"}),
    ],
)
def test_other_names_userinfo_names_the_organization_differently(
    serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], variant: str, names: set[str]
):
    """The organization has another name, or is not named; each call is alike."""
    client = sign_in(serve(f"other-names:{variant}"))
    first, second = (client.http.get(f"{REALM}/userinfo").json() for _ in range(2))
    assert first == second
    assert set(first) == names or (variant == "camel" and set(first) > names)
    assert "organization_id" not in first


def test_other_names_in_camel_case(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """Estimates and balances have names in camelCase too."""
    client = sign_in(serve("other-names:camel"))
    estimate = client.call("orders.archive.estimate", {"captures": client.captures_of("first")}).json()
    assert set(estimate) == {"groups", "errors", "totalAud", "totalCredits"}
    assert "aoiKm2" in estimate["groups"][0]
    assert "balanceCredits" in client.call("billing.credits.balance").json()


def test_flaky_identity_fails_every_third_time(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """Two of three userinfo are right; the third is an error, null, an empty object or a page."""
    client = sign_in(serve("flaky-identity"))
    answers = [client.http.get(f"{REALM}/userinfo") for _ in range(21)]
    right = [answer.json()["sub"] for number, answer in enumerate(answers) if number % 3 != 2]
    assert len(set(right)) == 1
    wrong = answers[2::3]
    assert [answer.status_code for answer in wrong] == [404, 405, 501, 200, 200, 200, 408]
    assert [answer.text for answer in wrong[3:5]] == ["null", "{}"]
    assert wrong[5].headers["content-type"].startswith("text/html")
