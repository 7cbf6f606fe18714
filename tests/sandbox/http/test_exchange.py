"""The values that dialects are made of."""

from __future__ import annotations

from typing import Any

import pytest

from scenecart.sandbox._http.exchange import ActiveDialect, Dialect, Reply, as_number, replace_values


@pytest.mark.parametrize(
    ("value", "number"),
    [(5, 5), ("5", 5), (True, None), (None, None), ("5.0", None), ("٥", None), ("9" * 16, None), ("", None)],
)
def test_as_number_reads_whole_numbers(value: Any, number: int | None):
    """A whole number is read, also as ASCII text; anything else is none."""
    assert as_number(value) == number


def test_replace_values_replaces_texts_at_any_depth():
    """Texts that equal a key are replaced in objects and lists; names of fields stay."""
    assert replace_values({"a": ["a", "ab", {"b": "a"}], "n": 1}, {"a": 7}) == {"a": [7, "ab", {"b": 7}], "n": 1}


def test_active_dialect_takes_turns_unless_a_variant_is_chosen():
    """The variants take turns by number; a chosen one is used always."""
    dialect = Dialect("name", "A summary.", ("one", "two"))
    assert [ActiveDialect(dialect, None).variant_of_call(number) for number in range(3)] == ["one", "two", "one"]
    assert [ActiveDialect(dialect, "two").variant_of_call(number) for number in range(3)] == ["two"] * 3
    assert dialect.description == "A summary. Variants: one, two."


@pytest.mark.parametrize(
    ("reply", "is_success"),
    [
        (Reply(200, b"{}", "application/json"), True),
        (Reply(202, b"{}", "application/geo+json"), True),
        (Reply(204), False),
        (Reply(200, b"<p>", "text/html"), False),
        (Reply(404, b"{}", "application/problem+json"), False),
    ],
)
def test_reply_is_success_for_json_documents(reply: Reply, is_success: bool):  # noqa: FBT001  # an expectation
    """Only a JSON document of status 2xx is rewritten as a success."""
    assert reply.is_success is is_success
