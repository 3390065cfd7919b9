"""A rehearsal: an avatar moves by itself for three seconds, so that its user can see it before it goes on air.

It looks to both sides, blinks, nods, opens its mouth and smiles, as in relative motion with all gains 1, and is at rest
at the beginning and the end: it can be shown in a loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from engines.base import Engine
from puppet.avatar import Avatar
from puppet.backdrop import behind_of, make_backdrop
from puppet.bundle import Bundle
from puppet.compositor import Compositor
from puppet.directions import Directions
from puppet.moving_detail import moving_detail
from puppet.pose_space import PoseSpace
from puppet.settings import DirectionsSettings
from puppet.synthesis import Synthesis
from puppet.values import Moment, Picture, PoseVector

SECONDS = 3.0

Keys = tuple[tuple[float, float], ...]
"""(time in seconds, value); in between the value eases from one to the next."""

_BLINK: Keys = ((1.25, 0.0), (1.37, 1.0), (1.52, 1.0), (1.64, 0.0))
_SMILE: Keys = ((2.42, 0.0), (2.6, 0.9), (2.8, 0.9), (2.95, 0.0))

SCRIPT: Mapping[str, Keys] = {
    "yaw": ((0.0, 0.0), (0.35, 20.0), (0.45, 20.0), (0.9, -20.0), (1.0, -20.0), (1.3, 0.0)),
    "blink_left": _BLINK,
    "blink_right": _BLINK,
    "pitch": ((1.55, 0.0), (1.75, 12.0), (1.98, -8.0), (2.15, 0.0)),
    "jaw_open": ((2.1, 0.0), (2.28, 0.7), (2.45, 0.0)),
    "smile_left": _SMILE,
    "smile_right": _SMILE,
}
"""What is added to rest: angles in degrees, the rest as a share of 1. Entries that a pose space lacks are left out."""


def poses(space: PoseSpace, fps: float) -> Iterator[PoseVector]:
    """The driver of a rehearsal: one pose for each picture.

    Args:
        space: The bundle's pose space.
        fps: Pictures a second.
    """
    for i in range(round(SECONDS * fps)):
        p = space.rest.copy()
        for name, keys in SCRIPT.items():
            if name in space.names:
                p[space.index(name)] += _value(keys, i / fps)
        yield PoseVector(p, space.rest, 1.0, Moment(i, i / fps, i / fps))


def rehearse(bundle: Bundle, synthesis: Engine, avatar: Avatar, side_px: int, fps: float) -> Iterator[Picture]:
    """The pictures of a rehearsal, before its own surroundings; each is borrowed until the next one.

    Args:
        bundle: The model.
        synthesis: Runs the avatar's own generator, or the bundle's.
        avatar: Enrolled with this bundle.
        side_px: Sides of the pictures.
        fps: Pictures a second.

    Raises:
        EngineRunError: The engine failed.
    """
    usual = DirectionsSettings()
    directions = Directions(bundle.A, bundle.bias, bundle.pose_space, code=avatar.code, p_s=avatar.p_s, settings=usual)
    backdrop = make_backdrop("own", (side_px, side_px), behind_of(avatar))
    detail = moving_detail(bundle, avatar.detail, avatar.p_s)
    compositor = Compositor(backdrop, bundle.resolution, bundle.channels, detail)
    painter = Synthesis(synthesis)
    w = np.empty((bundle.num_ws, bundle.w_dim), np.float32)
    picture = np.empty((side_px, side_px, 3), np.uint8)
    for p in poses(bundle.pose_space, fps):
        pose = directions.move(p, out=w)
        compositor.compose(painter.paint(w), picture, pose)
        yield Picture(picture, p.moment)


def _value(keys: Keys, time_s: float) -> np.float32:
    times, values = np.array(keys, np.float32).T
    before = max(int(np.searchsorted(times, time_s, side="right")) - 1, 0)
    after = min(before + 1, len(keys) - 1)
    span = float(times[after] - times[before]) or 1.0
    share = min(max((time_s - float(times[before])) / span, 0.0), 1.0)
    return np.float32(values[before] + (3 - 2 * share) * share**2 * (values[after] - values[before]))
