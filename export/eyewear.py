"""Glasses: two rims in front of the eyes, a bridge, and temples back to the ears."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from export.head_factors import Factors
from export.shading import GLASSES
from export.worn import Worn, plain, tube

FRAMES = ((0.012, 0.012, 0.014), (0.10, 0.045, 0.020), (0.42, 0.30, 0.12), (0.38, 0.39, 0.41), (0.25, 0.02, 0.03),
          (0.03, 0.06, 0.20), (0.55, 0.50, 0.44))  # fmt: skip
"""Linear RGB: black, tortoise, gold, silver, red, blue, clear."""

THINNEST_CM = 0.23
"""Width of the thinnest rim: a pixel at 128²."""

_SIDES = 32


def glasses(factors: Factors, marks: Float32[np.ndarray, "68 3"]) -> Worn:
    """The person's glasses: from round and thin to rectangular and thick, over the neutral head's landmarks.

    Args:
        factors: The person's factors.
        marks: The 68 landmarks of the neutral head, cm.
    """
    shape = factors.amount["glasses_shape"]
    power = 2.0 + 4.0 * shape
    half_width, half_height = 2.25 + 0.35 * shape, 2.05 - 0.45 * shape
    thick = THINNEST_CM / 2 * (1 + 1.3 * (factors.amount["glasses_colour"] * 3.7 % 1) ** 2)
    front = max(float(marks[[27, 28], 2].max()) - 0.3, float(marks[17:27, 2].max()) + 0.35)
    angle = np.linspace(0, 2 * math.pi, _SIDES, endpoint=False)
    parts = []
    for eye, side in ((marks[36:42], -1.0), (marks[42:48], 1.0)):
        middle = eye.mean(0)
        x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / power) * half_width
        y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / power) * half_height
        # The front of a frame bends back towards the temples.
        cx, cy = middle[0] + 0.1 * side, middle[1] - 0.25
        rim = np.stack([cx + x, cy + y, front - 0.035 * (cx + x) ** 2 + 0.15], 1)
        parts.append(tube(rim, thick, thick, closed=True, sides=5))
        outer = np.array([cx + side * half_width, cy + 0.35 * half_height, 0.0])
        outer[2] = front - 0.035 * outer[0] ** 2 + 0.15
        ear = np.array([side * 7.75, outer[1] + 0.1, 0.6])
        hinge = np.array([side * max(abs(outer[0]) + 0.5, 7.2), outer[1], outer[2] - 1.2])
        temple = np.stack([outer, 0.5 * (outer + hinge) + [0, 0, 0.4], hinge, 0.5 * (hinge + ear), ear])
        parts.append(tube(temple, thick, thick * 1.2, sides=5))
    inner = [marks[36:42].mean(0)[0] - 0.1 + half_width, marks[42:48].mean(0)[0] + 0.1 - half_width]
    height = marks[36:48, 1].mean() + 0.35
    x = np.linspace(inner[0], inner[1], 6)
    bridge = np.stack([x, height + 0.25 * np.cos(np.linspace(-1.5, 1.5, 6)), np.full(6, front + 0.2)], 1)
    parts.append(tube(bridge, thick, thick, sides=5))
    place = factors.amount["glasses_colour"] * len(FRAMES)
    colour = np.array(FRAMES[min(int(place), len(FRAMES) - 1)], np.float32)
    return plain(parts, colour, 0.35, GLASSES)
