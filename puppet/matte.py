"""A portrait's own outline: aligned crop -> opacity of the person.

The matte comes from MediaPipe's selfie segmentation, which also knows painted and drawn people; where it misses parts of
the face, the face's outline fills them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8


def opacity(crop: UInt8[np.ndarray, "side side 3"], face: np.ndarray) -> Float32[np.ndarray, "side side"]:
    """How much of each pixel is the person, 0 to 1.

    Args:
        crop: The aligned crop.
        face: True inside the face, [side, side].
    """
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    with SelfieSegmentation(model_selection=0) as segmentation:
        found = segmentation.process(crop).segmentation_mask
    matte: Float32[np.ndarray, "side side"] = np.where(face, np.float32(1), found).astype(np.float32)
    return matte
