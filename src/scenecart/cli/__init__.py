"""The command line: arguments, printing, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart.cli._interrupted import interrupted

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 done, 1 failed, 2 asked wrongly and nothing sent, 3 the service cannot charge, 4 it is not known whether something was
    ordered, 5 done but not printed, 130 interrupted.
    """
    try:
        # this takes a while to load
        from scenecart.cli._main import run  # noqa: PLC0415  # whoever interrupts it meanwhile sees no traceback

        return run(argv)
    except KeyboardInterrupt:
        return interrupted()
