"""How bright the visible points are: a key light that wraps round skin, a fill from the other side, and the sky.

Compiled by numba, float32, single-threaded.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from export.shading import DIRECT, OCCLUSION, SHARP, SHINE, SOFT

F = np.float32


@nb.njit(cache=True, fastmath=True)
def light(region, albedo, normal, finish, look, colour):
    """Write linear RGB [h, w, 3] of every covered point; the rest is 0."""
    height, width = region.shape
    lx, ly, lz = look.light_x, look.light_y, look.light_z
    # Half vector between the light and a distant viewer.
    hx, hy, hz = lx, ly, lz + F(1)
    length = math.sqrt(hx * hx + hy * hy + hz * hz)
    hx, hy, hz = hx / length, hy / length, hz / length
    for y in range(height):
        for x in range(width):
            if region[y, x] == 0:
                colour[y, x, 0] = colour[y, x, 1] = colour[y, x, 2] = F(0)
                continue
            nx, ny, nz = normal[y, x, 0], normal[y, x, 1], normal[y, x, 2]
            occlusion, direct, soft = finish[y, x, OCCLUSION], finish[y, x, DIRECT], finish[y, x, SOFT]
            facing = nx * lx + ny * ly + nz * lz
            fill = F(0.18) * max(F(0), (-nx * lx + ny * F(0.2) + nz) * F(0.6)) * look.key * occlusion
            sky = look.ambient * (F(0.75) + F(0.25) * ny) * occlusion
            glint = F(0)
            if finish[y, x, SHINE] > 0:
                half = max(F(0), nx * hx + ny * hy + nz * hz)
                glint = finish[y, x, SHINE] * look.key * half ** finish[y, x, SHARP] * min(F(1), occlusion * F(1.3))
            for k in range(3):
                # Red goes further round skin than blue.
                wrap = (F(0.36) - F(0.11) * F(k)) * soft
                lit = max(F(0), (facing + wrap) / (F(1) + wrap))
                tint = look.light_red if k == 0 else (look.light_blue if k == 2 else F(1))
                total = look.key * lit * direct * tint + sky * (F(2) - tint) + fill
                colour[y, x, k] = albedo[y, x, k] * total + glint * tint
