"""Finds the machine-readable mark in a picture, or in the average of many.

    y = what a picture has in each cell, its surroundings and contrast taken away        z = ⟨key, y⟩ / |y|

y knows nothing of the key. To it, whatever picture it came from, a key is 9216 coin tosses, so by Hoeffding's
inequality

    P(z ≥ t) ≤ exp(−t² / 2)

for every picture without the mark: the chance of a false alarm is bounded, not estimated. A picture is tried as it is,
mirrored, at two scales, and without black bars; the bound counts every trial.

Source: W. Hoeffding, "Probability Inequalities for Sums of Bounded Random Variables", JASA 58 (1963), theorem 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from puppet.watermark import key_for

FALSE_ALARM = 1e-7
"""Greatest chance that something without the mark counts as marked."""

NEAR, AROUND = 1.0, 3.0
"""Deviations, in cells, of what counts as a cell's surroundings and of where its contrast is measured."""

WITHIN = 0.5, 0.1
"""Deviations, in cells, of what counts as a pixel's surroundings: what a call leaves of the mark is seen at the first,
and at the second what stands in large pictures that are full of edges, as sheets are."""

FINEST_PX = 0.5
"""Least of them, in pixels."""

FAINT = 1.5
"""Levels: a pixel differs at most so much from its surroundings, so that edges do not drown the fainter mark."""

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
        luma: One picture, or the average of several, from 0 to 255.
    """
    trials = []
    for view in _views(luma):
        key = key_for(_size_wh(view)).astype(np.float32)
        for within in WITHIN:
            y = cells(view, within)
            trials += [(_agreement(y, key), False), (_agreement(y[:, ::-1], key), True)]
    z, mirrored = max(trials)
    return Evidence(z, len(trials), mirrored)


def cells(luma: Float32[np.ndarray, "height width"], within: float) -> Float32[np.ndarray, "rows columns"]:
    """y: each cell against its surroundings, as a share of the contrast there, within bounds.

    Args:
        luma: As for `look`.
        within: How far around a pixel its surroundings are, in cells.
    """
    width, height = _size_wh(luma)
    rows, columns = key_for((width, height)).shape
    shrinks = width >= columns and height >= rows
    x_px, y_px = max(FINEST_PX, within * width / columns), max(FINEST_PX, within * height / rows)
    detail = luma - cv2.GaussianBlur(luma, (0, 0), x_px, sigmaY=y_px, borderType=cv2.BORDER_REFLECT)
    detail = np.clip(detail, -FAINT, FAINT)
    levels = cv2.resize(detail, (columns, rows), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    fine = _against_surroundings(levels)
    contrast = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), AROUND) + FAINTEST**2)
    # Twice: once to make the cells of a picture independent, once more as the key would be seen through that.
    return _against_surroundings(np.clip(fine / contrast, -BOUND, BOUND))


def _agreement(y: Float32[np.ndarray, "rows columns"], key: Float32[np.ndarray, "rows columns"]) -> float:
    length = float(np.linalg.norm(y))
    return float((y * key).sum()) / length if length else 0.0


def _against_surroundings(levels: Float32[np.ndarray, "rows columns"]) -> Float32[np.ndarray, "rows columns"]:
    around = cv2.GaussianBlur(levels, (0, 0), NEAR, borderType=cv2.BORDER_REFLECT)
    fine: Float32[np.ndarray, "rows columns"] = levels - around
    return fine


def _size_wh(luma: Float32[np.ndarray, "height width"]) -> tuple[int, int]:
    height, width = luma.shape
    return width, height


def _views(luma: Float32[np.ndarray, "height width"]) -> Iterator[Float32[np.ndarray, "_ _"]]:
    """The whole picture, and what is inside its black bars where it has some."""
    yield luma
    top, bottom = _inside(luma.max(axis=1))
    left, right = _inside(luma.max(axis=0))
    if (bottom - top, right - left) != luma.shape:
        yield np.ascontiguousarray(luma[top:bottom, left:right])


def _inside(brightest: Float32[np.ndarray, "length"]) -> tuple[int, int]:
    """Where a side of the picture begins and ends between its bars."""
    bright = np.flatnonzero(brightest > BLACK)
    whole = len(brightest)
    if not len(bright):
        return 0, whole
    first, last = int(bright[0]), int(bright[-1]) + 1
    return first if first >= NARROWEST * whole else 0, last if whole - last >= NARROWEST * whole else whole
