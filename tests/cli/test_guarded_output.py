"""Output streams of the command line, whatever they can encode; see also ``test_main``."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from _cli import run
from scenecart.cli._guarded_output import CannotPrint, GuardedStream

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox


def test_character_outside_the_encoding_is_escaped(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """A character that the output cannot encode is printed as an escape sequence, and nothing fails."""
    done = run("estimate", "one.parquet", box=box, cwd=tmp_path, **home, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "km\\xb2" in done.stdout


def test_guarded_stream_without_a_reader_raises_cannot_print():
    """A write to a pipe whose reader left is an error of ours, which says so."""

    class Pipe(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(CannotPrint) as caught:
        GuardedStream(Pipe()).write("x")
    assert caught.value.reader_left
