"""The machine-readable mark: every picture that is composed or drawn carries it, too faint to be seen.

    marked = picture + key        key = ±1 level in each of 128 × 72 cells, whatever the picture's size;
                                  of 72 × 128 where it is higher than wide

Where a picture is plain, and would show it, only some pixels of a cell are changed. The mark stands still, so coding
keeps it from picture to picture, and an average over time shows it. The key is public, and the same for all: the mark
says that a picture is synthetic, not whose it is, and whoever wants to can remove it.
`puppet.watermark_detector` finds it.
"""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
from jaxtyping import Float32, Int8, UInt8

CELLS_WH = 128, 72
"""Columns and rows of the key: ten pixels a cell at 1280 × 720, five at half that size."""

PLAIN = 0.5
"""Share of the pixels that are changed where there is nothing to hide the mark."""

BUSY = 6.0
"""Levels: where the luma deviates so much within a cell, every pixel is changed."""

WORDS = b"this picture was made by an artificial intelligence"
"""What the key is drawn from, so that anybody can draw it again."""


def draw_key(words: bytes = WORDS) -> Int8[np.ndarray, "72 128"]:
    """The signs of all cells, from the bits of a hash (SHAKE-256): as good as coin tosses."""
    columns, rows = CELLS_WH
    bits = np.unpackbits(np.frombuffer(hashlib.shake_256(words).digest(columns * rows // 8), np.uint8))
    return (2 * bits.astype(np.int8) - 1).reshape(rows, columns)


def key_for(size_wh: tuple[int, int]) -> Int8[np.ndarray, "rows columns"]:
    """The signs of the cells of a picture of this width and height, which alone decide whether it lies or stands."""
    key = draw_key()
    return np.ascontiguousarray(key.T) if size_wh[1] > size_wh[0] else key


class Watermark:
    """Marks pictures of one kind."""

    def __init__(self, like: UInt8[np.ndarray, "height width channels"]) -> None:
        """Make the memory.

        Args:
            like: Of the pictures' size and channels, RGB or RGBA, and plain and busy where they are: the picture
                itself, or their backdrop.
        """
        height, width, channels = like.shape
        key = cv2.resize(key_for((width, height)), (width, height), interpolation=cv2.INTER_NEAREST)
        key[np.random.default_rng(0).random(key.shape) >= _busyness(like[..., :3])] = 0
        key = key[..., None].repeat(channels, axis=2)
        key[..., 3:] = 0  # opacity stays
        self._brighter = (key > 0).astype(np.uint8)
        self._darker = (key < 0).astype(np.uint8)

    def put(self, rgb: UInt8[np.ndarray, "height width channels"]) -> None:
        """Mark a picture in place; black and white stay within a byte."""
        cv2.add(rgb, self._brighter, dst=rgb)
        cv2.subtract(rgb, self._darker, dst=rgb)


def _busyness(rgb: UInt8[np.ndarray, "height width 3"]) -> Float32[np.ndarray, "height width"]:
    """How much there is to hide the mark around each pixel, from `PLAIN` to 1."""
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    height, width = rgb.shape[:2]
    rows, columns = key_for((width, height)).shape
    cell = max(3, width // columns), max(3, height // rows)
    variance = cv2.blur(luma * luma, cell) - cv2.blur(luma, cell) ** 2
    share: Float32[np.ndarray, "height width"] = np.clip(np.sqrt(np.maximum(variance, 0.0)) / BUSY, PLAIN, 1.0)
    return share
