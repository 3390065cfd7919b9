"""Eyes: balls that turn with the gaze, the shadow of the upper lid on them, and lashes cut to a line."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int32, UInt8
from scipy.spatial import cKDTree

from export import shading
from export.shape_model import head_rotation
from puppet.pose_space import BUILTIN
from puppet.smooth_step import smooth_step

GAZE_YAW_DEG, GAZE_PITCH_DEG = 30.0, 22.0
"""How far a gaze of 1 turns the eye balls."""

SHADOW_CM, LINE_CM = 0.40, 0.15
"""How far down on the ball the upper lid's shadow reaches, and the dark line of its lashes seen from the front."""

_LOWER_EDGE = 0.42
"""How dark the lower lid's edge is, of 1 for the upper one's."""
_UPPER_LIDS = {shading.EYE_LEFT: (42, 43, 44, 45), shading.EYE_RIGHT: (36, 37, 38, 39)}
"""Landmarks of each upper lid, corner to corner, by rising x."""


def gaze_rotation(p: Float32[np.ndarray, "pose_dim"]) -> Float32[np.ndarray, "3 3"]:
    """Rotation of the eye balls, in the head's axes; signs as the head's yaw and pitch."""
    angles = np.zeros(BUILTIN.dim, np.float32)
    angles[:2] = p[-2:] * np.array([GAZE_YAW_DEG, GAZE_PITCH_DEG], np.float32)
    return head_rotation(angles)


def ball_centre(ball: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "3"]:
    """Centre of an eye ball: its front bulges, so depth is measured from its back."""
    low, high = ball.min(0), ball.max(0)
    middle = (low + high) / 2
    return np.array([middle[0], middle[1], low[2] + (high[1] - low[1]) / 2], np.float32)


class Eyes:
    """Finds balls and lashes in the drawn mesh once, and flattens the corneas of `mean` in place.

    A ball that turns stays behind its lids then.

    Args:
        mean: Vertices of the mean head.
        triangles: Over them.
        material: Codes of `shading`, one a triangle.
        landmarks68: Vertices of the landmarks.
    """

    def __init__(
        self,
        mean: Float32[np.ndarray, "vertices 3"],
        triangles: Int32[np.ndarray, "triangles 3"],
        material: UInt8[np.ndarray, "triangles"],
        landmarks68: Int32[np.ndarray, "68"],
    ) -> None:
        self._balls = []
        for eye, lid in _UPPER_LIDS.items():
            if len(ball := np.unique(triangles[material == eye])):
                away = mean[ball] - (centre := ball_centre(mean[ball]))
                radius = np.linalg.norm(away, axis=1, keepdims=True)
                mean[ball] = centre + away * np.minimum(1, np.median(radius) / radius)
                self._balls.append((ball, mean[ball] - ball_centre(mean[ball]), landmarks68[list(lid)]))
        self._lashes = np.unique(triangles[material == shading.LASH])
        skin = np.unique(triangles[material == shading.SKIN])
        self._lash_reach, root = cKDTree(mean[skin]).query(mean[self._lashes].reshape(-1, 3))
        self._lash_x, self._upper = mean[self._lashes, 0], mean[self._lashes, 1] > 3.35
        rooted = self._lash_reach < 0.02
        self._edges = [(skin[root[rooted & self._upper]], 1.0), (skin[root[rooted & ~self._upper]], _LOWER_EDGE)]

    def reach(self, mean: Float32[np.ndarray, "vertices 3"]) -> Float32[np.ndarray, "vertices"]:
        """Distance in cm from the iris' axis on the balls, from the lid on the lashes; on the lids' edges, darkness."""
        out = np.zeros(len(mean), np.float32)
        for ball, _, _ in self._balls:
            middle = mean[ball].mean(0)
            side = 0.10 * np.sign(middle[0])
            out[ball] = np.hypot(mean[ball, 0] - middle[0] - side, mean[ball, 1] - middle[1])
        out[self._lashes] = self._lash_reach
        for edge, line in self._edges:
            out[edge] = line
        return out

    def turn(self, p: Float32[np.ndarray, "pose_dim"], offset: Float32[np.ndarray, "vertices 3"]) -> None:
        """Add the turn of the balls to `offset`; the shapes of a gaze move only the lids."""
        turn: np.ndarray = gaze_rotation(p) - np.eye(3, dtype=np.float32)
        for ball, from_centre, _ in self._balls:
            offset[ball] += from_centre @ turn.T

    def shade(self, posed: Float32[np.ndarray, "vertices 3"], occlusion: Float32[np.ndarray, "points"]) -> None:
        """Write how much light reaches the balls below the upper lids of this expression into `occlusion`."""
        for ball, _, lid in self._balls:
            edge = posed[lid]
            xyz = posed[ball]
            below = np.interp(xyz[:, 0], edge[:, 0], edge[:, 1]) - xyz[:, 1]
            corner = np.minimum(xyz[:, 0] - edge[0, 0], edge[-1, 0] - xyz[:, 0])
            shadow = 0.55 + 0.45 * smooth_step(0.0, SHADOW_CM, below)
            shadow *= 0.10 + 0.90 * smooth_step(0.02, LINE_CM, below)
            occlusion[ball] = shadow * (0.60 + 0.40 * smooth_step(0.0, 0.5, corner))

    def lash_fray(self, lashes: float) -> tuple[Int32[np.ndarray, "lashes"], Float32[np.ndarray, "lashes"]]:
        """Lash vertices, and what `Raster.draw` needs to cut the bands to lines.

        Args:
            lashes: From 0, a thin line, to 1, long lashes.
        """
        jag = 0.5 + 0.5 * np.sin(self._lash_x * 43)
        length = np.where(self._upper, 0.22 + 0.18 * lashes + 0.12 * lashes * jag, 0.05 + 0.06 * lashes)
        return self._lashes.astype(np.int32), (length - self._lash_reach).astype(np.float32)
