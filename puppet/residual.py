"""What a portrait has and its pivot lacks: the fine detail that is laid over a tuned generator's pictures.

Of the person's inside alone: beyond its edge, and beyond the portrait, nothing is known.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from puppet.cutout import Cutout
from puppet.detail import CELLS, NONE, OPENINGS, SIDE_PX, Detail
from puppet.portrait_checks import face_mask
from puppet.relief import Relief

COARSEST = 0.012
"""Standard deviation of the Gaussian above which detail is the generator's affair, in sides of the crop."""

INSET, SOFT = 3, 3.0
"""How far inside the person's edge the residual has half its strength, and how softly it begins, in pixels."""

AROUND = 0.02
"""How far around their openings lids, lashes and lips reach, in sides of the crop."""


def find_detail(relief: Relief, pivot: UInt8[np.ndarray, "r r 4"]) -> Detail:
    """The detail of a portrait.

    Args:
        relief: The portrait's.
        pivot: What its tuned generator paints at rest, over grey.
    """
    cutout, surface = relief.cutout, relief.surface(CELLS)
    openings = np.stack([_around(cutout, opening) for _, opening in OPENINGS])
    around, eye_balls = openings * ~surface.eyes, openings[:2] * surface.eyes
    shares = np.concatenate([1 - openings.max(0, keepdims=True), around, eye_balls]) * surface.known
    return Detail(_residual(cutout, pivot), surface.X, surface.follow, surface.expression, shares.astype(np.float32))


def _residual(cutout: Cutout, pivot: UInt8[np.ndarray, "r r 4"]) -> UInt8[np.ndarray, "512 512"]:
    painted = cv2.resize(pivot, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    lacking = cv2.cvtColor((cutout.over_grey(SIDE_PX) - painted)[..., :3], cv2.COLOR_RGB2GRAY)
    fine = lacking - cv2.GaussianBlur(lacking, (0, 0), COARSEST * SIDE_PX)
    inside = cv2.erode(cutout.cropped(cutout.sure, SIDE_PX), np.ones((2 * INSET + 1, 2 * INSET + 1)))
    residual = NONE + fine * cv2.GaussianBlur(inside, (0, 0), SOFT)
    return np.asarray(np.clip(residual, 0, 255).round(), np.uint8)


def _around(cutout: Cutout, opening: tuple[int, ...]) -> Float32[np.ndarray, "64 64"]:
    """An opening of the face and what is close around it, with a soft edge."""
    mask = face_mask(cutout.points[list(opening), :2] * SIDE_PX, SIDE_PX).astype(np.float32)
    reach = round(AROUND * SIDE_PX)
    grown = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
    soft = cv2.GaussianBlur(grown, (0, 0), reach)
    return np.asarray(cv2.resize(soft, (CELLS, CELLS), interpolation=cv2.INTER_AREA))
