"""Tracebacks without secrets: ``%xmode Verbose`` and debuggers show the local variables of every frame."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from scenecart.exceptions import ScenecartError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


def hide_frames(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function whose errors, interrupts included, keep no frame of it, of what it calls, and no argument.

    Examples
    --------
    >>> from scenecart._util.tracebacks import hide_frames
    >>> hide_frames(int)("5")
    5
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001  # raised again below
            raised = without_frames(error)
        # a traceback shows the local variables of this frame
        del args, kwargs
        try:
            raise raised
        finally:
            # the traceback of the error refers to this frame
            del raised

    return call


def without_frames(error: BaseException) -> BaseException:
    """Return an error without the frames and the errors that led to it; a foreign error keeps the place where it was raised."""
    if isinstance(error, Exception) and not isinstance(error, ScenecartError) and not getattr(error, "__notes__", None):
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        if frame is not None:
            error.add_note(f"Raised in {Path(frame.tb_frame.f_code.co_filename).name}, line {frame.tb_lineno}.")
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
