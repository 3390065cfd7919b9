"""Shaping: the shape of a person's face, and a code that paints it.

An encoder that learned from renders gives most photographed people much the same face. But landmarks can be measured,
in the portrait as in what the generator paints. The code c is moved until both agree:

    min_u  ‖a(c + u D) − a*‖² + ‖u‖² / τ²

with a the principal components of landmarks in space, whatever the head's place, size and turn, each in units of what
in it tells nothing of a head's shape; a* the portrait's; and D what a code moves by for each coefficient of a head's
shape (export/shaping.py): puppet.code_search. Lids and lips are left out, as they blink and speak.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Float32, Float64

from puppet.bundle_tensors import SHAPES, Shaping
from puppet.code_search import LIGHTLY, nearest_code
from puppet.face_topology import SHAPE
from puppet.perspective import lifted

SPREAD = 3.0
"""τ²: how far from the encoder's a photographed person's coefficients are, in variances of people's."""

FURTHEST = 8.0
"""How much of a component is asked for at most: a hand before a face, or a moustache, is no shape."""

Components: TypeAlias = Float64[np.ndarray, "20"]


def components_of(points: Float64[np.ndarray, "478 3"], shaping: Shaping) -> Components:
    """The shape of a face.

    Args:
        points: FaceMesh's landmarks, in sides of the crop.
        shaping: The model's.
    """
    landmarks = aligned(lifted(points[list(SHAPE)]), shaping.mean)
    return np.asarray(shaping.axes @ (landmarks - shaping.mean).ravel(), np.float64)


def aligned(
    landmarks: Float64[np.ndarray, "n 3"], mean: Float32[np.ndarray, "n 3"] | Float64[np.ndarray, "n 3"]
) -> Float64[np.ndarray, "n 3"]:
    """Landmarks, moved, enlarged and turned until they lie closest to the mean ones, which lie around 0.

    Source: Umeyama, "Least-Squares Estimation of Transformation Parameters Between Two Point Patterns", PAMI 1991.
    """
    centred = landmarks - landmarks.mean(0)
    u, s, v = np.linalg.svd(centred.T @ mean)
    mirrored = np.sign(np.linalg.det(u @ v))
    s[-1] *= mirrored
    turn = u @ np.diag([1, 1, mirrored]) @ v
    return np.asarray(centred @ turn * (s.sum() / np.sum(centred**2)))


def shaped(
    code: Float32[np.ndarray, "num_ws w_dim"],
    wanted: Components,
    shaping: Shaping,
    components: Callable[[Float32[np.ndarray, "num_ws w_dim"]], Components | None],
) -> Float32[np.ndarray, "num_ws w_dim"]:
    """A code near another one, whose person has the wanted shape as far as that is likely.

    Args:
        code: c.
        wanted: The portrait's.
        shaping: The model's.
        components: What is seen of a code once it is painted; None where there is no face.
    """
    found = components(code)
    if found is None:
        return code
    goal = found + (wanted - found).clip(-FURTHEST, FURTHEST)
    scale = np.sqrt(LIGHTLY * SPREAD)

    def short(found: Components | None) -> Components:
        return np.full(SHAPES, np.nan) if found is None else scale * (found - goal)

    jacobian = scale * shaping.jacobian.astype(np.float64)
    return nearest_code(code, shaping.moves, jacobian, short(found), lambda code: short(components(code)))
