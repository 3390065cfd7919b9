"""The far side of a turned head: a portrait shows it at a slant or not at all, but its other side well.

A head is taken for symmetric about the plane through its pivot P that its own x axis, e = R_s (1, 0, 0)ᵀ, stands on:

    X' = X − 2 ((X − P) · e) e

A point takes the colour of X' instead of its own where it faces away from the viewer and X' is nearer; so a head that
looks straight into the camera takes none.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int32

from puppet.face_motion import Space
from puppet.smooth_step import smooth_step

FACING = (0.20, 0.45)
"""Cosine between a surface and the view, below and above which it is seen too badly, and well enough."""

NEARER = (0.04, 0.07)
"""By so much the other side has to be nearer, in sides of the crop."""


def mirrored(X: Space, pivot: Float64[np.ndarray, "3"], R: Float64[np.ndarray, "3 3"]) -> Space:
    """Where the other side of a head has the same points.

    Args:
        X: Points in space.
        pivot: P.
        R: The head's rotation.
    """
    away = (X - pivot) @ R[:, 0]
    return np.asarray(X - 2 * away[:, None] * R[:, 0])


def share_of_other(X: Space, other: Space, facing: Float64[np.ndarray, "points"]) -> Float64[np.ndarray, "points"]:
    """How much of its colour each point takes from the head's other side, 0 to 1.

    Args:
        X: Points in space.
        other: The same points of the other side.
        facing: Cosine between the surface at each point and the view.
    """
    return np.asarray((1 - smooth_step(*FACING, facing)) * smooth_step(*NEARER, X[:, 2] - other[:, 2]))


def facing_of_ball(X: Space, pivot: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "points"]:
    """The cosine for points of a ball around the pivot: a shell's own slant is a guess, and jagged."""
    out = X - pivot
    return np.asarray(-out[:, 2] / np.linalg.norm(out, axis=1))


def facing_of_mesh(X: Space, triangles: Int32[np.ndarray, "triangles 3"]) -> Float64[np.ndarray, "points"]:
    """The cosine for points of triangles: that of their mean normal; 1 for a point of none."""
    a, b, c = (X[triangles[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    normals *= np.where(normals[:, 2:] > 0, -1, 1)  # towards the viewer, however the corners go round
    sums = np.zeros_like(X)
    for corner in range(3):
        np.add.at(sums, triangles[:, corner], normals)
    length = np.linalg.norm(sums, axis=1)
    return np.asarray(np.divide(-sums[:, 2], length, out=np.ones(len(X)), where=length > 0))
