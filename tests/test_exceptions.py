"""Errors and warnings: messages about arguments, codes, hints, and retries."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import scenecart
from _expect import raises
from scenecart import exceptions
from scenecart.exceptions import message_about, missing_extra, not_captures, reword, warn


def test_error_message_begins_with_its_argument():
    """An error about an argument names it first; the command line names the option instead."""
    error = scenecart.InvalidQuery("must be a whole number, got 'x'.", argument="limit", code="not_a_count")
    assert error.message == error.args[0] == "limit must be a whole number, got 'x'."
    assert message_about(error, "--limit") == "--limit must be a whole number, got 'x'."
    other = scenecart.InvalidQuery("A search needs collections.")
    assert message_about(other, "--limit") == other.message


def test_error_text_has_message_and_hint():
    """The text of an error is its message and, on a line of its own, its hint."""
    assert str(scenecart.NotFound("No order.", hint="Check the id.")) == "No order.\nCheck the id."
    assert str(scenecart.NotFound("No order.")) == "No order."


@pytest.mark.parametrize("name", [name for name in exceptions.PUBLIC if name != "ScenecartWarning"])
def test_error_has_a_code_by_its_class(name: str):
    """An error without a code of its own has that of its class, in snake_case."""
    kind = getattr(scenecart, name)
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    assert kind("message").code == words.lstrip("_")
    assert kind("message", code="special_case").code == "special_case"
    assert kind("message").code != "special_case"


def test_error_details_are_its_own_copy():
    """The details of an error are not changed by those who made or read it."""
    details = {"order_id": "o-1"}
    error = scenecart.OrderFailed("Failed.", details=details)
    details["order_id"] = "o-2"
    assert error.details == {"order_id": "o-1"}
    assert scenecart.OrderFailed("Failed.").details == {}


def test_reword_replaces_message_code_and_hint():
    """A caller that knows more can say more, and keeps what it does not replace."""
    error = scenecart.NotFound("Not found.", argument="order_id", code="not_found", hint="Check it.")
    reword(error, "There is no order 'x'.", code="order_not_found")
    assert (error.message, error.args, error.argument) == ("There is no order 'x'.", ("There is no order 'x'.",), None)
    assert (error.code, error.hint) == ("order_not_found", "Check it.")


def test_reword_message_that_begins_with_the_argument_keeps_it():
    """A longer message about the same argument is still about it, so it can be shown under another name."""
    error = scenecart.InvalidRequest("must be a str, got 5.", argument="project")
    reword(error, f"{error.message} Nothing was ordered.")
    assert error.argument == "project"
    assert message_about(error, "--project") == "--project must be a str, got 5. Nothing was ordered."


def test_missing_extra_names_package_and_extra():
    """If a package is missing, the error names it and says what to install."""
    error = missing_extra("Planning a cover needs", ModuleNotFoundError(name="scipy.optimize"), "cover")
    assert (type(error), error.code) == (scenecart.MissingExtra, "extra_missing")
    assert isinstance(error, ImportError)
    assert "'scipy'" in error.message
    assert 'pip install "scenecart[cover]"' in error.hint


def test_not_captures_is_about_captures():
    """Anything but a GeoDataFrame of captures is refused as that argument."""
    error = not_captures([1])
    assert (type(error), error.code, error.argument) == (scenecart.InvalidQuery, "captures_invalid", "captures")


@pytest.mark.parametrize("kind", [scenecart.CardDeclined, scenecart.PlacementUnknown])
def test_retry_calls_what_was_bound(kind: type[scenecart.CardDeclined]):
    """A placement that failed can be retried by its error, if it came from a client."""
    error = kind("Failed.")
    with raises(scenecart.ConfigurationError, "retry_unavailable"):
        error.retry()
    error.bind(lambda: "an order")
    assert error.retry() == "an order"


def test_warning_points_at_the_callers_line():
    """A warning names the line outside of scenecart, its code and its hint."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn("Something changed.", code="something_changed", hint="Look at it.")
    (record,) = caught
    assert Path(record.filename) == Path(__file__)
    assert isinstance(record.message, scenecart.ScenecartWarning)
    assert (record.message.message, record.message.code, record.message.hint) == (
        "Something changed.", "something_changed", "Look at it.",
    )  # fmt: skip
    assert str(record.message) == "Something changed. Look at it."
