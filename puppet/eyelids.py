"""Closed eyes of a portrait: its picture with skin where its eyes are.

Lids are a curtain before the eye, and nothing around it moves: brows, folds and the frame of glasses stay. The skin is
continued from around the eye (puppet.pull_push), from pixels of usual brightness there: a frame, a lash or its shadow
is no skin. Lashes around the opening fade out as it closes; a line of their colour falls with the upper lid.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float32, Float64

from puppet.cutout import Cutout
from puppet.face_motion import EYES
from puppet.mesh_raster import Window
from puppet.pull_push import continued
from puppet.smooth_step import smooth_step

AROUND, LASHES, SOFT = 0.6, 0.16, 0.05
"""In widths of the eye: how far around it skin is looked for, how far its lashes reach, and how soft they end."""

LID, NO_LASHES = 0.15, 0.4
"""So far closed, an eye is covered by a lid where it was open, and has no lashes around that any more."""

LINE, DARK, FAINT = 0.07, 10, 0.6
"""Width of the upper lid's line in widths of the eye, the percentile of its colour, and how dark it is when the lid
begins to fall, 1 where the lids meet."""

THINNEST = 0.5
"""That width at least, in pixels."""

THICK = (0.0, 0.1, 0.35, 0.8, 1.0), (0.25, 0.6, 1.0, 0.5, 0.15)
"""How thick that line is, from the eye's outer corner to the inner one."""

SOFT_LINE = 0.2
"""How soft it is, in shares of its width; and at least half as much as a pixel of the portrait."""

REACH = 4
"""Of that shade, in shares of its softness."""

DEGREE, EDGE_POINTS = 3, 33
"""Of the polynomial that a lid's edge is, and its points."""

SHADE, SHADE_BLUR = 0.5, 1.5
"""How dark the shade around that line is in comparison, and how soft, in widths of the line."""

USUAL = (50, 85)
"""Percentiles of brightness around an eye, between which it is skin."""


class Eyelids:
    """A portrait with its eyes closed.

    Args:
        cutout: The portrait.
    """

    def __init__(self, cutout: Cutout) -> None:
        self._person = cutout.person
        self._eyes = [_Eye(cutout, opening) for _, opening, _ in EYES]

    def closed(self, shares: Sequence[float]) -> Float32[np.ndarray, "wide wide 4"]:
        """The person's picture for eyes that are closed so far, in the order of `EYES`; not to be written to.

        Args:
            shares: 1 is shut; from 0 on downwards, an eye is left as it is.
        """
        if max(shares) <= 0:
            return self._person
        picture = self._person.copy()
        for eye, share in zip(self._eyes, shares, strict=True):
            if share > 0:
                eye.cover(picture, share)
        return picture

    def draw_lines(
        self,
        picture: Float32[np.ndarray, "r r 4"],
        window: Window,
        points: Float64[np.ndarray, "478 3"],
        shares: Sequence[float],
    ) -> None:
        """Draw the dark line of every closing eye.

        Args:
            picture: A part of the portrait in another pose; in place.
            window: Which part.
            points: The portrait's landmarks, in sides of the whole.
            shares: As in `closed`.
        """
        for eye, share in zip(self._eyes, shares, strict=True):
            if share > 0:
                lid = float(smooth_step(0, LID, np.array(share)))
                eye.draw_line(picture, window, points, lid * (FAINT + (1 - FAINT) * share))


class _Eye:
    """The skin that covers one eye, and the colour of its lashes."""

    def __init__(self, cutout: Cutout, opening: tuple[int, ...]) -> None:
        places = cutout.points[list(opening), :2]
        px = cutout.to_px(places)
        width = float(np.linalg.norm(px[0] - px[len(px) // 2]))
        low, high = (np.clip(px + side * AROUND * width, 0, len(cutout.rgb) - 1).astype(int) for side in (-1, 1))
        (left, top), (right, bottom) = low.min(0), high.max(0) + 1
        self._box = np.s_[top:bottom, left:right]
        colours = np.rint(np.clip(cutout.person[self._box][..., :3], 0, 255)).astype(np.uint8)
        eye = np.zeros(colours.shape[:2], np.uint8)
        cv2.fillPoly(eye, [np.rint(px - (left, top)).astype(np.int32)], 1)
        reach = 2 * round(LASHES * width) + 1
        lashes = cv2.dilate(eye, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
        brightness = cv2.cvtColor(colours.astype(np.float32), cv2.COLOR_RGB2GRAY)
        around = (lashes == 0) & (cutout.sure[self._box] > 0)
        darkest, brightest = np.percentile(brightness[around], USUAL) if around.any() else (0, 255)
        known = around & (brightness >= darkest) & (brightness <= brightest)
        self._skin = continued(colours, known.astype(np.float32))
        self._inside = eye.astype(np.float32)
        self._px_per_side = float(np.ptp(cutout.to_px(np.array([[0.0, 0.0], [1.0, 1.0]]))))
        self._upper = list(opening[: len(opening) // 2 + 1])
        self._dark = np.percentile(cutout.at(cutout.person, places[1 : len(opening) // 2])[:, :3], DARK, axis=0)
        self._lashes = cv2.GaussianBlur(lashes.astype(np.float32), (0, 0), max(SOFT * width, 0.3))

    def cover(self, picture: Float32[np.ndarray, "wide wide 4"], share: float) -> None:
        """Paint it into the person's picture."""
        lid, no_lashes = (smooth_step(0, whole, np.array(share)) for whole in (LID, NO_LASHES))
        opacity = np.maximum(lid * self._inside, no_lashes * self._lashes)[..., None]
        part = picture[self._box]
        part[..., :3] += opacity * (self._skin - part[..., :3])

    def draw_line(
        self,
        picture: Float32[np.ndarray, "r r 4"],
        window: Window,
        points: Float64[np.ndarray, "478 3"],
        opacity: float,
    ) -> None:
        """Draw the line along its upper lid, and a soft shade around it."""
        edge = _smooth(window.to_px(points[self._upper, :2]))
        width = max(LINE * float(np.linalg.norm(edge[-1] - edge[0])), THINNEST)
        along = np.gradient(edge, axis=0)
        across = along[:, ::-1] * (-1, 1) / np.linalg.norm(along, axis=1, keepdims=True)
        half = (0.5 * width * np.interp(np.linspace(0, 1, len(edge)), *THICK))[:, None] * across
        outline = np.concatenate([edge - half, (edge + half)[::-1]])
        reach = REACH * SHADE_BLUR * width
        left, top = np.clip(outline.min(0) - reach, 0, len(picture)).astype(int)
        right, bottom = np.clip(outline.max(0) + reach, 0, len(picture)).astype(int)
        part = picture[top:bottom, left:right, :3]
        if not part.size:
            return
        line = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(line, [np.round((outline - (left, top)) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        soft = max(SOFT_LINE * width, window.whole / self._px_per_side / 2)
        sharp = cv2.GaussianBlur(line.astype(np.float32) / 255, (0, 0), soft)
        shade = cv2.GaussianBlur(sharp, (0, 0), SHADE_BLUR * width)
        shade *= SHADE / max(float(shade.max()), 1e-6)
        part += (opacity * np.maximum(sharp, shade))[..., None] * (self._dark - part)


def _smooth(lid: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "m 2"]:
    """A curve along a lid's edge."""
    at = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(lid, axis=0), axis=1))])
    curve = np.linalg.lstsq(np.vander(at / at[-1], DEGREE + 1), lid, rcond=None)[0]
    return np.asarray(np.vander(np.linspace(0, 1, EDGE_POINTS), DEGREE + 1) @ curve)
