"""Shoulders below the shape model's neck."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32, Int32


def shoulders() -> tuple[Float32[np.ndarray, "points 3"], Int32[np.ndarray, "triangles 3"]]:
    """Points (cm, ICT's axes) and triangles: a dome of half-ellipse rings that comes out from under it."""
    angle = np.linspace(0, 2 * math.pi, 49)[:-1]
    rings = []
    for d in np.linspace(0.03, 1, 10):
        width, thick = 22.0 * d**0.6, 7.0 * d**0.5
        height = -12.6 - 1.4 * d - 9.5 * d**3
        rings.append(np.stack([width * np.sin(angle), np.full(48, height), thick * np.cos(angle) - 3.4], 1))
    points = np.concatenate(rings).astype(np.float32)
    i, j = np.meshgrid(np.arange(48), np.arange(9), indexing="ij")
    a, b = (j * 48 + i).ravel(), (j * 48 + (i + 1) % 48).ravel()
    triangles = np.concatenate([np.stack([a, a + 48, b], 1), np.stack([b, a + 48, b + 48], 1)])
    return points, triangles.astype(np.int32)
