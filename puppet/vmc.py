"""A pose vector as other programs for figures know it: VMC's blend shapes and head, and back.

    p ── angles ──> the head's quaternion              p ── expression ──> shapes by ARKit's or VRM's names, 0 to 1

ARKit's 52 names are those of iPhones and of figures with "perfect sync"; VRM's are what every figure has. Both call
left what is left for the subject, as we do. Upper and lower case do not count when reading.

Source: the Virtual Motion Capture Protocol, https://protocol.vmc.info/english, version 2.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float32

from puppet.head_turn import UPRIGHT, Quaternion, angles_of, quaternion_of
from puppet.pose_space import PoseSpace

Names = Literal["arkit", "vrm"]

OK, TIME = "/VMC/Ext/OK", "/VMC/Ext/T"
BONE, BLEND, APPLY = "/VMC/Ext/Bone/Pos", "/VMC/Ext/Blend/Val", "/VMC/Ext/Blend/Apply"

_ALIASES = {"jaw": "jaw_open"}
"""Entries of other pose spaces that are one of ours."""

WRITTEN: Mapping[Names, Mapping[str, Mapping[str, float]]] = {
    "arkit": {
        "jawOpen": {"jaw_open": 1.0},
        "mouthSmileLeft": {"smile_left": 1.0},
        "mouthSmileRight": {"smile_right": 1.0},
        "cheekSquintLeft": {"smile_left": 0.4},
        "cheekSquintRight": {"smile_right": 0.4},
        "mouthPucker": {"pucker": 1.0},
        "mouthFunnel": {"pucker": 0.3},
        "mouthFrownLeft": {"frown": 1.0},
        "mouthFrownRight": {"frown": 1.0},
        "browInnerUp": {"brow_raise": 1.0},
        "browOuterUpLeft": {"brow_raise": 1.0},
        "browOuterUpRight": {"brow_raise": 1.0},
        "browDownLeft": {"brow_lower": 1.0},
        "browDownRight": {"brow_lower": 1.0},
        "eyeBlinkLeft": {"blink_left": 1.0},
        "eyeBlinkRight": {"blink_right": 1.0},
        "mouthRight": {"mouth_shift": 1.0},
        "mouthLeft": {"mouth_shift": -1.0},
        "eyeLookOutRight": {"gaze_yaw": 1.0},
        "eyeLookInLeft": {"gaze_yaw": 1.0},
        "eyeLookInRight": {"gaze_yaw": -1.0},
        "eyeLookOutLeft": {"gaze_yaw": -1.0},
        "eyeLookDownLeft": {"gaze_pitch": 1.0},
        "eyeLookDownRight": {"gaze_pitch": 1.0},
        "eyeLookUpLeft": {"gaze_pitch": -1.0},
        "eyeLookUpRight": {"gaze_pitch": -1.0},
    },
    "vrm": {
        "A": {"jaw_open": 1.0},
        "U": {"pucker": 1.0},
        "Joy": {"smile_left": 0.5, "smile_right": 0.5},
        "Sorrow": {"frown": 1.0},
        "Angry": {"brow_lower": 1.0},
        "Surprised": {"brow_raise": 1.0},
        "Blink_L": {"blink_left": 1.0},
        "Blink_R": {"blink_right": 1.0},
        "LookRight": {"gaze_yaw": 1.0},
        "LookLeft": {"gaze_yaw": -1.0},
        "LookDown": {"gaze_pitch": 1.0},
        "LookUp": {"gaze_pitch": -1.0},
    },
}
"""How each shape is made of entries; a weight below zero takes the entry's other direction."""

