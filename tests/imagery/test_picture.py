"""Pictures."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from scenecart._imagery.picture import decode, encode, encode_within, picture_kind

NOISE = np.random.default_rng(1).integers(0, 255, (64, 96, 4), dtype="uint8")


def saved(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(NOISE).convert("RGB").save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_decode_picture_is_rgba(kind: str):
    """PNG, JPEG and WEBP are decoded as RGBA."""
    picture = decode(saved(kind))
    assert picture is not None
    assert (picture.mode, picture.size, picture_kind(saved(kind))) == ("RGBA", (96, 64), kind)


def bomb() -> bytes:
    """Return a small PNG that says it is of 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"<svg/>", b"RIFF....AVI ", saved("PNG")[:300], saved("JPEG")[:200], bomb()])
def test_decode_no_picture_is_none(content: bytes):
    """Other kinds, damaged pictures and bombs are no pictures, and no errors."""
    assert decode(content) is None


def test_decode_large_jpeg_is_decoded_smaller():
    """A JPEG that is needed smaller is decoded at a fraction of its size."""
    stream = io.BytesIO()
    Image.new("RGB", (1_600, 800)).save(stream, "JPEG")
    picture = decode(stream.getvalue(), 256)
    assert picture is not None
    assert 256 <= picture.width < 1_600


def test_encode_opaque_has_no_alpha():
    """Alpha is kept where something is transparent, and left out otherwise."""
    opaque, holed = NOISE.copy(), NOISE.copy()
    opaque[..., 3] = 255
    holed[:9, :9, 3] = 0
    assert Image.open(io.BytesIO(encode(opaque))).mode == "RGB"
    assert Image.open(io.BytesIO(encode(holed))).mode == "RGBA"
    assert decode(encode(holed)) is not None


@pytest.mark.parametrize("holed", [False, True])
@pytest.mark.parametrize("most", [300_000, 40_000, 6_000])
def test_encode_within_fits_at_the_best_quality(most: int, *, holed: bool):
    """A picture fits the bytes by its quality, by its resolution only if no quality does, and stays transparent where it was."""
    pixels = np.random.default_rng(1).integers(0, 255, (400, 300, 4), dtype="uint8")
    pixels[..., 3] = 255
    if holed:
        pixels[:200, :, 3] = 0
    data = encode_within(pixels, most)
    assert len(data) <= most
    picture = decode(data)
    assert picture is not None
    width = {300_000: 300, 40_000: 300, 6_000: 150}[most]
    assert picture.width in {width, width // 2}
    assert (picture.getpixel((5, 5))[3] == 0) is holed
    if most == 300_000:
        assert data == encode(pixels)


def test_encode_within_cannot_fit_is_still_a_picture():
    """A picture of one pixel is returned even if it is larger than allowed."""
    assert decode(encode_within(NOISE[:1, :1], 1)) is not None
