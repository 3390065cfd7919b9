"""What a portrait has and its pivot lacks: the fine detail that is laid over a tuned generator's pictures.

Of the person's inside alone: beyond its edge, and beyond the portrait, nothing is known. What its mouth has when it is
opened, or an open one shut, is seen in views of it as those that the generator was tuned on.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from puppet.detail import CELLS, LIPS, MOUTH_CELLS, NONE, PER_CELL, SIDE_PX, TINT_PER_CELL, Detail, Mouth
from puppet.face_topology import INNER_LIPS
from puppet.groups import JAW
from puppet.motion import with_shut_jaw
from puppet.moving_detail import CHANGED, OPENINGS, MovingDetail
from puppet.portrait_checks import face_mask
from puppet.relief import Relief

COARSEST = 0.012
"""Standard deviation of the Gaussian above which detail is the generator's affair, in sides of the crop."""

INSET, SOFT = 3, 3.0
"""How far inside the person's edge the residual has half its strength, and how softly it begins, in pixels."""

AROUND = 0.02
"""How far around their openings lids, lashes and lips reach, in sides of the crop."""

STEP = 0.3
"""About how far the jaw moves from one pose to the next in which a mouth's detail is found."""

WIDEST = 0.95
"""How far it is open there at most, in shares of its range."""

COARSEST_MOUTH = 0.03
"""COARSEST of such a mouth, whose teeth and lips the generator paints softest."""

AROUND_LIPS = 0.03
"""How far around its lips' inner edge that reaches, in sides of the crop."""

THREADS = 3
"""Mouths looked at at once; each takes 50 MB meanwhile."""

Paint = Callable[[Float32[np.ndarray, "pose_dim"]], UInt8[np.ndarray, "r r 4"]]
"""What a generator paints in a pose, over grey."""


def find_detail(relief: Relief, paint: Paint) -> Detail:
    """The detail of a portrait.

    Args:
        relief: The portrait's.
        paint: What its tuned generator paints in a pose.
    """
    cutout, surface = relief.cutout, relief.surface(CELLS, relief.p_s)
    openings = np.stack([_around(cutout.points[list(opening), :2], AROUND) for _, opening in OPENINGS])
    around, eye_balls = openings * ~surface.eyes, openings[:2] * surface.eyes
    shares = np.concatenate([1 - openings.max(0, keepdims=True), around, eye_balls]) * surface.known
    inside = cv2.erode(cutout.cropped(cutout.sure, SIDE_PX), np.ones((2 * INSET + 1, 2 * INSET + 1)))
    fine = cv2.cvtColor(_fine(cutout.over_grey(SIDE_PX), paint(relief.p_s), COARSEST), cv2.COLOR_RGB2GRAY)
    residual = _in_bytes(fine * cv2.GaussianBlur(inside, (0, 0), SOFT))
    detail = Detail(residual, surface.X, surface.follow, surface.expression, shares.astype(np.float32))
    without_mouth = replace(detail, shares=np.where(np.arange(len(shares))[:, None, None] == LIPS, 0, detail.shares))
    moving = MovingDetail(without_mouth, relief.space, relief.p_s, relief.pivot)
    mouthing = [(p, paint(p).copy(), moving.layers(p).fine.copy()) for p in _mouthing(relief)]
    with ThreadPoolExecutor(THREADS) as threads:
        mouths = tuple(threads.map(lambda pose: _mouth(relief, *pose), mouthing))
    return replace(detail, mouths=mouths)


def _mouthing(relief: Relief) -> list[Float32[np.ndarray, "pose_dim"]]:
    """The portrait's pose while its mouth shuts, as far as it is open, and while it opens, in steps."""
    space = relief.space
    if JAW not in space.names:
        return []
    jaw = space.index(JAW)
    own, poses = float(relief.p_s[jaw]), []
    for end in (float(with_shut_jaw(relief.p_s, space)[jaw]), WIDEST * float(space.upper[jaw])):
        way = abs(end - own)
        for opening in np.linspace(own, end, 1 + max(round(way / STEP), int(way > CHANGED[0])))[1:]:
            p = relief.p_s.copy()
            p[jaw] = opening
            poses.append(p)
    return poses


def _mouth(
    relief: Relief,
    p: Float32[np.ndarray, "pose_dim"],
    painted: UInt8[np.ndarray, "r r 4"],
    layer: UInt8[np.ndarray, "512 512"],
) -> Mouth:
    """What the mouth lacks in a pose, as it is painted, when the layer of all other detail is there."""
    view, surface = relief.paint(p, SIDE_PX), relief.surface(CELLS, p)
    colours = _fine(view.rgba, painted, COARSEST_MOUTH)
    brightness = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    residual = _in_bytes(brightness - (layer.astype(np.float32) - NONE))
    tint = _in_bytes(
        cv2.resize(colours - brightness[..., None], (CELLS * TINT_PER_CELL,) * 2, interpolation=cv2.INTER_AREA)
    )
    lips = view.points[list(INNER_LIPS)]
    corner = np.clip((lips.mean(0) * CELLS - MOUTH_CELLS / 2).round(), 0, CELLS - MOUTH_CELLS).astype(np.uint8)
    cells = _square(corner, 1)
    return Mouth(
        residual[_square(corner, PER_CELL)].copy(),
        surface.X[cells].copy(),
        surface.follow[cells],
        surface.expression[:, *cells].copy(),
        tint[_square(corner, TINT_PER_CELL)].copy(),
        (_around(lips, AROUND_LIPS) * surface.known)[cells].astype(np.float32),
        p,
        corner,
    )


def _square(corner: UInt8[np.ndarray, "2"], per_cell: int) -> tuple[slice, slice]:
    """Rows and columns of the square that holds a mouth."""
    left, top = (int(cell) * per_cell for cell in corner)
    return np.s_[top : top + MOUTH_CELLS * per_cell, left : left + MOUTH_CELLS * per_cell]


def _fine(
    truth: Float32[np.ndarray, "512 512 4"], painted: UInt8[np.ndarray, "r r 4"], coarsest: float
) -> Float32[np.ndarray, "512 512 3"]:
    """What a picture has and a painted one lacks, of RGB on scales finer than a share of its sides."""
    enlarged = cv2.resize(painted, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    lacking = (truth - enlarged)[..., :3]
    fine: Float32[np.ndarray, "512 512 3"] = lacking - cv2.GaussianBlur(lacking, (0, 0), coarsest * SIDE_PX)
    return fine


def _in_bytes(residual: Float32[np.ndarray, "side side *n"]) -> UInt8[np.ndarray, "side side *n"]:
    return np.asarray(np.clip(NONE + residual, 0, 255).round(), np.uint8)


def _around(opening: np.ndarray, share: float) -> Float32[np.ndarray, "64 64"]:
    """An opening of the face and so much around it, in sides of the crop, with a soft edge."""
    mask = face_mask((opening * SIDE_PX).astype(np.float32), SIDE_PX).astype(np.float32)
    reach = round(share * SIDE_PX)
    grown = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
    soft = cv2.GaussianBlur(grown, (0, 0), reach)
    return np.asarray(cv2.resize(soft, (CELLS, CELLS), interpolation=cv2.INTER_AREA))
