"""Between a portrait and space: points in sides of the crop, x right, y down, z away from the viewer."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from jaxtyping import Float32, Float64

VIEWER = 2.26
"""How far the viewer is away, in sides of the crop: a lens that is 25° wide."""


Points = TypeVar("Points", Float32[np.ndarray, "*shape 3"], Float64[np.ndarray, "*shape 3"])


def lifted(points: Points) -> Points:
    """Points that a picture shows, in space."""
    out = points.copy()
    out[..., :2] = (points[..., :2] - 0.5) * (1 + points[..., 2:] / VIEWER) + 0.5
    return out


def projected(points: Points) -> Points:
    """The inverse of `lifted`."""
    out = points.copy()
    away = 1 + points[..., 2] / VIEWER
    for axis in (0, 1):  # one after the other is twice as fast
        out[..., axis] = (points[..., axis] - 0.5) / away + 0.5
    return out
