"""Stage 6: portrait -> picture. The portrait fills the height in the middle, the backdrop the rest.

    picture = rgb + (1 − α) (b − ½)

for a portrait over mid grey with opacity α, and a backdrop b. The formula is linear in the portrait, so that it is
enlarged over grey first, and no colour can bleed over its edge. Where there is room beside it, the portrait fades out
at its left and right side: shoulders end softly, or go on in the backdrop. The portrait's detail (puppet.moving_detail)
is added as far as it is opaque, that of colours before it is enlarged. At last every picture gets the machine-readable
mark, so that nothing can be composed without it.

Before a transparent backdrop the picture is what the portrait is: colours over grey, and their opacity.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, Int8, UInt8

from puppet.moving_detail import MovingDetail
from puppet.opacity import GREY
from puppet.signed import WHOLE, signed, unsigned
from puppet.watermark import Watermark

SEAM = 0.06
"""How far the portrait fades at its left and right side, as a share of its sides."""


class Compositor:
    """Composes pictures of one size over one backdrop. Never sees a camera frame."""

    def __init__(
        self,
        backdrop: UInt8[np.ndarray, "height width depth"],
        resolution: int,
        channels: int,
        detail: MovingDetail | None = None,
    ) -> None:
        """Make all buffers.

        Args:
            backdrop: The canvas behind the portrait; its size and channels are the picture's: RGB, or RGBA where it is
                transparent.
            resolution: Sides of the portrait in pixels.
            channels: 4 for portraits with opacity, 3 for opaque ones.
            detail: Of the portrait; nobody else moves it.
        """
        height, width, depth = backdrop.shape
        self.portrait_shape = resolution, resolution, channels
        """Of what `compose` takes."""
        self._side = min(width, height)  # a picture higher than wide shows the portrait's middle columns
        self._left = (width - self._side) // 2
        columns = max(1, round(resolution * self._side / height))
        first = (resolution - columns) // 2
        self._columns = first, first + columns
        self._small, self._faded = np.empty((2, resolution, columns, 4), np.uint8)
        self._nobody = np.full_like(self._small, (GREY, GREY, GREY, 0))
        self._seen = np.ones((resolution, columns), np.float32)
        if width > height:
            x = np.arange(columns)
            self._seen *= np.clip(np.minimum(x, x[::-1]) / (SEAM * resolution), 0.0, 1.0)
        self._hidden = 1 - self._seen
        self._backdrop = backdrop
        self._watermark = Watermark(backdrop)
        self._opaque = channels == 3
        self._transparent = depth == 4
        self._detail = detail
        self._opacity, self._share, self._change = np.empty((3, height, self._side), np.uint8)
        self._shown, self._term = np.empty((2, height, self._side, depth), np.uint8)
        if not self._transparent:
            behind = self._middle_of(backdrop).astype(np.int16) - GREY
            self._contrast = np.abs(behind).astype(np.uint8)
            self._darker = np.where(behind < 0, 255, 0).astype(np.uint8)
            self._rgb, self._small_opacity = np.empty_like(self._small[..., :3]), np.empty_like(self._small[..., 0])
        if detail is not None:
            self._tint = np.empty_like(self._small)
            self._unchanged = [np.zeros_like(self._change)] * (depth - 3)

    def compose(
        self,
        portrait: UInt8[np.ndarray, "r r channels"],
        out: UInt8[np.ndarray, "height width depth"],
        p: Float32[np.ndarray, "pose_dim"] | None = None,
    ) -> None:
        """Write the picture of a portrait, RGB(A) over grey, into `out`.

        Args:
            portrait: As the generator paints it.
            out: Gets the picture.
            p: The portrait's pose, in which it has its detail; None leaves it out.
        """
        portrait = portrait[:, slice(*self._columns)]
        if self._opaque:
            portrait = cv2.cvtColor(portrait, cv2.COLOR_RGB2RGBA, dst=self._small)
        cv2.blendLinear(portrait, self._nobody, self._seen, self._hidden, dst=self._faded)
        layers = None if self._detail is None or p is None else self._detail.layers(p)
        if layers is not None and layers.tint is not None:
            tint = self._enlarged(layers.tint, self._tint)
            faded = signed(self._faded)
            unsigned(cv2.add(faded, tint, dst=faded))
        if self._transparent:
            _enlarge(self._faded, self._shown)
            cv2.extractChannel(self._shown, 3, dst=self._opacity)
        else:
            self._put_before()
        if layers is not None:
            self._add_detail(layers.fine)
        for begin, end in ((0, self._left), (self._left + self._side, out.shape[1])):
            np.copyto(out[:, begin:end], self._backdrop[:, begin:end])
        np.copyto(self._middle_of(out), self._shown)
        self._watermark.put(out)

    def _middle_of(self, picture: UInt8[np.ndarray, "height width depth"]) -> UInt8[np.ndarray, "height side depth"]:
        """Where the portrait is in a picture."""
        return picture[:, self._left : self._left + self._side]

    def _put_before(self) -> None:
        """Show the faded portrait before the backdrop."""
        cv2.cvtColor(self._faded, cv2.COLOR_RGBA2RGB, dst=self._rgb)
        cv2.extractChannel(self._faded, 3, dst=self._small_opacity)
        _enlarge(self._rgb, self._shown)
        _enlarge(self._small_opacity, self._opacity)
        cv2.bitwise_not(self._opacity, dst=self._share)
        cv2.cvtColor(self._share, cv2.COLOR_GRAY2RGB, dst=self._term)
        cv2.multiply(self._contrast, self._term, dst=self._term, scale=1 / 255)
        np.bitwise_xor(self._shown, self._darker, out=self._shown)  # to subtract from a byte is to add to its inverse
        cv2.add(self._shown, self._term, dst=self._shown)
        np.bitwise_xor(self._shown, self._darker, out=self._shown)

    def _add_detail(self, detail: Int8[np.ndarray, "side side"]) -> None:
        """Add detail to what is shown, as far as the faded portrait is opaque."""
        change = self._enlarged(detail, self._change)
        cv2.convertScaleAbs(self._opacity, dst=self._share, alpha=WHOLE / 255)
        cv2.multiply(change, self._share.view(np.int8), dst=change, scale=1 / WHOLE)
        cv2.merge([self._change] * 3 + self._unchanged, dst=self._term)
        shown = signed(self._shown)
        unsigned(cv2.add(shown, self._term.view(np.int8), dst=shown))

    def _enlarged(
        self, layer: Int8[np.ndarray, "side side *n"], out: UInt8[np.ndarray, "h w *n"]
    ) -> Int8[np.ndarray, "h w *n"]:
        """The columns that are shown of a layer over the crop, in the size and the memory of `out`."""
        first, end = (round(column * len(layer) / len(self._small)) for column in self._columns)
        _enlarge(unsigned(layer)[:, first:end], out)
        return signed(out)


def _enlarge(small: UInt8[np.ndarray, "r columns *depth"], out: UInt8[np.ndarray, "height side *depth"]) -> None:
    """Bring a picture to the size of `out`, also where that is smaller."""
    way = cv2.INTER_AREA if len(out) < len(small) else cv2.INTER_CUBIC
    cv2.resize(small, out.shape[1::-1], dst=out, interpolation=way)
