"""A value that is made at its first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Once(Generic[T]):
    """A value that is made at its first use, and is the same for all threads; two that use it first may both make one.

    It has no lock, which a fork could leave locked.

    Examples
    --------
    >>> from scenecart._util.once import Once
    >>> made = Once(list)
    >>> made() is made()
    True
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[None, T] = {}

    def __call__(self) -> T:
        """Return the value."""
        if None in self._made:
            return self._made[None]
        # of two, the first one is kept
        return self._made.setdefault(None, self._make())
