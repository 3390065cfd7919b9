"""What is behind the portrait: its own border colour, a chosen colour, or a picture file."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from puppet.errors import PictureError
from puppet.stills import read_still

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")

BORDER = 0.04
"""Share of the crop's sides that counts as its border."""


def border_colour(crop: UInt8[np.ndarray, "side side 3"]) -> UInt8[np.ndarray, "3"]:
    """The median colour along the left, right and upper border of an aligned crop: what is behind the person."""
    width = max(1, round(BORDER * len(crop)))
    strips = (crop[:, :width], crop[:, -width:], crop[:width])
    pixels = np.concatenate([strip.reshape(-1, 3) for strip in strips])
    colour: UInt8[np.ndarray, "3"] = np.median(pixels, axis=0).astype(np.uint8)
    return colour


def make_backdrop(
    wanted: str, size_wh: tuple[int, int], portrait_colour: UInt8[np.ndarray, "3"]
) -> UInt8[np.ndarray, "height width 3"]:
    """Paint the backdrop once.

    Args:
        wanted: `portrait`, a colour `#rrggbb`, or the path of a picture, which fills the canvas and is cut to it.
        size_wh: Width and height of the canvas in pixels.
        portrait_colour: What `portrait` stands for.

    Raises:
        PictureError: It is none of the three, or the picture cannot be read.
    """
    width, height = size_wh
    if wanted == "portrait":
        return _plain(portrait_colour, size_wh)
    if _COLOUR.fullmatch(wanted):
        return _plain(np.frombuffer(bytes.fromhex(wanted[1:]), np.uint8), size_wh)
    if not Path(wanted).is_file():
        raise PictureError(f"the backdrop should be `portrait`, a colour like #336699, or a picture; got {wanted!r}")
    picture = read_still(Path(wanted))
    scale = max(width / picture.shape[1], height / picture.shape[0])
    cut = cv2.getRectSubPix(picture, (round(width / scale), round(height / scale)), _centre(picture))
    return np.ascontiguousarray(cv2.resize(cut, size_wh, interpolation=cv2.INTER_AREA))


def _plain(colour: UInt8[np.ndarray, "3"], size_wh: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    return np.ascontiguousarray(np.broadcast_to(colour, (size_wh[1], size_wh[0], 3)))


def _centre(picture: UInt8[np.ndarray, "height width 3"]) -> tuple[float, float]:
    height, width = picture.shape[:2]
    return (width - 1) / 2, (height - 1) / 2
