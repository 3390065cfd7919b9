"""How FaceMesh's landmarks move with a head's pose: a table that the bundle carries, in sides of the crop.

    X' = X + R_s D (p − p_s)

for landmarks X in space, a portrait in the pose p_s with the head's rotation R_s, and displacements D of the
expressions in the head's own axes. D is a mean face's. Two things depend on the face itself, however far it is: a
closed lid lies on the other one, and lips meet as a jaw that the portrait has open shuts; they never pass through each
other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from puppet.bundle_tensors import exact_tensors
from puppet.errors import BundleError
from puppet.face_topology import INNER_LIPS, LEFT_EYE, LEFT_IRIS, MESH_POINTS, POINTS, RIGHT_EYE, RIGHT_IRIS, opposite
from puppet.groups import JAW, blinks, gazes
from puppet.pose_space import PoseSpace, rotation_of

DISPLACEMENT, PIVOT, UPPER, LOWER, THROAT, DROP, SKIN = (
    "displacement", "pivot", "upper_teeth", "lower_teeth", "throat", "drop", "skin",
)  # fmt: skip

INSIDE_PX = 128
"""Sides of the pictures of teeth, which are a mouth's width."""

ABOVE_LIP = 0.35
"""How much of them lies above the edge of the upper lip."""

FURTHEST = 10.0
"""Sides of the crop; no part of a face is or moves so far."""

EYE_WIDTH = 0.104
"""Width of the mean face's eye in sides of the crop; eyes of another size turn their irises by another way."""

UPPER_LID = 1.08
"""A closing eye's upper lid goes all the way and a little further, and the lower one gives way: its landmarks lie
inside of what is seen of the eye."""

LEAST_OPEN = 0.1
"""An eye or a mouth that the portrait shows nearly closed closes by no more than 1 / this."""

ANGLES = ("yaw", "pitch", "roll")
EYES = (("blink_right", RIGHT_EYE, RIGHT_IRIS), ("blink_left", LEFT_EYE, LEFT_IRIS))

Space = Float64[np.ndarray, "points 3"]
"""Points in sides of the crop: x right, y down, z away."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceMotion:
    """What a bundle knows about moving landmarks.

    Attributes:
        displacement: D, in the head's own axes (x right, y down, z away), for one unit of each entry of p; angles: 0.
        pivot: Where heads turn: x and y in the crop, z behind the mean depth of the face.
        upper, lower: Upper teeth; lower teeth and tongue: RGBA, premultiplied, as they lie behind closed lips, and as
            wide as the mouth; the upper lip's edge is ABOVE_LIP from their top.
        throat: Colour of what is behind them.
        drop: How an opened jaw moves lower teeth, in the head's own axes.
        skin: Colour of the cheeks of the face that they come from.
    """

    displacement: Float32[np.ndarray, "pose_dim 478 3"]
    pivot: Float32[np.ndarray, "3"]
    upper: UInt8[np.ndarray, "128 128 4"]
    lower: UInt8[np.ndarray, "128 128 4"]
    throat: Float32[np.ndarray, "3"]
    drop: Float32[np.ndarray, "3"]
    skin: Float32[np.ndarray, "3"]


def read_face_motion(path: Path, space: PoseSpace) -> FaceMotion:
    """Read the table of a bundle with this pose space.

    Raises:
        BundleError: It is no safetensors file, holds other tensors, or its pose space has no angles or blinks.
    """
    wanted = {
        DISPLACEMENT: ("F16", (space.dim, POINTS, 3), FURTHEST),
        PIVOT: ("F32", (3,), FURTHEST),
        UPPER: ("U8", (INSIDE_PX, INSIDE_PX, 4), 255),
        LOWER: ("U8", (INSIDE_PX, INSIDE_PX, 4), 255),
        THROAT: ("F32", (3,), 255),
        DROP: ("F32", (3,), FURTHEST),
        SKIN: ("F32", (3,), 255),
    }
    if lacking := {*ANGLES, *(name for name, _, _ in EYES)} - set(space.names):
        raise BundleError(f"{path} moves faces, and the pose space has no {', '.join(sorted(lacking))}")
    tensors = exact_tensors(path, wanted)
    tensors[DISPLACEMENT] = displacement = tensors[DISPLACEMENT].astype(np.float32)
    displacement.flags.writeable = False
    return FaceMotion(*tensors.values())


def rotation(p: Float32[np.ndarray, "pose_dim"], space: PoseSpace) -> Float64[np.ndarray, "3 3"]:
    """R of a pose, in the camera's axes."""
    return rotation_of(*(float(p[space.index(name)]) for name in ANGLES))


