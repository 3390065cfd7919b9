"""What is seen between a portrait's lips when it opens its mouth: teeth and tongue before a dark throat.

A bundle carries pictures of them (`FaceMotion.upper`, `lower`). The upper teeth hang below the upper lip of the
portrait's own pose, since they are the skull's; the lower ones and the tongue go with the jaw; lips move and show more
or less of them. Lips that hardly part let no light in. What the portrait itself shows between its lips stays, if that
is teeth, and goes as the mouth opens, if it is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Float64

from puppet.cutout import Cutout
from puppet.face_motion import ABOVE_LIP, FaceMotion, Space
from puppet.face_topology import CHEEKS, INNER_LIPS, LIP_CORNER, LIP_TOP
from puppet.smooth_step import smooth_step

LIT, CAST = 0.35, 0.1
"""How much of the difference between two skins in brightness, and in colour, is their light's, and so that of their
mouths: powers of it."""

NATURAL = np.array(((1.05, 1.0, 0.65), (1.65, 1.0, 1.02)))
"""Least and most red and blue of people's skin, in shares of its green; beyond, it is the light, or old varnish."""

COLOURED = (0.02, 0.1)
"""Skin's largest less its smallest channel, in shares of its brightness: below, the portrait is black and white."""

SHADED, SHADOW = 0.6, 0.04
"""So bright is what lies at the edge of the lips, and so far their shadow falls, in widths of the mouth."""

SLIT = (0.02, 0.12)
"""Openings between these, in widths of the mouth, let in more and more light."""


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """A mouth with some expression.

    Attributes:
        places: Where its lips' inner edge, and last its middle, are in the pictures of its inside, in pixels.
        picture: Its inside, as it is lit, to 255.
        jaw: How far what is seen there goes with the jaw, 0 to 1.
        kept: How much is left of what the portrait shows between its lips, 0 to 1.
    """

    places: Float64[np.ndarray, "21 2"]
    picture: Float32[np.ndarray, "m m 3"]
    jaw: Float32[np.ndarray, "m m"]
    kept: float


class MouthInside:
    """The inside of a portrait's mouth, in the portrait's light; grey where the portrait is."""

    def __init__(self, cutout: Cutout, motion: FaceMotion, X: Space) -> None:
        """Light it as the portrait's skin is lit.

        Args:
            cutout: The portrait.
            motion: Has the pictures.
            X: The portrait's landmarks in space.
        """
        skin = cutout.at(cutout.person, cutout.points[list(CHEEKS), :2])[:, :3].mean(0)
        light = skin / np.maximum(motion.skin, 1)
        tone = skin / max(skin[1], 1)
        light = light.mean() ** (LIT - CAST) * light**CAST * tone / np.clip(tone, *NATURAL)
        coloured = smooth_step(*COLOURED, np.ptp(skin) / max(skin.mean(), 1))

        def lit(rgb: np.ndarray) -> Float32[np.ndarray, "*m 3"]:
            grey = (rgb * light).mean(-1, keepdims=True)
            return np.asarray(grey + coloured * (rgb * light - grey), np.float32)

        self._throat = lit(motion.throat)
        self._upper, self._lower = (
            np.dstack([lit(part[..., :3]), part[..., 3:] / 255]).astype(np.float32)
            for part in (motion.upper, motion.lower)
        )
        self._X = X
        self._own = _gap(lips_inside(X, X))
        self._shows_teeth = float(smooth_step(*SLIT, np.array(self._own)))

    def opened(self, moved_X: Space, drop: Float64[np.ndarray, "3"]) -> Opening:
        """The mouth with another expression.

        Args:
            moved_X: Landmarks in space; the head is where the portrait has it.
            drop: How far the jaw has moved its teeth from where they are when it is shut, in space.
        """
        ring = lips_inside(moved_X, self._X)
        side = len(self._upper)
        axes, _ = _axes(self._X)
        shift = np.hstack([np.eye(2), (axes @ drop[:2] * side)[:, None]])
        lower = cv2.warpAffine(self._lower, shift, (side, side), borderMode=cv2.BORDER_REPLICATE)
        upper = (1 - self._shows_teeth) * self._upper
        behind = lower[..., :3] + (1 - lower[..., 3:]) * self._throat
        gap = _gap(ring)
        light = float(smooth_step(*SLIT, np.array(gap)))
        kept = max(self._shows_teeth, 1 - float(smooth_step(self._own, self._own + SLIT[1], np.array(gap))))
        return Opening(
            np.vstack([ring, ring.mean(0)]) * (side - 1),
            np.clip(light * _shadow(ring, side)[..., None] * (upper[..., :3] + (1 - upper[..., 3:]) * behind), 0, 255),
            (1 - upper[..., 3]) * lower[..., 3],
            kept,
        )


def lips_inside(moved_X: Space, X: Space) -> Float64[np.ndarray, "20 2"]:
    """Where the lips' inner edge lies on the picture of the mouth's inside, in shares of it.

    Args:
        moved_X: Landmarks with another expression. An upper lip that comes down with the jaw hides no teeth.
        X: The portrait's own.
    """
    axes, top = _axes(X)
    places = (moved_X[list(INNER_LIPS), :2] - top) @ axes.T + (0.5, ABOVE_LIP)
    places[:, 1] -= max(places[LIP_TOP, 1] - ABOVE_LIP, 0.0)
    return np.asarray(places)


def _axes(X: Space) -> tuple[Float64[np.ndarray, "2 2"], Float64[np.ndarray, "2"]]:
    """What turns and scales ways in a portrait to ways in the pictures, and the edge of its upper lip."""
    lips = X[list(INNER_LIPS)]
    across = lips[LIP_CORNER] - lips[0]
    right = across[:2] / max(np.linalg.norm(across[:2]), 1e-6)
    return np.array([right, (-right[1], right[0])]) / max(np.linalg.norm(across), 1e-6), lips[LIP_TOP, :2]


def _gap(ring: Float64[np.ndarray, "20 2"]) -> float:
    """How far lips are apart at most."""
    return float(np.max(ring[:LIP_CORNER:-1, 1] - ring[1:LIP_CORNER, 1]))


def _shadow(ring: Float64[np.ndarray, "20 2"], side: int) -> Float32[np.ndarray, "m m"]:
    """How much light the lips leave: less beside them."""
    inside = np.zeros((side, side), np.uint8)
    cv2.fillPoly(inside, [(ring * (side - 1)).round().astype(np.int32)], 1)
    away = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / side
    return np.asarray(SHADED + (1 - SHADED) * smooth_step(0.0, SHADOW, away), np.float32)
