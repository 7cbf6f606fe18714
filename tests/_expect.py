"""Errors and warnings expected by type and code; their wording is asserted in one snapshot, tests/messages.txt."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

import pytest

from scenecart import ScenecartError, ScenecartWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

E = TypeVar("E", bound=ScenecartError)


@contextlib.contextmanager
def raises(kind: type[E], code: str) -> Iterator[pytest.ExceptionInfo[E]]:
    """Expect an error of exactly this type and code."""
    with pytest.raises(kind) as caught:
        yield caught
    assert (type(caught.value), caught.value.code) == (kind, code)


@contextlib.contextmanager
def warns(*codes: str) -> Iterator[pytest.WarningsRecorder]:
    """Expect warnings of scenecart with these codes, and no others of its own."""
    with pytest.warns(ScenecartWarning) as caught:
        yield caught
    assert [one.message.code for one in caught if isinstance(one.message, ScenecartWarning)] == list(codes)
