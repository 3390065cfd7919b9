"""The pose vector p: what its entries mean, how they are scaled, limited and mirrored.

    p = [p_θ, p_e]                      head rotation, then expression (paper, section 3.1)
    p̃ = a · (p − centre) / half_range    so that every entry spans [−a, a], a = 6

Rotation follows the camera frame (x right, y down, z away, on the picture before mirroring):
R = Rz(roll) · Ry(yaw) · Rx(pitch), relative to the viewing ray through the face. yaw > 0 turns to the subject's
right, pitch > 0 looks down, roll > 0 tilts to the subject's left shoulder.

Source: Bounareli, Argyriou, Tzimiropoulos, "Finding Directions in GAN's Latent Space for Neural Face Reenactment",
BMVC 2022, arXiv:2202.00046, section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

SCALED_RANGE = 6.0
"""a: every scaled entry spans [−a, a]."""

SHOULDER = 0.1
"""The last tenth of a range is bent by tanh instead of cut."""

FURTHEST, NARROWEST = 1e6, 1e-6
"""What computing in float32 needs of ranges."""

LONGEST = 40
"""Characters of an entry's name."""


@dataclass(frozen=True, eq=False)
class PoseSpace:
    """Names, units and ranges of a bundle's pose vector.

    Attributes:
        names: One name an entry, in order.
        lower: Lowest value of each entry, in its own unit (degrees for yaw, pitch, roll; else dimensionless).
        upper: Highest value of each entry.
        rest: Value of each entry on a neutral frontal face.
    """

    names: tuple[str, ...]
    lower: Float32[np.ndarray, "pose_dim"]
    upper: Float32[np.ndarray, "pose_dim"]
    rest: Float32[np.ndarray, "pose_dim"]

    @property
    def dim(self) -> int:
        """k, the number of entries."""
        return len(self.names)

    @cached_property
    def _centre(self) -> Float32[np.ndarray, "pose_dim"]:
        return np.asarray((self.lower + self.upper) / 2, np.float32)

    @cached_property
    def _half_range(self) -> Float32[np.ndarray, "pose_dim"]:
        return np.asarray((self.upper - self.lower) / 2, np.float32)

    def index(self, name: str) -> int:
        """Position of an entry; raises ValueError for an unknown name."""
        return self.names.index(name)

    def pose(self, **values: float) -> Float32[np.ndarray, "pose_dim"]:
        """Rest, but for the entries that are named (own units); raises ValueError for an unknown name."""
        p = self.rest.copy()
        for name, value in values.items():
            p[self.index(name)] = value
        return p

    def scale(self, p: Float32[np.ndarray, "*batch pose_dim"]) -> Float32[np.ndarray, "*batch pose_dim"]:
        """p̃ = a · (p − centre) / half_range."""
        return np.asarray(SCALED_RANGE * (p - self._centre) / self._half_range, np.float32)

    def unscale(self, scaled: Float32[np.ndarray, "*batch pose_dim"]) -> Float32[np.ndarray, "*batch pose_dim"]:
        """The inverse of `scale`."""
        return np.asarray(scaled / SCALED_RANGE * self._half_range + self._centre, np.float32)

    def soft_clip(self, p: Float32[np.ndarray, "*batch pose_dim"]) -> Float32[np.ndarray, "*batch pose_dim"]:
        """Limit p to its ranges: unchanged in the inner 90 %, a tanh shoulder beyond, never outside.

        A limit that is also the value at rest is cut instead, so that a face at rest stays exactly there.
        """
        inner = 1.0 - SHOULDER
        unit = (p - self._centre) / self._half_range
        excess = np.maximum(np.abs(unit) - inner, 0.0)
        soft = np.sign(unit) * (np.minimum(np.abs(unit), inner) + SHOULDER * np.tanh(excess / SHOULDER))
        hard = (unit < 0) & (self.rest == self.lower)
        limited = np.where(hard, np.maximum(unit, -1.0), soft)
        return np.asarray(limited * self._half_range + self._centre, np.float32)

    @cached_property
    def _mirror(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.arange(self.dim)
        sign = np.ones(self.dim, np.float32)
        for i, name in enumerate(self.names):
            if name.endswith("_left"):
                right = self.names.index(name.removesuffix("_left") + "_right")
                order[i], order[right] = right, i
            if name in {"yaw", "roll", "mouth_shift", "gaze_yaw"}:
                sign[i] = -1.0
        return order, sign

    def mirror(self, p: Float32[np.ndarray, "*batch pose_dim"]) -> Float32[np.ndarray, "*batch pose_dim"]:
        """The pose of the mirrored face: left and right swapped; yaw, roll, mouth shift and gaze yaw negated."""
        order, sign = self._mirror
        return np.asarray(p[..., order] * sign, np.float32)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; `from_json` reads it back."""
        return {
            "names": list(self.names),
            "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
            "rest": self.rest.tolist(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PoseSpace:
        """Read what `to_json` wrote.

        Raises:
            ValueError: A key is missing, lengths differ, a range is empty or endless, or a name has no counterpart.
        """
        try:
            names = tuple(str(name) for name in values["names"])
            lower, upper, rest = (np.asarray(values[key], np.float32) for key in ("lower", "upper", "rest"))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"a pose space needs names, lower, upper and rest; {error} is missing or wrong") from error
        if not lower.shape == upper.shape == rest.shape == (len(names),) or not names:
            raise ValueError(f"a pose space needs one lower, upper and rest for each of its {len(names)} names")
        if not np.all(lower < upper):
            raise ValueError("a pose space needs lower < upper for every entry")
        if not max(np.abs(lower).max(), np.abs(upper).max()) <= FURTHEST or (upper - lower).min() < NARROWEST:
            raise ValueError(f"a pose space needs ranges of {NARROWEST:g} or more, within {FURTHEST:g}")
        _check_names(names)
        return cls(names, lower, upper, rest)


def _check_names(names: tuple[str, ...]) -> None:
    if len(set(names)) < len(names) or not all(name.isidentifier() and len(name) <= LONGEST for name in names):
        raise ValueError(f"a pose space needs different names of letters and digits, up to {LONGEST} characters")
    sides = {name.removesuffix(side) for side in ("_left", "_right") for name in names if name.endswith(side)}
    lacking = sorted({f"{stem}{side}" for stem in sides for side in ("_left", "_right")} - set(names))
    if lacking:
        raise ValueError(f"a pose space with one side needs the other: {', '.join(lacking)[:100]} is missing")


def rotation_of(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Float64[np.ndarray, "3 3"]:
    """R = Rz(roll) · Ry(yaw) · Rx(pitch), in the camera's axes."""
    yaw, pitch, roll = (math.radians(angle) for angle in (yaw_deg, pitch_deg, roll_deg))
    rx = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    ry = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    rz = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    return np.asarray(rz @ ry @ rx)


def _builtin() -> PoseSpace:
    angle = {"yaw": 40.0, "pitch": 25.0, "roll": 25.0}
    one_sided = ("jaw_open", "smile_left", "smile_right", "pucker", "frown", "brow_raise", "brow_lower",
                 "blink_left", "blink_right")  # fmt: skip
    signed = ("mouth_shift", "gaze_yaw", "gaze_pitch")
    lower = [-limit for limit in angle.values()] + [0.0] * len(one_sided) + [-1.0] * len(signed)
    upper = [*angle.values()] + [1.0] * (len(one_sided) + len(signed))
    names = (*angle, *one_sided, *signed)
    return PoseSpace(names, np.array(lower, np.float32), np.array(upper, np.float32), np.zeros(len(names), np.float32))


BUILTIN = _builtin()
"""The pose space of the built-in model: k = 15 (3 angles, 12 expressions); left is the subject's left."""
