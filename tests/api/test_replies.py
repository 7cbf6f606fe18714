"""Complete responses: what is not JSON is an error of its own, and shows nothing of its body."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

import scenecart
from _expect import raises
from _scripted_service import Answer, ScriptedService, answer
from _sessions import READ, make_session

NOT_JSON = {
    "html": (Answer(b"<!doctype html><title>Sign in</title>", 200, {"Content-Type": "text/html"}), "response_not_json"),
    "empty": (Answer(b"", 200), "response_empty"),
    "truncated": (Answer(b'{"a": [1, 2', 200, {"Content-Type": "application/json"}), "response_not_json"),
    "nan": (Answer(b'{"a": NaN}', 200, {"Content-Type": "application/json"}), "response_not_json"),
    "utf-16": (Answer('{"a": 1}'.encode("utf-16"), 200, {"Content-Type": "application/json"}), "response_not_json"),
    "deep": (Answer(b"[" * 100_000, 200, {"Content-Type": "application/json"}), "response_not_json"),
    "broken gzip": (
        Answer(gzip.compress(b"{}")[:-6] + b"xxxxxx", 200, {"Content-Encoding": "gzip"}),
        "response_corrupt",
    ),
}


@pytest.mark.parametrize("case", NOT_JSON)
def test_response_that_is_not_json_is_a_service_error(service: ScriptedService, case: str):
    """HTML, nothing, truncated or malformed JSON with a 200 is one clear error, never an empty result."""
    response, code = NOT_JSON[case]
    service.put("some.read", response)
    with raises(scenecart.ServiceError, code) as caught:
        make_session(service).call(READ)
    assert "some.read" in caught.value.message


def test_failed_response_is_in_no_variable_of_the_traceback(service: ScriptedService, connect: Any):
    """A traceback with local variables, as notebooks save it, does not show the body of a failed response."""
    service.put("orders.get", answer({"title": "no", "client_secret": "pi_marker"}, 422))
    with pytest.raises(scenecart.ScenecartError) as caught:
        connect().order("o-1")
    frames = [entry.frame.f_locals for entry in caught.traceback if "scenecart" in str(entry.path)]
    assert frames
    assert not [value for found in frames for value in found.values() if isinstance(value, bytes) and b"pi_marker" in value]
