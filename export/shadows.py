"""Soft shadows of nose, chin, hair and what is worn: an exponential shadow map of the key light.

    s(d) = min(1, E[exp(c z)] · exp(−c (d − b)))

z is the depth of the nearest surface seen from the light, E its average over neighbouring texels, d the depth of the
point that is lit, b a bias. One look-up a point, soft at the edges, without grain.

Source: Annen, Mertens, Seidel, Flerackers, Kautz, "Exponential Shadow Maps", Graphics Interface 2008.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numba as nb
import numpy as np
from jaxtyping import Float32, Int32

from export.rasteriser import Raster

SIDE = 144
"""Texels of the square map."""

REACH_CM = 17.0
"""The map shows so much of the head on each side of its centre."""

CENTRE = np.array([0.0, 0.0, 2.0], np.float32)
SHARPNESS = 1.7
"""c, in 1/cm: a surface shades points more than half a centimetre behind it."""

_BEHIND = np.float32(9.0)
"""Depth, in cm behind the centre, of what no surface covers."""


class ShadowMap:
    """Buffers of one renderer, made once.

    Attributes:
        view: Every point seen from the light: column, row (texels) and depth (cm behind the centre).
        map: E[exp(c z)].
    """

    def __init__(self, points: int) -> None:
        self.view = np.empty((points, 3), np.float32)
        self.map = np.empty((SIDE, SIDE), np.float32)
        self._raster = Raster(SIDE, SIDE)
        self._whole = np.zeros(points, np.float32)  # nothing is frayed

    def draw(
        self,
        world: Float32[np.ndarray, "points 3"],
        casters: Int32[np.ndarray, "triangles 3"],
        two_sided_from: int,
        toward: Sequence[np.float32],
        blur_cm: float,
    ) -> None:
        """Look at the head from the light.

        Args:
            world: Points after the head's turn, cm.
            casters: Triangles that throw shadows.
            two_sided_from: Those before it throw none where they look away from the light.
            toward: Unit vector to the light.
            blur_cm: Half width of a shadow's edge.
        """
        _look(world, np.array(toward, np.float32), CENTRE, self.view)
        self._raster.draw(self.view, casters, two_sided_from, self._whole)
        depth = np.minimum(self._raster.depth, _BEHIND)
        np.exp(np.float32(SHARPNESS) * depth, out=depth)
        # A box filter's running sum would lose the near surfaces among the far ones.
        cv2.GaussianBlur(depth, (0, 0), blur_cm * SIDE / (2 * REACH_CM) / 1.5, dst=self.map)


@nb.njit(cache=True, fastmath=True)
def _look(world, toward, centre, view):
    flat = math.sqrt(toward[0] ** 2 + toward[2] ** 2)
    rx, rz = toward[2] / flat, -toward[0] / flat
    ux, uy, uz = -toward[1] * toward[0] / flat, flat, -toward[1] * toward[2] / flat
    scale = np.float32(SIDE / (2 * REACH_CM))
    for i in range(world.shape[0]):
        x, y, z = world[i, 0] - centre[0], world[i, 1] - centre[1], world[i, 2] - centre[2]
        view[i, 0] = np.float32(SIDE / 2) + scale * (rx * x + rz * z)
        view[i, 1] = np.float32(SIDE / 2) - scale * (ux * x + uy * y + uz * z)
        view[i, 2] = -(toward[0] * x + toward[1] * y + toward[2] * z)
