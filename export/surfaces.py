"""What the rasteriser's visible points are made of: skin, lips, brows, eyes, mouth, hair and clothes, before any light.

Compiled by numba, float32, single-threaded; one function a material, all in this file, since numba's cache only sees
changes of the file that it compiles.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from export.shading import (
    ATTRIBUTES,
    BEARD,
    CAVITY,
    CLOTH,
    DIRECT,
    EYE_LEFT,
    EYE_RIGHT,
    GLASSES,
    GUMS,
    LASH,
    OCCLUSION,
    R_BROWS,
    R_CLOTHES,
    R_EYES,
    R_GLASSES,
    R_HAIR,
    R_MOUTH,
    R_SKIN,
    SHARP,
    SHINE,
    SKIN,
    SOFT,
    TEETH,
    WORN,
)

F = np.float32
VALUES = len(ATTRIBUTES)


@nb.njit(cache=True, fastmath=True, inline="always")
def _step(low, high, x):
    t = min(max((x - F(low)) / (F(high) - F(low)), F(0)), F(1))
    return t * t * (F(3) - F(2) * t)


@nb.njit(cache=True, fastmath=True, inline="always")
def _mix(albedo, cover, target):
    for k in range(3):
        albedo[k] += cover * (target[k] - albedo[k])


@nb.njit(cache=True, fastmath=True)
def _skin(value, palette, look, albedo, finish):
    """Lips, brows, and clothes painted where they lie on the skin."""
    rx, ry, rz = value[0], value[1], value[2]
    kind = R_SKIN
    lip = _step(-0.05, 0.12, value[3])
    if lip > 0 and rz > 7:
        _mix(albedo, lip, palette[3])
        finish[SHINE] += lip * F(0.12)
    if lip > F(0.4) and rz > 4:
        kind = R_MOUTH
    across, along = value[4], value[5]
    if F(-0.1) < along < F(1.15) and abs(across) < 2:
        taper = F(1.15) - F(0.75) * along * along
        strand = F(0.9) + F(0.1) * math.sin(along * F(60) + across * F(9))
        cover = _step(1.15, 0.55, abs(across) / (taper * look.brow_width)) * strand
        cover *= _step(-0.06, 0.08, along) * _step(1.12, 0.85, along)
        if cover > F(0.25):
            kind = R_BROWS
        _mix(albedo, cover, palette[1])
    ex, ey = (abs(rx) - F(3.15)) / F(1.9), (ry - F(3.45)) / F(1.05)
    if rz > 5 and ex * ex + ey * ey < 1:
        kind = R_EYES
        # Lashes seen from the front are dark lines along the lids.
        line = _step(0.05, 0.65, value[6]) * (F(0.62) + F(0.28) * look.lashes)
        for k in range(3):
            albedo[k] *= F(1) - line
    collar = look.neck - look.vee * max(F(0), F(1) - abs(rx) / F(4.5)) * _step(-1, 3, rz)
    if ry < collar:
        trim = F(0.72) if ry > collar - F(0.7) else F(1)
        for k in range(3):
            albedo[k] = palette[4, k] * trim
        finish[SHINE], kind = F(0.02), R_CLOTHES
    return kind


@nb.njit(cache=True, fastmath=True)
def _mouth(code, albedo, finish):
    """Wet: teeth, gums and tongue, and the inside of the cheeks. Light comes in between the lips alone."""
    if code == TEETH:
        albedo[0], albedo[1], albedo[2] = F(0.86), F(0.79), F(0.67)
        finish[SHINE] = F(0.06) * finish[OCCLUSION]
    elif code == GUMS:
        albedo[0], albedo[1], albedo[2] = F(0.85), F(0.25), F(0.25)
        finish[SHINE] = F(0.10) * finish[OCCLUSION]
    else:
        albedo[0], albedo[1], albedo[2] = F(0.30), F(0.085), F(0.075)
        finish[SHINE] = F(0)
    finish[SHARP] = F(30)
    finish[DIRECT] = finish[OCCLUSION]
    return R_MOUTH


@nb.njit(cache=True, fastmath=True)
def _eye(value, palette, look, albedo, normal, finish):
    """Ball, iris with a dark limbus, pupil; a small catchlight on the side of the key light."""
    r = value[6] / look.iris_size
    if value[2] < 5:
        r = F(9)
    white = F(0.70)
    inside = _step(0.74, 0.66, r)
    limbus = F(1) - F(0.78) * _step(0.50, 0.66, r)
    glow = F(0.72) + F(0.75) * r
    pupil = _step(0.24, 0.30, r)
    for k in range(3):
        base = white * (F(1) - F(0.05) * k)
        albedo[k] = base + inside * (palette[2, k] * limbus * glow * pupil - base)
    cx, cy = F(0.20) * max(F(-1), min(F(1), F(2) * look.light_x)), F(0.14)
    facing = (normal[0] * cx + normal[1] * cy + normal[2]) / math.sqrt(cx * cx + cy * cy + F(1))
    catch = _step(0.9915, 0.9970, facing) * _step(0.35, 0.7, finish[OCCLUSION])
    for k in range(3):
        albedo[k] += catch * (F(1.0) - albedo[k])
    finish[DIRECT] = finish[OCCLUSION]
    finish[SHINE], finish[SHARP] = F(0.12) * finish[OCCLUSION], F(40)
    return R_EYES


@nb.njit(cache=True, fastmath=True)
def _lash(value, look, albedo, finish):
    """A lash mesh is a solid band, cut short (`eyes.lash_fray`): a line that darkens the skin, the lower one less."""
    tint = F(0.30) - F(0.24) * look.lashes
    if value[1] < F(3.35):
        tint = F(0.45) + F(0.5) * tint
    for k in range(3):
        albedo[k] *= tint
    finish[SHINE] = F(0)
    return R_EYES


@nb.njit(cache=True, fastmath=True, inline="always")
def _face_viewer(normal, finish):
    """The inside of a surface that is drawn from both sides is lit as such, and darker."""
    if normal[2] < 0:
        for k in range(3):
            normal[k] = -normal[k]
        finish[OCCLUSION] *= F(0.35)
    finish[DIRECT] = F(0.45) + F(0.55) * finish[OCCLUSION]


@nb.njit(cache=True, fastmath=True)
def _hair(value, palette, look, albedo, normal, finish):
    """Strands run down the columns: x is the column's angle, y the row. A parting shows the scalp."""
    rx, ry = value[0], value[1]
    fine = math.sin(rx * F(61) + F(4) * math.sin(rx * F(13)) + ry * F(2)) * F(0.5)
    fine += math.sin(rx * F(27) - ry * F(3) + F(2) * math.sin(rx * F(5) + ry)) * F(0.5)
    if look.curl > 0:
        locks = math.sin(rx * F(31) + F(2.6) * math.sin(ry * F(37))) * math.sin(
            ry * F(43) + F(2.4) * math.sin(rx * F(19))
        )
        fine += look.curl * (F(1.5) * locks - fine)
    tone = F(1) + (look.streak + F(0.05) * look.curl) * fine
    scalp = F(0)
    if look.parted > 0:
        # Columns meet at the crown: what is apart in angle is apart in cm further down.
        off = abs(rx - look.part + F(0.03) * math.sin(ry * F(23))) * (F(1) + F(9) * ry)
        scalp = look.parted * _step(0.30, 0.12, off) * _step(0.15, 0.3, ry) * F(0.75)
    band = normal[0] * look.light_x + (normal[1] - F(0.35)) * look.light_y + normal[2] * look.light_z
    glance = _step(0.45, 0.95, band) * (F(0.6) + F(0.4) * fine) * (F(1) - F(0.6) * look.curl)
    for k in range(3):
        strand = palette[0, k] * tone + glance * (F(0.35) * palette[0, k] + F(0.025))
        albedo[k] = strand + scalp * (albedo[k] - strand)
    finish[SHINE], finish[SOFT] = F(0), F(0.6)
    finish[OCCLUSION] = F(0.55) + F(0.45) * _step(0.0, 0.35, ry)
    finish[OCCLUSION] *= F(1) + F(0.25) * look.curl * min(F(0), fine)
    _face_viewer(normal, finish)
    return R_HAIR


