"""Keeping the state of a tab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _widgets import wait_for
from scenecart.widgets._bench.keeper import Keeper
from scenecart.widgets._jobs import Runner

if TYPE_CHECKING:
    import scenecart


def test_keeper_writes_after_changes_and_brings_back_once(client: scenecart.Client):
    """A state is written a moment after a change, and brought back to the same tab, unless something was asked for."""
    runner, back = Runner(), []
    state: dict[str, Any] = {"asked": 1}

    def keeper(*, is_pristine: bool) -> Keeper:
        return Keeper(client, runner, lambda: state, back.append, is_pristine=is_pristine)

    first = keeper(is_pristine=True)
    first.page_shown({"id": "../x"})
    first.page_shown({"id": "a1"})
    first.keep()
    assert not runner.is_busy("keep")
    first.touched()
    first.keep()
    wait_for(lambda: not runner.is_any_busy())
    again = keeper(is_pristine=True)
    again.page_shown({"id": "a1"})
    again.page_shown({"id": "a1"})
    keeper(is_pristine=False).page_shown({"id": "a1"})
    assert [one["asked"] for one in back] == [1]
    runner.close()


def test_keeper_last_change_is_written_when_the_kernel_ends(client: scenecart.Client):
    """A change that waits to be written is written at once when the page or the kernel ends, and nothing else is."""
    runner, back = Runner(), []
    states: list[dict[str, Any]] = []

    def collect() -> dict[str, Any]:
        states.append({"asked": len(states)})
        return states[-1]

    keeper = Keeper(client, runner, collect, back.append, is_pristine=False)
    keeper.page_shown({"id": "a1"})
    keeper.flush()
    assert states == []
    keeper.keep()
    runner.close()
    keeper.flush()
    keeper.flush()
    assert len(states) == 1
    again = Keeper(client, runner, collect, back.append, is_pristine=True)
    assert not again.is_settled
    again.page_shown({"id": "a1"})
    assert again.is_settled
    assert back[0]["asked"] == 0
