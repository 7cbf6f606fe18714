"""Rejects unknown keywords, with the nearest known one."""

from __future__ import annotations

import functools
import inspect
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from scenecart.exceptions import UnknownKeyword

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

F = TypeVar("F", bound="Callable[..., Any]")

_MIN_SIMILARITY = 0.5
# what other packages call an area of interest
_OTHER_NAMES = dict.fromkeys(("area", "clip", "geometry", "roi"), "aoi")
_NOT_BY_NAME = frozenset({inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD})


def checked_keywords(
    *, also: Callable[..., Any] | None = None, without: Collection[str] = (), elsewhere: Mapping[str, str] | None = None
) -> Callable[[F], F]:
    """Make a function raise :class:`UnknownKeyword`, with the nearest known name, for a keyword that it does not have.

    The function keeps its signature for readers and type checkers.

    Parameters
    ----------
    also
        The function to which ``**keywords`` are passed on, if it takes any; its keywords are known as well.
    without
        Keywords of ``also`` that are not allowed.
    elsewhere
        Hints for keywords that belong to another function, by name.

    Examples
    --------
    >>> from scenecart._util.keywords import checked_keywords
    >>> def build(*, max_cloud_cover=None): ...
    >>> @checked_keywords(also=build)
    ... def search(**criteria): ...
    >>> search(max_cloud_cov=20)
    Traceback (most recent call last):
    scenecart.UnknownKeyword: search() has no keyword 'max_cloud_cov'.
    Did you mean 'max_cloud_cover'?
    """

    def decorate(function: F) -> F:
        handed_on = {} if also is None else {name: one for name, one in _keywords(also).items() if name not in without}
        # a class is called by its own name, a method without that of its class
        called = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]
        known = [name for name in {**_keywords(function), **handed_on} if name not in {"self", "cls"}]

        @functools.wraps(function)
        def checked(*arguments: Any, **keywords: Any) -> Any:
            for name in keywords:
                if name not in known:
                    raise UnknownKeyword(
                        f"{called}() has no keyword {name!r}.",
                        code="keyword_unknown",
                        hint=(elsewhere or {}).get(name) or _nearest(name, known),
                        details={"keyword": name},
                    )
            return function(*arguments, **keywords)

        return checked  # type: ignore[return-value]  # wraps keeps the signature

    return decorate


def _keywords(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return {name: one for name, one in inspect.signature(function).parameters.items() if one.kind not in _NOT_BY_NAME}


def _nearest(name: str, known: list[str]) -> str:
    other = _OTHER_NAMES.get(name)
    near = [other] if other in known else get_close_matches(name, known, n=1, cutoff=_MIN_SIMILARITY)
    return f"Did you mean {near[0]!r}?" if near else f"Its keywords are {', '.join(known)}."
