"""Stage 6: portrait -> picture. The portrait fills the height in the middle, the backdrop the rest.

    picture = rgb + (1 − α) (b − ½)

for a portrait over mid grey with opacity α, and a backdrop b. The formula is linear in the portrait, so that it is
enlarged over grey first, and no colour can bleed over its edge. Where there is room beside it, the portrait fades out
at its left and right side: shoulders end softly, or go on in the backdrop. At last every picture gets the
machine-readable mark, so that nothing can be composed without it.

Before a transparent backdrop the picture is what the portrait is: colours over grey, and their opacity.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from puppet.opacity import GREY
from puppet.watermark import Watermark

SEAM = 0.06
"""How far the portrait fades at its left and right side, as a share of its sides."""


class Compositor:
    """Composes pictures of one size over one backdrop. Never sees a camera frame."""

    def __init__(self, backdrop: UInt8[np.ndarray, "height width depth"], resolution: int, channels: int) -> None:
        """Make all buffers.

        Args:
            backdrop: The canvas behind the portrait; its size and channels are the picture's: RGB, or RGBA where it is
                transparent.
            resolution: Sides of the portrait in pixels.
            channels: 4 for portraits with opacity, 3 for opaque ones.
        """
        height, width, depth = backdrop.shape
        self._side = min(width, height)  # a picture higher than wide shows the portrait's middle columns
        self._left = (width - self._side) // 2
        columns = max(1, round(resolution * self._side / height))
        first = (resolution - columns) // 2
        self._columns = slice(first, first + columns)
        self._small = np.empty((resolution, columns, depth), np.uint8)
        self._faded = np.empty_like(self._small)
        self._seen = np.ones((resolution, columns), np.float32)
        if width > height:
            x = np.arange(columns)
            self._seen *= np.clip(np.minimum(x, x[::-1]) / (SEAM * resolution), 0.0, 1.0)
        self._hidden = 1 - self._seen
        self._backdrop = backdrop
        self._watermark = Watermark(backdrop)
        self._nobody = np.full_like(self._small, (GREY, GREY, GREY, 0)[:depth])
        self._to_picture = np.eye(depth, channels + 1, dtype=np.float32)
        if depth > channels:
            self._to_picture[channels] = (0.0, 0.0, 0.0, 255.0)
        self._transparent = depth == 4
        if not self._transparent:
            self._make_behind(channels)

    def compose(
        self, portrait: UInt8[np.ndarray, "r r channels"], out: UInt8[np.ndarray, "height width depth"]
    ) -> None:
        """Write the picture of a portrait, RGB(A) over grey, into `out`."""
        np.copyto(out, self._backdrop)
        middle = out[:, self._left : self._left + self._side]
        visible = portrait[:, self._columns]
        self._enlarge(visible, self._to_picture, self._nobody, middle)
        if not self._transparent:
            self._add_behind(visible, middle)
        self._watermark.put(out)

    def _make_behind(self, channels: int) -> None:
        """Make what is added where the portrait is transparent: b − ½, in two halves, since bytes have no sign."""
        behind = self._backdrop[:, self._left : self._left + self._side].astype(np.int16) - GREY
        self._brighter = np.maximum(behind, 0).astype(np.uint8)
        self._darker = np.maximum(-behind, 0).astype(np.uint8)
        self._term = np.empty_like(self._brighter)
        self._transparency = np.empty_like(self._brighter)
        self._nothing = np.full_like(self._small, 255)
        self._to_transparency = np.zeros((3, channels + 1), np.float32)
        if channels == 4:
            self._to_transparency[:, 3:] = (-1.0, 255.0)

    def _add_behind(
        self, visible: UInt8[np.ndarray, "r columns channels"], middle: UInt8[np.ndarray, "height side 3"]
    ) -> None:
        self._enlarge(visible, self._to_transparency, self._nothing, self._transparency)
        cv2.multiply(self._brighter, self._transparency, dst=self._term, scale=1 / 255)
        cv2.add(middle, self._term, dst=middle)
        cv2.multiply(self._darker, self._transparency, dst=self._term, scale=1 / 255)
        cv2.subtract(middle, self._term, dst=middle)

    def _enlarge(
        self,
        visible: UInt8[np.ndarray, "r columns channels"],
        matrix: Float32[np.ndarray, "depth _"],
        absent: UInt8[np.ndarray, "r columns depth"],
        out: UInt8[np.ndarray, "height side depth"],
    ) -> None:
        """Transform the channels and fade into what is there without a portrait while it is small, then enlarge it."""
        cv2.transform(visible, matrix, dst=self._small)
        cv2.blendLinear(self._small, absent, self._seen, self._hidden, dst=self._faded)
        cv2.resize(self._faded, out.shape[1::-1], dst=out, interpolation=cv2.INTER_CUBIC)
