"""The driver's motion p_d − p_n: how far the pose is from the neutral."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32

from puppet.pose_space import PoseSpace
from puppet.values import PoseVector


def motion_of(p: PoseVector, space: PoseSpace, blinks: Bool[np.ndarray, "pose_dim"]) -> Float32[np.ndarray, "pose_dim"]:
    """p_d − p_n; stretched for the eyes, so that a closed eye closes another's.

    Args:
        p: The driver's pose and neutral.
        space: The bundle's pose space.
        blinks: The entries that close an eye.
    """
    motion = p.p - p.neutral
    full = space.upper - space.lower
    left = np.maximum(space.upper - p.neutral, 0.1 * full)
    return np.where(blinks & (motion > 0), motion * full / left, motion).astype(np.float32)
