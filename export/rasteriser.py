"""A small software rasteriser: triangles to a depth-tested buffer of triangle indices and barycentric weights.

Shading is deferred: this file knows geometry only. Compiled by numba, single-threaded, float32.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from jaxtyping import Float32, Int32

FAR = np.float32(1e9)
EDGE, SLIVER = np.float32(-1e-4), np.float32(1e-9)
"""Weights above the first are inside; triangles of less area than the second are not drawn."""


class Raster:
    """Buffers of one picture, made once.

    Attributes:
        depth: Distance of the nearest surface, [height, width]; FAR where there is none.
        triangle: Index of the nearest triangle, −1 where there is none.
        weight: Barycentric weights of the triangle's first two corners.
    """

    def __init__(self, height: int, width: int) -> None:
        self.depth = np.empty((height, width), np.float32)
        self.triangle = np.empty((height, width), np.int32)
        self.weight = np.empty((height, width, 2), np.float32)

    def draw(
        self,
        points: Float32[np.ndarray, "vertices 3"],
        triangles: Int32[np.ndarray, "triangles 3"],
        two_sided_from: int,
        fray: Float32[np.ndarray, "vertices"],
    ) -> None:
        """Draw triangles into cleared buffers.

        Args:
            points: x, y in pixels (x right, y down) and depth (smaller is nearer).
            triangles: Counter-clockwise seen from outside; those from `two_sided_from` on are never culled.
            two_sided_from: Index of the first two-sided triangle.
            fray: Discards a pixel of a two-sided triangle where its interpolated value is negative (hair ends).
        """
        self.depth.fill(FAR)
        self.triangle.fill(-1)
        _draw(points, triangles, two_sided_from, fray, self.depth, self.triangle, self.weight)


@nb.njit(cache=True, fastmath=True)
def _draw(points, triangles, two_sided_from, fray, depth, index, weight):
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, x1, y1, x2, y2 = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if (area >= 0 and t < two_sided_from) or abs(area) < SLIVER:
            continue
        left, right = max(0, int(math.ceil(min(x0, x1, x2)))), min(width - 1, int(math.floor(max(x0, x1, x2))))
        top, bottom = max(0, int(math.ceil(min(y0, y1, y2)))), min(height - 1, int(math.floor(max(y0, y1, y2))))
        if left > right or top > bottom:
            continue
        inverse = np.float32(1) / area
        z0, z1, z2 = points[a, 2], points[b, 2], points[c, 2]
        # Weights are linear in x and y.
        x1_step, x2_step = (y2 - y0) * inverse, (y0 - y1) * inverse
        frayed = t >= two_sided_from and (fray[a] != 0 or fray[b] != 0 or fray[c] != 0)
        for y in range(top, bottom + 1):
            row1, row2 = (x0 - x2) * (y - y0) * inverse, (x1 - x0) * (y - y0) * inverse
            for x in range(left, right + 1):
                w1 = row1 + x1_step * (x - x0)
                w2 = row2 + x2_step * (x - x0)
                w0 = np.float32(1) - w1 - w2
                if w0 < EDGE or w1 < EDGE or w2 < EDGE:
                    continue
                z = w0 * z0 + w1 * z1 + w2 * z2
                if z >= depth[y, x] or (frayed and w0 * fray[a] + w1 * fray[b] + w2 * fray[c] < 0):
                    continue
                depth[y, x] = z
                index[y, x] = t
                weight[y, x, 0] = w0
                weight[y, x, 1] = w1


@nb.njit(cache=True, fastmath=True)
def turn_head(still, rotation, pivot, first, last, out):
    """Turn points about `pivot`, written to `out`; the neck blends, the shoulders from `first` to `last` stay."""
    for i in range(still.shape[0]):
        t = min(max((still[i, 1] + np.float32(15.5)) / np.float32(7.0), np.float32(0)), np.float32(1))
        follow = t * t * (3 - 2 * t) if i < first or i >= last else np.float32(0)
        x, y, z = still[i, 0] - pivot[0], still[i, 1] - pivot[1], still[i, 2] - pivot[2]
        for k in range(3):
            turned = rotation[k, 0] * x + rotation[k, 1] * y + rotation[k, 2] * z + pivot[k]
            out[i, k] = still[i, k] + follow * (turned - still[i, k])


@nb.njit(cache=True, fastmath=True)
def project(world, distance, scale, centre, up, middle, out):
    """Perspective: x right and y down in pixels, and depth along the viewing axis, written to `out`."""
    for i in range(world.shape[0]):
        depth = np.float32(distance) - world[i, 2]
        s = np.float32(scale) / depth
        out[i, 0] = (world[i, 0] + centre[0]) * s + np.float32(middle)
        out[i, 1] = np.float32(middle) - (world[i, 1] - np.float32(up) + centre[1]) * s
        out[i, 2] = depth


@nb.njit(cache=True, fastmath=True)
def vertex_normals(points, triangles, out):
    """Area-weighted unit normals of all vertices, written to `out` [vertices, 3]."""
    out[:] = 0
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            out[i, 0] += nx
            out[i, 1] += ny
            out[i, 2] += nz
    for i in range(out.shape[0]):
        length = math.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + 1e-12
        out[i, 0] /= length
        out[i, 1] /= length
        out[i, 2] /= length


def ambient_occlusion(
    points: Float32[np.ndarray, "vertices 3"],
    triangles: Int32[np.ndarray, "triangles 3"],
    directions: int = 64,
    bias: float = 0.25,
) -> Float32[np.ndarray, "vertices"]:
    """Share of the cosine-weighted sky that each vertex sees, in [0, 1], from depth maps of many directions.

    Args:
        points: Positions in the head's axes, cm.
        triangles: Counter-clockwise seen from outside.
        directions: How many evenly spread viewpoints.
        bias: Depth in cm below which a surface does not shade itself.
    """
    normals = np.empty_like(points)
    vertex_normals(points, triangles, normals)
    size = 256
    raster = Raster(size, size)
    no_fray = np.zeros(len(points), np.float32)
    centre = points.mean(0)
    scale = np.float32(size / 2 / (np.abs(points - centre).max() * 1.5))
    seen, total = np.zeros(len(points), np.float32), np.full(len(points), 1e-6, np.float32)
    for k in range(directions):
        y = 1 - 2 * (k + 0.5) / directions
        angle = math.pi * (1 + 5**0.5) * k
        toward = np.array([math.sqrt(1 - y * y) * math.cos(angle), y, math.sqrt(1 - y * y) * math.sin(angle)])
        right = np.cross([0.0, 1.0, 0.0] if abs(y) < 0.9 else [1.0, 0.0, 0.0], toward)
        right /= np.linalg.norm(right)
        axes = np.stack([right * scale, -np.cross(toward, right) * scale, -toward]).astype(np.float32)
        view = np.ascontiguousarray((points - centre) @ axes.T)
        view[:, :2] += np.float32(size / 2)
        raster.draw(view, triangles, 0, no_fray)
        cosine = np.maximum(normals @ toward.astype(np.float32), 0)
        nearest = raster.depth[np.rint(view[:, 1]).astype(int), np.rint(view[:, 0]).astype(int)]
        seen += cosine * (view[:, 2] <= nearest + bias)
        total += cosine
    return (seen / total).astype(np.float32)
