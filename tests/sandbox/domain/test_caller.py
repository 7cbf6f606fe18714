"""Scopes of a caller."""

from __future__ import annotations

import pytest

from scenecart.sandbox._domain.caller import Caller


@pytest.mark.parametrize(
    ("held", "may"),
    [
        (["orders:read"], {"orders:read"}),
        (["orders:*"], {"orders:read", "orders:write"}),
        (["*:read"], {"orders:read", "items:read"}),
        (["*"], {"orders:read", "orders:write", "items:read"}),
        (["orders"], set()),
        ([], set()),
    ],
)
def test_has_scope_matches_exactly_or_by_wildcard(held: list[str], may: set[str]):
    """A scope matches itself, `resource:*`, `*:action` and `*`."""
    caller = Caller("a", "a", "a", "a", "credit", tuple(held), "user")
    assert {scope for scope in ("orders:read", "orders:write", "items:read") if caller.has_scope(scope)} == may
