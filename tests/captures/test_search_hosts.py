"""Searches of several hosts at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from _expect import raises, warns
from scenecart import InvalidQuery, NotFound

if TYPE_CHECKING:
    import scenecart

CRITERIA: dict[str, Any] = {"bbox": (151, -34, 152, -33), "datetime": "2024-03"}


def test_search_hosts_returns_the_captures_of_each(client: scenecart.Client):
    """Each host is searched for the collections that it has, and the result is that of searches one by one."""
    found = client.search(["aurora", "openterra"], collections=["aurora-50cm", "openterra-10m"], **CRITERIA)
    single = [
        client.search(host, collections=name, **CRITERIA)
        for host, name in (("aurora", "aurora-50cm"), ("openterra", "openterra-10m"))
    ]
    assert found["id"].tolist() == [name for frame in single for name in frame["id"]]
    assert set(found["host"]) == {"aurora", "openterra"}
    assert found.attrs["errors"] == {}
    assert len(client.search(["aurora", "openterra"], collections=["aurora-50cm", "openterra-10m"], limit=2, **CRITERIA)) == 2


def test_search_hosts_one_failure_loses_nothing(client: scenecart.Client):
    """A host that fails is a warning and an entry of errors; the captures of the others are there."""
    with warns("hosts_failed"):
        found = client.search(["aurora", "lumen", "auroa"], collections="aurora-50cm", limit=3)
    assert len(found) == 3
    assert sorted(found.attrs["errors"]) == ["auroa", "lumen"]


def test_search_hosts_all_fail_is_the_first_error(client: scenecart.Client):
    """If no host can be searched, the first error is raised."""
    with raises(NotFound, "host_not_found"):
        client.search(["auroa", "lumn"], ids="a")


@pytest.mark.parametrize("hosts", [[], ["aurora", 5], [f"h{number}" for number in range(101)]])
def test_search_hosts_invalid_is_refused(client: scenecart.Client, hosts: list[Any]):
    """No hosts, too many, or names that are no text are refused before anything is sent."""
    with raises(InvalidQuery, "hosts_invalid"):
        client.search(hosts, collections="aurora-50cm")
