"""What is around the person in a portrait, 16:9, with the alignment square in its middle; and its clean plate.

Where the portrait ends, its surroundings go on mirrored and out of focus. The plate has no person: the hole, larger
than the person by a margin for hair, is filled from what is around it (puppet.hole_filling). Of a portrait that was cut
out for moving, the hole is as exact as its matte, and what stays where it is when the head moves stays in the plate.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from PIL import Image

from puppet.alignment import Square
from puppet.compositor import SEAM
from puppet.cutout import Cutout
from puppet.errors import PictureError
from puppet.face_topology import CHIN
from puppet.head_shell import follows
from puppet.hole_filling import filled
from puppet.matte import person_matte
from puppet.pull_push import NEVER
from puppet.stills import opened_still

ASPECT = 16 / 9
HIGHEST_PX = 720
"""Surroundings have no more rows; those of a small portrait have as many as its square."""

FAINT = 0.1
"""A pixel of which less is the person belongs to the surroundings."""

MARGIN, CLOSE = 0.02, 0.01
"""How far the hole is larger than the person, as a share of the height: hair is finer than any matte; and how far so
whatever is seen there."""

COARSE = 0.015
"""How much further it goes where nothing but MediaPipe has said who the person is."""

SOFT = 0.05
"""How far beyond the portrait's edge it is out of focus, and how much, as shares of the height."""

COARSER = 4
"""What is out of focus is blurred on a grid so much coarser, in a sixth of the time."""

PNG_LEVEL = 1
"""Half the time of the usual level, for a fifth more bytes."""

STILL = 0.3
"""What follows the head less stays where it is."""

PERSON, BODY, MIRRORED, KNOWN = 0, 64, 128, 255
"""Whose a pixel is: the person's, theirs where it stays when the head moves, the person's mirror image beyond the
portrait, the surroundings'."""


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """A portrait around its alignment square, which is as high as this and in its middle.

    Attributes:
        rgb: The portrait's pixels.
        whose: PERSON, BODY, MIRRORED or KNOWN.
    """

    rgb: UInt8[np.ndarray, "height width 3"]
    whose: UInt8[np.ndarray, "height width"]


def cut_surroundings(
    rgb: UInt8[np.ndarray, "height width 3"],
    square: Square,
    points_px: Float32[np.ndarray, "points 2"] | None = None,
) -> Surroundings:
    """Cut the surroundings out of a portrait.

    Args:
        rgb: The whole portrait.
        square: Its alignment square.
        points_px: Landmarks of its face; their outline belongs to the person in any case.
    """
    left, top, side = square.left_top_side
    left -= round((ASPECT - 1) / 2 * side)
    begin, upper = max(left, 0), max(top, 0)
    seen = rgb[upper : top + side, begin : left + round(ASPECT * side)]
    height = min(side, HIGHEST_PX)
    width, scale = round(ASPECT * height), height / side
    x, y = round((begin - left) * scale), round((upper - top) * scale)
    size_wh = min(round(seen.shape[1] * scale), width - x), min(round(len(seen) * scale), height - y)
    seen = cv2.resize(seen, size_wh, interpolation=cv2.INTER_AREA)
    face = np.zeros(seen.shape[:2], np.uint8)
    if points_px is not None:
        cv2.fillConvexPoly(face, cv2.convexHull(((points_px - (begin, upper)) * scale).astype(np.int32)), 1)
    person = _dilated(person_matte(seen, face > 0) > FAINT, COARSE * height) > 0
    beyond = (y, height - y - size_wh[1], x, width - x - size_wh[0])
    wide = cv2.copyMakeBorder(seen, *beyond, cv2.BORDER_REFLECT_101)
    whose = cv2.copyMakeBorder(np.where(person, PERSON, KNOWN).astype(np.uint8), *beyond, cv2.BORDER_REFLECT_101)
    outside = cv2.copyMakeBorder(np.zeros_like(face), *beyond, cv2.BORDER_CONSTANT, value=1)
    whose[(whose == PERSON) & (outside > 0)] = MIRRORED
    return Surroundings(_out_of_focus(wide, outside, 1 - _grown(whose < KNOWN, height)), whose)


def cut_exactly(around: Surroundings, cutout: Cutout) -> Surroundings:
    """The same surroundings, with the person as a cutout has them.

    Args:
        around: Those of the cutout's alignment square.
        cutout: What it shows of the portrait counts.
    """
    height, width = around.whose.shape
    y, x = np.mgrid[:height, :width] + 0.5
    places = np.dstack([x - (width - height) / 2, y]) / height
    px, shown = cutout.to_px(places), cutout.shown
    matte = cv2.remap(cutout.matte, px, None, cv2.INTER_LINEAR)
    seen = ((px >= (shown.left, shown.top)) & (px <= (shown.right - 1, shown.bottom - 1))).all(-1)
    follow = follows(places.reshape(-1, 2), cutout.points[CHIN]).reshape(height, width)
    whose = around.whose.copy()
    certain = seen & (whose != MIRRORED)
    whose[certain] = np.where(matte > FAINT, np.where(follow < STILL, BODY, PERSON), KNOWN)[certain]
    return replace(around, whose=whose)


