"""The machine-readable mark: every picture that is composed or drawn carries it, too faint to be seen.

    marked = picture + key        key = ±1 level in each of 128 × 72 cells, whatever the picture's size

It stands still, so coding keeps it from picture to picture, and an average over time shows it. The key is public, and
the same for all: the mark says that a picture is synthetic, not whose it is, and whoever wants to can remove it.
`puppet.watermark_detector` finds it.
"""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
from jaxtyping import Int8, UInt8

CELLS_WH = 128, 72
"""Columns and rows of the key: ten pixels a cell at 1280 × 720, five at half that size."""

WORDS = b"this picture was made by an artificial intelligence"
"""What the key is drawn from, so that anybody can draw it again."""


def draw_key(words: bytes = WORDS) -> Int8[np.ndarray, "72 128"]:
    """The signs of all cells, from the bits of a hash (SHAKE-256): as good as coin tosses."""
    columns, rows = CELLS_WH
    bits = np.unpackbits(np.frombuffer(hashlib.shake_256(words).digest(columns * rows // 8), np.uint8))
    return (2 * bits.astype(np.int8) - 1).reshape(rows, columns)


class Watermark:
    """Marks pictures of one size."""

    def __init__(self, size_wh: tuple[int, int]) -> None:
        """Make the memory for pictures of this width and height in pixels."""
        key = cv2.resize(draw_key(), size_wh, interpolation=cv2.INTER_NEAREST)[..., None].repeat(3, axis=2)
        self._brighter = (key > 0).astype(np.uint8)
        self._darker = (key < 0).astype(np.uint8)

    def put(self, rgb: UInt8[np.ndarray, "height width 3"]) -> None:
        """Mark a picture in place; black and white stay within a byte."""
        cv2.add(rgb, self._brighter, dst=rgb)
        cv2.subtract(rgb, self._darker, dst=rgb)
