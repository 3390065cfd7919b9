"""Colours the rasteriser's visible points: skin, lips, brows, eyes, mouth, hair and clothes, in linear light.

Compiled by numba, float32, single-threaded. Everything it needs of a person comes in two flat arrays, so that one
compiled function serves all heads.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

SKIN, GUMS, TEETH, EYE_LEFT, EYE_RIGHT, LASH, HAIR, CLOTH = range(8)
"""Material codes of triangles."""

ATTRIBUTES = ("x", "y", "z", "occlusion", "lip", "brow_across", "brow_along", "iris", "red", "green", "blue")
"""Per-vertex values that are interpolated: rest position (cm; column and row of the grid for hair), ambient occlusion,
lip mask, brow coordinates, distance from the iris' axis (cm), and the person's own albedo."""

PALETTE = ("hair", "brow", "iris", "lips", "cloth")
"""Rows of the palette array [5, 3], linear RGB."""

SCALARS = (
    "gloss", "brow_width", "iris_size", "lashes", "key", "ambient", "light_x", "light_y", "light_z", "light_red",
    "light_blue", "neck", "vee", "streak", "jaw",
)  # fmt: skip
"""Entries of the scalar array."""

BACKGROUND, R_HAIR, R_SKIN, R_BROWS, R_MOUTH, R_EYES, R_CLOTHES = range(7)


@nb.njit(cache=True, fastmath=True, inline="always")
def _step(low, high, x):
    t = min(max((x - low) / (high - low), np.float32(0)), np.float32(1))
    return t * t * (3 - 2 * t)


@nb.njit(cache=True, fastmath=True)
def shade(
    index,
    weight,
    triangles,
    material,
    attributes,
    normals,
    palette,
    scalars,
    colour,
    region,
):
    """Write linear RGB [h, w, 3] and region codes [h, w] for every covered point; the rest stays 0."""
    height, width = index.shape
    value = np.empty(attributes.shape[1], np.float32)
    albedo = np.empty(3, np.float32)
    (gloss, brow_width, iris_size, lashes, key, ambient, lx, ly, lz, light_red, light_blue, neck, vee, streak, jaw) = (
        scalars[0], scalars[1], scalars[2], scalars[3], scalars[4], scalars[5], scalars[6], scalars[7], scalars[8],
        scalars[9], scalars[10], scalars[11], scalars[12], scalars[13], scalars[14],
    )  # fmt: skip
    # Half vector between the light and a distant viewer, and a fill light from the other side.
    hx, hy, hz = lx, ly, lz + np.float32(1)
    length = math.sqrt(hx * hx + hy * hy + hz * hz)
    hx, hy, hz = hx / length, hy / length, hz / length
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t < 0:
                region[y, x] = 0
                colour[y, x, 0] = colour[y, x, 1] = colour[y, x, 2] = 0
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            w0, w1 = weight[y, x, 0], weight[y, x, 1]
            w2 = np.float32(1) - w0 - w1
            for k in range(value.shape[0]):
                value[k] = w0 * attributes[a, k] + w1 * attributes[b, k] + w2 * attributes[c, k]
            nx = w0 * normals[a, 0] + w1 * normals[b, 0] + w2 * normals[c, 0]
            ny = w0 * normals[a, 1] + w1 * normals[b, 1] + w2 * normals[c, 1]
            nz = w0 * normals[a, 2] + w1 * normals[b, 2] + w2 * normals[c, 2]
            length = math.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(1e-9)
            nx, ny, nz = nx / length, ny / length, nz / length
            code = material[t]
            rx, ry, rz, occlusion = value[0], value[1], value[2], value[3]
            shine, sharp, soft = gloss, np.float32(18), np.float32(1)
            kind = R_SKIN
            albedo[0], albedo[1], albedo[2] = value[8], value[9], value[10]

            if code == SKIN:
                # Lips, brows, and clothes painted where they lie on the skin.
                lip = _step(np.float32(-0.05), np.float32(0.12), value[4])
                if lip > 0 and rz > 7:
                    for k in range(3):
                        albedo[k] += lip * (palette[3, k] - albedo[k])
                    shine += lip * np.float32(0.12)
                if lip > 0.4 and rz > 4:
                    kind = R_MOUTH
                along, across = value[6], value[5]
                if -0.1 < along < 1.15 and abs(across) < 2:
                    taper = np.float32(1.15) - np.float32(0.75) * along * along
                    edge = abs(across) / (taper * brow_width)
                    strand = np.float32(0.9) + np.float32(0.1) * math.sin(along * 60 + across * 9)
                    cover = _step(np.float32(1.15), np.float32(0.55), edge) * strand
                    cover *= _step(np.float32(-0.06), np.float32(0.08), along) * _step(
                        np.float32(1.12), np.float32(0.85), along
                    )
                    if cover > 0.25:
                        kind = R_BROWS
                    for k in range(3):
                        albedo[k] += cover * (palette[1, k] - albedo[k])
                ex, ey = (abs(rx) - np.float32(3.15)) / np.float32(1.9), (ry - np.float32(3.45)) / np.float32(1.05)
                if rz > 5 and ex * ex + ey * ey < 1:
                    kind = R_EYES
                collar = neck - vee * max(np.float32(0), np.float32(1) - abs(rx) / np.float32(4.5)) * _step(
                    np.float32(-1), np.float32(3), rz
                )
                if ry < collar:
                    trim = np.float32(0.72) if ry > collar - np.float32(0.7) else np.float32(1)
                    albedo[0], albedo[1], albedo[2] = palette[4, 0] * trim, palette[4, 1] * trim, palette[4, 2] * trim
                    shine, kind = np.float32(0.02), R_CLOTHES
            elif code == CLOTH:
                albedo[0], albedo[1], albedo[2] = palette[4, 0], palette[4, 1], palette[4, 2]
                shine, kind = np.float32(0.02), R_CLOTHES
            elif code == GUMS or code == TEETH:
                kind = R_MOUTH
                depth = _step(np.float32(2.5), np.float32(10.5), rz)
                light = depth * (
                    np.float32(0.25) + np.float32(0.75) * min(np.float32(1), jaw * np.float32(2) + np.float32(0.3))
                )
                if code == TEETH:
                    albedo[0], albedo[1], albedo[2] = 0.80 * light, 0.77 * light, 0.70 * light
                else:
                    albedo[0], albedo[1], albedo[2] = 0.42 * light, 0.13 * light, 0.12 * light
                occlusion, shine, sharp = np.float32(0.85), np.float32(0.12) * depth, np.float32(30)
            elif code == EYE_LEFT or code == EYE_RIGHT:
                kind = R_EYES
                r = value[7] / iris_size
                if rz < 5:
                    r = np.float32(9)
                white = np.float32(0.72)
                inside = _step(np.float32(0.74), np.float32(0.66), r)
                rim = np.float32(1) - np.float32(0.65) * _step(np.float32(0.5), np.float32(0.68), r)
                glow = np.float32(0.75) + np.float32(0.6) * r
                pupil = _step(np.float32(0.25), np.float32(0.31), r)
                for k in range(3):
                    base = white * (np.float32(1) - np.float32(0.05) * k)
                    albedo[k] = base + inside * (palette[2, k] * rim * glow * pupil - base)
                # The upper lid shades the eye ball.
                occlusion = np.float32(0.55) + np.float32(0.45) * _step(np.float32(4.6), np.float32(3.3), ry)
                shine, sharp = np.float32(1.3), np.float32(90)
            elif code == LASH:
                kind = R_EYES
                # A lash mesh is a solid band: tint the skin below it, the lower lid's less.
                tint = np.float32(0.42) - np.float32(0.34) * lashes
                if ry < 3.35:
                    tint = np.float32(0.4) + np.float32(0.6) * tint
                albedo[0], albedo[1], albedo[2] = albedo[0] * tint, albedo[1] * tint, albedo[2] * tint
                shine = np.float32(0)
            else:
                kind = R_HAIR
                # Strands run down the columns: rx is the column's angle, ry the row.
                fine = math.sin(rx * 61 + 4 * math.sin(rx * 13) + ry * 2) * np.float32(0.5)
                fine += math.sin(rx * 27 - ry * 3 + 2 * math.sin(rx * 5 + ry)) * np.float32(0.5)
                tone = np.float32(1) + streak * fine
                for k in range(3):
                    albedo[k] = palette[0, k] * tone
                band = nx * lx + (ny - np.float32(0.35)) * ly + nz * lz
                shine = np.float32(0.0)
                glance = _step(np.float32(0.45), np.float32(0.95), band) * (np.float32(0.6) + np.float32(0.4) * fine)
                for k in range(3):
                    albedo[k] += glance * (np.float32(0.35) * palette[0, k] + np.float32(0.025))
                occlusion = np.float32(0.55) + np.float32(0.45) * _step(np.float32(0.0), np.float32(0.35), ry)
                soft = np.float32(0.6)
                if nz < 0:
                    nx, ny, nz = -nx, -ny, -nz
                    occlusion *= np.float32(0.35)

            # Key light (wrapped, red further than blue on skin), fill from the other side, sky above.
            facing = nx * lx + ny * ly + nz * lz
            fill = max(np.float32(0), (-nx * lx + ny * np.float32(0.2) + nz) * np.float32(0.6))
            sky = ambient * (np.float32(0.75) + np.float32(0.25) * ny) * occlusion
            half = max(np.float32(0), nx * hx + ny * hy + nz * hz)
            glint = shine * key * half**sharp * min(np.float32(1), occlusion * np.float32(1.3))
            for k in range(3):
                wrap = (np.float32(0.36) - np.float32(0.11) * k) * soft
                lit = max(np.float32(0), (facing + wrap) / (np.float32(1) + wrap))
                tint = light_red if k == 0 else (light_blue if k == 2 else np.float32(1))
                total = key * lit * (np.float32(0.45) + np.float32(0.55) * occlusion) * tint
                total += sky * (np.float32(2) - tint) + np.float32(0.18) * key * fill * occlusion
                colour[y, x, k] = albedo[k] * total + glint * tint
            region[y, x] = kind


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
