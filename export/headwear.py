"""Hats and headphones: a beanie or a cap on the skull's meridians; a band over the hair with two cups."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from export.hair import CENTRE, ROWS, HairGrid
from export.head_factors import CLOTH, Factors, pick
from export.meridians import along_meridians
from export.shading import WORN
from export.worn import Worn, grid_triangles, plain, tube
from puppet.smooth_step import smooth_step

BEANIES = 0.55
"""Share of hats that are beanies; the others are caps."""

_BRIM_COLUMNS, _BRIM_ROWS = 19, 5


def hat(grid: HairGrid, factors: Factors, person: Float32[np.ndarray, "vertices 3"]) -> Worn:
    """A beanie with a turned-up edge, or a cap with a brim.

    Args:
        grid: Where the skull is.
        factors: The person's factors.
        person: Neutral head, ICT's axes, cm.
    """
    skull = (person[grid.near] * grid.share[..., None]).sum(2).astype(np.float64)
    kind = factors.amount["headwear_shape"]
    beanie = kind < BEANIES
    loose = kind / BEANIES if beanie else (kind - BEANIES) / (1 - BEANIES)
    back = np.abs(grid.phi) / math.pi
    front_cm, back_cm = (8.2 - 0.8 * loose, 0.5) if beanie else (9.0 - 0.5 * loose, 3.0)
    end = front_cm + (back_cm - front_cm) * smooth_step(0.15, 0.75, back)
    points = along_meridians(skull, np.asarray(end, np.float64), ROWS)
    away = points - CENTRE
    away[..., 1] = np.maximum(away[..., 1], 0.0)
    away /= np.linalg.norm(away, axis=-1, keepdims=True)
    t = np.linspace(0, 1, ROWS)[None, :, None]
    lift = 0.85 + 0.9 * (0.3 + loose) * (1 - t) ** 2
    if beanie:
        lift = lift + 0.30 * smooth_step(0.72, 0.76, t)
    points = points + away * lift
    parts = [(points.reshape(-1, 3), grid.triangles)]
    if not beanie:
        parts.append(_brim(points[:, -1], grid.phi, 4.6 + 1.4 * loose))
    colour = pick(CLOTH, factors.amount["headwear_colour"]) * np.float32(0.75)
    worn = plain(parts, colour, 0.02, WORN)
    # Ribs of a knitted hat: x and y are column and row, as for hair.
    if beanie:
        worn.attributes[:, 0] = np.repeat(grid.phi, ROWS)
        worn.attributes[:, 1] = np.tile(np.linspace(0, 1, ROWS, dtype=np.float32), len(grid.phi))
    return worn


def _brim(edge: np.ndarray, phi: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
    """A visor in front of a cap's edge."""
    angle = np.linspace(-1.05, 1.05, _BRIM_COLUMNS)
    root = np.stack([np.interp(angle, phi, edge[:, axis]) for axis in range(3)], 1)
    out = np.linspace(0, 1, _BRIM_ROWS)[None, :, None]
    reach = np.cos(angle / 1.05 * math.pi / 2)[:, None, None] ** 0.6
    forward = np.array([0.0, -0.30, 1.0])
    points = root[:, None] + out * reach * length * forward
    points[..., 1] -= 0.035 * points[..., 0] ** 2 * out[..., 0] - 0.15
    return points.reshape(-1, 3), grid_triangles(_BRIM_COLUMNS, _BRIM_ROWS)


def headphones(
    factors: Factors, person: Float32[np.ndarray, "vertices 3"], hair: Float32[np.ndarray, "hair 3"]
) -> Worn:
    """A band from ear to ear over the hair, and a cup on each ear.

    Args:
        factors: The person's factors.
        person: Neutral head, ICT's axes, cm.
        hair: Points of the hair; none where there is none.
    """
    every = np.concatenate([person, hair])
    near = (np.abs(every[:, 2] - 0.5) < 2.2) & (every[:, 1] > 0.5)
    top = float(every[near, 1].max()) + 0.10
    side = float(np.abs(every[near & (np.abs(every[:, 1] - 2.8) < 2.0), 0]).max()) + 0.1
    side = min(side, 10.5)
    angle = np.linspace(0, math.pi, 25)
    power = 2 / 2.5
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power * (side + 0.7)
    y = 3.0 + np.sin(angle) ** power * (top - 3.0)
    band = np.stack([x, y, np.full(25, 0.3)], 1)
    size = 2.6 + 0.9 * factors.amount["headwear_shape"]
    parts = [tube(band, 0.22, 0.75)]
    parts += [_cup(sign, side, size) for sign in (-1.0, 1.0)]
    shade = factors.amount["headwear_colour"]
    colour = np.full(3, 0.02, np.float32) if shade < 0.5 else pick(CLOTH, 2 * shade - 1)
    return plain(parts, colour, 0.15, WORN)


def _cup(sign: float, side: float, size: float) -> tuple[np.ndarray, np.ndarray]:
    """A cushion that stands off the ear: rings about the x axis, closed by a point."""
    profile = ((-0.9, 0.75), (-0.5, 1.0), (0.4, 1.0), (0.9, 0.82), (1.15, 0.45), (1.2, 0.0))
    angle = np.linspace(0, 2 * math.pi, 21)
    rings = [
        np.stack(
            [
                np.full(21, sign * (side + 0.3 + out)),
                2.8 + 1.1 * size * radius * np.cos(angle),
                0.3 + 0.9 * size * radius * np.sin(angle),
            ],
            1,
        )
        for out, radius in profile
    ]
    return np.stack(rings, 1).reshape(-1, 3), grid_triangles(21, len(profile))
