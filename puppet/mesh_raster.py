"""Draws a triangle mesh with a depth test: which triangle each pixel sees, and where in it.

For pictures that are made once; a stream paints with engines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

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

    def interpolated(
        self, values: Float64[np.ndarray, "points n"], triangles: Int32[np.ndarray, "triangles 3"]
    ) -> Float32[np.ndarray, "r r n"]:
        """What points have, at each pixel; 0 where there is no triangle.

        Args:
            values: Of each point.
            triangles: Those that were drawn.
        """
        out = np.zeros((*self.triangle.shape, values.shape[1]), np.float32)
        there = self.triangle >= 0
        corners, shares = triangles[self.triangle[there]].T, self.share[there].T
        of_points = values.astype(np.float32)
        out[there] = sum(share[:, None] * of_points[corner] for corner, share in zip(corners, shares, strict=True))
        return out


class Window(NamedTuple):
    """A square part of a square picture, in pixels.

    Attributes:
        whole: Sides of the picture.
        left, top: Where the part begins.
        side: Its sides.
    """

    whole: int
    left: int
    top: int
    side: int

    @classmethod
    def of(cls, whole: int) -> Window:
        """All of a picture."""
        return cls(whole, 0, 0, whole)

    def finer(self, times: int) -> Window:
        """The same part of a picture with more pixels."""
        return Window(*(times * length for length in self))

    def to_px(self, places: np.ndarray) -> Float64[np.ndarray, "*points 2"]:
        """Places in sides of the picture, as the part's pixels have them."""
        return np.asarray(places * self.whole - 0.5 - (self.left, self.top))

    @property
    def pixels(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.top, self.top + self.side), slice(self.left, self.left + self.side)


def draw(points: Float32[np.ndarray, "points 3"], triangles: Int32[np.ndarray, "triangles 3"], window: Window) -> Seen:
    """Draw a mesh into a square picture, or a part of it.

    Args:
        points: x right and y down with the picture from 0 to 1, z away from the viewer.
        triangles: Indices of points; both sides are drawn.
        window: What is drawn.
    """
    side_px = window.side
    corner = points[triangles].astype(np.float64)
    corner[..., :2] = window.to_px(corner[..., :2])
    xy = corner[..., :2]
    low = np.clip(np.ceil(xy.min(1)), 0, side_px).astype(np.int64)
    high = np.clip(np.floor(xy.max(1)) + 1, 0, side_px).astype(np.int64)
    size = np.maximum(high - low, 0)
    # Every pixel of every triangle's box, in one row.
    count = size[:, 0] * size[:, 1]
    owner = np.repeat(np.arange(len(triangles)), count)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    down, right = np.divmod(place, size[owner, 0])
    second, third = (at[owner] + across[owner] * right + along[owner] * down for at, across, along in _planes(xy, low))
    inside = (second >= -_TINY) & (third >= -_TINY) & (second + third <= 1 + _TINY)
    owner, second, third = owner[inside], second[inside], third[inside]
    pixel = (low[owner, 1] + down[inside]) * side_px + low[owner, 0] + right[inside]
    z = corner[..., 2]
    depth = z[owner, 0] + second * (z[:, 1] - z[:, 0])[owner] + third * (z[:, 2] - z[:, 0])[owner]
    nearest = np.full(side_px * side_px, np.inf)
    np.minimum.at(nearest, pixel, depth)
    seen = depth == nearest[pixel]
    owner, pixel, second, third = owner[seen], pixel[seen], second[seen], third[seen]
    triangle = np.full(side_px * side_px, -1, np.int32)
    share = np.zeros((side_px * side_px, 3), np.float32)
    triangle[pixel] = owner
    share[pixel] = np.stack([1 - second - third, second, third], 1)
    return Seen(triangle.reshape(side_px, side_px), share.reshape(side_px, side_px, 3))


def _planes(
    xy: Float64[np.ndarray, "triangles 3 2"], low: Int64[np.ndarray, "triangles 2"]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The shares of the second and the third corner of each triangle: at its `low`, and a pixel further right and down.

    Triangles without an area have no share of anything.
    """
    (ax, ay), (bx, by), (cx, cy) = (xy[:, corner].T for corner in range(3))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    flat = np.abs(area) < _TINY
    area = np.where(flat, np.inf, area)
    x, y = low[:, 0] - ax, low[:, 1] - ay
    for right, down in (((cy - ay) / area, (ax - cx) / area), ((ay - by) / area, (bx - ax) / area)):
        yield np.where(flat, -1.0, right * x + down * y), right, down
