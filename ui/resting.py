"""What the preview shows while no driver is seen: the portrait at rest, and the slate turned round."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from puppet.bundle import Bundle
from puppet.rest import nobody
from puppet.stages import Scene


def at_rest(bundle: Bundle, scene: Scene) -> UInt8[np.ndarray, "height width 3"]:
    """One picture of a scene that nobody drives; what is transparent is grey."""
    w = np.empty((bundle.num_ws, bundle.w_dim), np.float32)
    pose = scene.directions.move(nobody(bundle), out=w)
    picture = np.empty_like(scene.slate)
    scene.compositor.compose(scene.synthesis.paint(w), picture, pose)
    return np.ascontiguousarray(picture[..., :3])


def turned(rgb: UInt8[np.ndarray, "height width channels"]) -> UInt8[np.ndarray, "height width 3"]:
    """A picture the other way round, without opacity."""
    return np.ascontiguousarray(rgb[:, ::-1, :3])
