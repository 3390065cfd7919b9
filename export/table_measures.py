"""The measures of the tables, one number a picture, and how sure a table's number is.

    NME   = 10³ · mean |l − l'| / √(width · height)       landmarks l of the output, l' and bounding box of the truth
    FD    = |μ − μ'|² + tr(C + C' − 2 (C^½ C' C^½)^½)     Fréchet distance of features; FID where they are Inception's
    PSNR  = 10 log₁₀ 255² / mean (x − y)²
    SSIM  = mean (2 μ_x μ_y + c₁)(2 σ_xy + c₂) / (μ_x² + μ_y² + c₁)(σ_x² + σ_y² + c₂)

Intervals hold 95 %: basic bootstrap over identities.

Source: paper, section 4.1 (arXiv:2202.00046), NME; Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter, "GANs Trained by
a Two Time-Scale Update Rule", NeurIPS 2017, arXiv:1706.08500, Eq. 6; Wang, Bovik, Sheikh, Simoncelli, "Image Quality
Assessment", IEEE TIP 13(4), 2004, section III; Davison, Hinkley, "Bootstrap Methods and their Application", 1997, 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

RESAMPLES, FRECHET_RESAMPLES = 1000, 100
SHARE = 0.95
SSIM_SIGMA_PX = 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number of a table, and its interval.

    Attributes:
        value: Over all identities that have one; NaN where none has.
        low, high: In between it lies with 95 %.
        count: Identities that have one.
    """

    value: float
    low: float
    high: float
    count: int


def mean_estimate(values: Float[np.ndarray, "n"]) -> Estimate:
    """The mean over the identities; NaN where one has no value."""
    had = values[np.isfinite(values)]
    if not len(had):
        return Estimate(np.nan, np.nan, np.nan, 0)
    drawn = had[np.random.default_rng(0).integers(0, len(had), (RESAMPLES, len(had)))].mean(1)
    return _basic(float(had.mean()), drawn, len(had))


def frechet_estimate(features: Float[np.ndarray, "n d"], truth: Float[np.ndarray, "n d"]) -> Estimate:
    """The Fréchet distance; both sets are resampled by the same identities."""
    rng, count = np.random.default_rng(0), len(features)
    draws = rng.integers(0, count, (FRECHET_RESAMPLES, count))
    drawn = np.array([frechet(features[which], truth[which]) for which in draws])
    return _basic(frechet(features, truth), drawn, count)


def _basic(value: float, drawn: np.ndarray, count: int) -> Estimate:
    """The basic bootstrap interval, from what resamples gave."""
    low, high = np.quantile(drawn, ((1 - SHARE) / 2, (1 + SHARE) / 2))
    return Estimate(value, float(2 * value - high), float(2 * value - low), count)


def frechet(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "m d"]) -> float:
    """FD of two sets of features; the trace of the root is the sum of the singular values of C^½ C'^½."""
    x, y = ((values - values.mean(0)) / np.sqrt(len(values) - 1) for values in (a.astype(float), b.astype(float)))
    spread = (x**2).sum() + (y**2).sum() - 2 * np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + max(spread, 0.0))


def nme(landmarks: Float[np.ndarray, "n points 2"], truth: Float[np.ndarray, "n points 2"]) -> Float[np.ndarray, "n"]:
    """NME of each picture; NaN where a face was not found in either."""
    width, height = np.moveaxis(np.ptp(truth, axis=1), 1, 0)
    errors: np.ndarray = 1e3 * np.linalg.norm(landmarks - truth, axis=2).mean(1) / np.sqrt(width * height)
    return errors


def psnr(x: UInt8[np.ndarray, "n r r 3"], y: UInt8[np.ndarray, "n r r 3"]) -> Float[np.ndarray, "n"]:
    """PSNR of each picture in dB; at most 100, where two are equal."""
    squared = ((x.astype(np.float64) - y) ** 2).mean((1, 2, 3))
    return np.asarray(10 * np.log10(255**2 / np.maximum(squared, 255**2 * 1e-10)))


def ssim(x: UInt8[np.ndarray, "n r r 3"], y: UInt8[np.ndarray, "n r r 3"]) -> Float[np.ndarray, "n"]:
    """SSIM of each picture, mean over its channels."""
    return np.array([_similar(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(x, y, strict=True)])


def _similar(x: np.ndarray, y: np.ndarray) -> float:
    def blurred(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(values, (11, 11), SSIM_SIGMA_PX))

    mean_x, mean_y = blurred(x), blurred(y)
    var_x, var_y, both = blurred(x * x) - mean_x**2, blurred(y * y) - mean_y**2, blurred(x * y) - mean_x * mean_y
    top = (2 * mean_x * mean_y + C1) * (2 * both + C2)
    return float((top / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2))).mean())
