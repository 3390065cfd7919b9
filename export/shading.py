"""The words that the renderer's compiled kernels share, and the last of them: from points in linear light to a picture.

A picture is made in four passes over the same points: `rasteriser` (which triangle), `surfaces` (what it is made of),
`lighting` (how bright it is), and `resolve`.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np

SKIN, GUMS, TEETH, CAVITY, EYE_LEFT, EYE_RIGHT, LASH, HAIR, CLOTH, BEARD, GLASSES, WORN = range(12)
"""Material codes of triangles."""

ATTRIBUTES = ("x", "y", "z", "lip", "brow_across", "brow_along", "reach", "red", "green", "blue")
"""Per-vertex values that are interpolated: rest position (cm; column and row of the grid for hair), lip mask, brow
coordinates, distance of an eye from the iris' axis or of a lash from its lid (cm), darkness
of a lid's edge or shine of what is worn, and the person's own albedo (the scalp's below hair)."""

PALETTE = ("hair", "brow", "iris", "lips", "cloth")
"""Rows of the palette array [5, 3], linear RGB."""

OCCLUSION, DIRECT, SHINE, SHARP, SOFT = range(5)
"""Entries of a surface's finish: how much of the sky and of the key light it sees, strength and exponent of its
highlight, and how far light wraps round it."""

BACKGROUND, R_HAIR, R_SKIN, R_BROWS, R_MOUTH, R_EYES, R_CLOTHES, R_GLASSES = range(8)


class Look(NamedTuple):
    """What the kernels need of a person beside attributes and palette; every entry is a float32."""

    gloss: np.float32
    brow_width: np.float32
    iris_size: np.float32
    lashes: np.float32
    key: np.float32
    ambient: np.float32
    fill: np.float32
    rim: np.float32
    shadow: np.float32
    wrap: np.float32
    light_x: np.float32
    light_y: np.float32
    light_z: np.float32
    light_red: np.float32
    light_blue: np.float32
    neck: np.float32
    vee: np.float32
    streak: np.float32
    curl: np.float32
    part: np.float32
    parted: np.float32


@nb.njit(cache=True, fastmath=True)
def resolve(colour, region, curve, rgba, regions):
    """Average 2×2 points, encode to sRGB over mid grey with exact coverage as alpha; keep the strongest region code."""
    size_y, size_x = regions.shape
    steps = np.float32(curve.shape[0] - 1)
    for y in range(size_y):
        for x in range(size_x):
            cover, best = 0, 0
            r = g = b = np.float32(0)
            for j in range(2):
                for i in range(2):
                    code = region[2 * y + j, 2 * x + i]
                    if code > 0:
                        cover += 1
                        best = max(best, code)
                        r += colour[2 * y + j, 2 * x + i, 0]
                        g += colour[2 * y + j, 2 * x + i, 1]
                        b += colour[2 * y + j, 2 * x + i, 2]
            alpha = np.float32(cover) / np.float32(4)
            if cover > 0:
                r, g, b = r / cover, g / cover, b / cover
            grey = (np.float32(1) - alpha) * np.float32(127.5) + np.float32(0.5)
            rgba[y, x, 0] = int(alpha * curve[int(min(r, np.float32(1)) * steps)] + grey)
            rgba[y, x, 1] = int(alpha * curve[int(min(g, np.float32(1)) * steps)] + grey)
            rgba[y, x, 2] = int(alpha * curve[int(min(b, np.float32(1)) * steps)] + grey)
            rgba[y, x, 3] = int(alpha * np.float32(255) + np.float32(0.5))
            regions[y, x] = best
