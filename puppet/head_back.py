"""What a turn uncovers behind a face: hair, and skin below it, in colours continued from around the face.

A portrait shows nothing of it. The strip of forehead above FaceMesh's outline would make a bald spot behind a temple,
so above the brows what is like skin does not count close to the outline, as long as there is enough else.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from puppet.cutout import SURE, Cutout
from puppet.face_topology import ABOVE_BROWS, FOREHEAD, OVAL
from puppet.head_shell import back_matte
from puppet.portrait_checks import face_mask
from puppet.pull_push import continued
from puppet.smooth_step import smooth_step

EDGE = (0.05, 0.2)
"""The matte within which the back fades out: it begins before the front ends, so that no line is left."""

FACE_WITHOUT, JAW_WITHIN = 1.2, 0.88
"""The back takes its colours from outside so much of the face's outline, and from the rim of the jaw, from so much of
it on: a neck is skin before it is a collar."""

FOREHEAD_WITHIN = 1.45
"""No forehead goes on beyond so much of the face's outline: what is like skin there is fair hair, or a bald head."""

LIKE_SKIN, LIGHTNESS = 25.0, 0.5
"""Distance in CIELAB, of 0 to 255, up to which a colour is the forehead's, and how much lightness counts in it."""

LEAST_HAIR = 0.25
"""Share of what is seen above the brows that has to be unlike skin; bald heads have less."""

_JAW = OVAL[12:25]


def back_texture(cutout: Cutout) -> Float32[np.ndarray, "wide wide 4"]:
    """Colours and opacity, both to 255, at the places of the portrait that the back lies behind."""
    matte = back_matte(cutout.matte)
    known = (cutout.sure > 0) & (matte > SURE) & ~_face(cutout)
    above = known & (np.arange(len(matte))[:, None] < cutout.to_px(cutout.points[[FOREHEAD], :2])[0, 1])
    skin = above & _like_skin(cutout)
    if skin.sum() <= (1 - LEAST_HAIR) * above.sum():
        known &= ~(skin & _scaled(cutout, OVAL, FOREHEAD_WITHIN))
    colours = continued(cutout.rgb, known.astype(np.float32))
    return np.dstack([colours, 255 * smooth_step(*EDGE, matte)]).astype(np.float32)


def _face(cutout: Cutout) -> Bool[np.ndarray, "wide wide"]:
    rim_of_jaw = _scaled(cutout, _JAW, 1.0) & ~_scaled(cutout, _JAW, JAW_WITHIN)
    return _scaled(cutout, OVAL, FACE_WITHOUT) & ~rim_of_jaw


def _scaled(cutout: Cutout, corners: tuple[int, ...], scale: float) -> Bool[np.ndarray, "wide wide"]:
    """What is within a polygon of landmarks that is enlarged from the middle of the face."""
    middle = cutout.to_px(cutout.points[list(OVAL), :2]).mean(0)
    polygon = middle + scale * (cutout.to_px(cutout.points[list(corners), :2]) - middle)
    inside = np.zeros(cutout.rgb.shape[:2], np.uint8)
    cv2.fillPoly(inside, [polygon.astype(np.int32)], 1)
    return inside > 0


def _like_skin(cutout: Cutout) -> Bool[np.ndarray, "wide wide"]:
    lab = cv2.cvtColor(cutout.rgb, cv2.COLOR_RGB2LAB) * np.array([LIGHTNESS, 1, 1], np.float32)
    forehead = face_mask(cutout.to_px(cutout.points[list(ABOVE_BROWS), :2]), len(lab))
    away = np.linalg.norm(lab - np.median(lab[forehead], 0), axis=2)
    return np.asarray(away < LIKE_SKIN)
