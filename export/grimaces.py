"""Expressions that the pose vector has no entry for, and what it says of them.

A driver presses his lips, bares his teeth or shrugs his chin, and the pose vector can say none of it. What reads it
must not take such a face for an open mouth; it should say what comes nearest on a portrait. So for shapes q beside p

    p* = argmin |F (p' − p) − F_o q|² + ρ² |p' − p|²,   within the ranges of p

where F and F_o move the 68 landmarks and, three times as heavily, the distances across the lids and lips: whether a
mouth is shut counts most. Angles and gaze stay.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy.optimize import lsq_linear

from export.posed_shape import EYE_PAIRS, MOUTH_PAIRS
from export.shape_model import ShapeModel
from puppet.pose_space import BUILTIN

SHARE, MOST = 0.6, 3
"""Of faces that make one, and how many kinds at once."""

TOGETHER = 0.7
"""Of kinds with two sides that move alike on both."""

_CLOSE = "mouthClose"
"""Undoes what the jaw opens, so it goes no further than that."""

_ACROSS, _RIDGE = 3.0, 2.5
_FIRST = 3
"""Entries of p before it are angles."""


class Grimaces:
    """Draws them, and says what p should be read.

    Args:
        shape: The shape model.
    """

    def __init__(self, shape: ShapeModel) -> None:
        self._names = shape.other_names
        self._stems = sorted({_stem(name) for name in self._names})
        signed = BUILTIN.lower[_FIRST:, None, None] < 0
        positive, negative = (field[:, shape.landmarks68] for field in (shape.positive, shape.negative))
        moved = _moved(np.where(signed, (positive - negative) / 2, positive))
        self._free = [i for i, name in enumerate(BUILTIN.names[_FIRST:]) if not name.startswith("gaze")]
        free = moved[self._free]
        self._matrix = np.concatenate([free.T, _RIDGE * np.eye(len(free))])
        self._others = _moved(shape.others[:, shape.landmarks68])

    def draw(
        self, rng: np.random.Generator, p: Float32[np.ndarray, "pose_dim"]
    ) -> tuple[Float32[np.ndarray, "others"], Float32[np.ndarray, "pose_dim"]]:
        """Amounts of the other shapes, from 0 to 1, for a face that does p; and the p that should be read then."""
        q = np.zeros(len(self._names), np.float32)
        if rng.random() >= SHARE:
            return q, p
        kinds = rng.choice(self._stems, min(len(self._stems), int(rng.integers(1, MOST + 1))), replace=False)
        for kind in kinds:
            sides = [i for i, name in enumerate(self._names) if _stem(name) == kind]
            amounts = rng.uniform(0, 1, len(sides)) * (rng.random(len(sides)) < 0.5)
            q[sides] = rng.uniform(0, 1) if rng.random() < TOGETHER else amounts
        if _CLOSE in self._names:
            q[self._names.index(_CLOSE)] *= p[BUILTIN.index("jaw_open")]
        return q, self.nearest(p, q)

    def nearest(
        self, p: Float32[np.ndarray, "pose_dim"], q: Float32[np.ndarray, "others"]
    ) -> Float32[np.ndarray, "pose_dim"]:
        """p*."""
        entries = _FIRST + np.array(self._free)
        wanted = np.concatenate([q @ self._others, np.zeros(len(entries))])
        room = BUILTIN.lower[entries] - p[entries], BUILTIN.upper[entries] - p[entries]
        out = p.copy()
        out[entries] += lsq_linear(self._matrix, wanted, room).x
        return out


def _stem(name: str) -> str:
    return name.removesuffix("_L").removesuffix("_R")


def _moved(fields: Float32[np.ndarray, "shapes 68 3"]) -> Float32[np.ndarray, "shapes moved"]:
    """What each shape moves, as one row: places, and distances across."""
    first, second = np.array(EYE_PAIRS + MOUTH_PAIRS).T
    across = _ACROSS * (fields[:, first] - fields[:, second])
    return np.concatenate([fields.reshape(len(fields), -1), across.reshape(len(fields), -1)], 1)
