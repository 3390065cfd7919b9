"""Hair as a helmet: from the crown it follows the skull along meridians and hangs where it leaves it.

The surface is a grid of meridians (angle φ about the head's vertical axis, 0 in front, towards the subject's left) by
rows (0 at the crown, 1 at the hair's end). Its base points are fixed blends of scalp vertices: it fits all identities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32
from scipy.spatial import cKDTree

from export.head_factors import Factors
from export.meridians import along_meridians
from export.shading import ATTRIBUTES, HAIR
from export.worn import Worn, grid_triangles, wears_hat
from puppet.smooth_step import smooth_step

MERIDIANS, ROWS = 72, 22
CENTRE = np.array([0.0, 4.0, -0.6], np.float32)
"""Middle of the skull in ICT's axes, cm."""
CURLY, PARTED = 0.35, 0.35
"""Shares of people with curls, and with a parting that shows."""
_POLAR = np.radians(np.concatenate([np.linspace(0, 90, 13), np.linspace(97, 132, 6)])).astype(np.float32)
_EQUATOR = 12


@dataclass(frozen=True, eq=False)
class HairGrid:
    """The grid's topology and where it sits on a head.

    Attributes:
        near: Scalp vertices behind each skull sample, [meridians, polar, 6].
        share: Their weights, summing to 1.
        triangles: Over `MERIDIANS + 1` columns (the first is repeated) by `ROWS` rows.
        phi: Angle of each column, radians.
    """

    near: Int32[np.ndarray, "columns polar 6"]
    share: Float32[np.ndarray, "columns polar 6"]
    triangles: Int32[np.ndarray, "triangles 3"]
    phi: Float32[np.ndarray, "columns"]


def hair_grid(mean: Float32[np.ndarray, "vertices 3"], skin: Int32[np.ndarray, "skin"]) -> HairGrid:
    """Find the scalp below every skull sample of a neutral mean head; ears are passed over."""
    phi = np.linspace(-math.pi, math.pi, MERIDIANS + 1).astype(np.float32)
    direction = np.stack(
        np.broadcast_arrays(
            np.sin(phi)[:, None] * np.sin(_POLAR), np.cos(_POLAR)[None, :], np.cos(phi)[:, None] * np.sin(_POLAR)
        ),
        -1,
    )
    position = mean[skin]
    ear = (np.abs(position[:, 0]) > 7.0) & (position[:, 1] < 6.3) & (position[:, 2] < 4.5) & (position[:, 1] > -3)
    inside = np.linalg.norm(position - CENTRE, axis=1) < 6.0
    scalp = skin[~ear & ~inside]
    away = mean[scalp] - CENTRE
    tree = cKDTree(away / np.linalg.norm(away, axis=1, keepdims=True))
    distance, found = tree.query(direction.reshape(-1, 3), k=6)
    share = 1 / (distance + 0.02)
    share /= share.sum(1, keepdims=True)
    shape = (*direction.shape[:2], 6)
    near = scalp[found].reshape(shape).astype(np.int32)
    return HairGrid(near, share.reshape(shape).astype(np.float32), grid_triangles(MERIDIANS + 1, ROWS), phi)


def is_bald(factors: Factors) -> bool:
    """The lowest 6 % of hair lengths are shaved heads; those up to 16 % are cropped."""
    return factors.amount["hair_length"] < 0.06


def parting(factors: Factors) -> tuple[float, float]:
    """Angle φ of the parting, and how much of it shows, from 0 to 1."""
    shows = factors.above("hair_parting", PARTED) ** 0.5
    return math.pi / 2 * (2 * factors.amount["hair_part"] - 1) * (1 - 0.45 * shows), shows


def hairline(factors: Factors, phi: Float32[np.ndarray, "n"]) -> Float32[np.ndarray, "n"]:
    """Height in cm (ICT's y) below which no hair grows from the skin, by angle."""
    front = smooth_step(0.25, 0.8, np.cos(phi))
    temple = np.exp(-(((np.abs(phi) - 0.85) / 0.28) ** 2))
    forehead = factors.between("hair_recede", 9.2, 11.4) + temple * factors.between("hair_recede", 0.0, 1.6)
    side = np.where(np.abs(phi) < 2.0, 3.5, -2.5 + 3.0 * smooth_step(2.6, 2.0, np.abs(phi)))
    return np.asarray(front * forehead + (1 - front) * side, np.float32)


def hair_shell(grid: HairGrid, factors: Factors, person: Float32[np.ndarray, "vertices 3"]) -> Worn:
    """A person's hair. Its attributes x and y are column angle and row, its own colour is the scalp's.

    Args:
        grid: From `hair_grid`.
        factors: The person's factors.
        person: Neutral head, ICT's axes, cm.
    """
    points, fray = hair_surface(grid, factors, person)
    attributes = np.zeros((len(points), len(ATTRIBUTES)), np.float32)
    attributes[:, 0] = np.repeat(grid.phi, ROWS)
    attributes[:, 1] = np.tile(np.linspace(0, 1, ROWS, dtype=np.float32), len(grid.phi))
    attributes[:, -3:] = 0.7 * factors.skin
    return Worn(points, grid.triangles, attributes, fray, HAIR)


