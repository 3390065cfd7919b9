"""What factors say about light and surfaces: the numbers that the compiled kernels take."""

from __future__ import annotations

import math

import numpy as np

from export.hair import CURLY, parting
from export.head_factors import Factors
from export.shading import Look

WINDOW, RIM = 0.30, 0.35
"""Shares of pictures lit by a window, and with a light behind the head."""


def look_of(factors: Factors) -> Look:
    """Light, and the surfaces' numbers, of a person."""
    window = factors.above("light_window", WINDOW) ** 0.5
    azimuth = factors.between("light_azimuth", -1.2, 1.2)
    # A window stands at the side, and gives soft light.
    azimuth += window * (math.copysign(0.95, azimuth) - azimuth)
    elevation = factors.between("light_elevation", 0.0, 1.0)
    elevation += window * (0.25 - elevation)
    key = factors.between("light_key", 0.65, 1.15)
    warmth = factors.between("light_warmth", -0.10, 0.10) - 0.05 * window
    part, parted = parting(factors)
    values = {
        "gloss": factors.between("gloss", 0.01, 0.10),
        "brow_width": factors.between("brow_width", 0.26, 0.62),
        "iris_size": factors.between("iris_size", 0.95, 1.15),
        "lashes": factors.amount["lashes"],
        "key": key,
        "ambient": (1.10 - 0.65 * key) * (1 - 0.25 * window),
        "fill": 0.18 - 0.08 * window,
        "rim": 2.2 * factors.above("light_rim", RIM),
        "shadow": 0.66 - 0.12 * window,
        "wrap": 0.36 + 0.14 * window,
        "light_x": math.sin(azimuth) * math.cos(elevation),
        "light_y": math.sin(elevation),
        "light_z": math.cos(azimuth) * math.cos(elevation),
        "light_red": 1 + warmth,
        "light_blue": 1 - warmth,
        "neck": factors.between("cloth_neck", -12.6, -9.4),
        "vee": 3.5 * factors.above("cloth_vee", 0.5),
        "streak": 0.30,
        "curl": factors.above("hair_curl", CURLY) ** 0.5,
        "part": part,
        "parted": parted,
    }
    return Look(**{name: np.float32(value) for name, value in values.items()})


def shadow_blur_cm(factors: Factors) -> float:
    """Half width of a shadow's edge: small under a lamp, large under a window."""
    return 0.50 + 0.9 * factors.above("light_window", WINDOW)


def wrinkles_and_freckles(factors: Factors) -> tuple[np.float32, np.float32]:
    """How deep and how dark they are, from 0 to 1; 45 % have some wrinkles, 25 % freckles."""
    return np.float32(factors.above("wrinkles", 0.45)), np.float32(factors.above("freckles", 0.25))
