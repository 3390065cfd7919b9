"""What a judged portrait is asked to do: turn, nod, tilt, open its mouth, blink and smile, painted as a stream would.

A motion is what a driver adds to their neutral, so the portrait goes from its own pose, with a shut mouth; in an empty
one nobody drives. It is moved by the program's own directions and painted by the avatar's own engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, UInt8

from export.judge import rotation_angles
from export.shape_model import CAMERA_FROM_HEAD, head_rotation
from puppet.avatar import Avatar
from puppet.pose_space import PoseSpace
from puppet.stages import Scene
from puppet.values import Moment, PoseVector

Motion = Mapping[str, float]
"""Entries of the pose vector and how much the driver adds to each, in the entry's unit."""

HEAD = ("yaw", "pitch", "roll")
PIVOT = "pivot"
JAW, BLINKS, SMILES = ("jaw_open",), ("blink_left", "blink_right"), ("smile_left", "smile_right")
STEPS = (0.25, 0.5, 0.75, 1.0)
"""How far the jaw opens, from `jaw(0)`, and the eyes close, from the pivot."""

_TURNS: tuple[Motion, ...] = (
    *({"yaw": float(yaw)} for yaw in range(-20, 21, 5) if yaw),
    *({"pitch": pitch} for pitch in (-12.0, -6.0, 6.0, 12.0)),
    *({"roll": roll} for roll in (-15.0, -7.5, 7.5, 15.0)),
    *({"yaw": yaw, "pitch": pitch} for yaw in (-15.0, 15.0) for pitch in (-9.0, 9.0)),
    *({"yaw": 15.0, "roll": roll} for roll in (-10.0, 10.0)),
)


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """A motion's picture.

    Attributes:
        rgb: As it is sent.
        plain: Without the detail that its generator does not paint.
    """

    rgb: UInt8[np.ndarray, "r r 3"]
    plain: UInt8[np.ndarray, "r r 3"]


def jaw(share: float) -> Motion:
    """An open mouth."""
    return dict.fromkeys(JAW, share)


def blink(share: float) -> Motion:
    """Both eyes closing."""
    return dict.fromkeys(BLINKS, share)


LAUGH: Motion = {**dict.fromkeys(SMILES, 1.0), **jaw(0.4)}
"""A mouth that smiles and opens."""

MOTIONS: tuple[Motion, ...] = (
    {},
    *_TURNS,
    *(jaw(share) for share in (0.0, *STEPS)),
    *(blink(share) for share in STEPS),
    dict.fromkeys(SMILES, 1.0),
    LAUGH,
    *({"yaw": yaw, **jaw(1.0)} for yaw in (-15.0, 15.0)),
)


def label(motion: Motion) -> str:
    """A motion in words: `yaw +15 jaw_open +1`; both sides of one go by the name of their pair."""
    pairs = {name.removesuffix("_left").removesuffix("_right"): value for name, value in motion.items()}
    return " ".join(f"{name} {value:+g}" for name, value in pairs.items()) or PIVOT


def requested_deg(space: PoseSpace, avatar: Avatar, motion: Motion) -> Float64[np.ndarray, "3"]:
    """Yaw, pitch and roll of the rotation from the portrait's own pose to the one that is asked for."""
    rest, moved = (
        CAMERA_FROM_HEAD @ head_rotation(_head(space, avatar, wanted)) @ CAMERA_FROM_HEAD.T for wanted in ({}, motion)
    )
    return np.array(rotation_angles((moved @ rest.T).astype(np.float64)))


def _head(space: PoseSpace, avatar: Avatar, motion: Motion) -> np.ndarray:
    head = [avatar.p_s[space.index(name)] + motion.get(name, 0.0) for name in HEAD]
    return np.array(head, np.float32)


def sweep(space: PoseSpace, scene: Scene, code_shape: tuple[int, int]) -> Iterator[tuple[Motion, Painted]]:
    """Every motion that the pose space knows, and its picture.

    Args:
        space: The bundle's pose space.
        scene: Of pictures as large as the generator paints.
        code_shape: num_ws and w_dim.

    Raises:
        EngineRunError: The engine failed.
    """
    w = np.empty(code_shape, np.float32)
    for motion in MOTIONS:
        if not set(motion) <= set(space.names):
            continue
        p = space.rest.copy()
        for name, value in motion.items():
            p[space.index(name)] += value
        pose = scene.directions.move(PoseVector(p, space.rest, float(bool(motion)), Moment(0, 0.0, 0.0)), out=w)
        portrait = scene.synthesis.paint(w)
        rgb, plain = np.empty((2, *scene.slate.shape), np.uint8)
        scene.compositor.compose(portrait, rgb, pose)
        scene.compositor.compose(portrait, plain)
        yield motion, Painted(rgb, plain)
