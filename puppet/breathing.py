"""A portrait at rest breathes: slow, small waves on a few entries of the pose, so that it never looks frozen.

    b_pitch(t) = a sin(2πt/T)            b_jaw(t) = a (1 − cos(2πt/T))/2, brows in the same way, with a slower T

All waves begin at zero, and the two periods have no small common multiple, so that nothing is seen to repeat. Jaw and
brows only ever go up from rest.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from puppet.pose_space import PoseSpace
from puppet.settings import BreathingSettings


class Breathing:
    """The waves in one pose space; entries that it lacks stay still."""

    def __init__(self, space: PoseSpace, settings: BreathingSettings) -> None:
        """Take the amplitudes.

        Args:
            space: The bundle's pose space.
            settings: Amplitudes and periods.
        """
        self._settings = settings
        self._nod = _only(space, "pitch", settings.pitch_deg)
        self._jaw = _only(space, "jaw_open", settings.jaw_open)
        self._brows = _only(space, "brow_raise", settings.brow_raise)

    def at(self, time_s: float) -> Float32[np.ndarray, "pose_dim"]:
        """What is added to the pose at rest, in the units of the pose space."""
        breath = 2.0 * math.pi * time_s / self._settings.period_s
        brows = 2.0 * math.pi * time_s / self._settings.brow_period_s
        waves = math.sin(breath) * self._nod + _rise(breath) * self._jaw + _rise(brows) * self._brows
        return np.asarray(waves, np.float32)


def _rise(angle: float) -> float:
    """A wave from 0 to 1 and back."""
    return (1.0 - math.cos(angle)) / 2.0


def _only(space: PoseSpace, name: str, value: float) -> Float32[np.ndarray, "pose_dim"]:
    """A pose in which one entry has a value."""
    return np.array([value if each == name else 0.0 for each in space.names], np.float32)