READ: Mapping[Names, Mapping[str, Mapping[str, float]]] = {
    "arkit": {
        "jawopen": {"jaw_open": 1.0},
        "mouthsmileleft": {"smile_left": 1.0},
        "mouthsmileright": {"smile_right": 1.0},
        "mouthpucker": {"pucker": 1.0},
        "mouthfrownleft": {"frown": 0.5},
        "mouthfrownright": {"frown": 0.5},
        "browinnerup": {"brow_raise": 0.5},
        "browouterupleft": {"brow_raise": 0.25},
        "browouterupright": {"brow_raise": 0.25},
        "browdownleft": {"brow_lower": 0.5},
        "browdownright": {"brow_lower": 0.5},
        "eyeblinkleft": {"blink_left": 1.0},
        "eyeblinkright": {"blink_right": 1.0},
        "mouthright": {"mouth_shift": 1.0},
        "mouthleft": {"mouth_shift": -1.0},
        "eyelookoutright": {"gaze_yaw": 0.5},
        "eyelookinleft": {"gaze_yaw": 0.5},
        "eyelookinright": {"gaze_yaw": -0.5},
        "eyelookoutleft": {"gaze_yaw": -0.5},
        "eyelookdownleft": {"gaze_pitch": 0.5},
        "eyelookdownright": {"gaze_pitch": 0.5},
        "eyelookupleft": {"gaze_pitch": -0.5},
        "eyelookupright": {"gaze_pitch": -0.5},
    },
    "vrm": {
        "a": {"jaw_open": 1.0},
        "i": {"jaw_open": 0.2, "smile_left": 0.2, "smile_right": 0.2},
        "u": {"pucker": 1.0},
        "e": {"jaw_open": 0.4},
        "o": {"jaw_open": 0.6, "pucker": 0.5},
        "joy": {"smile_left": 1.0, "smile_right": 1.0},
        "fun": {"smile_left": 1.0, "smile_right": 1.0},
        "sorrow": {"frown": 1.0},
        "angry": {"brow_lower": 1.0},
        "surprised": {"brow_raise": 1.0},
        "blink": {"blink_left": 1.0, "blink_right": 1.0},
        "blink_l": {"blink_left": 1.0},
        "blink_r": {"blink_right": 1.0},
        "lookright": {"gaze_yaw": 1.0},
        "lookleft": {"gaze_yaw": -1.0},
        "lookdown": {"gaze_pitch": 1.0},
        "lookup": {"gaze_pitch": -1.0},
    },
}
"""What each shape adds to the entries, in shares of their ranges."""

VRM_1 = {
    "aa": "a",
    "ih": "i",
    "ou": "u",
    "ee": "e",
    "oh": "o",
    "happy": "joy",
    "relaxed": "fun",
    "sad": "sorrow",
    "blinkleft": "blink_l",
    "blinkright": "blink_r",
}
"""What VRM 1 calls the shapes of VRM 0, in lower case."""

KNOWN = READ["arkit"].keys() | READ["vrm"].keys() | VRM_1.keys()
"""All names that are read, in lower case."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a sender says of its figure at one moment.

    Attributes:
        head: How the head is turned, together with what it stands on.
        shapes: Shapes by their names in lower case, 0 to 1.
    """

    head: Quaternion = UPRIGHT
    shapes: Mapping[str, float] = field(default_factory=dict)


class Translation:
    """Between one pose space and VMC."""

    def __init__(self, space: PoseSpace, names: Names = "arkit") -> None:
        """Prepare it.

        Args:
            space: The bundle's pose space; what VMC has no name for stays at rest.
            names: What shapes are called when they are written; both are read.
        """
        self._space = space
        self._up, self._down = space.upper - space.rest, space.rest - space.lower
        self._entries = {_ALIASES.get(name, name): i for i, name in enumerate(space.names)}
        self.names = tuple(
            shape for shape, weights in WRITTEN[names].items() if any(name in self._entries for name in weights)
        )
        self._matrix = np.zeros((len(self.names), 2, space.dim), np.float32)
        for row, shape in enumerate(self.names):
            for name, weight in WRITTEN[names][shape].items():
                if name in self._entries:
                    self._matrix[row, int(weight < 0), self._entries[name]] = abs(weight)

    def shapes_of(self, p: Float32[np.ndarray, "pose_dim"]) -> Float32[np.ndarray, "shapes"]:
        """The shapes of a pose, one for each of `names`, 0 to 1."""
        beyond = p - self._space.rest
        unit = np.stack([beyond / np.maximum(self._up, 1e-6), -beyond / np.maximum(self._down, 1e-6)])
        return np.clip(np.tensordot(self._matrix, np.clip(unit, 0.0, 1.0)), 0.0, 1.0).astype(np.float32)

    def head_of(self, p: Float32[np.ndarray, "pose_dim"]) -> Quaternion:
        """How a pose turns the head."""
        yaw, pitch, roll = (
            float(p[self._entries[name]]) if name in self._entries else 0.0 for name in ("yaw", "pitch", "roll")
        )
        return quaternion_of(yaw, pitch, roll)

    def pose_of(self, figure: Figure) -> Float32[np.ndarray, "pose_dim"]:
        """The pose of a figure; ARKit's names count alone where there are any, since senders give VRM's beside them."""
        read = READ["arkit"] if READ["arkit"].keys() & figure.shapes.keys() else READ["vrm"]
        unit = np.zeros(self._space.dim, np.float32)
        for shape, value in figure.shapes.items():
            for name, weight in read.get(VRM_1.get(shape, shape), {}).items():
                if name in self._entries:
                    unit[self._entries[name]] += weight * value
        unit = np.clip(unit, -1.0, 1.0)
        p = self._space.rest + np.where(unit > 0, unit * self._up, unit * self._down)
        for name, angle in zip(("yaw", "pitch", "roll"), angles_of(figure.head), strict=True):
            if name in self._entries:
                p[self._entries[name]] = angle
        return np.asarray(p, np.float32)
