"""The visible mark: "AI" in the upper right corner of what is sent, and when it is there.

regularly     for five seconds at the start, after each interruption, and every minute
always, never
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from puppet.settings import Marking

SHOWN_S, EVERY_S = 5.0, 60.0

GAP_S = 1.0
"""Viewers saw the slate meanwhile: so long without a picture is an interruption."""

WORD = "AI"

HEIGHT, ASPECT, MARGIN = 0.085, 1.4, 0.033
"""Height and distance from the border as shares of the picture's height; width as a share of the mark's height."""

SMALLEST_PX = 12

INK_RGB, PLATE_RGB, OPACITY = (255, 255, 255), (14, 16, 20), 0.66

_FINER = 4
"""It is drawn so many times larger, for smooth edges."""


class MarkTimes:
    """When the mark is in the picture. One thread notes pictures, any may change the wish."""

    def __init__(self, wish: Marking, *, gaps: bool) -> None:
        """Begin.

        Args:
            wish: When it is wanted.
            gaps: Whether pictures have to come in real time, so that a gap between two is an interruption.
        """
        self.wish: Marking = wish
        self._gap_s = GAP_S if gaps else math.inf
        self._begun_s: float | None = None
        self._last_s = 0.0
        self._beginnings = self._begun = 0

    def begin(self) -> None:
        """Somebody sees the next picture first, as in a new recording; one thread at a time may call, whichever."""
        self._beginnings += 1

    def note(self, time_s: float, *, portrait: bool) -> bool:
        """Whether the next picture has the mark.

        Args:
            time_s: Its media time; never runs backwards.
            portrait: Whether it shows the portrait; the slate is an interruption, and has no mark.
        """
        begun_s, begun = self._begun_s, self._beginnings
        if begun_s is None or begun != self._begun or time_s - self._last_s > self._gap_s:
            begun_s = time_s
        self._begun = begun
        self._last_s, self._begun_s = time_s, begun_s if portrait else None
        if not portrait or self.wish == "never":
            return False
        return self.wish == "always" or (time_s - begun_s) % EVERY_S < SHOWN_S


class VisibleMark:
    """Draws it into pictures of one size."""

    def __init__(self, size_wh: tuple[int, int]) -> None:
        """Make it for pictures of this width and height in pixels."""
        width, height = size_wh
        small = min(height, width * 9 / 16)
        high = min(height, max(SMALLEST_PX, round(HEIGHT * small)))
        wide = min(width, round(ASPECT * high))
        margin = min(round(MARGIN * small), height - high, width - wide)
        rows = slice(margin, margin + high)
        self._right = rows, slice(width - margin - wide, width - margin)
        self._left = rows, slice(margin, margin + wide)
        kept, ink = _draw((wide, high))
        with_opacity = np.dstack([kept, kept[..., 0]]), np.dstack([ink, 255 - kept[..., 0]])
        self._letters = {3: (kept, ink), 4: with_opacity}
        self._kept_turned, self._ink_turned = (np.ascontiguousarray(each[:, ::-1]) for each in (kept, ink))

    def draw(self, rgb: UInt8[np.ndarray, "height width channels"]) -> None:
        """Draw it into a picture that is sent; RGB, or RGBA over grey."""
        _blend(rgb[self._right], *self._letters[rgb.shape[2]])

    def draw_turned(self, rgb: UInt8[np.ndarray, "height width 3"]) -> None:
        """Draw it into a picture that will be seen in a mirror, where it stands and reads as for everybody else."""
        _blend(rgb[self._left], self._kept_turned, self._ink_turned)


def _blend(place: UInt8[np.ndarray, "high wide channels"], kept: UInt8[np.ndarray, "high wide channels"],
           ink: UInt8[np.ndarray, "high wide channels"]) -> None:  # fmt: skip
    cv2.multiply(place, kept, dst=place, scale=1 / 255)
    cv2.add(place, ink, dst=place)


def _draw(size_wh: tuple[int, int]) -> tuple[UInt8[np.ndarray, "high wide 3"], UInt8[np.ndarray, "high wide 3"]]:
    """How much of a picture is kept, of 255, and what is added to it."""
    wide, high = (length * _FINER for length in size_wh)
    plate, word = Image.new("L", (wide, high)), Image.new("L", (wide, high))
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, wide - 1, high - 1), 0.3 * high, round(255 * OPACITY))
    font = ImageFont.load_default(0.78 * high)
    stroke = max(1, round(0.016 * high))
    ImageDraw.Draw(word).text((wide / 2, 0.77 * high), WORD, 255, font, anchor="ms", stroke_width=stroke)
    opacity, letters = (
        np.asarray(each.resize(size_wh, Image.Resampling.BOX), np.float64)[..., None] / 255 for each in (plate, word)
    )
    ink = letters * np.array(INK_RGB) + (1 - letters) * opacity * np.array(PLATE_RGB)
    kept = (1 - letters) * (1 - opacity) * np.full(3, 255.0)
    return np.round(kept).astype(np.uint8), np.round(ink).astype(np.uint8)
