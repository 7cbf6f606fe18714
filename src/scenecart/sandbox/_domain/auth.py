"""Authentication: principals, passwords, API keys, access tokens and rate limits."""

from __future__ import annotations

import json
import secrets
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt

from scenecart.sandbox._domain.caller import Caller
from scenecart.sandbox._domain.device_flow import DEVICE_GRANT, DeviceFlow, digest, oauth_problem
from scenecart.sandbox._domain.ledger import transfer
from scenecart.sandbox._problem import Problem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from scenecart.sandbox._data.storage import Storage

KEY_PREFIX = "gpra_"
_REFRESH_SECONDS = 1_800
_LISTED_TOKEN_SECONDS = 30 * 24 * 3_600
_WINDOW_SECONDS = 60
_READS = ("catalog:read", "orders:read", "items:read", "provenance:read", "billing:read")


@dataclass(frozen=True)
class _Principal:
    """A principal of a new sandbox, and the organization that it is the first member of."""

    name: str
    organization: str
    billing_mode: str = "credit"
    card: str | None = None
    credits: int = 0
    auto_top_up: int | None = None
    is_user: bool = True
    key_scopes: tuple[str, ...] = _READS
    acts_for: str | None = None


_PRINCIPALS = [
    _Principal("analyst", "harbour-watch", credits=5_000_000),
    _Principal("broke", "small-change", credits=10),
    _Principal("auto", "self-filling", card="good", credits=10, auto_top_up=100_000),
    _Principal("card", "pay-as-you-go", "card", "good"),
    _Principal("declined", "maxed-out", "card", "declined"),
    _Principal("secure", "careful-buyer", "card", "secure"),
    _Principal("enterprise", "big-survey", "enterprise"),
    _Principal("other", "elsewhere", credits=5_000_000),
    _Principal("robot", "harbour-watch", is_user=False),
    _Principal("delegate", "harbour-watch", is_user=False, key_scopes=(*_READS, "orders:write"), acts_for="analyst"),
]


