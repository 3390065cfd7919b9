"""The slate: a calm still that stands in for the portrait, with its name: "Ada will be right back".

It is made of words and colours, never of a picture. It has the machine-readable mark, as every picture has.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from puppet.watermark import Watermark

CENTRE_RGB, EDGE_RGB = (34, 39, 50), (17, 20, 26)
NAME_RGB, LINE_RGB = (232, 235, 241), (142, 151, 168)

NAME_SHARE, LINE_SHARE = 0.115, 0.046
"""Height of the letters as a share of the picture's."""

WIDEST = 0.8
"""Share of the picture's width that words may take."""

WORDS = "will be right back"
NAMELESS = "Puppet"

_MISSING = "\uffff"
"""A character that no font has: it is drawn as the font draws all that it lacks."""


def draw_slate(size_wh: tuple[int, int], name: str = "") -> UInt8[np.ndarray, "height width 3"]:
    """Draw the slate.

    Args:
        size_wh: Width and height in pixels.
        name: Whose portrait it stands in for; without one, or where the font lacks its letters, the program's.
    """
    width, height = size_wh
    picture = Image.fromarray(_backdrop(size_wh))
    draw = ImageDraw.Draw(picture)
    small = min(height, width * 9 / 16)
    line_px = max(8.0, LINE_SHARE * small)
    name = " ".join(name.replace("_", " ").split())  # often a file's
    name = name[:1].upper() + name[1:]
    words, font = _fitted(name if _has(name) else NAMELESS, max(10.0, NAME_SHARE * small), WIDEST * width)
    middle = (width / 2, height / 2)
    draw.text((middle[0], middle[1] + 0.15 * font.size), words, NAME_RGB, font, anchor="ms")
    below = middle[1] + 0.15 * font.size + 2.1 * line_px
    draw.text((middle[0], below), WORDS, LINE_RGB, ImageFont.load_default(line_px), anchor="ms")
    slate = np.array(picture)
    Watermark(slate).put(slate)
    return slate


def _backdrop(size_wh: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    """A dark glow that fades to the edges; noise below one level hides the steps between colours."""
    width, height = size_wh
    x, y = (np.linspace(-1.0, 1.0, length, dtype=np.float32) for length in size_wh)
    distance = np.sqrt(np.add.outer(y * y / 2, x * x / 2))
    share = np.minimum(distance * np.sqrt(distance), 1.0)[..., None]
    centre, edge = np.array(CENTRE_RGB, np.float32), np.array(EDGE_RGB, np.float32)
    noise = np.random.default_rng(0).random((height, width, 1), np.float32)
    return np.asarray(centre + share * (edge - centre) + noise, np.uint8)


def _fitted(words: str, size_px: float, width_px: float) -> tuple[str, ImageFont.FreeTypeFont]:
    """The words in letters that are small enough; cut where they would become smaller than half."""
    smallest = size_px / 2
    while True:
        font = ImageFont.load_default(size_px)
        assert isinstance(font, ImageFont.FreeTypeFont)
        if font.getlength(words) <= width_px:
            return words, font
        if size_px > smallest:
            size_px *= 0.92
        else:
            words = words.removesuffix("…")[:-1].rstrip() + "…"


def _has(name: str) -> bool:
    """Whether the font has every letter of a name."""
    font = ImageFont.load_default(20)
    lacking = bytes(font.getmask(_MISSING))
    return bool(name) and all(bytes(font.getmask(letter)) != lacking for letter in set(name) - {" "})
