"""What is behind the portrait: its own surroundings, sharp or blurred, a colour, a picture file, or nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from puppet.avatar import Avatar
from puppet.errors import PictureError
from puppet.opacity import GREY
from puppet.settings import TRANSPARENT
from puppet.stills import read_still
from puppet.surroundings import Surroundings, clean_plate

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")

WORDS = ("own", "blur", "portrait")
"""Backdrops that come from the portrait: its surroundings, the same blurred, its border colour."""

BLUR = 0.04
"""Deviation of the blur as a share of the canvas's height."""

BORDER = 0.04
"""Share of the crop's sides that counts as its border."""


def border_colour(crop: UInt8[np.ndarray, "side side 3"]) -> UInt8[np.ndarray, "3"]:
    """The median colour along the left, right and upper border of an aligned crop: what is behind the person."""
    width = max(1, round(BORDER * len(crop)))
    strips = (crop[:, :width], crop[:, -width:], crop[:width])
    pixels = np.concatenate([strip.reshape(-1, 3) for strip in strips])
    colour: UInt8[np.ndarray, "3"] = np.median(pixels, axis=0).astype(np.uint8)
    return colour


@dataclass(frozen=True, slots=True, eq=False)
class Behind:
    """What a portrait has behind it.

    Attributes:
        colour: Its border colour.
        around: Its surroundings; None where nobody cut them out: the colour stands in for them.
        body: The person goes on beside the square.
    """

    colour: UInt8[np.ndarray, "3"]
    around: Surroundings | None = None
    body: bool = False


def behind_of(avatar: Avatar) -> Behind:
    """What an avatar has behind it."""
    return Behind(border_colour(avatar.crop), avatar.surroundings, body=avatar.look == "photo")


def make_backdrop(wanted: str, size_wh: tuple[int, int], behind: Behind) -> UInt8[np.ndarray, "height width _"]:
    """Paint the backdrop once: RGB, or RGBA over grey where it is transparent.

    Args:
        wanted: `own`, `blur`, `portrait` (the border colour), `transparent`, a colour `#rrggbb`, or the path of a
            picture, which fills the canvas and is cut to it.
        size_wh: Width and height of the canvas in pixels.
        behind: What the first three are made of.

    Raises:
        PictureError: It is none of these, or the picture cannot be read.
    """
    if wanted in ("own", "blur") and behind.around is not None:
        own = _own(clean_plate(behind.around, body=behind.body), size_wh)
        return own if wanted == "own" else cv2.GaussianBlur(own, (0, 0), BLUR * size_wh[1])
    if wanted in ("own", "blur", "portrait"):
        return _plain(behind.colour, size_wh)
    if _COLOUR.fullmatch(wanted):
        return _plain(np.frombuffer(bytes.fromhex(wanted[1:]), np.uint8), size_wh)
    if wanted == TRANSPARENT:
        return _plain(np.array([GREY, GREY, GREY, 0], np.uint8), size_wh)
    if not Path(wanted).is_file():
        words = ", ".join(f"`{word}`" for word in (*WORDS, TRANSPARENT))
        raise PictureError(f"the backdrop should be {words}, a colour like #336699, or a picture; got {wanted!r}")
    return _filling(read_still(Path(wanted)), size_wh)


def _own(plate: UInt8[np.ndarray, "rows columns 3"], size_wh: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    """A plate as high as the canvas, so that its square lies under the portrait; mirrored where it is too narrow."""
    width, height = size_wh
    across = max(2, round(plate.shape[1] * height / len(plate)))
    way = cv2.INTER_AREA if height < len(plate) else cv2.INTER_CUBIC
    scaled = cv2.resize(plate, (across, height), interpolation=way)
    if across >= width:
        left = (across - width) // 2
        return np.ascontiguousarray(scaled[:, left : left + width])
    left = (width - across) // 2
    wide: UInt8[np.ndarray, "height width 3"] = cv2.copyMakeBorder(
        scaled, 0, 0, left, width - across - left, cv2.BORDER_REFLECT_101
    )
    return wide


def _filling(picture: UInt8[np.ndarray, "_ _ 3"], size_wh: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    width, height = size_wh
    scale = max(width / picture.shape[1], height / picture.shape[0])
    cut = cv2.getRectSubPix(picture, (round(width / scale), round(height / scale)), _centre(picture))
    return np.ascontiguousarray(cv2.resize(cut, size_wh, interpolation=cv2.INTER_AREA))


def _plain(
    colour: UInt8[np.ndarray, "channels"], size_wh: tuple[int, int]
) -> UInt8[np.ndarray, "height width channels"]:
    return np.ascontiguousarray(np.broadcast_to(colour, (size_wh[1], size_wh[0], len(colour))))


def _centre(picture: UInt8[np.ndarray, "height width 3"]) -> tuple[float, float]:
    height, width = picture.shape[:2]
    return (width - 1) / 2, (height - 1) / 2
