"""Which entries of the pose vector belong to the head, the mouth, the eyes and the brows; read from their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32

from puppet.pose_space import PoseSpace

Group = Literal["head", "mouth", "eyes", "brows"]
"""Every entry belongs to exactly one of them."""

JAW = "jaw_open"
"""The entry that parts the lips."""

_FIRST_WORDS: dict[str, Group] = {
    "yaw": "head",
    "pitch": "head",
    "roll": "head",
    "blink": "eyes",
    "gaze": "eyes",
    "brow": "brows",
}


@dataclass(frozen=True, slots=True)
class PerGroup:
    """One number for each group of entries."""

    head: float
    mouth: float
    eyes: float
    brows: float

    def per_entry(self, space: PoseSpace) -> Float32[np.ndarray, "pose_dim"]:
        """One number for each entry of a pose space."""
        return np.array([getattr(self, group_of(name)) for name in space.names], np.float32)


def group_of(name: str) -> Group:
    """The group of one entry; what is neither head, eyes nor brows counts as mouth."""
    return _FIRST_WORDS.get(name.partition("_")[0], "mouth")


def blinks(space: PoseSpace) -> Bool[np.ndarray, "pose_dim"]:
    """The entries that close an eye: lower is open, upper is closed."""
    return np.array([name.startswith("blink") for name in space.names])


def gazes(space: PoseSpace) -> Bool[np.ndarray, "pose_dim"]:
    """The entries that turn the eyes."""
    return np.array([name.startswith("gaze") for name in space.names])


def smiles(space: PoseSpace) -> Bool[np.ndarray, "pose_dim"]:
    """The entries that draw the mouth's corners to a smile."""
    return np.array([name.startswith("smile") for name in space.names])


def one_sided(space: PoseSpace) -> Bool[np.ndarray, "pose_dim"]:
    """The entries that only ever go up from rest, such as jaw, smile and blink."""
    return space.rest <= space.lower
