"""The matte of a portrait: how much of each pixel is the person.

It comes from MediaPipe's selfie segmentation, which knows painted and drawn people too; where it misses parts of the
face, the face's outline fills them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, UInt8


def person_matte(
    rgb: UInt8[np.ndarray, "height width 3"], face: Bool[np.ndarray, "height width"]
) -> Float32[np.ndarray, "height width"]:
    """How much of each pixel is the person, 0 to 1.

    Args:
        rgb: The portrait, or a part of it with the head.
        face: Where the face's outline is.
    """
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    with SelfieSegmentation(model_selection=0) as segmentation:
        found = segmentation.process(rgb).segmentation_mask
    matte: Float32[np.ndarray, "height width"] = np.where(face, np.float32(1), found).astype(np.float32)
    return matte
