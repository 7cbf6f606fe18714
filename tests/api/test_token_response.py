"""Responses of the token endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scenecart._api.token_response import TokenResponse, parse_token_response


def parsed(**answer: Any) -> TokenResponse:
    return parse_token_response(json.dumps(answer).encode())


def test_token_response_is_read_and_never_prints():
    """Both tokens, the lifetime and the scopes are read, and no secret prints."""
    response = parsed(access_token="very-private", refresh_token="private-too", expires_in="300", scope="openid")
    assert response.access is not None
    assert response.refresh is not None
    assert (response.access.reveal(), response.refresh.reveal()) == ("very-private", "private-too")
    assert (response.seconds, response.scope, response.error) == (300.0, "openid", "")
    assert "private" not in repr(response)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"5", b'{"access_token": " "}', b'{"access_token": "a b"}', b"{" * 10_000])
def test_response_without_token_says_nothing(body: bytes):
    """What contains no valid token is an empty response, never an exception."""
    assert parse_token_response(body) == TokenResponse()


@pytest.mark.parametrize(("error", "expected"), [("invalid_grant", "invalid_grant"), ("<b>", ""), (5, ""), ("x" * 100, "")])
def test_error_code_is_one_short_word(error: object, expected: str):
    """The error code of OAuth is kept if it is one, and other text is not."""
    assert parsed(error=error).error == expected
