"""What the pixels of a portrait's face say, measured on a patch in which every face has one size and stands upright.

The patch puts the outer corners of the eyes `EYES_PX` apart, on a level line. Landmarks bound every zone, so a measure
compares parts of one face with each other, and neither skin tone nor the size of the picture counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from puppet.face_topology import OUTER_LIPS

WIDTH_PX, HEIGHT_PX = 192, 208
EYES_PX, EYES_Y_PX = 96.0, 80.0

GAMMA = 2.2

DARK_FLOOR = 80.0
"""Added where lines are related to the brightness of the skin: highlights on dark skin are no lines."""

LINE_PX = 7
"""Lines are at most so wide: the frame of glasses."""

WHITE = 245
"""A pixel with all channels from here on has lost its colour."""

OFF_COLOUR = 14.0
"""Distance in a and b of CIELAB from which on a pixel is not of this skin; beards and shadows stay below."""

_OUTER_EYES = (33, 263)
_RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
_LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
_RIGHT_CHEEK = (111, 117, 118, 119, 120, 100, 126, 142, 36, 205, 187, 123)
_LEFT_CHEEK = (340, 346, 347, 348, 349, 329, 355, 371, 266, 425, 411, 352)
_NOSE = (168, 122, 351, 1)
_NOSE_BRIDGE = (9, 195)
_BETWEEN_EYES = (107, 336, 417, 351, 6, 122, 193)
_MOUTH = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
_OUTLINE = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
            150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
_BELOW_EYES = (116, 345, 340, 111, 50, 280, 411, 187, 192, 416, 365, 136, 150, 379, 152, 148, 377, 176, 400, 149, 378,
               168)  # fmt: skip

_Mask = Bool[np.ndarray, "height width"]


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured.

    Attributes:
        brightest: The brightest part of the face, 0 to 1; whites of the eyes and highlights, which all skins have.
        white: Share of the skin that has lost its colour.
        uneven_stops: Brightness of one cheek against the other, in powers of two.
        frame: Strength of lines across the bridge of the nose and under both eyes, relative to the skin.
        lids: Brightness around the darker eye, relative to the cheeks.
        lips: How far the lips' colour is from the skin's around them, in CIELAB.
        strange: Share of the face below the eyes that has not the colour of the skin between the eyes.
    """

    brightest: float
    white: float
    uneven_stops: float
    frame: float
    lids: float
    lips: float
    strange: float


