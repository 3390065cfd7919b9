"""What a tuned generator should paint: the portrait, cut out, with weights where people look.

The matte comes from MediaPipe's selfie segmentation, which knows painted and drawn people too; where it misses parts of
the face, the face's outline fills them. So the portrait keeps its own hair, and the backdrop stays free.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from puppet.alignment import resize
from puppet.portrait_checks import face_mask

GREY = 127.5

FACE_WEIGHT, FEATURE_WEIGHT = 2.0, 6.0
"""How much a pixel of the face counts, and one of eyes, brows and mouth; all others count 1."""

FEATURES = (
    (33, 133, 159, 145, 70, 107),
    (263, 362, 386, 374, 300, 336),
    (61, 291, 0, 17, 200),
)
"""Landmarks around the right eye and brow, the left ones, and the mouth."""


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Pictures that a tuned generator should paint, and the codes from which. One view is the portrait itself.

    Attributes:
        w: Codes.
        pictures: As the generator paints them: RGB(A), over grey where there is opacity.
        weights: How much each pixel counts; any scale.
    """

    w: Float32[np.ndarray, "views num_ws w_dim"]
    pictures: UInt8[np.ndarray, "views r r channels"]
    weights: Float32[np.ndarray, "views r r"]


def portrait_view(
    crop: UInt8[np.ndarray, "side side 3"],
    points_px: Float32[np.ndarray, "478 2"],
    w: Float32[np.ndarray, "num_ws w_dim"],
    picture_shape: tuple[int, int, int],
) -> Views:
    """The portrait as the only view.

    Args:
        crop: The aligned crop.
        points_px: The face's landmarks in it.
        w: The code of the portrait in its own pose.
        picture_shape: Of what the generator paints: r, r, channels.
    """
    r, _, channels = picture_shape
    picture = resize(crop, r)
    if channels == 4:
        matte = cv2.resize(_matte(crop, face_mask(points_px, len(crop))), (r, r), interpolation=cv2.INTER_AREA)[
            ..., None
        ]
        picture = np.concatenate([GREY + matte * (picture - GREY), 255 * matte], axis=-1).round().astype(np.uint8)
    return Views(w[None].copy(), np.ascontiguousarray(picture[None]), _weights(points_px * (r / len(crop)), r)[None])


def _matte(crop: UInt8[np.ndarray, "side side 3"], face: np.ndarray) -> Float32[np.ndarray, "side side"]:
    """How much of each pixel is the person, 0 to 1."""
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    with SelfieSegmentation(model_selection=0) as segmentation:
        found = segmentation.process(crop).segmentation_mask
    matte: Float32[np.ndarray, "side side"] = np.where(face, np.float32(1), found).astype(np.float32)
    return matte


def _weights(points_px: Float32[np.ndarray, "478 2"], r: int) -> Float32[np.ndarray, "r r"]:
    weights = np.ones((r, r), np.float32)
    weights[face_mask(points_px, r)] = FACE_WEIGHT
    for feature in FEATURES:
        weights[face_mask(points_px[list(feature)], r)] = FEATURE_WEIGHT
    return weights
