"""Saving and restoring the state of a tab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _widgets import wait_for
from scenecart.widgets._bench.autosave import Autosave
from scenecart.widgets._jobs import Runner

if TYPE_CHECKING:
    import scenecart


def test_autosave_writes_after_changes_and_restores_once(client: scenecart.Client):
    """A state is written a moment after a change, and restored in the same tab, unless the user did something before."""
    runner, back = Runner(), []
    state: dict[str, Any] = {"asked": 1}

    def autosave(*, is_pristine: bool) -> Autosave:
        return Autosave(client, runner, lambda: state, back.append, is_pristine=is_pristine)

    first = autosave(is_pristine=True)
    first.page_shown({"id": "../x"})
    first.page_shown({"id": "a1"})
    first.keep()
    assert not runner.is_busy("keep")
    first.mark_used()
    first.keep()
    wait_for(lambda: not runner.is_any_busy())
    again = autosave(is_pristine=True)
    again.page_shown({"id": "a1"})
    again.page_shown({"id": "a1"})
    autosave(is_pristine=False).page_shown({"id": "a1"})
    assert [one["asked"] for one in back] == [1]
    runner.close()


def test_autosave_last_change_is_written_when_the_kernel_ends(client: scenecart.Client):
    """A change that waits to be written is written at once when the page or the kernel ends, and nothing else is."""
    runner, back = Runner(), []
    states: list[dict[str, Any]] = []

    def collect() -> dict[str, Any]:
        states.append({"asked": len(states)})
        return states[-1]

    autosave = Autosave(client, runner, collect, back.append, is_pristine=False)
    autosave.page_shown({"id": "a1"})
    autosave.flush()
    assert states == []
    autosave.keep()
    runner.close()
    autosave.flush()
    autosave.flush()
    assert len(states) == 1
    again = Autosave(client, runner, collect, back.append, is_pristine=True)
    assert not again.is_restored
    again.page_shown({"id": "a1"})
    assert again.is_restored
    assert back[0]["asked"] == 0
