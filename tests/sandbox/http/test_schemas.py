"""Parsing of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scenecart.sandbox._http import schemas
from scenecart.sandbox._problem import Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from scenecart.sandbox import Sandbox


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "captures"),
        ({"captures": {}}, "captures"),
        ({"captures": [], "splitByDate": "yes"}, "splitByDate"),
    ],
)
def test_invalid_body_names_the_field(box: Sandbox, sign_in: Callable[..., ServiceClient], body: Any, field: str):
    """An invalid body is 422, and the error names the field."""
    answer = sign_in(box).call("orders.archive.estimate", body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", field]


def test_parse_reports_every_invalid_field():
    """All invalid and missing fields are reported at once, with the place inside a list."""
    with pytest.raises(Invalid) as caught:
        schemas.parse(schemas.CatalogSearch, {"ids": ["a", 5], "limit": 0})
    assert [entry["loc"] for entry in caught.value.document["detail"]] == [
        ["body", "host_name"],
        ["body", "ids", "1"],
        ["body", "limit"],
    ]


def test_parse_query_converts_text():
    """In a query numbers are text, lists are separated by commas, and objects are JSON."""
    query = {"host_name": ["aurora"], "ids": ["a,b", "c"], "bbox": ["1,2,3,4"], "limit": ["5"], "query": ['{"gsd": {"lt": 1}}']}
    request = schemas.parse(schemas.CatalogSearch, query, from_query=True)
    assert (request.ids, request.bbox, request.limit) == (["a", "b", "c"], [1.0, 2.0, 3.0, 4.0], 5)
    assert request.query == {"gsd": {"lt": 1}}


@pytest.mark.parametrize(
    ("query", "status"),
    [({"intersects": ["{"]}, 400), ({"limit": ["null"]}, 422), ({"ids": [",".join("a" * 101)]}, 422)],
)
def test_parse_query_invalid_value_is_refused(query: dict[str, list[str]], status: int):
    """Invalid JSON, null and more than 100 values are refused in a query."""
    with pytest.raises(Problem) as caught:
        schemas.parse(schemas.CatalogSearch, {"host_name": ["aurora"], **query}, from_query=True)
    assert caught.value.status == status


def test_order_id_accepts_either_field():
    """An order is named by `order_id` or by `id`; without both the error names `order_id`."""
    assert schemas.OrderId(id="a").value() == schemas.OrderId(order_id="a").value() == "a"
    with pytest.raises(Invalid) as caught:
        schemas.OrderId().value()
    assert caught.value.document["detail"][0]["loc"] == ["body", "order_id"]
