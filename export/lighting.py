"""How bright the visible points are: a key light with soft shadows, a fill from the other side, a rim light, the sky.

The key is a lamp or, softer and from the side, a window; lamp, fill and rim are a studio's three points.
Compiled by numba, float32, single-threaded.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from export.shading import DIRECT, OCCLUSION, SHARP, SHINE, SOFT
from export.shadows import SHARPNESS

F = np.float32
BIAS_CM = 0.22


@nb.njit(cache=True, fastmath=True, inline="always")
def _passed(w0, w1, view, a, b, c, shadows):
    """Share of the key light that the shadow map lets through to a point."""
    w2 = F(1) - w0 - w1
    u = w0 * view[a, 0] + w1 * view[b, 0] + w2 * view[c, 0]
    v = w0 * view[a, 1] + w1 * view[b, 1] + w2 * view[c, 1]
    d = w0 * view[a, 2] + w1 * view[b, 2] + w2 * view[c, 2]
    side = shadows.shape[0]
    u, v = min(max(u, F(0)), F(side - 1.01)), min(max(v, F(0)), F(side - 1.01))
    i, j = int(v), int(u)
    fv, fu = v - F(i), u - F(j)
    top = shadows[i, j] + fu * (shadows[i, j + 1] - shadows[i, j])
    bottom = shadows[i + 1, j] + fu * (shadows[i + 1, j + 1] - shadows[i + 1, j])
    return min(F(1), (top + fv * (bottom - top)) * math.exp(F(SHARPNESS) * (F(BIAS_CM) - d)))


@nb.njit(cache=True, fastmath=True)
def light(index, weight, triangles, view, shadows, region, albedo, normal, finish, look, colour):
    """Write linear RGB [h, w, 3] of every covered point; the rest is 0. `view` and `shadows` are `ShadowMap`'s."""
    height, width = region.shape
    lx, ly, lz = look.light_x, look.light_y, look.light_z
    # Half vector between the light and a distant viewer.
    hx, hy, hz = lx, ly, lz + F(1)
    length = math.sqrt(hx * hx + hy * hy + hz * hz)
    hx, hy, hz = hx / length, hy / length, hz / length
    rim_x = F(-0.75) if lx > 0 else F(0.75)
    for y in range(height):
        for x in range(width):
            if region[y, x] == 0:
                colour[y, x, 0] = colour[y, x, 1] = colour[y, x, 2] = F(0)
                continue
            t = index[y, x]
            nx, ny, nz = normal[y, x, 0], normal[y, x, 1], normal[y, x, 2]
            occlusion, soft = finish[y, x, OCCLUSION], finish[y, x, SOFT]
            passed = _passed(
                weight[y, x, 0], weight[y, x, 1], view, triangles[t, 0], triangles[t, 1], triangles[t, 2], shadows
            )
            shade = F(1) - look.shadow * (F(1) - passed)
            key = look.key * finish[y, x, DIRECT] * shade
            facing = nx * lx + ny * ly + nz * lz
            fill = look.fill * max(F(0), (-nx * lx + ny * F(0.2) + nz) * F(0.6)) * look.key * occlusion
            sky = look.ambient * (F(0.75) + F(0.25) * ny) * occlusion
            edge = max(F(0), nx * rim_x + ny * F(0.35) - nz * F(0.56))
            rim = look.rim * edge * occlusion
            glint = F(0)
            if finish[y, x, SHINE] > 0:
                half = nx * hx + ny * hy + nz * hz
                if half > F(0.6):  # below it nothing is seen of the softest highlight
                    glint = finish[y, x, SHINE] * look.key * shade * half ** finish[y, x, SHARP]
                    glint *= min(F(1), occlusion * F(1.3))
            for k in range(3):
                # Red goes further round skin than blue.
                wrap = (look.wrap - F(0.11) * F(k)) * soft
                lit = max(F(0), (facing + wrap) / (F(1) + wrap))
                tint = look.light_red if k == 0 else (look.light_blue if k == 2 else F(1))
                total = key * lit * tint + sky * (F(2) - tint) + fill + rim
                colour[y, x, k] = albedo[y, x, k] * total + glint * tint
