"""The skin of a head: its colours by place, and the coordinates in which lips and brows are painted on it."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32
from scipy.spatial import cKDTree

from export.beard import SHARE
from export.hair import hairline, is_bald
from export.head_factors import Factors
from puppet.smooth_step import smooth_step


def skin_albedo(
    mean: Float32[np.ndarray, "vertices 3"], beard: Float32[np.ndarray, "vertices"], factors: Factors
) -> Float32[np.ndarray, "vertices 3"]:
    """Linear RGB of every vertex of the head, hair roots and shaved beards included.

    Args:
        mean: The mean head; patterns are fixed on it.
        beard: How thickly a beard grows, from `beard.beard_density`.
        factors: What z says.
    """
    x, y, z = mean.T
    albedo = np.tile(factors.skin, (len(x), 1))
    cheek = np.exp(-(((np.abs(x) - 4.3) / 2.2) ** 2) - ((y + 0.8) / 1.9) ** 2) * (z > 4)
    nose = np.exp(-((x / 1.6) ** 2) - ((y - 0.2) / 1.5) ** 2) * (z > 10)
    socket = np.exp(-(((np.abs(x) - 3.1) / 1.8) ** 2) - ((y - 3.4) / 1.4) ** 2) * (z > 6)
    flush = cheek * factors.between("blush", 0.05, 0.40) + nose * factors.between("nose_red", 0.0, 0.35)
    albedo *= 1 - flush[:, None] * np.array([0.0, 0.42, 0.34], np.float32)
    albedo *= 1 - 0.16 * socket[:, None] * np.array([0.7, 1.0, 0.9], np.float32)
    if factors.texture.any():
        wave = [np.sin(x * (0.5 + 0.35 * k) + 1.7 * k) * np.cos(y * (0.4 + 0.3 * k) - z * 0.3 + k) for k in range(6)]
        pattern = np.stack(wave, 1) * factors.texture
        albedo *= np.exp(
            0.16 * np.stack([pattern[:, [0, 1]].sum(1), pattern[:, [2, 3]].sum(1), pattern[:, [4, 5]].sum(1)], 1)
        )
    grown = (0.25 + 0.65 * factors.above("beard", SHARE)) * beard if factors.above("beard", SHARE) > 0 else 0 * beard
    albedo += grown[:, None] * (np.minimum(0.6 * factors.hair, 0.7 * factors.skin) - albedo)
    # Hair roots on the scalp; shaved heads keep a shadow of them.
    line = hairline(factors, np.arctan2(x, z + 0.6))
    roots = smooth_step(0.0, 1.3, y - line) * (0.5 if is_bald(factors) else 0.9)
    ear = (np.abs(x) > 7.3) & (y < 5.5) & (z < 4)
    roots = np.where(ear, 0, roots)
    albedo += roots[:, None] * (0.8 * factors.hair - albedo)
    return albedo.astype(np.float32)


def inside_polygon(polygon: Float32[np.ndarray, "corners 2"], xy: Float32[np.ndarray, "n 2"]) -> np.ndarray:
    """Signed distance in cm: positive inside."""
    outline = polygon.reshape(-1, 1, 2).astype(np.float32)
    return np.array([cv2.pointPolygonTest(outline, (float(x), float(y)), True) for x, y in xy], np.float32)


def brow_coordinates(marks: Float32[np.ndarray, "68 3"], xyz: Float32[np.ndarray, "n 3"]) -> np.ndarray:
    """Across (cm, up) and along (0 at the nose, 1 at the temple) of the brow on each vertex's side, [n, 2].

    Behind the temples `along` is past the brow's end: interpolation between vertices never crosses the brow.
    """
    out = np.empty((len(xyz), 2), np.float32)
    for side, brow in ((True, marks[22:27, :2]), (False, marks[17:22, :2][::-1])):
        mine = (xyz[:, 0] >= 0) == side
        t = np.linspace(-0.1, 1.15, 60)
        line = np.stack([np.polyval(np.polyfit(np.linspace(0, 1, 5), brow[:, k], 2), t) for k in (0, 1)], 1)
        distance, nearest = cKDTree(line).query(xyz[mine, :2])
        out[mine, 0] = np.sign(xyz[mine, 1] - line[nearest, 1]) * distance
        out[mine, 1] = np.where(xyz[mine, 2] > 4, t[nearest], 1.3)
    return out
