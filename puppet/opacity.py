"""Pictures with opacity, for outputs that carry transparency. Inside they lie over mid grey, as portraits do.

    over grey    v = α c + (1 − α) ½        straight    c = ½ + (v − ½) / α

Over grey a picture can be enlarged and drawn into as it is, and without its α it is a picture on grey. Files want
straight colours.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8

GREY = 128
"""½ in bytes."""

FAINT = 8
"""Opacity in bytes below which colours stay near grey: divided by less, rounding alone would make colours."""


class Straightener:
    """Takes the grey out of pictures of one size."""

    def __init__(self, size_wh: tuple[int, int]) -> None:
        """Make the memory for pictures of this width and height in pixels."""
        width, height = size_wh
        self._planes = [np.empty((height, width), np.uint8) for _ in range(4)]
        self._seen, self._divisor, self._brighter, self._darker = (np.empty_like(self._planes[0]) for _ in range(4))
        self._grey, self._faint = (np.full_like(self._divisor, level) for level in (GREY, FAINT))

    def straighten(self, rgba: UInt8[np.ndarray, "height width 4"], out: UInt8[np.ndarray, "height width 4"]) -> None:
        """Write a picture that lies over grey into `out`, in straight colours; what is not seen at all stays grey."""
        cv2.split(rgba, self._planes)
        *colours, alpha = self._planes
        cv2.threshold(alpha, 0, 255, cv2.THRESH_BINARY, dst=self._seen)
        cv2.max(alpha, self._faint, dst=self._divisor)
        cv2.bitwise_and(self._divisor, self._seen, dst=self._divisor)  # what is divided by 0 becomes 0
        for colour in colours:  # in two halves, since bytes have no sign
            cv2.subtract(colour, self._grey, dst=self._brighter)
            cv2.subtract(self._grey, colour, dst=self._darker)
            cv2.divide(self._brighter, self._divisor, dst=self._brighter, scale=255)
            cv2.divide(self._darker, self._divisor, dst=self._darker, scale=255)
            cv2.add(self._grey, self._brighter, dst=colour)
            cv2.subtract(colour, self._darker, dst=colour)
        cv2.merge(self._planes, dst=out)
