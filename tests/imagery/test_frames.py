"""Pictures of several dates: captions, and an animation that repeats."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from _expect import raises
from scenecart import InvalidRequest
from scenecart._imagery.frames import Frame, FrameSource, gif


def frame(label: str, colour: tuple[int, int, int]) -> Frame:
    return Frame(label, "", Image.new("RGBA", (200, 160), (*colour, 255)))


def test_gif_has_every_picture_and_repeats():
    """An animation has the size, the pictures and the time that were asked for, and repeats for ever."""
    content = gif([frame("2024-01-01", (200, 30, 30)), frame("2024-02-01", (30, 200, 30)), frame("2024-03-01", (30, 30, 200))], 0.5)
    with Image.open(io.BytesIO(content)) as found:
        assert (found.format, found.n_frames, found.size, found.info["loop"]) == ("GIF", 3, (200, 160), 0)
        seen = []
        for number in range(3):
            found.seek(number)
            assert found.info["duration"] == 500
            seen.append(np.asarray(found.convert("RGB"))[150, 150])
    assert [int(colour.argmax()) for colour in seen] == [0, 1, 2]


def test_gif_of_one_picture_is_refused():
    """One picture is no animation."""
    with raises(InvalidRequest, "animation_too_short"):
        gif([frame("a", (1, 2, 3))], 1)


def test_frame_captioned_has_its_label_in_the_corner():
    """The caption is light on dark in the upper left corner, and the rest of the picture stays as it is."""
    pixels = np.asarray(frame("2024-06-18 00:12", (90, 120, 90)).captioned())
    corner = pixels[:30, :120]
    assert corner.max() > 240
    assert corner.min() < 60
    assert (pixels[100:] == (90, 120, 90)).all()


@pytest.mark.parametrize("size", [(40, 30), (300, 300)])
def test_frame_source_without_a_picture_is_empty_and_says_so(size: tuple[int, int]):
    """Where there is no picture, the frame is transparent, of the size that was asked for, and has a note."""
    found = FrameSource("a", lambda _width, _height: None).frame(*size)
    assert found.image.size == size
    assert not np.asarray(found.image).any()
    assert found.note
