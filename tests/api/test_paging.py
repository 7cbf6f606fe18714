"""Pages of results: each form of the next token, and announcements that are not understood."""

from __future__ import annotations

from typing import Any

import pytest

import scenecart
from _expect import raises
from scenecart._api.paging import announced_count, check_count, next_token


@pytest.mark.parametrize(
    ("document", "token"),
    [
        ({"next": "t"}, "t"),
        ({"next": 2}, "2"),
        ({"next": None}, None),
        ({"next": False}, None),
        ({"next": {}}, None),
        ({"next": {"token": "t"}}, "t"),
        ({"next": {"href": "/v1/op/catalog.search?next=t"}}, "t"),
        ({"next": {"body": {"next": "t"}}}, "t"),
        ({"next": "https://x.example/search?token=t"}, "t"),
        ({"next": True, "nextToken": "t"}, "t"),
        ({"next": True, "links": [{"rel": "next", "href": "?next=t"}]}, "t"),
        ({"has_more": True, "pagination": {"next_cursor": "t"}}, "t"),
        ({"has_more": False}, None),
        ({"links": {"next": {"href": "https://x.example/search?next=t"}}}, "t"),
        ({"links": {"next": None}}, None),
        ({"next": ""}, None),
        ({"links": [{"rel": "self"}, {"rel": "next", "body": {"token": "t"}}]}, "t"),
        ({"links": [{"rel": "next", "href": "https://other.example/search?next=t&x=1"}]}, "t"),
        ({"links": [{"rel": "next", "href": "https://other.example/search?token=t"}]}, "t"),
        ({}, None),
    ],
)
def test_next_token_is_found_in_each_field(document: dict[str, Any], token: str | None):
    """The token of the next page is read from each field of the service; of a link, only its token is used."""
    assert next_token(document, "catalog.search") == token


@pytest.mark.parametrize(
    "document",
    [
        {"next": True},
        {"next": {"page": {"number": 2}}},
        {"next": ["t"]},
        {"next": "https://x.example/search?page=2"},
        {"links": [{"rel": "next", "href": 5}, None]},
        {"links": [{"rel": "next", "href": "https://[x.example/?next=t"}]},
        {"links": {"next": {"method": "POST"}}},
        {"has_more": True},
        {"pagination": {"hasNext": True}},
    ],
)
def test_next_page_that_is_not_understood_is_an_error(document: dict[str, Any]):
    """A next page that is announced but cannot be requested is an error, not the end."""
    with raises(scenecart.ServiceError, "next_page_unreadable"):
        next_token(document, "catalog.search")


@pytest.mark.parametrize(
    ("document", "count"),
    [
        ({"numberMatched": 6}, 6),
        ({"context": {"matched": 6, "returned": 2}}, 6),
        ({"meta": {"total": 6}}, 6),
        ({"numberMatched": None}, None),
        ({"numberMatched": True, "numberReturned": 6}, None),
        ({}, None),
    ],
)
def test_announced_count_is_found_in_each_field(document: dict[str, Any], count: int | None):
    """The number of all results is read from each field; a bool or the number on this page is not one."""
    assert announced_count(document) == count


def test_last_page_with_fewer_results_than_announced_is_an_error():
    """Results that were announced and did not arrive are an error; more than announced are not."""
    with raises(scenecart.ServiceError, "results_missing"):
        check_count({"numberMatched": 6}, 5, "catalog.search")
    check_count({"numberMatched": 6}, 6, "catalog.search")
    check_count({"numberMatched": 6}, 7, "catalog.search")
