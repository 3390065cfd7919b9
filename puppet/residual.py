"""What a portrait has and its pivot lacks: the fine detail that is laid over a tuned generator's pictures.

Of the person's inside alone: beyond its edge, and beyond the portrait, nothing is known. What a mouth has that opens or
shuts, eyes that close, and a head that turns, is seen in views as those that the generator was tuned on; of the head,
only where a view shows what the portrait shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int8, UInt8

from puppet.cutout import SURE
from puppet.detail import CELLS, NONE, PER_CELL, SIDE_PX, TINT_PER_CELL, Detail, Opening, Patch
from puppet.face_motion import ANGLES, EYES
from puppet.face_topology import INNER_LIPS
from puppet.groups import JAW, blinks, gazes, smiles
from puppet.mesh_raster import Window
from puppet.motion import with_shut_jaw
from puppet.moving_detail import CHANGED, OPENINGS, MovingDetail
from puppet.portrait_checks import face_mask
from puppet.pull_push import continued
from puppet.relief import Relief, Surface

COARSEST = 0.012
"""Standard deviation of the Gaussian above which detail is the generator's affair, in sides of the crop."""

INSET, SOFT = 3, 3.0
"""How far inside the person's edge the residual has half its strength, and how softly it begins, in pixels."""

AROUND = 0.02
"""How far around their openings lids, lashes and lips reach, in sides of the crop."""

JAW_STEP, LID_STEP = 0.19, 0.2
"""About how far a jaw or lids move from one pose to the next in which the detail there is found."""

SMILING_STEP = 0.24
"""JAW_STEP of a mouth that smiles."""

LEAST_SMILE = 0.3
"""Where no corner of the mouth has so far to go, a portrait smiles already."""

SMILED = (0.5, 1.0)
"""Shares of the broadest smile in which a mouth's detail is found."""

SOONER = 1.5
"""A jaw's first steps are shorter, as mouths that speak are open little: shares of its way are taken to this power."""

LOOK = 0.5
"""How far eyes look to each side, up and down where their detail is found."""

WIDEST = 0.95
"""How far a mouth is open there at most, in shares of the jaw's range."""

COARSEST_PATCH = 0.03
"""COARSEST of what opens and of a side, which the generator paints softest."""

AROUND_OPENING = 0.03
"""How far around lips' inner edges and lids that reaches, in sides of the crop."""

LOOKED_AT = 0.125
"""Views of what opens are drawn so far around it: as far as it reaches, with its soft edge, and a little more."""

TURN_DEG, LEAST_TURN_DEG = 20.0, 8.0
"""How far a head is turned to either side where its side's detail is found; by less than this it shows none."""

LEAST_SHARE = 0.05
"""A patch reaches so far that no cell outside has more of it."""

CLEAR = 9
"""A side has detail where so many pixels around show nothing else."""

THREADS = 3
"""Views looked at at once; each takes 50 MB meanwhile."""

