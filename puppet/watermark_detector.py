"""Finds the machine-readable mark in a picture, or in the average of many.

    y = what a picture has in each cell, its surroundings and contrast taken away        z = ⟨key, y⟩ / |y|

y knows nothing of the key. To it, whatever picture it came from, a key is 9216 coin tosses, so by Hoeffding's
inequality

    P(z ≥ t) ≤ exp(−t² / 2)

for every picture without the mark: the chance of a false alarm is bounded, not estimated. A picture is tried as it is,
mirrored, and without black bars; the bound counts every trial.

Source: W. Hoeffding, "Probability Inequalities for Sums of Bounded Random Variables", JASA 58 (1963), theorem 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from puppet.watermark import CELLS_WH, draw_key

FALSE_ALARM = 1e-7
"""Greatest chance that something without the mark counts as marked."""

NEAR, AROUND = 1.0, 3.0
"""Deviations, in cells, of what counts as a cell's surroundings and of where its contrast is measured."""

FAINTEST = 0.3
"""Levels: contrast below this is noise of coding, and is not made larger."""

BOUND = 2.5
"""A cell counts at most as so many times its contrast: one edge does not outweigh the rest."""

BLACK = 20.0
"""Levels: rows and columns darker than this along a side are a black bar."""

NARROWEST = 0.02
"""Share of the sides; what is narrower is no bar."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for the mark.

    Attributes:
        z: How well a picture agrees with the key, in deviations of a key that it does not have.
        trials: Ways in which it was looked at.
        mirrored: Whether it agrees mirrored.
    """

    z: float
    trials: int
    mirrored: bool

    @property
    def needed(self) -> float:
        """The z from which on the mark counts as found."""
        return math.sqrt(2 * math.log(self.trials / FALSE_ALARM))

    @property
    def found(self) -> bool:
        """Whether the mark is there."""
        return self.z >= self.needed

    @property
    def digits(self) -> int:
        """d: at most once in 10^d pictures without the mark agree as well."""
        return max(0, math.floor((max(self.z, 0.0) ** 2 / 2 - math.log(self.trials)) / math.log(10)))


def look(luma: Float32[np.ndarray, "height width"]) -> Evidence:
    """Look for the mark.

    Args:
        luma: One picture, or the average of several; from 0 to 255, in any scale.
    """
    key = draw_key().astype(np.float32)
    trials = []
    for y in _views(luma):
        trials += [(_agreement(y, key), False), (_agreement(y[:, ::-1], key), True)]
    z, mirrored = max(trials)
    return Evidence(z, len(trials), mirrored)


def cells(luma: Float32[np.ndarray, "height width"]) -> Float32[np.ndarray, "72 128"]:
    """y: each cell against its surroundings, as a share of the contrast there, within bounds."""
    shrinks = luma.shape[1] >= CELLS_WH[0] and luma.shape[0] >= CELLS_WH[1]
    levels = cv2.resize(luma, CELLS_WH, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    fine = _against_surroundings(levels)
    contrast = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), AROUND) + FAINTEST**2)
    # Twice: once to make the cells of a picture independent, once more as the key would be seen through that.
    return _against_surroundings(np.clip(fine / contrast, -BOUND, BOUND))


def _agreement(y: Float32[np.ndarray, "72 128"], key: Float32[np.ndarray, "72 128"]) -> float:
    length = float(np.linalg.norm(y))
    return float((y * key).sum()) / length if length else 0.0


def _against_surroundings(levels: Float32[np.ndarray, "72 128"]) -> Float32[np.ndarray, "72 128"]:
    fine: Float32[np.ndarray, "72 128"] = levels - cv2.GaussianBlur(levels, (0, 0), NEAR, borderType=cv2.BORDER_REFLECT)
    return fine


def _views(luma: Float32[np.ndarray, "height width"]) -> Iterator[Float32[np.ndarray, "72 128"]]:
    """The cells of the whole picture, and of what is inside its black bars where it has some."""
    yield cells(luma)
    top, bottom = _inside(luma.max(axis=1))
    left, right = _inside(luma.max(axis=0))
    if (bottom - top, right - left) != luma.shape:
        yield cells(np.ascontiguousarray(luma[top:bottom, left:right]))


def _inside(brightest: Float32[np.ndarray, "length"]) -> tuple[int, int]:
    """Where a side of the picture begins and ends between its bars."""
    bright = np.flatnonzero(brightest > BLACK)
    whole = len(brightest)
    if not len(bright):
        return 0, whole
    first, last = int(bright[0]), int(bright[-1]) + 1
    return first if first >= NARROWEST * whole else 0, last if whole - last >= NARROWEST * whole else whole
