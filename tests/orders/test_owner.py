"""Owners: whether a session still works on a placement."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys

import pytest

from _widgets import wait_for
from scenecart._orders.owner import finish, is_working, new_owner


def test_owner_works_until_it_has_finished():
    """A piece of work of this process runs until it is finished."""
    owner = new_owner()
    assert is_working(owner)
    finish(owner)
    assert not is_working(owner)


def test_owner_of_a_process_that_ended_does_not_work():
    """The work of another process ends with it, also if it was killed."""
    code = "from scenecart._orders.owner import new_owner; print(new_owner(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        owner = other.stdout.readline().strip()
        assert is_working(owner)
        other.kill()
        # as long as nobody has asked for its exit code, the process is still listed
        wait_for(lambda: not is_working(owner))
    assert not is_working(owner)


@pytest.mark.parametrize("owner", [None, "", "somewhere-else/1/0/abc", "a/b", "/x/y/z"])
def test_owner_that_nobody_knows_does_not_work(owner: str | None):
    """A placement of another computer, or without an owner, is nobody's."""
    assert not is_working(owner)


def _is_working_there(owner: str, results: multiprocessing.Queue[bool]) -> None:
    mine = new_owner()
    results.put(is_working(owner) and is_working(mine))


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_owner_in_a_forked_process_is_its_parent_s():
    """A forked process sees that its parent works, and its own work is its own."""
    context = multiprocessing.get_context("fork")
    owner, results = new_owner(), context.Queue()
    child = context.Process(target=_is_working_there, args=(owner, results))
    child.start()
    assert results.get(timeout=30)
    child.join(30)
    finish(owner)
