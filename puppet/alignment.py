"""The alignment crop: an axis-aligned square around the face, with a fixed margin, for portraits and training alike.

There is no rotation: roll is in p. Where the square leaves the picture, the picture's border is repeated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

from engines.base import Engine
from puppet.errors import BundleError


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
    crop = cv2.copyMakeBorder(rgb[rows, columns], above, below, before, behind, cv2.BORDER_REPLICATE)
    return resize(crop, size_px)


def _within(start: int, side: int, length: int) -> tuple[slice, int, int]:
    """Which pixels of a row a span has, at least one, and how often the first and the last one are repeated."""
    begin = min(max(start, 0), length - 1)
    end = min(max(start + side, begin + 1), length)
    before = min(max(begin - start, 0), side - 1)
    return slice(begin, end), before, side - before - (end - begin)


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
