"""The authenticated caller of a request and its scopes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """The principal that a request comes from."""

    name: str
    subject: str
    organization: str
    project: str
    billing_mode: str
    scopes: tuple[str, ...]
    # user, api_key or delegated
    kind: str
    acts_for: str | None = None

    def has_scope(self, scope: str) -> bool:
        """Return whether the caller has a scope, exactly or by wildcard."""
        resource, _, action = scope.partition(":")
        return any(held in {scope, "*", f"{resource}:*", f"*:{action}"} for held in self.scopes)