_AREA = cv2.INTER_AREA
_WHOLE = Window.of(SIDE_PX)

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
    fine = cv2.cvtColor(_fine(cutout.over_grey(SIDE_PX), _WHOLE, paint(relief.p_s), COARSEST), cv2.COLOR_RGB2GRAY)
    residual = _in_bytes(fine * cv2.GaussianBlur(inside, (0, 0), SOFT))
    detail = Detail(residual, surface.X, surface.follow, surface.expression, shares.astype(np.float32))
    around_openings = detail.shares.copy()
    around_openings[1:] = 0
    moving = MovingDetail(replace(detail, shares=around_openings), relief.space, relief.p_s, relief.pivot)

    def seen(poses: list[Float32[np.ndarray, "pose_dim"]]) -> Iterator[_Seen]:
        for p in poses:
            layers = moving.layers(p)
            yield _Seen(p, paint(p).copy(), layers.fine.copy(), layers.believed.copy())

    with ThreadPoolExecutor(THREADS) as threads:
        eyes = threads.map(partial(_eyes, relief), seen(_blinking(relief)))
        looks = threads.map(partial(_look, relief), seen(_looking(relief)))
        with_smiles = (_mouthing(relief), *(_smiling(relief, share) for share in SMILED))
        mouths = [threads.map(partial(_mouth, relief), seen(poses)) for poses in with_smiles]
        sides = threads.map(partial(_side, relief), seen(_turned(relief)))
        pairs = list(eyes)
        openings = [tuple(eye for pair in pairs if (eye := pair[side])) for side in range(len(EYES))]
        return replace(
            detail,
            openings=(*openings, *(tuple(mouth) for mouth in mouths)),
            looks=tuple(looks),
            sides=tuple(side for side in sides if side is not None),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """The portrait in another pose, as it is painted and has its own detail; see puppet.moving_detail.Layers."""

    p: Float32[np.ndarray, "pose_dim"]
    painted: UInt8[np.ndarray, "r r 4"]
    fine: Int8[np.ndarray, "512 512"]
    believed: Float32[np.ndarray, "64 64"]


def _blinking(relief: Relief) -> list[Float32[np.ndarray, "pose_dim"]]:
    """The portrait's pose while its eyes close, in steps."""
    blinks = [relief.space.index(name) for name, _, _ in EYES]
    return _stepped(relief.p_s, {blink: float(relief.space.upper[blink]) for blink in blinks}, LID_STEP)


def _looking(relief: Relief) -> list[Float32[np.ndarray, "pose_dim"]]:
    """The portrait's pose while its eyes look aside, as far as they can."""
    entries = np.flatnonzero(gazes(relief.space))
    return [p for entry in entries for p in _to_both_sides(relief, int(entry), LOOK, CHANGED[1])]


def _smiling(relief: Relief, share: float) -> list[Float32[np.ndarray, "pose_dim"]]:
    """The portrait's pose with a share of the broadest smile, while its mouth opens; none where it smiles already."""
    space, p = relief.space, with_shut_jaw(relief.p_s, relief.space)
    to_go = np.where(smiles(space), space.upper - p, 0)
    if JAW not in space.names or to_go.max() < LEAST_SMILE:
        return []
    p += np.float32(share) * to_go
    jaw = space.index(JAW)
    return [p, *_stepped(p, {jaw: WIDEST * float(space.upper[jaw])}, SMILING_STEP, SOONER)]


def _mouthing(relief: Relief) -> list[Float32[np.ndarray, "pose_dim"]]:
    """The portrait's pose while its mouth shuts, as far as it is open, and while it opens, in steps."""
    if JAW not in relief.space.names:
        return []
    jaw = relief.space.index(JAW)
    ends = float(with_shut_jaw(relief.p_s, relief.space)[jaw]), WIDEST * float(relief.space.upper[jaw])
    return [p for end in ends for p in _stepped(relief.p_s, {jaw: end}, JAW_STEP, SOONER)]


def _stepped(
    p: Float32[np.ndarray, "pose_dim"], ends: dict[int, float], step: float, power: float = 1.0
) -> list[Float32[np.ndarray, "pose_dim"]]:
    """A pose on its way to one where some entries are others; none where they hardly are."""
    way = np.zeros(len(p))
    for entry, end in ends.items():
        way[entry] = end - float(p[entry])
    longest = float(np.abs(way).max())
    count = max(round(longest / step), int(longest > CHANGED[0]))
    return [(p + way * share).astype(np.float32) for share in np.linspace(0, 1, 1 + count)[1:] ** power]


def _turned(relief: Relief) -> list[Float32[np.ndarray, "pose_dim"]]:
    """The portrait's pose turned to either side, as far as there is something to turn."""
    return _to_both_sides(relief, relief.space.index(ANGLES[0]), TURN_DEG, LEAST_TURN_DEG)


def _to_both_sides(relief: Relief, entry: int, way: float, least: float) -> list[Float32[np.ndarray, "pose_dim"]]:
    """The portrait's pose with less and with more of one entry; not where its limit leaves less than the least."""
    poses = []
    for change in (-way, way):
        p = relief.p_s.copy()
        p[entry] += change
        p = relief.space.soft_clip(p)
        if abs(p[entry] - relief.p_s[entry]) >= least:
            poses.append(p)
    return poses


def _eyes(relief: Relief, seen: _Seen) -> list[Opening | None]:
    """What each eye lacks in a pose when all other detail is there; None where it is as open as the portrait's."""
    changed = np.abs(seen.p - relief.p_s) > CHANGED[0]
    return [
        _opening(relief, seen, [relief.cutout.points[list(opening), :2]]) if changed[relief.space.index(name)] else None
        for name, opening, _ in EYES
    ]


def _mouth(relief: Relief, seen: _Seen) -> Opening:
    """What the mouth lacks in a pose when all other detail is there."""
    return _opening(relief, seen, [relief.points(seen.p)[list(INNER_LIPS)]])


def _look(relief: Relief, seen: _Seen) -> Opening:
    """What eyes lack that look aside."""
    points = relief.points(seen.p)
    return _opening(relief, seen, [points[list(opening)] for _, opening, _ in EYES])


def _opening(relief: Relief, seen: _Seen, edges: list[np.ndarray]) -> Opening:
    """What lies around the edges of openings, in sides of the crop."""
    window = _window(np.concatenate(edges))
    surface = relief.surface(CELLS, seen.p)
    eyes = (~surface.eyes).astype(np.float32)
    lids = blinks(relief.space)
    with_lids = np.moveaxis(surface.expression[lids], 0, 2)
    grown = continued(with_lids.reshape(CELLS, CELLS, -1), eyes).reshape(with_lids.shape)
    surface.expression[lids] = np.moveaxis(grown, 2, 0)
    colours = np.zeros((SIDE_PX, SIDE_PX, 3), np.float32)
    colours[window.pixels] = _fine(relief.paint(seen.p, window).rgba, window, seen.painted, COARSEST_PATCH)
    brightness = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    tint = _in_bytes(cv2.resize(colours - brightness[..., None], (CELLS * TINT_PER_CELL,) * 2, interpolation=_AREA))
    share = np.max([_around(edge, AROUND_OPENING) for edge in edges], 0) * surface.known
    cells = _bounds(share > LEAST_SHARE)
    return Opening(
        **_cut(_in_bytes(brightness - seen.fine), surface, share * ~surface.eyes, seen.p, cells),
        ball=(share * surface.eyes)[cells].astype(np.float32),
        tint=tint[_in_pixels(cells, TINT_PER_CELL)].copy(),
    )


def _side(relief: Relief, seen: _Seen) -> Patch | None:
    """What a turned head lacks where the portrait's own detail is not; None where it is everywhere."""
    view, surface = relief.paint(seen.p, _WHOLE), relief.surface(CELLS, seen.p)
    opaque = np.minimum(view.rgba[..., 3], cv2.resize(seen.painted[..., 3], (SIDE_PX, SIDE_PX)))
    clear = cv2.erode(relief.shown(seen.p, SIDE_PX) * (opaque / 255 > SURE), np.ones((CLEAR, CLEAR)))
    clear = cv2.GaussianBlur(clear, (0, 0), SOFT)
    share = surface.known * (1 - np.max([_around(view.points[list(opening)], AROUND) for _, opening in OPENINGS], 0))
    lacking = cv2.resize(clear, (CELLS, CELLS), interpolation=_AREA) * (1 - seen.believed) * share > LEAST_SHARE
    if not lacking.any():
        return None
    cells = _bounds(lacking)
    brightness = cv2.cvtColor(_fine(view.rgba, _WHOLE, seen.painted, COARSEST_PATCH), cv2.COLOR_RGB2GRAY)
    return Patch(**_cut(_in_bytes(brightness * clear), surface, share, seen.p, cells))


def _cut(
    residual: UInt8[np.ndarray, "512 512"],
    surface: Surface,
    share: Float32[np.ndarray, "64 64"],
    p: Float32[np.ndarray, "pose_dim"],
    cells: tuple[slice, slice],
) -> dict[str, np.ndarray]:
    """A patch, cut out of the crop."""
    return {
        "residual": residual[_in_pixels(cells, PER_CELL)].copy(),
        "X": surface.X[cells].copy(),
        "follow": surface.follow[cells],
        "expression": surface.expression[:, *cells].copy(),
        "share": share[cells].astype(np.float32),
        "p": p,
        "corner": np.array([part.start for part in reversed(cells)], np.uint8),
    }


def _bounds(cells: Bool[np.ndarray, "64 64"]) -> tuple[slice, slice]:
    """Rows and columns that hold them all; there are some."""
    rows, columns = (np.flatnonzero(cells.any(axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _in_pixels(cells: tuple[slice, slice], per_cell: int) -> tuple[slice, slice]:
    rows, columns = (slice(part.start * per_cell, part.stop * per_cell) for part in cells)
    return rows, columns


def _fine(
    truth: Float32[np.ndarray, "side side 4"], window: Window, painted: UInt8[np.ndarray, "r r 4"], coarsest: float
) -> Float32[np.ndarray, "side side 3"]:
    """What a part of a picture has and a painted one lacks, of RGB on scales finer than a share of the whole."""
    enlarged = cv2.resize(painted, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    lacking = (truth - enlarged[window.pixels])[..., :3]
    fine: Float32[np.ndarray, "side side 3"] = lacking - cv2.GaussianBlur(lacking, (0, 0), coarsest * SIDE_PX)
    return fine


def _window(edges: Float64[np.ndarray, "n 2"]) -> Window:
    """Of the crop, what is looked at around edges."""
    middle, reach = (edges.max(0) + edges.min(0)) / 2, np.ptp(edges, axis=0).max() / 2 + LOOKED_AT
    side = min(round(2 * reach * SIDE_PX), SIDE_PX)
    left, top = np.clip(np.rint(middle * SIDE_PX - side / 2), 0, SIDE_PX - side).astype(int).tolist()
    return Window(SIDE_PX, left, top, side)


def _in_bytes(residual: Float32[np.ndarray, "side side *n"]) -> UInt8[np.ndarray, "side side *n"]:
    return np.asarray(np.clip(NONE + residual, 0, 255).round(), np.uint8)


def _around(opening: np.ndarray, share: float) -> Float32[np.ndarray, "64 64"]:
    """An opening of the face and so much around it, in sides of the crop, with a soft edge."""
    mask = face_mask((opening * SIDE_PX).astype(np.float32), SIDE_PX).astype(np.float32)
    reach = round(share * SIDE_PX)
    grown = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
    soft = cv2.GaussianBlur(grown, (0, 0), reach)
    return np.asarray(cv2.resize(soft, (CELLS, CELLS), interpolation=cv2.INTER_AREA))
