"""Beards: where they grow, stubble as a tint of the skin, and long ones as a shell of hair over the jaw.

The shell is the skin's own triangles lifted by an offset a vertex, so it moves with jaw and lips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from export.head_factors import Factors, squeezed
from export.rasteriser import vertex_normals
from export.shading import BEARD
from export.worn import Worn
from puppet.smooth_step import smooth_step

SHARE = 0.30
"""People with a beard, stubble included."""

LONG = 0.5
"""Beards longer than this, of lengths from 0 to 1, stand off the skin."""

_CHIN, _MOUSTACHE = 0, 1


@dataclass(frozen=True, eq=False)
class BeardGrid:
    """Where beards grow on the mean head.

    Attributes:
        masks: How thickly hair grows at every vertex of the head, a row for each of chin, moustache, jaw, sideburns.
        vertices: Vertices of the head below the shell.
        triangles: The shell's, over `vertices`.
    """

    masks: Float32[np.ndarray, "4 head"]
    vertices: Int32[np.ndarray, "shell"]
    triangles: Int32[np.ndarray, "triangles 3"]


def beard_grid(mean: Float32[np.ndarray, "head 3"], skin: Int32[np.ndarray, "skin 3"]) -> BeardGrid:
    """Find the beard's places among the skin triangles of the mean head."""
    x, y, z = mean.T
    jaw = smooth_step(-2.2, -5.0, y + 0.10 * np.abs(x)) * smooth_step(-10.5, -8.0, y) * smooth_step(-0.5, 2.5, z)
    jaw *= smooth_step(0.8, 1.3, np.hypot(x / 2.6, (y + 3.45) / 1.15))
    sideburn = (
        smooth_step(5.0, 6.5, np.abs(x))
        * smooth_step(2.5, 0.5, y)
        * smooth_step(-6.5, -4.5, y)
        * smooth_step(1.5, 3, z)
    )
    chin = jaw * smooth_step(3.6, 2.4, np.abs(x)) * smooth_step(5.0, 7.5, z)
    moustache = np.exp(-(((y + 1.9) / 0.55) ** 2)) * smooth_step(3.2, 1.8, np.abs(x)) * (z > 9)
    masks = np.clip(np.stack([chin, moustache, jaw, 0.6 * sideburn]), 0, 1).astype(np.float32)
    grown = masks.max(0) > 0.02
    triangles = skin[grown[skin].any(1)]
    vertices = np.unique(triangles).astype(np.int32)
    return BeardGrid(masks, vertices, np.searchsorted(vertices, triangles).astype(np.int32))


def beard_density(grid: BeardGrid, factors: Factors) -> Float32[np.ndarray, "head"]:
    """How thickly this person's beard grows at every vertex, from 0 to 1; a moustache, a goatee, or all of it."""
    shape = np.array(factors.amount["beard_shape"])
    chin, moustache = smooth_step(0.08, 0.18, shape), smooth_step(0.92, 0.82, shape)
    jaw, sideburns = smooth_step(0.28, 0.38, shape), smooth_step(0.42, 0.55, shape)
    weights = np.array([chin, moustache, jaw, sideburns], np.float32)
    every: Float32[np.ndarray, "head"] = (grid.masks * weights[:, None]).max(0)
    return every


def has_shell(factors: Factors) -> bool:
    """Whether the beard is long enough to stand off the skin."""
    return factors.above("beard", SHARE) > 0 and factors.amount["beard_length"] > LONG


def bearded(z: Float32[np.ndarray, "*batch z_dim"]) -> Float32[np.ndarray, "*batch z_dim"]:
    """The same people with long beards: entries for the beard and its length, moved to where it has a shell."""
    return squeezed(squeezed(z, "beard", 1 - SHARE, 1.0), "beard_length", LONG, 1.0)


def beard_shell(
    grid: BeardGrid,
    factors: Factors,
    neutral: Float32[np.ndarray, "head 3"],
    attributes: Float32[np.ndarray, "points attributes"],
) -> Worn:
    """A long beard, whose points are offsets from `grid.vertices` of the head.

    Args:
        grid: From `beard_grid`.
        factors: The person's factors.
        neutral: Neutral head, ICT's axes, cm.
        attributes: The head's, first.
    """
    below = neutral[grid.vertices]
    normals = np.empty_like(below)
    vertex_normals(below, grid.triangles, normals)
    length = (factors.amount["beard_length"] - LONG) / (1 - LONG)
    density = beard_density(grid, factors)[grid.vertices]
    chin = grid.masks[_CHIN, grid.vertices]
    lip = grid.masks[_MOUSTACHE, grid.vertices] * (1 - chin)
    thick = smooth_step(0.15, 0.9, density) * (0.22 + 0.35 * length + chin * (0.25 + 1.1 * length**1.5) - 0.1 * lip)
    fall = np.array([0, -1, 0.15], np.float32) * (0.4 * chin + 0.25 * lip)[:, None]
    offset = (normals + fall) * thick[:, None]
    jag = 0.5 + 0.25 * np.sin(5 * below[:, 0] + 2 * below[:, 1]) + 0.25 * np.sin(7 * below[:, 0] - 3 * below[:, 1])
    own = attributes[grid.vertices].copy()
    own[:, -3:] = 0.8 * factors.hair
    fray = (density - 0.22 - 0.12 * jag).astype(np.float32)
    return Worn(offset.astype(np.float32), grid.triangles, own, fray, BEARD)