def cut_again(around: Surroundings, square: Square, crop_px: int) -> Surroundings:
    """The surroundings of a square that was found anew.

    Args:
        around: Those of an earlier square.
        square: The new one, in pixels of the crop of the earlier one.
        crop_px: Sides of that crop.
    """
    height, width = around.whose.shape
    scale, side = crop_px / height, square.side / height
    back = np.array([[side, 0, square.x - side * width / 2], [0, side, square.y - side * height / 2]])
    back /= scale
    back[0, 2] += (width - height) / 2
    way = cv2.WARP_INVERSE_MAP
    return Surroundings(
        cv2.warpAffine(around.rgb, back, (width, height), flags=way | cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT),
        cv2.warpAffine(
            around.whose, back, (width, height), flags=way | cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT
        ),
    )


def clean_plate(around: Surroundings, *, body: bool) -> UInt8[np.ndarray, "height width 3"]:
    """The surroundings without the person.

    Args:
        around: The surroundings.
        body: The portrait looks like the person, whose shoulders therefore stay: BODY, and all that is beside the
            square.
    """
    height, width = around.whose.shape
    gone = around.whose < KNOWN
    if body:
        gone &= around.whose != BODY
    hider, close = (mask.astype(np.float32) for mask in (gone, _dilated(gone, CLOSE * height)))
    plate = filled(around.rgb, 1 - _grown(gone, height), hider, 1 - close)
    if body:
        x = np.abs(np.arange(width, dtype=np.float32) + 0.5 - width / 2)
        beside = np.clip(1 + (x - height / 2) / (SEAM * height), 0, 1)
        share = (_grown(around.whose == PERSON, height) * beside)[..., None]
        plate += share * (around.rgb - plate)
    clean: UInt8[np.ndarray, "height width 3"] = np.rint(plate).astype(np.uint8)
    return clean


def encode_surroundings(around: Surroundings) -> bytes:
    """A PNG whose opacity says whose each pixel is."""
    content = io.BytesIO()
    Image.fromarray(np.dstack([around.rgb, around.whose])).save(content, "PNG", compress_level=PNG_LEVEL)
    return content.getvalue()


def decode_surroundings(content: bytes, path: Path) -> Surroundings:
    """Read them back.

    Args:
        content: The bytes of the file.
        path: The file's name for error messages.

    Raises:
        PictureError: It holds none.
    """
    with opened_still(content, path, ["PNG"]) as picture:
        width, height = picture.size
        if picture.mode != "RGBA" or not 0 < height <= HIGHEST_PX or width != round(ASPECT * height):
            raise PictureError(f"{path} should be 16:9, at most {HIGHEST_PX} pixels high, and have opacity")
        rgba = np.array(picture)
    return Surroundings(np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3]))


def _out_of_focus(
    rgb: UInt8[np.ndarray, "height width 3"],
    outside: UInt8[np.ndarray, "height width"],
    known: Float32[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "height width 3"]:
    """The same, blurred outside of the portrait; nothing of a person gets into it."""
    if not outside.any():
        return rgb
    spread, size_wh = SOFT * len(rgb), rgb.shape[1::-1]
    weight = np.maximum(known, NEVER)[..., None]
    sums, weights = (
        cv2.resize(cv2.GaussianBlur(_smaller(values), (0, 0), spread / COARSER), size_wh)
        for values in (rgb * weight, weight)
    )
    share = np.clip(cv2.distanceTransform(outside, cv2.DIST_L2, 3) / spread, 0, 1)[..., None]
    blurred: UInt8[np.ndarray, "height width 3"] = np.rint(rgb + share * (sums / weights[..., None] - rgb)).astype(
        np.uint8
    )
    return blurred


def _smaller(values: Float32[np.ndarray, "height width n"]) -> np.ndarray:
    """The same on the coarser grid."""
    height, width = values.shape[:2]
    size_wh = (max(1, width // COARSER), max(1, height // COARSER))
    return np.asarray(cv2.resize(values, size_wh, interpolation=cv2.INTER_AREA))


def _grown(where: Bool[np.ndarray, "height width"], height: int) -> Float32[np.ndarray, "height width"]:
    """A mask with a margin and a soft edge."""
    margin = max(1, round(MARGIN * height))
    grown = _dilated(where, margin).astype(np.float32)
    cv2.blur(grown, (margin, margin), dst=grown, borderType=cv2.BORDER_REPLICATE)
    return grown


def _dilated(where: Bool[np.ndarray, "height width"], by_px: float) -> UInt8[np.ndarray, "height width"]:
    """A mask with a margin, 0 or 1."""
    by = max(1, round(by_px))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
    return np.asarray(cv2.dilate(where.astype(np.uint8), kernel))
