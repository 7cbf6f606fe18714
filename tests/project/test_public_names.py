"""The public names of scenecart, and what importing them costs."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import scenecart
from _scripted_service import answer, feature, page
from scenecart import exceptions

if TYPE_CHECKING:
    from _scripted_service import ScriptedService


def test_import_scenecart_loads_nothing_heavy():
    """`import scenecart` loads no geopandas, no httpx, no sandbox and no plotting."""
    heavy = ["geopandas", "pandas", "numpy", "shapely", "httpx", "pyarrow", "matplotlib", "ipyleaflet", "ipywidgets",
             "starlette", "uvicorn", "rasterio", "scenecart.sandbox", "jinja2", "rich"]  # fmt: skip
    code = f"import sys, scenecart; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_first_search_loads_only_what_it_needs(service: ScriptedService):
    """A first search with a token loads nothing for files, locks, plans, pictures or purchases, which a user would wait for."""
    service.put("catalog.search", answer(page(feature(), numberMatched=1)))
    heavy = ["pyarrow.parquet", "filelock", "tomllib", "pystac", "pystac_client", "xarray", "rasterio", "scipy", "PIL",
             "matplotlib", "jinja2", "scenecart._cover.planner", "scenecart._cart.files", "scenecart._delivery.download",
             "scenecart._imagery.stack", "scenecart._watch.watch_file", "scenecart._client.ordering", "scenecart._api.schemas",
             "scenecart._cart.cart", "scenecart._orders.order", "scenecart._orders.placement",
             "scenecart._office.budgets"]  # fmt: skip
    code = (
        "import sys, scenecart\n"
        f"client = scenecart.connect(base_url={service.url!r}, token='x', project='p')\n"
        "assert len(client.search('h', collections=['c'], limit=1)) == 1\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_connect_without_extras_searches_and_buys():
    """With the core's packages alone, everything works but sandbox, reports and widgets, which name their extra."""
    extras = ["starlette", "uvicorn", "rasterio", "jwt", "matplotlib", "reportlab", "ipyleaflet", "ipywidgets"]
    code = (
        f"import sys\nfor name in {extras!r}: sys.modules[name] = None\n"
        "import scenecart\n"
        "for name in scenecart.__all__:\n"
        "    if name not in ('report', 'sandbox'): getattr(scenecart, name)\n"
        "client = scenecart.connect(base_url='http://127.0.0.1:9', token='x')\n"
        "try: scenecart.sandbox\n"
        "except scenecart.MissingExtra as error: print(error)\n"
        "try: scenecart.report.write(None, 'cart.pdf')\n"
        "except scenecart.MissingExtra as error: print(error)\n"
        "try: scenecart.connect('sandbox')\n"
        "except scenecart.MissingExtra as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "scenecart[report]"' in done.stdout
    assert done.stdout.count('pip install "scenecart[sandbox]"') == 2


def test_all_of_scenecart_is_sorted_and_exists():
    """`__all__` is sorted, every name in it exists, and nothing is named twice."""
    assert scenecart.__all__ == sorted(set(scenecart.__all__))
    for name in scenecart.__all__:
        assert getattr(scenecart, name) is not None
    assert dir(scenecart) == scenecart.__all__


def test_error_class_is_public_and_in_the_tree():
    """Each error can be caught by its public name, and is in the tree at the top of its module."""
    for name in exceptions.__all__:
        assert name in scenecart.__all__
        assert getattr(scenecart, name).__module__ == "scenecart"
        assert name == "ScenecartWarning" or re.search(rf"\b{name}\b", exceptions.__doc__)


def test_public_name_has_the_public_module():
    """Tracebacks and reprs show public names as scenecart.X."""
    for name in scenecart.__all__:
        assert getattr(getattr(scenecart, name), "__module__", "scenecart") == "scenecart", name


def test_unknown_public_name_is_an_attribute_error():
    """A misspelled public name is an AttributeError that names it."""
    with pytest.raises(AttributeError, match="conect"):
        scenecart.conect  # noqa: B018  # the access is the point