@nb.njit(cache=True, fastmath=True)
def _beard(value, albedo, normal, finish):
    """Strands over the jaw; a part of the face."""
    fine = math.sin(value[0] * F(11) + F(2) * math.sin(value[1] * F(3))) * F(0.6)
    fine += math.sin(value[0] * F(23) - value[1] * F(5) + value[2] * F(7)) * F(0.4)
    for k in range(3):
        albedo[k] *= F(1) + F(0.28) * fine
    finish[SHINE], finish[SOFT] = F(0), F(0.6)
    finish[OCCLUSION] = F(0.85) + F(0.15) * fine
    _face_viewer(normal, finish)
    return R_SKIN


@nb.njit(cache=True, fastmath=True)
def _worn(code, value, albedo, normal, finish):
    """Plain colour; a knitted hat has ribs along its columns."""
    rib = F(1) + F(0.16) * math.sin(value[0] * F(48)) * _step(0.02, 0.1, value[1])
    for k in range(3):
        albedo[k] *= rib
    finish[SHINE], finish[SHARP], finish[SOFT] = value[6], F(40), F(0.5)
    finish[OCCLUSION] = F(1)
    _face_viewer(normal, finish)
    return R_GLASSES if code == GLASSES else R_HAIR


@nb.njit(cache=True, fastmath=True)
def surfaces(
    index,
    weight,
    triangles,
    material,
    attributes,
    occlusion,
    normals,
    palette,
    look,
    albedo,
    normal,
    finish,
    region,
):
    """Write albedo [h, w, 3], unit normal [h, w, 3], finish [h, w, 5] and region codes [h, w] of covered points."""
    height, width = index.shape
    # One point at a time in small buffers: views of the pictures would cost more than what is done with them.
    value = np.empty(VALUES, np.float32)
    own, facing, surface = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(5, np.float32)
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t < 0:
                region[y, x] = 0
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            w0, w1 = weight[y, x, 0], weight[y, x, 1]
            w2 = F(1) - w0 - w1
            for k in range(VALUES):
                value[k] = w0 * attributes[a, k] + w1 * attributes[b, k] + w2 * attributes[c, k]
            length = F(1e-9)
            for k in range(3):
                facing[k] = w0 * normals[a, k] + w1 * normals[b, k] + w2 * normals[c, k]
                length += facing[k] ** 2
            inverse = F(1) / math.sqrt(length)
            for k in range(3):
                facing[k] *= inverse
                own[k] = value[7 + k]
            code = material[t]
            surface[OCCLUSION] = w0 * occlusion[a] + w1 * occlusion[b] + w2 * occlusion[c]
            surface[DIRECT] = F(0.45) + F(0.55) * surface[OCCLUSION]
            surface[SHINE], surface[SHARP], surface[SOFT] = look.gloss, F(18), F(1)
            if code == SKIN:
                kind = _skin(value, palette, look, own, surface)
            elif code == GUMS or code == TEETH or code == CAVITY:
                kind = _mouth(code, own, surface)
            elif code == EYE_LEFT or code == EYE_RIGHT:
                kind = _eye(value, palette, look, own, facing, surface)
            elif code == LASH:
                kind = _lash(value, look, own, surface)
            elif code == CLOTH:
                kind = R_CLOTHES
                for k in range(3):
                    own[k] = palette[4, k]
                surface[SHINE] = F(0.02)
            elif code == BEARD:
                kind = _beard(value, own, facing, surface)
            elif code == GLASSES or code == WORN:
                kind = _worn(code, value, own, facing, surface)
            else:
                kind = _hair(value, palette, look, own, facing, surface)
            region[y, x] = kind
            for k in range(3):
                albedo[y, x, k] = own[k]
                normal[y, x, k] = facing[k]
            for k in range(5):
                finish[y, x, k] = surface[k]
