"""Wrinkles and freckles: fixed patterns on the mean head's skin, scaled by factors, drawn into the albedo.

Compiled by numba, float32, single-threaded; run for the people who have them.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from export.shading import R_EYES, R_SKIN, SKIN

F = np.float32

CREASE_CM = 0.13
"""Width of a wrinkle: most of a pixel at 128²."""

FRECKLE_CELL_CM = 0.50
"""One freckle at most in a square of this side."""


@nb.njit(cache=True, fastmath=True, inline="always")
def _step(low, high, x):
    t = min(max((x - F(low)) / (F(high) - F(low)), F(0)), F(1))
    return t * t * (F(3) - F(2) * t)


@nb.njit(cache=True, fastmath=True, inline="always")
def _crease(distance):
    near = max(F(0), F(1) - (distance / F(2 * CREASE_CM)) ** 2)
    return near * near * near


@nb.njit(cache=True, fastmath=True)
def _wrinkles(x, y):
    """Depth of the creases at a place of the face, from 0 to 1; x counts from the middle, both in cm."""
    depth = F(0)
    if y > F(5.6):
        # Three waves across the forehead.
        wave = y - F(0.12) * x * x * F(0.12) - F(0.10) * math.sin(F(1.7) * x)
        lines = _crease(wave - F(6.7)) + _crease(wave - F(7.6)) + F(0.8) * _crease(wave - F(8.5))
        depth += lines * _step(4.6, 2.6, x)
    if F(4.3) < y < F(6.0):
        depth += _crease(x - F(0.42) - F(0.08) * (y - F(5))) * _step(4.3, 4.8, y) * _step(6.0, 5.3, y)
    if F(-4.6) < y < F(0.0):
        # From the wings of the nose round the mouth.
        fold = x - F(1.85) - F(0.36) * -y + F(0.012) * y * y
        depth += F(1.25) * _crease(fold * F(0.8)) * _step(0.0, -0.7, y) * _step(-4.6, -3.2, y)
    bag = (y - F(2.05) - F(0.16) * (x - F(3.0)) ** 2) * F(0.9)
    depth += F(0.8) * _crease(bag) * _step(1.4, 2.1, x) * _step(4.7, 3.9, x)
    ex, ey = x - F(4.6), y - F(3.3)
    away = math.sqrt(ex * ex + ey * ey)
    if ex > F(0.1) and away < F(2.3):
        rays = F(0.5) + F(0.5) * math.cos(F(9) * math.atan2(ey, ex) + F(0.6))
        depth += rays**4 * _step(0.4, 0.9, away) * _step(2.3, 1.3, away)
    return min(depth, F(1))


@nb.njit(cache=True)
def _random(i, j, k):
    """A number from 0 to 1 that belongs to a cell."""
    h = (int(i) * 374761393 + int(j) * 668265263 + k * 982451653) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    h = ((h ^ (h >> 15)) * 2246822519) & 0xFFFFFFFF
    return F((h ^ (h >> 16)) / 4294967296.0)


@nb.njit(cache=True, fastmath=True)
def _freckle(x, y):
    """How much of a freckle lies here, from 0 to 1."""
    # Denser on nose and cheeks.
    density = math.exp(-(((abs(x) - F(2.2)) / F(2.9)) ** 2) - ((y - F(0.9)) / F(2.3)) ** 2)
    if density < F(0.06):
        return F(0)
    # Rows of cells are shifted against each other, and cells differ in where, how large and whether.
    j = math.floor(y / F(FRECKLE_CELL_CM))
    shift = x / F(FRECKLE_CELL_CM) + F(0.61) * j
    i = math.floor(shift)
    u, v, w = _random(i, j, 1), _random(i, j, 2), _random(i, j, 3)
    if w > F(0.55) * density:
        return F(0)
    radius = F(0.16) + F(0.16) * _random(i, j, 4)
    cx = shift - i - radius - (F(1) - F(2) * radius) * u
    cy = y / F(FRECKLE_CELL_CM) - j - radius - (F(1) - F(2) * radius) * v
    return _step(1.2, 0.5, math.sqrt(cx * cx + cy * cy) / radius)


@nb.njit(cache=True, fastmath=True)
def complexion(index, weight, triangles, material, attributes, wrinkles, freckles, region, albedo):
    """Darken `albedo` [h, w, 3] where skin has creases (`wrinkles` from 0 to 1) and spots (`freckles`)."""
    height, width = index.shape
    for row in range(height):
        for column in range(width):
            kind = region[row, column]
            if kind != R_SKIN and kind != R_EYES:
                continue
            t = index[row, column]
            if material[t] != SKIN:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            w0, w1 = weight[row, column, 0], weight[row, column, 1]
            w2 = F(1) - w0 - w1
            z = w0 * attributes[a, 2] + w1 * attributes[b, 2] + w2 * attributes[c, 2]
            if z < 5:
                continue
            x = w0 * attributes[a, 0] + w1 * attributes[b, 0] + w2 * attributes[c, 0]
            y = w0 * attributes[a, 1] + w1 * attributes[b, 1] + w2 * attributes[c, 1]
            front = _step(5.0, 6.5, z)
            crease = wrinkles * _wrinkles(abs(x), y) * front if wrinkles > 0 else F(0)
            spot = freckles * _freckle(x, y) * front if freckles > 0 and kind == R_SKIN else F(0)
            for k in range(3):
                shade = (F(0.34) + F(0.04) * k) * crease
                albedo[row, column, k] *= (F(1) - shade) * (F(1) - (F(0.30) + F(0.14) * k) * spot)
