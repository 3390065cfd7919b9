"""What the window offers, made from what the program knows: cameras to choose, directions to move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from puppet.devices import Device
from puppet.groups import group_of
from puppet.pose_space import PoseSpace
from ui.session import CameraCard, Direction


def camera_cards(devices: Sequence[Device]) -> list[CameraCard]:
    """All cameras but virtual ones; by name, which outlives a replugging, where names differ."""
    real = [device for device in devices if not device.virtual]
    names = [device.name for device in real]
    return [
        CameraCard(str(device.index) if names.count(device.name) > 1 else device.name, device.name) for device in real
    ]


def direction_cards(space: PoseSpace) -> list[Direction]:
    """What a pose has, each as far as it goes."""
    reaches = np.maximum(np.abs(space.lower), np.abs(space.upper)).tolist()
    return [
        Direction(name, reach, degrees=group_of(name) == "head")
        for name, reach in zip(space.names, reaches, strict=True)
    ]
