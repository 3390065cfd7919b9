"""The driver's motion p_d − p_n: how far the pose is from the neutral; and from where a portrait's mouth starts."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32

from puppet.groups import JAW
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


def with_shut_jaw(
    p_s: Float32[np.ndarray, "pose_dim"], space: PoseSpace, share: float = 1.0
) -> Float32[np.ndarray, "pose_dim"]:
    """A portrait's pose with its jaw shut; a jaw that is shut, and a pose space without one, stay as they are.

    Args:
        p_s: The portrait's own pose.
        space: The bundle's pose space.
        share: How far of the way; 1 is shut.
    """
    p_0 = p_s.copy()
    if JAW in space.names:
        i = space.index(JAW)
        p_0[i] -= share * max(p_s[i] - space.rest[i], 0.0)
    return p_0