def hair_surface(
    grid: HairGrid, factors: Factors, person: Float32[np.ndarray, "vertices 3"]
) -> tuple[Float32[np.ndarray, "points 3"], Float32[np.ndarray, "points"]]:
    """Positions of the grid on a person, and `fray`: positive inside, falling to −1 at ragged ends.

    Args:
        grid: From `hair_grid`.
        factors: The person's factors.
        person: Neutral head, ICT's axes, cm.
    """
    phi = grid.phi
    skull = (person[grid.near] * grid.share[..., None]).sum(2)
    length = max(0.0, factors.amount["hair_length"] - 0.30) / 0.70
    curl = factors.above("hair_curl", CURLY) ** 0.5
    front = smooth_step(0.30, 0.75, np.cos(phi))
    end = _end_height(factors, phi, front, length)
    points = along_meridians(_path(skull, front, length * (1 - 0.4 * curl)), end, ROWS)

    # Lift the surface off the skull: volume on top and at the sides, close to the skin at the front edge.
    t = np.linspace(0, 1, ROWS, dtype=np.float32)[None, :]
    away = points - CENTRE
    away[..., 1] *= np.where(away[..., 1] < 0, 0.15, 1.0)
    away /= np.linalg.norm(away, axis=-1, keepdims=True)
    volume = _volume(factors, phi, t, np.clip(away[..., 1], 0, 1) ** 1.5, length, curl)
    edge = smooth_step(1.0, 0.75, t)
    volume *= 1 - front[:, None] * (1 - edge) * 0.75
    volume *= 1 - (1 - front[:, None]) * (1 - edge) * (0.7 - 0.55 * max(length, 0.8 * curl))
    if wears_hat(factors):
        # A hat presses the hair to the skull.
        volume *= 0.15 + 0.85 * smooth_step(5.0, 0.0, points[..., 1])
    points = points + away * (volume + 0.12)[..., None]

    jag = 0.5 + 0.3 * np.sin(phi * 17 + 2 * np.sin(phi * 5)) + 0.2 * np.sin(phi * 29 + 1.3)
    fray = (1 - t) - (0.01 + (0.05 + 0.03 * length) * jag)[:, None]
    return points.reshape(-1, 3).astype(np.float32), fray.reshape(-1).astype(np.float32)


def _volume(
    factors: Factors, phi: np.ndarray, t: np.ndarray, top: np.ndarray, length: float, curl: float
) -> np.ndarray:
    """Height of the surface above the skull, cm, by column and row."""
    volume = top * factors.between("hair_volume_top", 0.5, 2.6)
    volume += (1 - top) * factors.between("hair_volume_side", 0.35, 1.7) * (0.55 + 0.45 * length)
    volume += curl * (0.35 + 0.5 * length)
    part, shows = parting(factors)
    beside = (phi - part)[:, None]
    volume *= 1 - (0.35 + 0.30 * shows) * np.exp(-((beside / (0.25 - 0.10 * shows)) ** 2)) * smooth_step(0.1, 0.5, t)
    volume += 0.35 * shows * np.exp(-(((np.abs(beside) - 0.5) / 0.3) ** 2)) * smooth_step(0.2, 0.6, t)
    ripple = smooth_step(0.15, 0.6, t)
    wave = factors.between("hair_wave", 0.0, 0.40) ** 1.5 * (0.4 + length)
    volume += wave * np.sin(7 * t * (1 + 1.5 * length) + 3 * np.sin(5 * phi)[:, None]) * ripple
    turns = 16 * t * (1 + 1.2 * length)
    volume += 0.28 * curl * np.sin(turns + 2.2 * np.sin(9 * phi)[:, None]) * np.cos(13 * phi)[:, None] * ripple
    cropped = float(smooth_step(0.05, 0.16, np.array(factors.amount["hair_length"])))
    return np.asarray(volume * (0.06 + 0.94 * cropped))


def _end_height(factors: Factors, phi: np.ndarray, front: np.ndarray, length: float) -> np.ndarray:
    part, shows = parting(factors)
    # A fringe falls to both sides of a parting.
    fringe = max(0.0, factors.amount["hair_fringe"] - 0.45) / 0.55
    fringe = fringe * (1 - shows * np.exp(-(((phi - part) / 0.30) ** 2)))
    swoop = 1.6 * np.sin(phi * 0.9 + 2.2 * (factors.amount["hair_part"] - 0.5))
    line = hairline(factors, phi)
    forehead = line - fringe * (line - 6.6 - 0.8 * swoop)
    back = np.clip(np.abs(phi) / math.pi, 0, 1)
    short = 4.2 - 5.2 * smooth_step(0.45, 0.8, back)
    side = short + (-13.5 - short) * length
    return np.asarray(front * forehead + (1 - front) * side)


def _path(skull: np.ndarray, front: np.ndarray, length: float) -> np.ndarray:
    """Every meridian from the crown to below the shoulders; long hair leaves the skull where it is widest."""
    hang = np.clip(1.6 * length, 0, 1)
    path = np.concatenate([skull, np.repeat(skull[:, -1:], 3, 1)], 1)
    straight = path.copy()
    drop = np.linspace(0, 1, path.shape[1] - _EQUATOR)
    straight[:, _EQUATOR:] = path[:, _EQUATOR, None]
    straight[:, _EQUATOR:, 1] -= drop * (path[:, _EQUATOR, 1] + 16)[:, None]
    path[:, -3:, 1] -= np.array([2.0, 6.0, 12.0])
    return np.asarray(path + ((1 - front) * hang)[:, None, None] * (straight - path), np.float64)
