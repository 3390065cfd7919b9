"""Which landmarks each entry of the pose vector is read from, and which landmark mirrors which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64
from scipy.spatial import cKDTree

from export.pose_graph import RIGID
from puppet.mediapipe_solutions import face_mesh_connections as mesh

_IRISES = range(468, 478)
_FOREHEAD = (6, 8, 9, 10, 67, 69, 104, 108, 109, 151, 168, 297, 299, 333, 337, 338)
MIRROR = np.array([-1.0, 1.0, 1.0], np.float32)
"""What a mirror does to points: x changes sign."""
_UNDER_NOSE = 2
_LID_WIDTH, _LIP_WIDTH = 0.08, 0.25
"""How far around lids and lips a part reaches, in sizes of the face."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the face.

    Attributes:
        entries: Names of the entries of p that are read from it.
        points: Its landmarks.
    """

    entries: tuple[str, ...]
    points: tuple[int, ...]


def face_parts(template: Float32[np.ndarray, "478 3"]) -> dict[str, Part]:
    """The parts by name; they share landmarks, never entries.

    Args:
        template: A frontal face of size 1, x right, y down.
    """
    lips, brows = _ends(mesh.FACEMESH_LIPS), _ends(mesh.FACEMESH_LEFT_EYEBROW | mesh.FACEMESH_RIGHT_EYEBROW)
    lids = _ends(mesh.FACEMESH_LEFT_EYE | mesh.FACEMESH_RIGHT_EYE)
    below = {i for i in range(_IRISES.start) if template[i, 1] > template[_UNDER_NOSE, 1]}
    mouth = ("jaw_open", "smile_left", "smile_right", "pucker", "frown", "mouth_shift")
    eyes = ("blink_left", "blink_right", "gaze_yaw", "gaze_pitch")
    return {
        "head": _part(("yaw", "pitch", "roll"), RIGID),
        "mouth": _part(mouth, _around(template, lips, _LIP_WIDTH) | below),
        "brows": _part(("brow_raise", "brow_lower"), brows | lids | set(_FOREHEAD)),
        "eyes": _part(eyes, (_around(template, lids, _LID_WIDTH) | set(_IRISES)) - brows),
    }


def mirror_order(template: Float32[np.ndarray, "478 3"]) -> Int64[np.ndarray, "478"]:
    """For each landmark the one on the other side: the nearest to its mirror image on a frontal face.

    Raises:
        ValueError: The face is too uneven: two landmarks would mirror into one.
    """
    _, order = cKDTree(template).query(template * MIRROR)
    if not np.array_equal(order[order], np.arange(len(template))):
        raise ValueError("expected a frontal, even face to find mirrored landmarks on; use the mean of more samples")
    found: Int64[np.ndarray, "478"] = order.astype(np.int64)
    return found


def _part(entries: tuple[str, ...], points: Iterable[int]) -> Part:
    return Part(entries, tuple(sorted(points)))


def _ends(edges: Iterable[tuple[int, int]]) -> set[int]:
    return {point for edge in edges for point in edge}


def _around(template: Float32[np.ndarray, "478 3"], points: Iterable[int], width: float) -> set[int]:
    """The mesh points in front view no further than `width` from one of the points."""
    distance, _ = cKDTree(template[sorted(points), :2]).query(template[: _IRISES.start, :2])
    return {int(i) for i in np.flatnonzero(distance < width)}
