"""A smooth way from 0 to 1."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def smooth_step(start: float, end: float, x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """0 before the start, 1 after the end, a cubic between them; the start may lie above the end."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
