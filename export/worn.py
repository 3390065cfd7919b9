"""What a head wears: who wears glasses, a hat, headphones; and the simple meshes that these are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from export.head_factors import Factors, squeezed
from export.shading import ATTRIBUTES

GLASSES, HATS, HEADPHONES = 0.15, 0.06, 0.08
"""Shares of all people; nobody wears both a hat and headphones."""

MOST_POINTS = 4_500
"""Hair and everything worn have at most so many points."""


def wears_glasses(factors: Factors) -> bool:
    """Whether the person wears glasses."""
    return factors.above("glasses", GLASSES) > 0


def wears_hat(factors: Factors) -> bool:
    """Whether the person wears a hat."""
    return factors.above("headwear", HATS) > 0


def wears_headphones(factors: Factors) -> bool:
    """Whether the person wears headphones."""
    return factors.amount["headwear"] < HEADPHONES


def bare(z: Float32[np.ndarray, "*batch z_dim"]) -> Float32[np.ndarray, "*batch z_dim"]:
    """The same people with nothing on: entries for glasses and headwear, moved to where nothing is worn."""
    return squeezed(squeezed(z, "glasses", 0.0, 1 - GLASSES), "headwear", HEADPHONES, 1 - HATS)


@dataclass(frozen=True, eq=False)
class Worn:
    """A mesh that turns with the head.

    Attributes:
        points: In the head's axes, cm.
        triangles: Over these points, drawn from both sides.
        attributes: Values of `shading.ATTRIBUTES` at every point.
        fray: See `Raster.draw`.
        material: Code of `shading`.
    """

    points: Float32[np.ndarray, "points 3"]
    triangles: Int32[np.ndarray, "triangles 3"]
    attributes: Float32[np.ndarray, "points attributes"]
    fray: Float32[np.ndarray, "points"]
    material: int


def plain(
    parts: list[tuple[np.ndarray, np.ndarray]], colour: Float32[np.ndarray, "3"], shine: float, material: int
) -> Worn:
    """Meshes of one colour as one thing that is worn."""
    first = np.cumsum([0] + [len(points) for points, _ in parts])
    points = np.concatenate([part for part, _ in parts]).astype(np.float32)
    triangles = np.concatenate([part + start for (_, part), start in zip(parts, first[:-1], strict=True)])
    attributes = np.zeros((len(points), len(ATTRIBUTES)), np.float32)
    attributes[:, ATTRIBUTES.index("reach")] = shine
    attributes[:, -3:] = colour
    return Worn(points, triangles.astype(np.int32), attributes, np.zeros(len(points), np.float32), material)


def grid_triangles(columns: int, rows: int, *, closed: bool = False) -> Int32[np.ndarray, "triangles 3"]:
    """Triangles of a grid whose point (column, row) has the number column · rows + row; closed round the columns."""
    column, row = np.meshgrid(np.arange(columns if closed else columns - 1), np.arange(rows - 1), indexing="ij")
    a, b = (column * rows + row).ravel(), ((column + 1) % columns * rows + row).ravel()
    triangles = np.concatenate([np.stack([a, a + 1, b + 1], 1), np.stack([a, b + 1, b], 1)])
    return np.asarray(triangles, np.int32)


def tube(
    path: Float32[np.ndarray, "path 3"], wide: float, high: float, *, closed: bool = False, sides: int = 6
) -> tuple[np.ndarray, np.ndarray]:
    """A tube along a path: an ellipse of half-axes `wide` (level) and `high` (across both); points, triangles."""
    along = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    first = np.cross(along, np.array([0.0, 0.0, 1.0]))
    level = np.linalg.norm(first, axis=1, keepdims=True) < 0.3
    first = np.where(level, np.cross(along, np.array([0.0, 1.0, 0.0])), first)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(along, first)
    angle = np.linspace(0, 2 * math.pi, sides + 1)
    ring = np.cos(angle)[None, :, None] * wide * first[:, None] + np.sin(angle)[None, :, None] * high * second[:, None]
    points = (path[:, None] + ring).reshape(-1, 3)
    return points, grid_triangles(len(path), sides + 1, closed=closed)
