"""Parameters of tests that run in every suite, and more of the same kind that run before a release only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable


def first_of(values: Iterable[Any], count: int) -> list[Any]:
    """Return all values; those after the first so many are marked as ``thorough``."""
    return [value if number < count else pytest.param(value, marks=pytest.mark.thorough) for number, value in enumerate(values)]
