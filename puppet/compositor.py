"""Stage 6: portrait -> picture. The portrait fills the height in the middle, the backdrop the rest.

    picture = rgb + (1 − α) (b − ½)

for a portrait over mid grey with opacity α, and a backdrop b. The formula is linear in the portrait, so that it is
enlarged over grey first, and no colour can bleed over its edge. Where there is room beside it, the portrait fades out
at its left and right side: shoulders end softly, or go on in the backdrop. At last every picture gets the
machine-readable mark, so that nothing can be composed without it.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from puppet.watermark import Watermark

GREY = 128
"""b = ½ in bytes."""

SEAM = 0.06
"""How far the portrait fades at its left and right side, as a share of its sides."""


class Compositor:
    """Composes pictures of one size over one backdrop. Never sees a camera frame."""

    def __init__(self, backdrop: UInt8[np.ndarray, "height width 3"], resolution: int, channels: int) -> None:
        """Make all buffers.

        Args:
            backdrop: The canvas behind the portrait; its size is the picture's.
            resolution: Sides of the portrait in pixels.
            channels: 4 for portraits with opacity, 3 for opaque ones.
        """
        height, width = backdrop.shape[:2]
        self._side = min(width, height)  # a picture higher than wide shows the portrait's middle columns
        self._left = (width - self._side) // 2
        columns = max(1, round(resolution * self._side / height))
        first = (resolution - columns) // 2
        self._columns = slice(first, first + columns)
        self._small = np.empty((resolution, columns, 3), np.uint8)
        self._faded = np.empty_like(self._small)
        self._seen = np.ones((resolution, columns), np.float32)
        if width > height:
            x = np.arange(columns)
            self._seen *= np.clip(np.minimum(x, x[::-1]) / (SEAM * resolution), 0.0, 1.0)
        self._hidden = 1 - self._seen
        self._grey, self._nothing = (np.full_like(self._small, level) for level in (GREY, 255))
        self._backdrop = backdrop
        behind = backdrop[:, self._left : self._left + self._side].astype(np.int16) - GREY
        self._brighter = np.maximum(behind, 0).astype(np.uint8)
        self._darker = np.maximum(-behind, 0).astype(np.uint8)
        self._term = np.empty_like(self._brighter)
        self._transparency = np.empty_like(self._brighter)
        self._watermark = Watermark(backdrop)
        self._to_rgb = np.eye(3, channels, dtype=np.float32)
        self._to_transparency = np.zeros((3, channels + 1), np.float32)
        if channels == 4:
            self._to_transparency[:, 3:] = (-1.0, 255.0)

    def compose(self, portrait: UInt8[np.ndarray, "r r channels"], out: UInt8[np.ndarray, "height width 3"]) -> None:
        """Write the picture of a portrait, RGB(A) over grey, into `out`."""
        np.copyto(out, self._backdrop)
        middle = out[:, self._left : self._left + self._side]
        visible = portrait[:, self._columns]
        self._enlarge(visible, self._to_rgb, self._grey, middle)
        self._enlarge(visible, self._to_transparency, self._nothing, self._transparency)
        cv2.multiply(self._brighter, self._transparency, dst=self._term, scale=1 / 255)
        cv2.add(middle, self._term, dst=middle)
        cv2.multiply(self._darker, self._transparency, dst=self._term, scale=1 / 255)
        cv2.subtract(middle, self._term, dst=middle)
        self._watermark.put(out)

    def _enlarge(
        self,
        visible: UInt8[np.ndarray, "r columns channels"],
        matrix: Float32[np.ndarray, "3 _"],
        absent: UInt8[np.ndarray, "r columns 3"],
        out: UInt8[np.ndarray, "height side 3"],
    ) -> None:
        """Transform the channels and fade into what is there without a portrait while it is small, then enlarge it."""
        cv2.transform(visible, matrix, dst=self._small)
        cv2.blendLinear(self._small, absent, self._seen, self._hidden, dst=self._faded)
        cv2.resize(self._faded, out.shape[1::-1], dst=out, interpolation=cv2.INTER_CUBIC)
