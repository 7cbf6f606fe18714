"""The OAuth device flow (RFC 8628) with PKCE (RFC 7636), for programs without a browser."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING, Any

from scenecart.sandbox._problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.sandbox._data.storage import Storage

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_EXPIRES_SECONDS = 600
# consonants that are easy to distinguish; without vowels, codes do not form words
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


class DeviceFlow:
    """Sign-ins that wait for approval in a browser."""

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        self.interval = 1

    def begin(self, fields: dict[str, str], url: str) -> dict[str, Any]:
        """Start a sign-in and return its codes.

        Raises
        ------
        Problem
            An OAuth error.
        """
        challenge = fields.get("code_challenge") or None
        if not fields.get("client_id"):
            raise oauth_problem(400, "invalid_request", "client_id is required")
        if challenge is not None and fields.get("code_challenge_method", "plain") != "S256":
            raise oauth_problem(400, "invalid_request", "code_challenge_method must be S256")
        code = secrets.token_urlsafe(32)
        letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
        user_code = f"{letters[:4]}-{letters[4:]}"
        with self._storage.write() as database:
            database.execute("DELETE FROM device WHERE expires <= ?", (self._clock(),))
            database.execute(
                "INSERT INTO device (digest, user_code, challenge, expires) VALUES (?, ?, ?, ?)",
                (digest(code), user_code, challenge, self._clock() + _EXPIRES_SECONDS),
            )
        return {
            "device_code": code,
            "user_code": user_code,
            "verification_uri": f"{url}/device",
            "verification_uri_complete": f"{url}/device?user_code={user_code}",
            "expires_in": _EXPIRES_SECONDS,
            "interval": self.interval,
        }

    def decide(self, user_code: str, principal: str | None) -> bool:
        """Approve a sign-in as a principal, or deny it with None; return whether it was pending."""
        state = "denied" if principal is None else "approved"
        with self._storage.write() as database:
            changed = database.execute(
                "UPDATE device SET state = ?, principal = ? WHERE user_code = ? AND state = 'pending' AND expires > ?",
                (state, principal, user_code.strip().upper(), self._clock()),
            )
            return changed.rowcount == 1

    def redeem(self, code: str, verifier: str) -> Any:
        """Return the row of an approved sign-in and delete it: a code works once.

        Raises
        ------
        Problem
            An OAuth error, also while the sign-in is pending.
        """
        now = self._clock()
        with self._storage.write() as database:
            row = database.execute("SELECT * FROM device WHERE digest = ?", (digest(code),)).fetchone()
            if row is not None:
                database.execute("UPDATE device SET polled = ? WHERE digest = ?", (now, digest(code)))
        if row is None:
            raise oauth_problem(400, "invalid_grant", "the device code is unknown or already used")
        if row["expires"] <= now:
            raise oauth_problem(400, "expired_token", "the sign-in was not approved in time")
        if row["challenge"] is not None and not secrets.compare_digest(_s256(verifier).encode(), row["challenge"].encode()):
            raise oauth_problem(400, "invalid_grant", "code_verifier does not match the code_challenge")
        if row["state"] == "denied":
            raise oauth_problem(400, "access_denied", "the sign-in was denied")
        if row["state"] == "pending":
            early = now - row["polled"] < self.interval * 0.9
            error = "slow_down" if early else "authorization_pending"
            raise oauth_problem(400, error, f"{row['user_code']} is not approved yet")
        with self._storage.write() as database:
            if database.execute("DELETE FROM device WHERE digest = ?", (digest(code),)).rowcount != 1:
                raise oauth_problem(400, "invalid_grant", "the device code is already used")
        return row


def oauth_problem(status: int, error: str, description: str) -> Problem:
    """Return an error of the token endpoint (RFC 6749), which is not a problem document."""
    problem = Problem(status, description, headers={"Cache-Control": "no-store"})
    problem.document = {"error": error, "error_description": description}
    return problem


def digest(token: str) -> str:
    """Return the hash under which a token is stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _s256(verifier: str) -> str:
    hashed = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
