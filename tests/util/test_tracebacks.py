"""Tracebacks without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scenecart
from scenecart._util.tracebacks import hide_frames

if TYPE_CHECKING:
    from types import TracebackType


def fail(kind: type[BaseException], secret: str) -> None:
    """Fail with an error that has a cause, both raised where a secret is a local variable."""
    try:
        int(secret)
    except ValueError as error:
        raise kind("failed") from error


def values_in(traceback: TracebackType | None) -> str:
    """Return the local variables of the frames of a traceback, except those of this file's tests."""
    found = []
    while traceback is not None:
        if not traceback.tb_frame.f_code.co_name.startswith("test_"):
            found.append(repr(traceback.tb_frame.f_locals))
        traceback = traceback.tb_next
    return " ".join(found)


@pytest.mark.parametrize("kind", [scenecart.ServiceError, KeyboardInterrupt, SystemExit, RuntimeError])
def test_hidden_frames_are_in_no_traceback(kind: type[BaseException]):
    """An error or interrupt keeps neither the frames below, nor their arguments, nor the errors that led to it."""
    with pytest.raises(kind) as caught:
        hide_frames(fail)(kind, secret="very-private")
    assert "very-private" not in values_in(caught.value.__traceback__)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_hidden_error_of_another_library_names_its_place():
    """An error that is not scenecart's own keeps the file and line where it was raised, to find a fault by."""
    with pytest.raises(RuntimeError) as caught:
        hide_frames(fail)(RuntimeError, "very-private")
    assert caught.value.__notes__[0].startswith("Raised in test_tracebacks.py, line ")


def test_hidden_function_returns_what_it_returned():
    """Without an error, nothing is different."""
    assert hide_frames(int)("5") == 5