class FacePatch:
    """One face, upright, with its zones."""

    def __init__(self, rgb: UInt8[np.ndarray, "height width 3"], points_px: Float32[np.ndarray, "478 2"]) -> None:
        """Cut the patch.

        Args:
            rgb: A picture with the face, best the alignment crop.
            points_px: The face's landmarks in it.
        """
        right, left = points_px[list(_OUTER_EYES)]
        x, y = (left - right) * (EYES_PX / float(np.sum((left - right) ** 2)))
        turn = np.array([[x, y], [-y, x]])
        shift = np.array([WIDTH_PX / 2, EYES_Y_PX]) - turn @ ((left + right) / 2)
        shrinks = float(np.hypot(x, y)) < 1.0
        self._rgb = cv2.warpAffine(
            rgb, np.column_stack([turn, shift]), (WIDTH_PX, HEIGHT_PX),
            flags=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        self._points = (points_px @ turn.T + shift).astype(np.float32)
        self._grey = cv2.cvtColor(self._rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
        self._eyes = [self._zone(eye) for eye in (_RIGHT_EYE, _LEFT_EYE)]
        self._near_eyes = _wider(self._eyes[0] | self._eyes[1], 4)
        self._cheeks = [self._zone(cheek) & ~self._near_eyes for cheek in (_RIGHT_CHEEK, _LEFT_CHEEK)]
        self._lips = self._zone(OUTER_LIPS)

    def measure(self) -> Found:
        """Everything."""
        outline = self._zone(_OUTLINE)
        skin = outline & ~self._near_eyes & ~_wider(self._lips, 4)
        right, left = (float(np.median((self._grey[cheek] / 255) ** GAMMA)) for cheek in self._cheeks)
        lips, strange = self._colours()
        return Found(
            brightest=float(np.percentile(self._grey[outline], 99.5)) / 255,
            white=float((self._rgb.min(axis=-1)[skin] >= WHITE).mean()),
            uneven_stops=float(abs(np.log2((right + 0.002) / (left + 0.002)))),
            frame=self._frame(),
            lids=self._lids(),
            lips=lips,
            strange=strange,
        )

    def _frame(self) -> float:
        """Geometric mean of two lines that glasses have and few faces: on the nose, and under both eyes."""
        grey = cv2.GaussianBlur(self._grey, (0, 0), 0.8)
        across = _lines(grey, np.ones((LINE_PX, 1), np.uint8))
        above, below = self._points[list(_NOSE_BRIDGE)]
        ways = np.linspace(above, below, 48)[4:-4].astype(np.float32)
        xs, ys = ways[:, :1] + np.arange(-5, 6, dtype=np.float32), np.repeat(ways[:, 1:], 11, axis=1)
        lines, skin = (cv2.remap(each, xs, ys, cv2.INTER_LINEAR) for each in (across, grey))
        bridge = np.percentile(lines.max(axis=0), 30) / (skin.mean() + DARK_FLOOR)
        round_about = _lines(grey, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (LINE_PX, LINE_PX)))
        rims = [np.percentile(round_about[cheek], 97) / (grey[cheek].mean() + DARK_FLOOR) for cheek in self._cheeks]
        return float(np.sqrt(bridge * min(rims)))

    def _lids(self) -> float:
        skin = np.median(self._grey[(self._cheeks[0] | self._cheeks[1] | self._zone(_NOSE)) & ~self._near_eyes])
        rings = [_wider(eye, 10) & ~_wider(eye, 2) for eye in self._eyes]
        return float(min((np.median(self._grey[ring]) + 10) / (skin + 10) for ring in rings))

    def _colours(self) -> tuple[float, float]:
        """`lips` and `strange`."""
        lab = cv2.GaussianBlur(cv2.cvtColor(self._rgb, cv2.COLOR_RGB2LAB).astype(np.float32), (0, 0), 1.2)
        near_lips = _wider(self._lips, 4)
        around = _wider(self._lips, 8) & ~near_lips
        lightness, a, b = lab[self._lips & ~self._zone(_MOUTH)].mean(axis=0) - lab[around].mean(axis=0)
        reference = self._zone(_BETWEEN_EYES) & ~self._near_eyes  # no mask reaches it
        away = np.linalg.norm(lab[..., 1:] - np.median(lab[reference], axis=0)[1:], axis=-1)
        below = ~_wider(~self._zone(_BELOW_EYES), 3) & ~near_lips & ~self._near_eyes
        return float(np.hypot(a, b) + 0.5 * abs(lightness)), float((away[below] > OFF_COLOUR).mean())

    def _zone(self, landmarks: Sequence[int]) -> _Mask:
        """Inside the convex outline of some landmarks; never empty."""
        mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
        points = np.clip(self._points[list(landmarks)].round(), 0, (WIDTH_PX - 1, HEIGHT_PX - 1))
        cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.int32)), 1)
        zone: _Mask = mask > 0
        return zone


def _wider(mask: _Mask, by_px: int) -> _Mask:
    side = 2 * by_px + 1
    wider: _Mask = cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    return wider


def _lines(grey: Float32[np.ndarray, "height width"], element: np.ndarray) -> Float32[np.ndarray, "height width"]:
    """Dark and bright lines narrower than an element."""
    dark, bright = (cv2.morphologyEx(grey, way, element) for way in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT))
    lines: Float32[np.ndarray, "height width"] = np.maximum(dark, bright)
    return lines
