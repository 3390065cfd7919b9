"""A portrait cut out for moving: its aligned crop with a margin around, its matte, and its landmarks in space."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from puppet.alignment import Square, align
from puppet.face_topology import MESH_POINTS
from puppet.matte import person_matte

MARGIN = 0.3
"""What is seen around the crop, in its sides: a head that turns or nods shows what the crop cuts off."""

SURE = 0.9
"""A pixel of which so much is the person shows the person's colour."""

LEAST_KNOWN = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """A portrait to be moved. Places are in sides of the crop, from its upper left corner.

    Attributes:
        rgb: The crop and what is around it.
        matte: How much of each pixel is the person.
        points: FaceMesh's landmarks; z away from the viewer, 0 at the face's mean depth.
    """

    rgb: UInt8[np.ndarray, "wide wide 3"]
    matte: Float32[np.ndarray, "wide wide"]
    points: Float64[np.ndarray, "478 3"]

    def to_px(self, places: Float64[np.ndarray, "*shape 2"]) -> Float32[np.ndarray, "*shape 2"]:
        """Places in pixels of `rgb`, whose centres are whole numbers."""
        pixels: Float32[np.ndarray, "*shape 2"]
        pixels = ((places + MARGIN) * (len(self.rgb) / (1 + 2 * MARGIN)) - 0.5).astype(np.float32)
        return pixels

    def at(self, image: np.ndarray, places: Float64[np.ndarray, "places 2"]) -> np.ndarray:
        """The pixels of an image like `rgb` at some places; the nearest ones for places beyond it."""
        x, y = np.clip(self.to_px(places).round().astype(int), 0, len(self.rgb) - 1).T
        return np.asarray(image[y, x])


def cut_out(
    rgb: UInt8[np.ndarray, "height width 3"], square: Square, landmarks_px: Float32[np.ndarray, "478 3"], size_px: int
) -> Cutout:
    """Cut a portrait out. Beyond its edges the portrait's border is repeated.

    Args:
        rgb: The whole portrait.
        square: Its alignment square.
        landmarks_px: Its face's landmarks.
        size_px: Sides that the crop without its margin shall have.
    """
    left, top, side = square.left_top_side
    wide = Square(left + side / 2, top + side / 2, side * (1 + 2 * MARGIN))
    picture = align(rgb, wide, round(size_px * (1 + 2 * MARGIN)))
    points = (landmarks_px - (left, top, 0)).astype(np.float64) / side
    points[:, 2] -= points[:MESH_POINTS, 2].mean()
    face = np.zeros(picture.shape[:2], np.uint8)
    outline = (points[:, :2] + MARGIN) * (len(picture) / (1 + 2 * MARGIN))
    cv2.fillConvexPoly(face, cv2.convexHull(outline.astype(np.int32)), 1)
    return Cutout(picture, person_matte(picture, face > 0), points)


def continued(
    rgb: UInt8[np.ndarray, "side side 3"], known: Float32[np.ndarray, "side side"]
) -> Float32[np.ndarray, "side side 3"]:
    """The colours of the known pixels, continued smoothly over all others (pull-push).

    Source: Gortler, Grzeszczuk, Szeliski, Cohen, "The Lumigraph", SIGGRAPH 1996, section 3.4.2.

    Args:
        rgb: Any picture.
        known: Which pixels count, 0 or 1.
    """
    levels = [(rgb * known[..., None], known)]
    while levels[-1][1].size > 1:
        size = tuple(max(1, n // 2) for n in levels[-1][1].shape[::-1])
        levels.append(tuple(cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in levels[-1]))
    filled = levels[-1][0].reshape(1, 1, 3) / max(float(levels[-1][1].max()), LEAST_KNOWN)
    for colour, weight in levels[-2::-1]:
        coarse = cv2.resize(filled, weight.shape[::-1], interpolation=cv2.INTER_LINEAR)
        share = np.minimum(weight, 1)[..., None]
        filled = share * colour / np.maximum(weight, LEAST_KNOWN)[..., None] + (1 - share) * coarse
    out: Float32[np.ndarray, "side side 3"] = filled.astype(np.float32)
    return out
