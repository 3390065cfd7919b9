import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from puppet.errors import PictureError
from puppet.stills import LONGEST_PX, decode_still, read_still

COLOURS = np.zeros((40, 60, 3), np.uint8)
COLOURS[:, :30], COLOURS[:, 30:] = (200, 40, 40), (40, 40, 200)


def encoded(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_three_formats_are_read(tmp_path, kind):
    path = tmp_path / "picture"
    path.write_bytes(encoded(Image.fromarray(COLOURS), kind))
    np.testing.assert_allclose(read_still(path)[5:35, 5:25], COLOURS[5:35, 5:25], atol=12)


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (6, 3), (3, 2), (8, 1)])
def test_exif_turns_the_picture_upright(tmp_path, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(COLOURS), "PNG", exif=exif)
    np.testing.assert_array_equal(decode_still(content, tmp_path), np.rot90(COLOURS, turn))


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        (Image.new("RGBA", (8, 8), (255, 0, 0, 0)), (128, 128, 128)),
        (Image.new("RGBA", (8, 8), (255, 0, 0, 128)), (192, 64, 64)),
        (Image.new("LA", (8, 8), (255, 0)), (128, 128, 128)),
        (Image.new("L", (8, 8), 90), (90, 90, 90)),
        (Image.new("1", (8, 8), 1), (255, 255, 255)),
        (Image.fromarray(np.full((8, 8), 32768, np.uint16)), (128, 128, 128)),
        (Image.new("P", (8, 8), 3), (3, 3, 3)),
    ],
    ids=["transparent", "half transparent", "grey and alpha", "grey", "bits", "16 bits", "palette"],
)
def test_every_kind_of_pixel_becomes_rgb(tmp_path, image, wanted):
    if image.mode == "P":
        image.putpalette([level for i in range(256) for level in (i, i, i)])
    rgb = decode_still(encoded(image, "PNG"), tmp_path)
    assert rgb.shape == (8, 8, 3)
    np.testing.assert_allclose(rgb[4, 4], wanted, atol=1)


def test_large_pictures_are_reduced(tmp_path):
    assert decode_still(encoded(Image.new("L", (6000, 300)), "PNG"), tmp_path).shape == (128, LONGEST_PX, 3)


def bomb():
    content = bytearray(encoded(Image.new("1", (8, 8)), "PNG"))
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    content[29:33] = __import__("zlib").crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a PNG, JPEG or WebP"),
        (b"just words", "not a PNG, JPEG or WebP"),
        (encoded(Image.fromarray(COLOURS), "GIF"), "not a PNG, JPEG or WebP"),
        (encoded(Image.fromarray(COLOURS), "PNG")[:-40], "damaged"),
        (encoded(Image.fromarray(COLOURS), "JPEG")[:400], "damaged|not a PNG"),
        (bomb(), "more than .* pixels"),
    ],
    ids=["empty", "text", "gif", "truncated png", "truncated jpeg", "bomb"],
)
def test_bad_pictures_are_refused_in_one_sentence(tmp_path, content, words):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=words) as caught:
        read_still(path)
    assert "picture.png" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["absent.png", "."])
def test_a_missing_picture_is_named(tmp_path, name):
    with pytest.raises(PictureError, match="there is no picture at"):
        read_still(tmp_path / name)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.data())
def test_damaged_files_never_raise_anything_else(kind, data):
    content = bytearray(encoded(Image.fromarray(COLOURS), kind))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        rgb = decode_still(bytes(content[: data.draw(st.integers(0, len(content)))]), Path("picture"))
    except PictureError:
        return
    assert rgb.dtype == np.uint8 and rgb.ndim == 3 and rgb.shape[2] == 3