class Authenticator:
    """Issues access tokens, authenticates requests and enforces rate limits."""

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        self.token_seconds = 300
        self.limits: dict[str, int] | None = {"calls": 600, "places": 60}
        self.device_flow = DeviceFlow(storage, clock)
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}
        self._lock = threading.Lock()
        if storage.is_new:
            self._create_principals()
        self._secret = storage.setting("signing-secret") or ""

    def principals(self) -> dict[str, dict[str, str | None]]:
        """Return the credentials of every principal, with a token that is valid for 30 days."""
        rows = self._storage.read.execute("SELECT * FROM principal ORDER BY name")
        return {
            row["name"]: {
                "token": self.token(row["name"], _LISTED_TOKEN_SECONDS) if row["username"] else row["api_key"],
                "api_key": row["api_key"],
                "username": row["username"],
                "password": row["password"],
                "project": row["project"],
            }
            for row in rows
        }

    def names(self, *, users: bool = False) -> list[str]:
        """Return the names of all principals, or only of those with a user name."""
        where = "WHERE username IS NOT NULL" if users else ""
        rows = self._storage.read.execute(f"SELECT name FROM principal {where} ORDER BY name")  # noqa: S608  # built from fixed parts
        return [str(row["name"]) for row in rows]

    def organization(self, name: str) -> str | None:
        """Return the id of a principal's organization, or None for an unknown principal."""
        row = self._row("name = ?", name)
        return None if row is None else str(row["organization"])

    def token(self, name: str, seconds: float | None = None) -> str:
        """Return a new access token of a user."""
        row = self._row("name = ?", name)
        if row is None:
            raise KeyError(name)
        return self._issue(row, json.loads(row["scopes"]), self.token_seconds if seconds is None else seconds)

    def grant(self, fields: dict[str, str]) -> dict[str, Any]:
        """Answer a request to the token endpoint.

        Raises
        ------
        Problem
            An OAuth error.
        """
        kind = fields.get("grant_type")
        if kind == "password":
            row = self._row("username = ?", fields.get("username"))
            if row is None or not secrets.compare_digest(row["password"].encode(), fields.get("password", "").encode()):
                raise oauth_problem(401, "invalid_grant", "wrong user name or password")
            return self._token_response(row, json.loads(row["scopes"]), with_refresh=True)
        if kind == "client_credentials":
            row = self._row("api_key = ?", fields.get("client_secret"))
            if row is None:
                raise oauth_problem(401, "invalid_client", "unknown API key")
            return self._token_response(row, json.loads(row["key_scopes"]), with_refresh=False, kind="api_key")
        if kind == "refresh_token":
            return self._refresh(fields.get("refresh_token", ""))
        if kind == DEVICE_GRANT:
            row = self.device_flow.redeem(fields.get("device_code", ""), fields.get("code_verifier", ""))
            return self._token_response(self._row("name = ?", row["principal"]), ["*"], with_refresh=True)
        raise oauth_problem(
            400, "unsupported_grant_type", f"grant_type must be client_credentials, password, refresh_token or {DEVICE_GRANT}"
        )

    def sign_out(self, fields: dict[str, str]) -> None:
        """Delete a refresh token."""
        with self._storage.write() as database:
            database.execute("DELETE FROM refresh_token WHERE digest = ?", (digest(fields.get("refresh_token", "")),))

    def authenticate(self, authorization: str | None, key: str | None) -> Caller:
        """Return the caller of a request.

        Raises
        ------
        Problem
            401, if the token or key is missing, invalid or expired.
        """
        scheme, _, credential = (authorization or "").partition(" ")
        credential = credential.strip() if scheme.lower() == "bearer" else (key or "")
        if not credential:
            raise _unauthorized("the token is missing")
        if credential.startswith(KEY_PREFIX):
            row = self._row("api_key = ?", credential)
            if row is None:
                raise _unauthorized("unknown API key")
            return self._caller(row, json.loads(row["key_scopes"]), "api_key")
        try:
            claims = jwt.decode(credential, self._secret, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})
        except jwt.PyJWTError:
            raise _unauthorized("the token is not valid") from None
        if claims.get("exp", 0) <= self._clock():
            raise _unauthorized("the token has expired")
        row = self._row("name = ?", claims.get("principal"))
        if row is None:
            raise _unauthorized("the token is not valid")
        return self._caller(row, str(claims.get("scope", "")).split(), str(claims.get("principal_type")))

    def check_rate_limit(self, caller: Caller, kind: str) -> None:
        """Count a call against the organization's limit per minute.

        Raises
        ------
        Problem
            429 above the limit, with the seconds until the next minute.
        """
        if self.limits is None:
            return
        now = self._clock()
        window = int(now // _WINDOW_SECONDS)
        with self._lock:
            current, used = self._windows.get((caller.organization, kind), (window, 0))
            used = used + 1 if current == window else 1
            self._windows[caller.organization, kind] = (window, used)
        if used > self.limits[kind]:
            wait = max(1, int((window + 1) * _WINDOW_SECONDS - now) + 1)
            raise Problem(429, f"more than {self.limits[kind]} {kind} per minute", headers={"Retry-After": str(wait)})

    def _refresh(self, token: str) -> dict[str, Any]:
        with self._storage.write() as database:
            found = database.execute(
                "DELETE FROM refresh_token WHERE digest = ? RETURNING principal, expires", (digest(token),)
            ).fetchone()
        if found is None or found["expires"] <= self._clock():
            raise oauth_problem(400, "invalid_grant", "the refresh token is unknown, expired or already used")
        row = self._row("name = ?", found["principal"])
        return self._token_response(row, json.loads(row["scopes"]), with_refresh=True)

    def _token_response(self, row: Any, scopes: list[str], *, with_refresh: bool, kind: str = "user") -> dict[str, Any]:
        answer = {
            "access_token": self._issue(row, scopes, self.token_seconds, kind),
            "token_type": "Bearer",
            "expires_in": self.token_seconds,
            "scope": " ".join(scopes),
        }
        if with_refresh:
            token = secrets.token_urlsafe(32)
            expires = self._clock() + _REFRESH_SECONDS
            with self._storage.write() as database:
                database.execute("DELETE FROM refresh_token WHERE expires <= ?", (self._clock(),))
                database.execute("INSERT INTO refresh_token VALUES (?, ?, ?)", (digest(token), row["name"], expires))
            answer |= {"refresh_token": token, "refresh_expires_in": _REFRESH_SECONDS}
        return answer

    def _issue(self, row: Any, scopes: list[str], seconds: float, kind: str = "user") -> str:
        now = self._clock()
        claims = {
            "sub": row["subject"],
            "principal": row["name"],
            "principal_type": kind,
            "scope": " ".join(scopes),
            "iat": int(now),
            "exp": now + seconds,
            "jti": secrets.token_hex(8),
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def _row(self, where: str, value: object) -> Any:
        return self._storage.read.execute(f"SELECT * FROM principal WHERE {where}", (value,)).fetchone()  # noqa: S608  # conditions are literals of this module

    def _caller(self, row: Any, scopes: list[str], kind: str) -> Caller:
        mode = self._storage.read.execute("SELECT billing_mode FROM organization WHERE id = ?", (row["organization"],)).fetchone()
        who = row["name"], row["subject"], row["organization"], row["project"]
        owner = None if row["acts_for"] is None else str(self._row("name = ?", row["acts_for"])["subject"])
        return Caller(*who, mode["billing_mode"], tuple(scopes), "delegated" if owner else kind, owner)

    def _create_principals(self) -> None:
        """Create organizations, projects and principals; ids and secrets are different in every new database."""
        organizations: dict[str, tuple[str, str]] = {}
        with self._storage.write() as database:
            database.execute("INSERT INTO setting VALUES ('signing-secret', ?)", (secrets.token_hex(32),))
            database.execute("INSERT INTO setting VALUES ('file-secret', ?)", (secrets.token_hex(32),))
            for principal in _PRINCIPALS:
                if principal.organization not in organizations:
                    organizations[principal.organization] = self._create_organization(database, principal)
                username = f"{principal.name}@{principal.organization}.example" if principal.is_user else None
                values = (
                    principal.name,
                    str(uuid.uuid4()),
                    *organizations[principal.organization],
                    username,
                    secrets.token_urlsafe(12) if principal.is_user else None,
                    KEY_PREFIX + secrets.token_urlsafe(24),
                    json.dumps(["*"] if principal.is_user else principal.key_scopes),
                    json.dumps(principal.key_scopes),
                    principal.acts_for,
                )
                database.execute("INSERT INTO principal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def _create_organization(self, database: sqlite3.Connection, principal: _Principal) -> tuple[str, str]:
        """Create an organization with its accounts and one project; return both ids."""
        organization, project = str(uuid.uuid4()), str(uuid.uuid4())
        database.execute(
            "INSERT INTO organization VALUES (?, ?, ?, ?, ?)",
            (organization, principal.organization, principal.billing_mode, principal.card, principal.auto_top_up),
        )
        database.execute("INSERT INTO project VALUES (?, ?)", (project, organization))
        for kind in ("issued", "available", "reserved", "income"):
            database.execute("INSERT INTO account (organization, kind) VALUES (?, ?)", (organization, kind))
        if principal.credits:
            transfer(database, "top-up", organization, None, principal.credits, self._clock())
        return organization, project


def _unauthorized(detail: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": "Bearer"})
