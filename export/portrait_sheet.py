"""A sheet to look at: an aligned crop, and what its avatar makes of the motions in which portraits fall apart."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import UInt8

from export.portrait_sweep import LAUGH, SMILES, Motion, blink, jaw, label
from puppet.alignment import resize

TILE_PX = 320
COLUMNS = 4
_BAND_PX = 22

SHOWN: tuple[Motion, ...] = (
    {},
    {"roll": 15.0},
    dict.fromkeys(SMILES, 1.0),
    *({"yaw": yaw} for yaw in (-20.0, -10.0, 10.0, 20.0)),
    *({"pitch": pitch} for pitch in (-12.0, 12.0)),
    *(blink(share) for share in (0.5, 1.0)),
    *(jaw(share) for share in (0.5, 1.0)),
    LAUGH,
    {"yaw": 15.0, **jaw(1.0)},
)


def sheet(
    crop: UInt8[np.ndarray, "side side 3"], pictures: Mapping[str, UInt8[np.ndarray, "r r 3"]]
) -> UInt8[np.ndarray, "h w 3"]:
    """The crop and the motions of `SHOWN`, enlarged, each under its name.

    Args:
        crop: The aligned crop.
        pictures: What was painted, by the names of motions; those that a bundle does not know are left out.
    """
    tiles = [_tile(crop, "crop")]
    tiles += [_tile(pictures[name], name) for motion in SHOWN if (name := label(motion)) in pictures]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    return np.vstack([np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)])


def compare(first: UInt8[np.ndarray, "h w 3"], second: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h both 3"]:
    """Two sheets of one portrait, side by side.

    Raises:
        ValueError: They show different motions.
    """
    if first.shape != second.shape:
        raise ValueError(f"expected two sheets of the same size, got {first.shape} and {second.shape}")
    return np.hstack([first, np.full((len(first), _BAND_PX, 3), 255, np.uint8), second])


def _tile(rgb: UInt8[np.ndarray, "side side 3"], name: str) -> UInt8[np.ndarray, "h tile 3"]:
    band = np.full((_BAND_PX, TILE_PX, 3), 255, np.uint8)
    cv2.putText(band, name, (6, _BAND_PX - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([band, resize(rgb, TILE_PX)])
