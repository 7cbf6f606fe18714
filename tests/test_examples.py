"""The examples in docstrings, and the notebooks' shape."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import scenecart


def _modules() -> list[str]:
    found = pkgutil.walk_packages(scenecart.__path__, "scenecart.")
    return ["scenecart", *(module.name for module in found)]


@pytest.mark.parametrize("name", _modules())
def test_examples_in_docstrings_run(name: str):
    """Every example in a docstring runs and gives what it shows."""
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE, raise_on_error=False)
    assert result.failed == 0
