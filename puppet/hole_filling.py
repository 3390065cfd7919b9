"""Holes of a picture, filled from what is around them: near their edge mirrored at it, further in as smooth colours.

Whoever moves uncovers little more than the edge of the hole behind them, and there planks, folds and grain go on. A
mirror at the nearest known pixel alone would tear where two edges are equally near, so the ways to it are smoothed, and
what is mirrored fades into the smooth colours (puppet.pull_push), which get grain.

What hides the hole has often left strands around it: hair that no matte knows. Close to a hole, thin things that stand
out more than nearly all that is thin further away, towards the colours of what hides it, give way to the median around
them. A hole may have a margin for such hair; what shows plainly something else there is no hole.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from puppet.pull_push import continued
from puppet.smooth_step import smooth_step

SURE = 0.99
"""A pixel that is known so much shows nothing else."""

DEEP = 0.2
"""Nothing is mirrored further into a hole, as a share of the height."""

SMOOTH = 0.02
"""How smooth the ways to the edge are, as a share of the height."""

COARSER = 4
"""The ways are found on a grid so much coarser."""

CLEAN = (0.3, 0.9)
"""Of a mirrored pixel, so much is known where it begins to count, and where it does alone."""

STRANDS, WIDE = 0.08, 0.016
"""So far from a hole strands are looked for, and so wide they are at most, as shares of the height."""

STAND_OUT, FAINT = (0.5, 1.0), 8.0
"""How much a strand differs from the median, beside 19 of 20 pixels that are not close to a hole; and what does not
count, of 0 to 255."""

LIKE, UNLIKE = (0.05, 0.2), (0.1, 0.0)
"""How far a colour is on the way from what is behind to what hides the hole: where it begins to be a strand, and surely
is one; and where a margin is still a hole, and surely is none."""

GRAIN_PX = 1.5
"""Detail finer than this counts as grain."""


def filled(
    rgb: UInt8[np.ndarray, "height width 3"],
    known: Float32[np.ndarray, "height width"],
    hider: Float32[np.ndarray, "height width"],
    margin: Float32[np.ndarray, "height width"],
) -> Float32[np.ndarray, "height width 3"]:
    """A picture without its holes.

    Args:
        rgb: The picture; what it shows in holes does not count, but for the strands that it has left.
        known: 1 where it counts, 0 in a hole.
        hider: 1 where it shows what hides the holes, whose colours strands have.
        margin: 1 where a hole may show something else.

    Returns:
        From 0 to 255.
    """
    whole = rgb.astype(np.float32)
    columns = np.flatnonzero((known < 1).any(0))
    if columns.size:
        more = round(2 * DEEP * len(rgb))
        near = np.s_[:, max(columns[0] - more, 0) : columns[-1] + more]  # nothing further away has to do with holes
        whole[near] = _filled(rgb[near], known[near], hider[near], margin[near])
    return whole


def _filled(
    rgb: UInt8[np.ndarray, "height width 3"],
    known: Float32[np.ndarray, "height width"],
    hider: Float32[np.ndarray, "height width"],
    margin: Float32[np.ndarray, "height width"],
) -> Float32[np.ndarray, "height width 3"]:
    hairs = continued(rgb, hider)
    known = np.maximum(known, margin * smooth_step(*UNLIKE, _like(rgb, continued(rgb, known), hairs)))
    fill = continued(rgb, known)
    sure = known > SURE
    if sure.any():
        grain = (rgb - cv2.GaussianBlur(rgb, (0, 0), GRAIN_PX).astype(np.float32))[sure]
        deviation = 1.48 * float(np.median(np.abs(grain)))
        rgb = _without_strands(rgb, known, hairs, fill)
        fill += np.random.default_rng(0).normal(0.0, deviation, (*known.shape, 1)).astype(np.float32)
        mirrored, share = _mirrored(rgb, known)
        fill += share[..., None] * (mirrored - fill)
    fill += known[..., None] * (rgb - fill)
    return np.clip(fill, 0, 255, out=fill)


def _without_strands(
    rgb: UInt8[np.ndarray, "height width 3"],
    known: Float32[np.ndarray, "height width"],
    hairs: Float32[np.ndarray, "height width 3"],
    fill: Float32[np.ndarray, "height width 3"],
) -> UInt8[np.ndarray, "height width 3"]:
    """Found in half of the size, which is enough and takes a quarter of the time."""
    height, width = known.shape
    half_wh = (max(1, width // 2), max(1, height // 2))
    whole = np.rint(fill + known[..., None] * (rgb - fill)).astype(np.uint8)
    whole = cv2.resize(whole, half_wh, interpolation=cv2.INTER_AREA)
    median = cv2.medianBlur(whole, max(5, round(1.5 * WIDE * height) | 1))
    sure = (cv2.resize(known, half_wh, interpolation=cv2.INTER_AREA) > SURE).astype(np.uint8)
    away = cv2.distanceTransform(sure, cv2.DIST_L2, 5) / len(sure)
    differs = cv2.absdiff(whole, median).max(-1)
    far = differs[away > STRANDS]
    usual = float(np.quantile(far, 0.95)) if far.size else 0.0
    like = _like(whole, median, cv2.resize(hairs, half_wh, interpolation=cv2.INTER_AREA))
    strands = smooth_step(*STAND_OUT, differs / (usual + FAINT)) * smooth_step(*LIKE, like)
    strands = cv2.dilate(strands, np.ones((3, 3)))
    share = (strands * smooth_step(STRANDS, STRANDS / 2, away)).astype(np.float32)
    share, median = cv2.resize(share, (width, height))[..., None], cv2.resize(median, (width, height))
    without: UInt8[np.ndarray, "height width 3"] = np.rint(rgb + share * (median - rgb.astype(np.float32))).astype(
        np.uint8
    )
    return without


def _like(
    picture: np.ndarray, behind: np.ndarray, hairs: Float32[np.ndarray, "height width 3"]
) -> Float32[np.ndarray, "height width"]:
    """How far each colour is on the way from what is behind to hairs: 0 to 1, and beyond."""
    way = hairs - behind
    along = ((picture - behind.astype(np.float32)) * way).sum(-1)
    like: Float32[np.ndarray, "height width"] = along / np.maximum((way**2).sum(-1), FAINT**2)
    return like


def _mirrored(
    rgb: UInt8[np.ndarray, "height width 3"], known: Float32[np.ndarray, "height width"]
) -> tuple[Float32[np.ndarray, "height width 3"], Float32[np.ndarray, "height width"]]:
    """What is as far beyond a hole's edge as a pixel is within, and how much it counts."""
    height, width = known.shape
    size_wh = (max(1, width // COARSER), max(1, height // COARSER))
    hole = (cv2.resize(known, size_wh, interpolation=cv2.INTER_AREA) <= SURE).astype(np.uint8)
    distance, labels = cv2.distanceTransformWithLabels(hole, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    nearest = np.zeros((labels.max() + 1, 2), np.float32)
    nearest[labels[hole == 0]] = np.argwhere(hole == 0)[:, ::-1]
    way = nearest[labels] - _places(hole.shape)
    way = cv2.resize(cv2.GaussianBlur(way, (0, 0), SMOOTH * len(hole)), (width, height)) * (height / len(hole))
    there = _places(known.shape) + 2 * way
    border = cv2.BORDER_REFLECT_101
    sums = cv2.remap(rgb * known[..., None], there, None, cv2.INTER_LINEAR, borderMode=border)
    weights = cv2.remap(known, there, None, cv2.INTER_LINEAR, borderMode=border)
    near = smooth_step(DEEP * len(hole), 0, cv2.resize(distance, (width, height)))
    share: Float32[np.ndarray, "height width"] = (near * smooth_step(*CLEAN, weights)).astype(np.float32)
    return sums / np.maximum(weights, CLEAN[0])[..., None], share


def _places(shape: tuple[int, ...]) -> Float32[np.ndarray, "height width 2"]:
    """Where each pixel is: x, y."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.dstack([x, y])
