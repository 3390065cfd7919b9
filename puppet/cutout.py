"""A portrait cut out for moving: its aligned crop with a margin around, its matte, and its landmarks in space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from PIL import Image

from puppet.alignment import Square, align
from puppet.face_topology import CHIN, MESH_POINTS
from puppet.matte import person_matte, refined
from puppet.portrait_checks import face_mask
from puppet.pull_push import continued
from puppet.smooth_step import smooth_step

MARGIN = 0.3125
"""What is seen around the crop, in its sides: a head that turns or nods shows what the crop cuts off. Of a crop of 512
pixels it is a whole number of them, so that the crop can be taken out again."""

GREY = 127.5
"""What a person lies over in pictures of a generator and for one."""

SURE = 0.9
"""A pixel of which so much is the person shows the person's colour."""

EDGE = (0.3, 0.7)
"""The matte within which the person's picture fades out."""

CAP = 0.5
"""Hair that the portrait's upper edge cuts off goes on in a half ellipse, so high in halves of its width."""


def crop_px(wide_px: int) -> float:
    """Sides of the crop in a picture that is so wide with its margin."""
    return wide_px / (1 + 2 * MARGIN)


class Shown(NamedTuple):
    """What of a cutout the portrait shows, in whole pixels; around it the portrait goes on as `align` makes it."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, eq=False)
class Cutout:
    """A portrait to be moved. Places are in sides of the crop, from its upper left corner.

    Attributes:
        rgb: The crop and what is around it.
        shown: What of it the portrait shows.
        face: What lies within the outline of its face.
        points: FaceMesh's landmarks; z away from the viewer, 0 at the face's mean depth.
    """

    rgb: UInt8[np.ndarray, "wide wide 3"]
    shown: Shown
    face: Bool[np.ndarray, "wide wide"]
    points: Float64[np.ndarray, "478 3"]

    @cached_property
    def matte(self) -> Float32[np.ndarray, "wide wide"]:
        """How much of each pixel is the person; takes about a second.

        It is found in what the portrait shows: what goes on beyond looks like nothing that anybody knows.
        """
        left, top, right, bottom = self.shown
        rgb = np.ascontiguousarray(self.rgb[top:bottom, left:right])
        face = self.face[top:bottom, left:right]
        chin_px = int(self.to_px(self.points[CHIN, :2])[1])
        return _beyond(refined(rgb, person_matte(rgb, face), face), self.shown, len(self.rgb), chin_px)

    @cached_property
    def sure(self) -> Float32[np.ndarray, "wide wide"]:
        """Where the person's own colour is seen, 0 or 1."""
        return (self.matte > SURE).astype(np.float32)

    @cached_property
    def person(self) -> Float32[np.ndarray, "wide wide 4"]:
        """The person, not premultiplied: colours that hold nothing of the background, and opacity, both to 255."""
        opacity = 255 * smooth_step(*EDGE, self.matte)
        return np.dstack([continued(self.rgb, self.sure), opacity]).astype(np.float32)

    def cropped(self, image: np.ndarray, side_px: int) -> np.ndarray:
        """The crop of an image like `rgb`, in another size."""
        margin = round(len(image) * MARGIN / (1 + 2 * MARGIN))
        inner = image[margin : len(image) - margin, margin : len(image) - margin]
        return np.asarray(cv2.resize(inner, (side_px, side_px), interpolation=cv2.INTER_AREA))

    def over_grey(self, side_px: int) -> Float32[np.ndarray, "side side 4"]:
        """The crop as a generator paints it: over grey, in colours that hold nothing of its background."""
        rgb, opacity = self.person[..., :3], self.person[..., 3:]
        return self.cropped(np.dstack([GREY + opacity / 255 * (rgb - GREY), opacity]), side_px)

    def to_px(self, places: Float64[np.ndarray, "*shape 2"]) -> Float32[np.ndarray, "*shape 2"]:
        """Places in pixels of `rgb`, whose centres are whole numbers."""
        pixels: Float32[np.ndarray, "*shape 2"]
        pixels = ((places + MARGIN) * crop_px(len(self.rgb)) - 0.5).astype(np.float32)
        return pixels

    def at(self, image: np.ndarray, places: Float64[np.ndarray, "places 2"]) -> np.ndarray:
        """The pixels of an image like `rgb` at some places; the nearest ones for places beyond it."""
        x, y = np.clip(self.to_px(places).round().astype(int), 0, len(self.rgb) - 1).T
        return np.asarray(image[y, x])


def cut_out(
    rgb: UInt8[np.ndarray, "height width 3"], square: Square, landmarks_px: Float32[np.ndarray, "478 3"], size_px: int
) -> Cutout:
    """Cut a portrait out. Beyond its edges the portrait goes on as `align` makes it.

    Args:
        rgb: The whole portrait.
        square: Its alignment square.
        landmarks_px: Its face's landmarks.
        size_px: Sides that the crop without its margin shall have.
    """
    left, top, side = square.left_top_side
    wide = round(size_px * (1 + 2 * MARGIN))
    picture = _cut_wide(rgb, square, wide)
    px = crop_px(wide) / side
    begin = MARGIN * side - np.array((left, top))
    low = np.ceil(np.clip(begin * px, 0, wide - 1)).astype(int)
    high = np.floor(np.clip((begin + rgb.shape[1::-1]) * px, low + 1, wide)).astype(int)
    shown = Shown(*low.tolist(), *high.tolist())
    points = (landmarks_px - (left, top, 0)).astype(np.float64) / side
    points[:, 2] -= points[:MESH_POINTS, 2].mean()
    outline = (points[:, :2] + MARGIN) * crop_px(wide)
    return Cutout(picture, shown, face_mask(outline, wide), points)


def _cut_wide(
    rgb: UInt8[np.ndarray, "height width 3"], square: Square, wide_px: int
) -> UInt8[np.ndarray, "wide wide 3"]:
    """An alignment square with its margin, which is no whole number of the portrait's pixels."""
    left, top, side = square.left_top_side
    more = math.ceil(MARGIN * side)
    whole_side = side + 2 * more
    whole = align(rgb, Square(left + side / 2, top + side / 2, whole_side), whole_side)
    begin, end = more - MARGIN * side, more + side + MARGIN * side
    picture = Image.fromarray(whole).resize((wide_px, wide_px), Image.Resampling.BICUBIC, (begin, begin, end, end))
    return np.asarray(picture)


def _beyond(
    matte: Float32[np.ndarray, "height width"], shown: Shown, wide_px: int, chin_px: int
) -> Float32[np.ndarray, "wide wide"]:
    """A matte beyond the portrait: below the chin the person goes on as at its edge, hair above it is rounded off."""
    beyond = (shown.top, wide_px - shown.bottom, shown.left, wide_px - shown.right)
    wide = cv2.copyMakeBorder(matte, *beyond, cv2.BORDER_REPLICATE)
    above = wide[:chin_px]
    above[: shown.top] = above[:, : shown.left] = above[:, shown.right :] = 0
    cut = np.pad(wide[shown.top] > SURE, 1).astype(np.int8)
    for first, end in zip(*(np.flatnonzero(np.diff(cut) == step).tolist() for step in (1, -1)), strict=True):
        half = (end - first) / 2
        cv2.ellipse(wide, (round(first + half), shown.top), (round(half), round(CAP * half)), 0, 180, 360, 1.0, -1)
    return np.asarray(wide)
