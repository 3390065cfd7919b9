"""What the preview shows while no driver is seen: the portrait at rest, and the slate turned round."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from puppet.bundle import Bundle
from puppet.rest import nobody
from puppet.stages import Scene


def at_rest(bundle: Bundle, scene: Scene, size_wh: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    """One picture of a scene that nobody drives."""
    w = np.empty((bundle.num_ws, bundle.w_dim), np.float32)
    scene.directions.move(nobody(bundle), out=w)
    picture = np.empty((size_wh[1], size_wh[0], 3), np.uint8)
    scene.compositor.compose(scene.synthesis.paint(w), out=picture)
    return picture


def turned(rgb: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width 3"]:
    """A picture the other way round."""
    return np.ascontiguousarray(rgb[:, ::-1])
