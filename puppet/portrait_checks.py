"""Whether a portrait can be enrolled: one face, large, turned to the viewer, sharp. Each failure has its own sentence.

Measured, per check, on what must pass and on what must not:

    height      a face of 64 pixels still enrols well; less is mostly invention
    turned      64 rendered heads with yaw up to ±40° read at most 49.4° by `turned_deg`, four portraits at most 18°;
                heads rendered at 60° and more read 53.7° to 62.8°, or show no face at all
    sharpness   heads at least 0.71, portraits at least 0.37, reduced to a face of 64 pixels at least 0.28; blurred by
                σ = 1 % of the face's height 0.17 to 0.26, by 2 % 0.09 to 0.11, by 3 % 0.07
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from puppet.alignment import Square, align
from puppet.errors import PortraitError

LEAST_FACE_PX = 64
"""A face less high than this shows too little."""

MOST_TURNED_DEG = 52.0
"""A face that is turned further shows one side only."""

MOST_NODDED_DEG = 45.0

MOST_TILTED_DEG = 45.0
"""A face that is tilted further lies in a picture that should be turned."""

LEAST_SHARPNESS = 0.14

SAME_SIZE = 0.7
"""From this share of the largest face's height on, another face may be meant just as well."""

SHARPNESS_PX = 128
"""Sides of the aligned crop on which sharpness is measured: finer detail is not asked for."""

_EYE_CORNERS, _FOREHEAD_CHIN = (33, 263), (10, 152)

Landmarks = Float32[np.ndarray, "478 3"]


def check_faces(faces_px: Sequence[Landmarks], portrait: Path) -> None:
    """Refuse a picture without a face, with several that may be meant, or with one too small or turned away.

    Args:
        faces_px: Landmarks of all faces in the portrait in pixels, those of the largest face first.
        portrait: The file's name for error messages.

    Raises:
        PortraitError: It cannot be enrolled.
    """
    if not faces_px:
        raise PortraitError(f"{portrait} shows no face; choose a portrait that shows one from the front")
    heights = [float(np.ptp(points[:, 1])) for points in faces_px]
    alike = sum(height >= SAME_SIZE * heights[0] for height in heights)
    if alike > 1:
        raise PortraitError(
            f"{portrait} should show one face, or one much larger than the others, and shows {alike} of about the same "
            "size; crop it to the one that you want"
        )
    if heights[0] < LEAST_FACE_PX:
        raise PortraitError(
            f"the face in {portrait} is {heights[0]:.0f} pixels high and should have {LEAST_FACE_PX}; "
            "choose a larger picture"
        )
    across = faces_px[0][_EYE_CORNERS[1]] - faces_px[0][_EYE_CORNERS[0]]
    tilt_deg = float(np.degrees(np.arctan2(across[1], across[0])))
    if abs(tilt_deg) > MOST_TILTED_DEG:
        raise PortraitError(
            f"the face in {portrait} should be upright and is tilted by about {abs(tilt_deg):.0f}°; turn the picture"
        )
    yaw, pitch = turned_deg(faces_px[0])
    if abs(yaw) > MOST_TURNED_DEG or abs(pitch) > MOST_NODDED_DEG:
        away_deg = max(abs(yaw), abs(pitch))
        raise PortraitError(
            f"the face in {portrait} should look at the viewer and is turned away by about {away_deg:.0f}°; "
            "choose a portrait from the front"
        )


def check_sharpness(
    rgb: UInt8[np.ndarray, "height width 3"], face_px: Landmarks, square: Square, portrait: Path
) -> None:
    """Refuse a blurred face.

    Args:
        rgb: The whole portrait.
        face_px: Landmarks of its face in pixels.
        square: Its alignment square.
        portrait: The file's name for error messages.

    Raises:
        PortraitError: It is too blurred.
    """
    found = sharpness(rgb, face_px, square)
    if found < LEAST_SHARPNESS:
        raise PortraitError(
            f"the face in {portrait} is blurred: its sharpness is {found:.2f} and should be {LEAST_SHARPNESS}; "
            "choose a sharper picture"
        )


def turned_deg(face_px: Landmarks) -> tuple[float, float]:
    """How far a face is turned to a side and nods, from the eyes' outer corners and from forehead and chin."""
    x, _, z = face_px[_EYE_CORNERS[1]] - face_px[_EYE_CORNERS[0]]
    _, y, depth = face_px[_FOREHEAD_CHIN[1]] - face_px[_FOREHEAD_CHIN[0]]
    return float(np.degrees(np.arctan2(z, x))), float(np.degrees(np.arctan2(depth, y)))


def sharpness(rgb: UInt8[np.ndarray, "height width 3"], face_px: Landmarks, square: Square) -> float:
    """Standard deviation of the Laplacian inside the face, relative to that of its brightness."""
    left, top, side = square.left_top_side
    crop = align(rgb, square, SHARPNESS_PX)
    inside = face_mask((face_px[:, :2] - (left, top)) * (SHARPNESS_PX / side), SHARPNESS_PX)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edges, contrast = cv2.Laplacian(grey, cv2.CV_32F)[inside].std(), grey[inside].std()
    return float(edges / contrast) if contrast > 0 else 0.0


def face_mask(points_px: np.ndarray, side_px: int) -> np.ndarray:
    """Where the convex outline of a face, or of a part of it, is in a square picture: [side, side] bool."""
    mask = np.zeros((side_px, side_px), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(points_px.astype(np.int32)), 1)
    return mask > 0
