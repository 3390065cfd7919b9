"""Between a portrait and space: points in sides of the crop, x right, y down, z away from the viewer."""

from __future__ import annotations

import numpy as np

from puppet.face_motion import Space

VIEWER = 2.26
"""How far the viewer is away, in sides of the crop: a lens that is 25° wide."""


def lifted(points: Space) -> Space:
    """Points that a picture shows, in space."""
    xy = (points[:, :2] - 0.5) * (1 + points[:, 2:] / VIEWER) + 0.5
    return np.column_stack([xy, points[:, 2]])


def projected(points: Space) -> Space:
    """The inverse of `lifted`."""
    xy = (points[:, :2] - 0.5) / (1 + points[:, 2:] / VIEWER) + 0.5
    return np.column_stack([xy, points[:, 2]])
