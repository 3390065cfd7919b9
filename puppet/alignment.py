"""The alignment crop: an axis-aligned square around the face, with a fixed margin, for portraits and training alike.

There is no rotation: roll is in p. Where the square leaves the picture, the picture goes on mirrored, as deep as
it looks like its border: cut-off hair is hair beyond it too, and no second head stands on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from engines.base import Engine
from puppet.errors import BundleError

CELLS, UNLIKE = 80, 50.0
"""A picture is compared with its border in so many cells along it, until one is so far away in CIELAB, of 0 to 255."""


@dataclass(frozen=True, slots=True)
class Square:
    """An axis-aligned square in a picture, in pixels; it may leave the picture.

    Attributes:
        x: Centre, to the right.
        y: Centre, downwards.
        side: Length of its sides, above 0.
    """

    x: float
    y: float
    side: float

    @property
    def left_top_side(self) -> tuple[int, int, int]:
        """The square in whole pixels: left edge, upper edge, side."""
        return (
            math.floor(self.x - self.side / 2 + 0.5),
            math.floor(self.y - self.side / 2 + 0.5),
            max(round(self.side), 1),
        )


def align(rgb: UInt8[np.ndarray, "height width 3"], square: Square, size_px: int) -> UInt8[np.ndarray, "size size 3"]:
    """Cut a square out of a picture and bring it to `size_px` on each side.

    Args:
        rgb: The whole picture.
        square: What to cut.
        size_px: Sides of the result.
    """
    left, top, side = square.left_top_side
    rows, above, below = _within(top, side, rgb.shape[0])
    columns, before, behind = _within(left, side, rgb.shape[1])
    tall = _extended(rgb[rows, columns], above, below)
    whole = _extended(tall.swapaxes(0, 1), before, behind).swapaxes(0, 1)
    return resize(np.ascontiguousarray(whole), size_px)


def _within(start: int, side: int, length: int) -> tuple[slice, int, int]:
    """Which pixels of a row a span has, at least one, and how many it has before the first and behind the last one."""
    begin = min(max(start, 0), length - 1)
    end = min(max(start + side, begin + 1), length)
    before = min(max(begin - start, 0), side - 1)
    return slice(begin, end), before, side - before - (end - begin)


def _extended(
    rgb: UInt8[np.ndarray, "height width 3"], before: int, behind: int
) -> UInt8[np.ndarray, "taller width 3"]:
    """The same with so many rows more before the first and behind the last one."""
    if not before and not behind:
        return rgb
    return np.concatenate([_beyond(rgb, before)[::-1], rgb, _beyond(rgb[::-1], behind)])


def _beyond(rgb: UInt8[np.ndarray, "height width 3"], count: int) -> UInt8[np.ndarray, "count width 3"]:
    """The rows beyond the first one, in their order from it: what is alike, there and back, fading into its colour."""
    height, width = rgb.shape[:2]
    if not count:
        return rgb[:0]
    cells = min(CELLS, width)
    small = cv2.resize(
        np.ascontiguousarray(rgb), (cells, math.ceil(height * cells / width)), interpolation=cv2.INTER_AREA
    )
    depth = np.interp(
        (np.arange(width) + 0.5) * cells / width - 0.5, np.arange(cells), _alike(small) * height / len(small)
    )
    depth = np.clip(depth.astype(np.int64), 1, height)
    away = np.arange(count)[:, None]
    there = away % (2 * depth)
    mirrored = np.take_along_axis(rgb, np.minimum(there, 2 * depth - 1 - there)[..., None], axis=0)
    colour = cv2.resize(small[:1], (width, 1)).astype(np.float32)
    kept = np.minimum(depth / (away + 1), 1).astype(np.float32)[..., None]
    beyond: UInt8[np.ndarray, "count width 3"] = np.rint(colour + kept * (mirrored - colour)).astype(np.uint8)
    return beyond


def _alike(small: UInt8[np.ndarray, "rows cells 3"]) -> Float64[np.ndarray, "cells"]:
    """How many cells of each column are like its first one, in its neighbours too."""
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    unlike = np.linalg.norm(lab - lab[0], axis=2) > UNLIKE
    first = np.pad(np.vstack([unlike, np.ones_like(unlike[:1])]).argmax(0), 1, mode="edge")
    first = np.lib.stride_tricks.sliding_window_view(first, 3).min(1)
    return np.where(first < len(small), first - 0.5, first)  # an edge may lie within the cell before


def resize(crop: UInt8[np.ndarray, "side side 3"], size_px: int) -> UInt8[np.ndarray, "size size 3"]:
    """Bring a square picture to `size_px` on each side, averaging where it shrinks."""
    way = cv2.INTER_AREA if size_px < len(crop) else cv2.INTER_CUBIC
    resized: UInt8[np.ndarray, "size size 3"] = cv2.resize(crop, (size_px, size_px), interpolation=way)
    return resized


def as_seen_by(engine: Engine, crop: UInt8[np.ndarray, "side side 3"]) -> UInt8[np.ndarray, "1 e e 3"]:
    """A square picture, as large as a network wants it whose one input is a picture.

    Args:
        engine: Runs the network.
        crop: Of any size.

    Raises:
        BundleError: It reads something else.
    """
    shape = engine.inputs[0].shape
    if shape != (1, *shape[1:2] * 2, 3):
        raise BundleError(
            f"expected a network that reads a square picture, [1, e, e, 3]; got one that reads {list(shape)}; "
            "use another bundle"
        )
    return np.ascontiguousarray(resize(crop, shape[1])[None])


def look(
    rgb: UInt8[np.ndarray, "height width 3"], square: Square, out: UInt8[np.ndarray, "size size 3"]
) -> UInt8[np.ndarray, "size size 3"]:
    """Bring a square of a picture into `out`, to a fraction of a pixel: bilinear, and black beyond the picture.

    Pixel i shows the place (i + ½) · side / size in the square, without averaging, as DECA was trained.
    """
    edge = len(out)
    step = square.side / edge
    first = 0.5 * step - 0.5 * square.side - 0.5
    matrix = np.array([[step, 0.0, square.x + first], [0.0, step, square.y + first]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cv2.warpAffine(rgb, matrix, (edge, edge), dst=out, flags=flags)
    return out
