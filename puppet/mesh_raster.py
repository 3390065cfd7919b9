"""Draws a triangle mesh with a depth test: which triangle each pixel sees, and where in it.

For pictures that are made once; a stream paints with engines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

_TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a picture of a mesh shows.

    Attributes:
        triangle: Index of the nearest triangle, −1 where there is none.
        share: Its barycentric coordinates; 0 where there is none.
    """

    triangle: Int32[np.ndarray, "r r"]
    share: Float32[np.ndarray, "r r 3"]


def draw(points: Float32[np.ndarray, "points 3"], triangles: Int32[np.ndarray, "triangles 3"], side_px: int) -> Seen:
    """Draw a mesh into a square picture.

    Args:
        points: x right and y down with the picture from 0 to 1, z away from the viewer.
        triangles: Indices of points; both sides are drawn.
        side_px: Sides of the picture.
    """
    corner = points[triangles].astype(np.float64)
    corner[..., :2] = corner[..., :2] * side_px - 0.5
    xy = corner[..., :2]
    low = np.clip(np.ceil(xy.min(1)), 0, side_px).astype(np.int64)
    high = np.clip(np.floor(xy.max(1)) + 1, 0, side_px).astype(np.int64)
    size = np.maximum(high - low, 0)
    # Every pixel of every triangle's box, in one row.
    count = size[:, 0] * size[:, 1]
    owner = np.repeat(np.arange(len(triangles)), count)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    x = low[owner, 0] + place % np.maximum(size[owner, 0], 1)
    y = low[owner, 1] + place // np.maximum(size[owner, 0], 1)
    share = _barycentric(xy[owner], x, y)
    inside = (share >= -_TINY).all(1)
    owner, x, y, share = owner[inside], x[inside], y[inside], share[inside]
    depth = (share * corner[owner, :, 2]).sum(1)
    # The nearest one is written last.
    order = np.argsort(-depth, kind="stable")
    triangle = np.full((side_px, side_px), -1, np.int32)
    shares = np.zeros((side_px, side_px, 3), np.float32)
    triangle[y[order], x[order]] = owner[order]
    shares[y[order], x[order]] = share[order]
    return Seen(triangle, shares)


def _barycentric(corner: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Shares of the three corners in points; −1 in triangles without an area."""
    a, b, c = corner[:, 0], corner[:, 1], corner[:, 2]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    flat = np.abs(area) < _TINY
    area = np.where(flat, 1.0, area)
    second = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (y - a[:, 1]) * (c[:, 0] - a[:, 0])) / area
    third = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (b[:, 1] - a[:, 1]) * (x - a[:, 0])) / area
    share = np.stack([1 - second - third, second, third], 1)
    share[flat] = -1
    return np.asarray(share)
