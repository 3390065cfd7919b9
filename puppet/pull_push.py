"""Pull-push: the colours of the known pixels, continued smoothly over all others, without edges and without ghosts.

Colours are averaged down a pyramid, weighted by what is known, and each level fills the holes of the finer one.

Source: Gortler, Grzeszczuk, Szeliski, Cohen, "The Lumigraph", SIGGRAPH 1996, section 3.4.2.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

NEVER = 1e-12
"""Weight of what is in a hole: it counts only where nothing at all is known."""


def continued(
    picture: UInt8[np.ndarray, "height width n"] | Float32[np.ndarray, "height width n"],
    known: Float32[np.ndarray, "height width"],
) -> Float32[np.ndarray, "height width n"]:
    """A picture whose unknown pixels have colours of the known ones around them.

    Args:
        picture: Of at least two channels; what it shows in holes does not count.
        known: 1 where it counts, 0 in a hole.
    """
    weight = np.maximum(known, NEVER)[..., None]
    return _filled(picture * weight, weight)


def _filled(
    sums: Float32[np.ndarray, "height width n"], weights: Float32[np.ndarray, "height width 1"]
) -> Float32[np.ndarray, "height width n"]:
    """Colours everywhere, from weights and colours times weights."""
    if min(sums.shape[:2]) < 2:
        return np.broadcast_to(sums.sum((0, 1)) / weights.sum(), sums.shape).astype(np.float32)
    fewer, lighter = cv2.pyrDown(sums), cv2.pyrDown(weights)[..., None]
    trust = np.minimum(1 / lighter, 4)  # one known pixel of four is enough to know their colour
    coarse = cv2.pyrUp(_filled(fewer * trust, lighter * trust), dstsize=sums.shape[1::-1])
    colours: Float32[np.ndarray, "height width n"] = sums + (1 - weights) * coarse
    return colours
