"""Whoever is asking."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """Whoever is asking, and what they may do."""

    name: str
    subject: str
    organization: str
    project: str
    billing_mode: str
    scopes: tuple[str, ...]
    by_key: bool

    def may(self, scope: str) -> bool:
        """Tell whether a scope is held, exactly or by wildcard."""
        resource, _, action = scope.partition(":")
        return any(held in {scope, "*", f"{resource}:*", f"*:{action}"} for held in self.scopes)
