"""What is seen between a portrait's lips when it opens its mouth: teeth over a dark throat.

A bundle carries one picture of it (`FaceMotion.interior`), which hangs below the upper lip of the portrait's own pose:
teeth are the skull's, lips move and show more or less of them. Lips that hardly part let no light in. What the portrait
itself shows between its lips stays, if that is teeth, and goes as the mouth opens, if it is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from puppet.cutout import Cutout
from puppet.face_motion import FaceMotion, Space
from puppet.face_topology import CHEEKS, INNER_LIPS, LIP_CORNER, LIP_TOP
from puppet.smooth_step import smooth_step

CAST = 0.5
"""How much of the difference between two skins in colour is their light's, and so that of their mouths."""

COLOURED = (0.02, 0.1)
"""Skin's largest less its smallest channel, in shares of its brightness: below, the portrait is black and white."""

SLIT = (0.02, 0.12)
"""Openings between these, in widths of the mouth, let in more and more light."""


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """A mouth with some expression.

    Attributes:
        places: Where its lips' inner edge, and last its middle, are in the picture of its inside, in pixels.
        light: Of that picture, 0 to 1.
        kept: How much is left of what the portrait shows between its lips, 0 to 1.
    """

    places: Float64[np.ndarray, "21 2"]
    light: float
    kept: float


class MouthInside:
    """The inside of a portrait's mouth.

    Attributes:
        picture: In the portrait's light, to 255; as wide and as deep as the mouth is wide. Grey where the portrait is.
    """

    def __init__(self, cutout: Cutout, motion: FaceMotion, X: Space) -> None:
        """Light it as the portrait's skin is lit.

        Args:
            cutout: The portrait.
            motion: Has the picture.
            X: The portrait's landmarks in space.
        """
        skin = cutout.at(cutout.person, cutout.points[list(CHEEKS), :2])[:, :3].mean(0)
        light = skin / np.maximum(motion.skin, 1)
        light = light.mean() ** (1 - CAST) * light**CAST
        lit = np.clip(motion.interior * light, 0, 255)
        grey = lit.mean(-1, keepdims=True)
        coloured = smooth_step(*COLOURED, np.ptp(skin) / max(skin.mean(), 1))
        self.picture: Float32[np.ndarray, "m m 3"]
        self.picture = np.asarray(grey + coloured * (lit - grey), np.float32)
        self._X = X
        self._own = _gap(lips_inside(X, X))

    def opened(self, moved_X: Space) -> Opening:
        """The mouth with another expression.

        Args:
            moved_X: Landmarks in space; the head is where the portrait has it.
        """
        ring = lips_inside(moved_X, self._X)
        gap = _gap(ring)
        shows_teeth, light = (float(smooth_step(*SLIT, np.array(opened))) for opened in (self._own, gap))
        kept = max(shows_teeth, 1 - float(smooth_step(self._own, self._own + SLIT[1], np.array(gap))))
        return Opening(np.vstack([ring, ring.mean(0)]) * (len(self.picture) - 1), light, kept)


def lips_inside(moved_X: Space, X: Space) -> Float64[np.ndarray, "20 2"]:
    """Where the lips' inner edge lies on the picture of the mouth's inside, in shares of it.

    Args:
        moved_X: Landmarks with another expression. An upper lip that comes down with the jaw hides no teeth.
        X: The portrait's own.
    """
    lips = X[list(INNER_LIPS)]
    across = lips[LIP_CORNER] - lips[0]
    right = across[:2] / max(np.linalg.norm(across[:2]), 1e-6)
    axes = np.array([right, (-right[1], right[0])]) / max(np.linalg.norm(across), 1e-6)
    places = (moved_X[list(INNER_LIPS), :2] - lips[LIP_TOP, :2]) @ axes.T + (0.5, 0.0)
    places[:, 1] -= max(places[LIP_TOP, 1], 0.0)
    return np.asarray(places)


def _gap(ring: Float64[np.ndarray, "20 2"]) -> float:
    """How far lips are apart at most."""
    return float(np.max(ring[:LIP_CORNER:-1, 1] - ring[1:LIP_CORNER, 1]))
