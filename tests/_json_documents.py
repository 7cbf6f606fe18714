"""The JSON that commands print, checked against the JSON Schemas of the documentation."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference" / "json"
# the document that each command prints; other commands print the one of their own name
SHARED = {"place": "order", "download": "order", "cancel": "order", "settle": "placements", "resolve": "placements"}


def schema_of(command: str) -> str:
    """Return the name of the schema of a command, such as "watch-run" for `watch run`."""
    return SHARED.get(command, command.replace(" ", "-"))


def _closed(schema: Any) -> Any:
    """Return a schema that refuses members that it does not describe."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(one) for name, one in schema.items()}
    return {"additionalProperties": False, **closed} if "properties" in schema and "type" in schema else closed


@functools.cache
def validator(name: str) -> Draft202012Validator:
    """Return the strict validator of a schema, which also checks its formats."""
    schema = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(_closed(schema), format_checker=Draft202012Validator.FORMAT_CHECKER)


def check(command: str, printed: str) -> Any:
    """Assert that what a command printed is one document as its schema says, and return it."""
    document = json.loads(printed)
    problems = [f"{error.json_path}: {error.message}" for error in validator(schema_of(command)).iter_errors(document)]
    assert problems == [], command
    return document
