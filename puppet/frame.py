"""A camera's picture and the face found in it. Only camera, tracker, pose and the capture loop may import this file.

Camera frame convention: x right, y down, z away from the camera, on the picture before mirroring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from puppet.values import Moment


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A driving frame.

    Attributes:
        rgb: Height × width × RGB; borrowed until the reader takes the next frame. None while the camera is away.
        moment: When it was there.
    """

    rgb: UInt8[np.ndarray, "height width 3"] | None
    moment: Moment


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """Where a face is in a picture.

    Attributes:
        landmarks_px: MediaPipe's 468 mesh points and 10 iris points, in pixels of the picture: x right, y down,
            z away, in the scale of x.
        size_wh: Width and height of the picture in pixels.
        rgb: The picture itself, borrowed as that of a frame is; None where only the landmarks are at hand.
    """

    landmarks_px: Float32[np.ndarray, "478 3"]
    size_wh: tuple[int, int]
    rgb: UInt8[np.ndarray, "height width 3"] | None = None

    @property
    def height_px(self) -> float:
        """Distance from the highest to the lowest landmark."""
        return float(np.ptp(self.landmarks_px[:, 1]))

    def moved(self, scale: float, offset_xy: tuple[int, int], rgb: UInt8[np.ndarray, "height width 3"]) -> Face:
        """The same face in a picture that this one is a part of: points · scale + offset."""
        points = self.landmarks_px * np.float32(scale)
        points[:, :2] += np.asarray(offset_xy, np.float32)
        return Face(points, (rgb.shape[1], rgb.shape[0]), rgb)
