"""Hosts and collections that a service lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scenecart.widgets._bench.catalogs import hosts_in, listed_hosts

if TYPE_CHECKING:
    import scenecart


@pytest.mark.parametrize("answer", [None, 5, "aurora", [], {}, {"vendors": None}, [None, 5], [{"name": None}], {"a": [{"b": 1}]}])
def test_hosts_in_other_answers_are_none(answer: Any):
    """An answer of another form lists no host."""
    assert hosts_in(answer) == {}


def test_hosts_in_collections_of_a_host_are_joined():
    """Several rows of a host become one, with each collection once."""
    rows = [
        {"vendor": "aurora", "collection": "a"},
        {"vendor": "aurora", "collection": "b"},
        {"vendor": "aurora", "collection": "a"},
    ]
    assert hosts_in({"sources": rows}) == {"aurora": ["a", "b"]}


def test_listed_hosts_are_those_of_the_service(client: scenecart.Client):
    """A service that lists its sources offers each host with its collections."""
    assert listed_hosts(client)["lumen"] == ["lumen-spot"]


def test_listed_hosts_service_without_lists_is_no_error(connect: Any):
    """A service that has no such lists offers nothing to choose from."""
    assert listed_hosts(connect()) == {}
