"""Validation of STAC items with the published JSON schemas, from a folder on this machine."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

SCHEMAS = Path(__file__).resolve().parents[2] / "shared" / "reference" / "json-schemas"
_ITEM = "https://schemas.stacspec.org/v{}/item-spec/json-schema/item.json"


def require_schemas() -> None:
    """Skip the test unless the schemas are beside this checkout."""
    if not SCHEMAS.is_dir():
        pytest.skip("the folder of JSON schemas, ../shared/reference/json-schemas, is not on this machine")


def problems_of(item: dict[str, Any]) -> list[str]:
    """Return what is wrong with an item by the schema of its version and those of its extensions; nothing if it is valid."""
    urls = [_ITEM.format(item["stac_version"]), *item["stac_extensions"]]
    return [f"{url}: {error.json_path}: {error.message[:200]}" for url in urls for error in _validator(url).iter_errors(item)]


@cache
def _validator(url: str) -> Draft7Validator:
    schema = _read(url)
    return Draft7Validator(schema, registry=Registry(retrieve=lambda name: Resource.from_contents(_read(name), DRAFT7)))


@cache
def _read(url: str) -> Any:
    parts = urlsplit(url)
    return json.loads((SCHEMAS / f"{parts.hostname}{parts.path}").read_text(encoding="utf-8"))
