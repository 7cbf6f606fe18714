"""Signing in by device flow."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from conftest import Clock
    from scenecart.sandbox import Sandbox

TOKEN = "/realms/public/protocol/openid-connect/token"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def grant(box: Sandbox, **fields: Any) -> httpx.Response:
    return httpx.post(box.url + TOKEN, data=fields)


def begin(box: Sandbox, **fields: str) -> dict[str, Any]:
    answer = httpx.post(box.url + TOKEN.replace("token", "auth/device"), data={"client_id": "geopera-cli", **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_redeem_approved_code_signs_in_once(box: Sandbox, clock: Clock):
    """A program gets tokens after its code is approved, as the approving principal, and only once."""
    verifier = "x" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    pending = begin(box, code_challenge=challenge, code_challenge_method="S256")
    request = {"grant_type": DEVICE_GRANT, "device_code": pending["device_code"], "client_id": "geopera-cli"}
    assert grant(box, **request, code_verifier=verifier).json()["error"] == "authorization_pending"
    assert grant(box, **request, code_verifier=verifier).json()["error"] == "slow_down"
    box.approve_device(pending["user_code"], "enterprise")
    clock.now += 5
    assert grant(box, **request, code_verifier="y" * 43).json()["error"] == "invalid_grant"
    signed = grant(box, **request, code_verifier=verifier)
    assert signed.status_code == 200
    headers = {"Authorization": f"Bearer {signed.json()['access_token']}"}
    info = httpx.get(box.url + TOKEN.replace("token", "userinfo"), headers=headers).json()
    assert (info["preferred_username"], info["geopera_principal_type"]) == ("enterprise", "user")
    assert grant(box, **request, code_verifier=verifier).json()["error"] == "invalid_grant"
    assert grant(box, grant_type="refresh_token", refresh_token=signed.json()["refresh_token"]).status_code == 200


def test_redeem_denied_or_expired_code_is_refused(box: Sandbox, clock: Clock):
    """A denied sign-in is access_denied; one that was not approved in time is expired_token."""
    refused, forgotten = begin(box), begin(box)
    box.approve_device(refused["user_code"], None)
    assert grant(box, grant_type=DEVICE_GRANT, device_code=refused["device_code"]).json()["error"] == "access_denied"
    clock.now += 601
    assert grant(box, grant_type=DEVICE_GRANT, device_code=forgotten["device_code"]).json()["error"] == "expired_token"
    assert httpx.post(f"{box.url}/device", data={"user_code": forgotten["user_code"], "decision": "approve"}).status_code == 404


def test_redeem_wrong_code_verifier_is_refused(box: Sandbox):
    """A wrong code_verifier is refused, also with letters outside ASCII; the method `plain` is not accepted."""
    pending = begin(box, code_challenge="ünlikely", code_challenge_method="S256")
    answer = grant(box, grant_type=DEVICE_GRANT, device_code=pending["device_code"], code_verifier="é")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    plain = httpx.post(box.url + TOKEN.replace("token", "auth/device"), data={"client_id": "a", "code_challenge": "b"})
    assert plain.json()["error"] == "invalid_request"