def closing(
    name: str, p_s: Float32[np.ndarray, "pose_dim"], p: Float32[np.ndarray, "pose_dim"], space: PoseSpace
) -> float:
    """How far an eye that is as open as in p_s is closed in p: 1 is shut, below 0 is wider open."""
    i = space.index(name)
    left = max(float(space.upper[i] - p_s[i]), LEAST_OPEN)
    return min(float(p[i] - p_s[i]) / left, 1.0)


def shutting(p_s: Float32[np.ndarray, "pose_dim"], p: Float32[np.ndarray, "pose_dim"], space: PoseSpace) -> float:
    """How far a jaw that is as open as in p_s is shut in p: 1 is shut, 0 as open or wider."""
    if JAW not in space.names:
        return 0.0
    i = space.index(JAW)
    open_by = float(p_s[i] - space.rest[i])
    return min(max(float(p_s[i] - p[i]) / max(open_by, LEAST_OPEN), 0.0), 1.0)


def displacements(
    X: Space, motion: FaceMotion, space: PoseSpace, p_s: Float32[np.ndarray, "pose_dim"]
) -> Float64[np.ndarray, "pose_dim 478 3"]:
    """R_s D of a portrait: its irises turn with the gaze alone, and as far as its eyes are wide.

    Args:
        X: The portrait's landmarks.
        motion: The bundle's table.
        space: Its pose space.
        p_s: The portrait's own pose.
    """
    D = motion.displacement.astype(np.float64) @ rotation(p_s, space).T
    gaze = gazes(space)
    out = D.copy()
    out[:, MESH_POINTS:] = 0
    for _, opening, iris in EYES:
        out[gaze, iris] = D[gaze, iris] * np.linalg.norm(X[opening[0]] - X[opening[8]]) / EYE_WIDTH
    return np.asarray(out)


def moved(
    X: Space,
    motion: FaceMotion,
    space: PoseSpace,
    p_s: Float32[np.ndarray, "pose_dim"],
    p: Float32[np.ndarray, "pose_dim"],
) -> Space:
    """Landmarks with another expression; the head stays.

    Args:
        X: The portrait's landmarks.
        motion: The bundle's table.
        space: Its pose space.
        p_s: The portrait's own pose.
        p: The wanted one; its angles do not matter here.
    """
    change = (p - p_s).astype(np.float64)
    D = displacements(X, motion, space, p_s)
    out = X + np.tensordot(change, D, 1)
    closes = blinks(space) | np.array([name == JAW for name in space.names])
    still = X + np.tensordot(np.where(closes, 0, change), D, 1)
    for name, opening, _ in EYES:
        close_eye(out, still, opening, closing(name, p_s, p, space))
    meet_lips(out, still, shutting(p_s, p, space))
    return np.asarray(out)


def meet_lips(out: Space, still: Space, share: float) -> None:
    """Bring the lips in `out` together by a share of what is between them in `still`; 0 leaves them, uncrossed."""
    for upper, lower in opposite(INNER_LIPS):
        middle = (out[upper] + out[lower]) / 2
        gap = (1 - share) * (still[lower] - still[upper]) if share > 0 else out[lower] - out[upper]
        half = gap / 2 if gap[1] >= 0 else np.zeros(3)
        out[upper], out[lower] = middle - half, middle + half


def close_eye(out: Space, still: Space, opening: tuple[int, ...], share: float) -> None:
    """Bring the lids of an eye in `out` together by a share of what is between them in `still`."""
    for upper, lower in opposite(opening):
        gap = still[lower] - still[upper]
        out[upper] = still[upper] + share * UPPER_LID * gap
        out[lower] = still[lower] - max(share, 0.0) * (1 - UPPER_LID) * gap
