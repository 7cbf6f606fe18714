"""A keyword that there is not is told with the nearest that there is."""

from __future__ import annotations

import functools
import inspect
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from scenecart.exceptions import UnknownKeyword

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

F = TypeVar("F", bound="Callable[..., Any]")
T = TypeVar("T")

_ALIKE = 0.5
_NOT_BY_NAME = frozenset({inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD})


def checked_keywords(
    *, also: Callable[..., Any] | None = None, without: Collection[str] = (), elsewhere: Mapping[str, str] | None = None
) -> Callable[[F], F]:
    """Let a function refuse keywords that it does not have, by :class:`UnknownKeyword` instead of Python's bare TypeError.

    The function keeps its signature for whoever reads it, people and type checkers alike.

    Parameters
    ----------
    also
        Whose keywords it takes besides its own, and hands on.
    without
        Those of them that it does not take.
    elsewhere
        What to do instead, for keywords that belong to something else.

    Examples
    --------
    >>> from scenecart._util.keywords import checked_keywords
    >>> @checked_keywords()
    ... def search(*, max_cloud_cover=None): ...
    >>> search(max_cloud_cov=20)
    Traceback (most recent call last):
    scenecart.UnknownKeyword: search() has no keyword 'max_cloud_cov'.
    Did you mean 'max_cloud_cover'?
    """

    def decorate(function: F) -> F:
        given = {} if also is None else {name: known for name, known in _keywords(also).items() if name not in without}
        known = [name for name in {**_keywords(function), **given} if name not in {"self", "cls"}]

        @functools.wraps(function)
        def checked(*arguments: Any, **keywords: Any) -> Any:
            for name in keywords:
                if name not in known:
                    what = function.__qualname__.removesuffix(".__init__")
                    raise UnknownKeyword(
                        f"{what}() has no keyword {name!r}.", hint=(elsewhere or {}).get(name) or _nearest(name, known)
                    )
            return function(*arguments, **keywords)

        return checked  # type: ignore[return-value]  # wraps keeps everything of the function but its type

    return decorate


def checked_dataclass(kind: type[T]) -> type[T]:
    """Let a class whose ``__init__`` was made for it, such as a dataclass, refuse keywords as :func:`spelled` does."""
    setattr(kind, "__init__", checked_keywords()(kind.__init__))  # noqa: B010  # assigned, type checkers take it for a method
    return kind


def _keywords(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return {name: one for name, one in inspect.signature(function).parameters.items() if one.kind not in _NOT_BY_NAME}


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=_ALIKE)
    return f"Did you mean {near[0]!r}?" if near else f"It takes {', '.join(known)}."
