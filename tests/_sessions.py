"""Sessions with a scripted service, on a clock that only sleeping moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._api.credentials import Credentials, Secret
from scenecart._api.http import Session
from scenecart._api.operations import Operation

if TYPE_CHECKING:
    from _scripted_service import ScriptedService

READ = Operation("some.read", safe=True)
KEY = "00000000-0000-4000-8000-000000000001"


class Clock:
    """A clock that only sleeping moves; it records each sleep."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def make_session(service: ScriptedService, clock: Clock | None = None, *, limits: Any = None, **credentials: Any) -> Session:
    """Return a session that signs in with the given credentials, by default a token; each random wait is the longest."""
    clock = clock or Clock()
    signed_in = Credentials(service.url, "test", **(credentials or {"token": Secret("a-token")}))
    return Session(signed_in, limits=limits, clock=clock, now=clock, sleep=clock.sleep, uniform=lambda _, longest: longest)
