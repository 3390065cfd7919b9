"""Detail of a portrait, moved as the portrait moves.

    picture(x) += v(s, p) residual(s)        s + d(s, p) = x
    d(s, p) = Π(X' + f (R R_sᵀ − 1)(X' − P)) − Π(X)        X' = X + E (p − p_s)

X is what the portrait shows, in space (puppet.detail), P the head's pivot, Π the perspective. For each place x of the
picture, s is found by fixed-point iteration, on a grid. v says how much of the detail is believed: none where the
surface is folded, or seen much larger or smaller than in the portrait, around an eye that closes, in one that also
looks aside, and around and between lips that part or meet. There other residuals take over, one after the other: those
of the mouth opened and shut. They have colours too: a generator that paints lips where teeth should be paints them red.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from puppet.bundle import Bundle
from puppet.detail import CELLS, MOUTH_CELLS, NONE, TINT_PER_CELL, Detail, Part
from puppet.face_motion import EYES, rotation
from puppet.face_topology import INNER_LIPS
from puppet.groups import JAW, gazes
from puppet.perspective import lifted, projected
from puppet.pose_space import PoseSpace

OPENINGS = (*((name, opening) for name, opening, _ in EYES), (JAW, INNER_LIPS))
"""What opens and shuts, and by which entry of p; a pose space may lack the last one."""

CHANGED = (0.1, 0.35)
"""How far such an entry is from the portrait's own when the detail there begins to fade, and is gone."""

ITERATIONS = 6

_EDGE = cv2.BORDER_REPLICATE

MISSED = (0.1, 0.7)
"""How far, in cells, a place may be from where its s comes to."""

SMALLER, LARGER = (0.35, 0.65), (1.7, 2.5)
"""How small and how large a part of the portrait a part of the picture may be, of the same area: from where on detail
fades out, and in."""


class Layers(NamedTuple):
    """Detail over the crop, in bytes around NONE.

    Attributes:
        fine: Of brightness.
        tint: Of colours; its fourth channel is NONE. None where they lack nothing.
    """

    fine: UInt8[np.ndarray, "512 512"]
    tint: UInt8[np.ndarray, "256 256 4"] | None


class MovingDetail:
    """Detail in any pose. Belongs to one thread."""

    def __init__(
        self,
        detail: Detail,
        space: PoseSpace,
        p_s: Float32[np.ndarray, "pose_dim"],
        pivot: Float32[np.ndarray, "3"],
    ) -> None:
        """Make all buffers.

        Args:
            detail: The portrait's.
            space: The bundle's pose space.
            p_s: The portrait's own pose.
            pivot: P, as a portrait shows it.
        """
        self._p_s = space.soft_clip(p_s)
        self._whole = _Moving(detail, space, self._p_s, pivot, detail.shares, [detail.residual])
        self._openings = [[space.index(name)] if name in space.names else [] for name, _ in OPENINGS]
        self._gaze = gazes(space)
        self._mouths = [
            (
                _Moving(mouth, space, mouth.p, pivot, mouth.share[None], [mouth.residual, _opaque(mouth.tint)]),
                mouth.corner,
            )
            for mouth in detail.mouths
        ]
        jaw = self._openings[-1]
        self._opened = np.array([0.0, *(float((mouth.p - self._p_s)[jaw].sum()) for mouth in detail.mouths)])
        self._tint = np.empty((CELLS * TINT_PER_CELL, CELLS * TINT_PER_CELL, 4), np.uint8)

    def layers(self, p: Float32[np.ndarray, "pose_dim"]) -> Layers:
        """The detail over the crop; borrowed until the next call.

        Args:
            p: The portrait's pose.
        """
        change = p - self._p_s
        right, left, lips, gaze = (
            float(_fading(np.abs(change[entries]).max(initial=0), CHANGED)) for entries in (*self._openings, self._gaze)
        )
        own, *shares = _hats(float(change[self._openings[-1]].sum()), self._opened)
        factors = np.array([1, right, left, own if shares else lips, right * gaze, left * gaze], np.float32)
        (fine,) = self._whole.seen(self._whole.moved(p), factors)
        seen = [(*mouth, share) for mouth, share in zip(self._mouths, shares, strict=True) if share > 0]
        if not seen:
            return Layers(fine, None)
        self._tint[...] = NONE
        for mouth, corner, share in seen:
            d = mouth.moved(p)
            shift = np.rint(d[MOUTH_CELLS // 2, MOUTH_CELLS // 2])
            parts = mouth.seen(d - shift, np.array([share], np.float32))
            for part, layer in zip(parts, (fine, self._tint), strict=True):
                _put(part, layer, corner + shift.astype(int))
        return Layers(fine, self._tint)


class _Moving:
    """A surface that moves, and pictures on it."""

    def __init__(
        self,
        part: Part,
        space: PoseSpace,
        p_own: Float32[np.ndarray, "pose_dim"],
        pivot: Float32[np.ndarray, "3"],
        shares: Float32[np.ndarray, "n g g"],
        pictures: list[np.ndarray],
    ) -> None:
        """Make all buffers.

        Args:
            part: The surface.
            space: The bundle's pose space.
            p_own: The pose in which nothing has moved.
            pivot: P, as a portrait shows it.
            shares: How much of each cell's detail goes with what.
            pictures: Over the surface, in bytes around NONE.
        """
        cells = len(part.X)
        self._shares, self._space, self._p_own = shares, space, p_own
        self._back = rotation(p_own, space).T
        self._X, self._E = part.X, part.expression
        self._follow = part.follow[..., None]
        self._flat = projected(self._X)[..., :2]
        self._pivot = lifted(pivot)
        self._places = _grid(cells)
        self._pictures = [_Warped(picture, cells) for picture in pictures]

    def seen(self, d: Float32[np.ndarray, "g g 2"], factors: Float32[np.ndarray, "n"]) -> list[np.ndarray]:
        """The pictures as they are seen, in bytes around NONE; borrowed until the next call.

        Args:
            d: How far each cell has moved, in cells.
            factors: How much of each share is kept.
        """
        at, missed = self._found(d)
        back = at - self._places
        across, down = (cv2.Sobel(back, -1, x, 1 - x, ksize=1, scale=0.5, borderType=_EDGE) for x in (1, 0))
        area = (1 + across[..., 0]) * (1 + down[..., 1]) - across[..., 1] * down[..., 0]
        kept = np.einsum("n,nyx->yx", factors, self._shares)
        believed = _at(kept, at, cv2.BORDER_CONSTANT) * _fading(missed, MISSED)
        believed *= (1 - _fading(area, SMALLER)) * _fading(area, LARGER)
        return [picture.seen(back, believed) for picture in self._pictures]

    def moved(self, p: Float32[np.ndarray, "pose_dim"]) -> Float32[np.ndarray, "g g 2"]:
        """d, in cells.

        Args:
            p: The portrait's pose.
        """
        # Without BLAS, whose threads would wait for each other beside the engine's.
        X = self._X + np.einsum("k,kyxi->yxi", p - self._p_own, self._E)
        turn = rotation(p, self._space) @ self._back - np.eye(3)
        X += self._follow * cv2.transform(X, np.column_stack([turn, -turn @ self._pivot]))
        d: Float32[np.ndarray, "g g 2"] = (projected(X)[..., :2] - self._flat) * np.float32(CELLS)
        return d

    def _found(
        self, d: Float32[np.ndarray, "g g 2"]
    ) -> tuple[Float32[np.ndarray, "g g 2"], Float32[np.ndarray, "g g"]]:
        """For each cell its s, in cells, and by how much that misses it."""
        at = self._places
        for _ in range(ITERATIONS):
            before, at = at, self._places - _at(d, at, _EDGE)
        return at, np.linalg.norm(at - before, axis=2)


class _Warped:
    """A picture, warped with a grid's cells."""

    def __init__(self, picture: UInt8[np.ndarray, "side side *channels"], cells: int) -> None:
        side_px = len(picture)
        self._picture, self._per_cell, self._pixels = picture, side_px // cells, _grid(side_px)
        self._none = np.full_like(picture, NONE)
        self._warped, self._out = np.empty((2, *picture.shape), np.uint8)
        self._map = np.empty((side_px, side_px, 2), np.float32)
        self._believed, self._doubted = np.empty((2, side_px, side_px), np.float32)

    def seen(
        self, back: Float32[np.ndarray, "g g 2"], believed: Float32[np.ndarray, "g g"]
    ) -> UInt8[np.ndarray, "side side *channels"]:
        """It, where it has come to, as far as it is believed; borrowed until the next call.

        Args:
            back: From each cell to where it was, in cells.
            believed: How much it is.
        """
        size = self._believed.shape
        cv2.resize(back * np.float32(self._per_cell), size, dst=self._map)
        cv2.add(self._map, self._pixels, dst=self._map)
        cv2.resize(believed, size, dst=self._believed)
        np.subtract(1, self._believed, out=self._doubted)
        cv2.remap(
            self._picture, self._map, None, cv2.INTER_LINEAR,
            dst=self._warped, borderMode=cv2.BORDER_CONSTANT, borderValue=(NONE,) * 4,
        )  # fmt: skip
        return np.asarray(cv2.blendLinear(self._warped, self._none, self._believed, self._doubted, dst=self._out))


def add_change(picture: UInt8[np.ndarray, "height width *n"], change: UInt8[np.ndarray, "height width *n"]) -> None:
    """Add bytes around NONE to a picture of up to four channels, in place."""
    none = (NONE,) * 4
    cv2.add(picture, cv2.subtract(change, none), dst=picture)
    cv2.subtract(picture, cv2.subtract(none, change), dst=picture)


def moving_detail(bundle: Bundle, detail: Detail | None, p_s: Float32[np.ndarray, "pose_dim"]) -> MovingDetail | None:
    """A portrait's detail in the hands of whoever composes its pictures; None where there is none.

    Args:
        bundle: The model that it was enrolled with.
        detail: The portrait's.
        p_s: Its pose.
    """
    if detail is None or bundle.face_motion is None:
        return None
    return MovingDetail(detail, bundle.pose_space, p_s, bundle.face_motion.pivot)


def _put(part: UInt8[np.ndarray, "part part *n"], layer: UInt8[np.ndarray, "side side *n"], corner: np.ndarray) -> None:
    """Add a part to a layer that begins in one of its cells, and may lie partly outside; both around NONE."""
    first = corner * (len(layer) // CELLS)
    begin, end = (np.clip(edge, 0, len(layer)) for edge in (first, first + len(part)))
    if (begin < end).all():
        (left, top), (right, bottom) = begin - first, end - first
        add_change(layer[begin[1] : end[1], begin[0] : end[0]], part[top:bottom, left:right])


def _opaque(tint: UInt8[np.ndarray, "side side 3"]) -> UInt8[np.ndarray, "side side 4"]:
    """With a fourth channel that changes nothing."""
    return np.dstack([tint, np.full_like(tint[..., 0], NONE)])


def _grid(side: int) -> Float32[np.ndarray, "side side 2"]:
    """Each place's own x and y."""
    return np.stack(np.meshgrid(*(np.arange(side, dtype=np.float32),) * 2), axis=-1)


def _at(values: np.ndarray, places: Float32[np.ndarray, "64 64 2"], border: int) -> np.ndarray:
    """A grid's values between its cells."""
    return np.asarray(cv2.remap(values, places, None, cv2.INTER_LINEAR, borderMode=border))


def _fading(value: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    """1 up to the first end, 0 from the second one on."""
    return np.asarray(np.clip((ends[1] - value) / (ends[1] - ends[0]), 0, 1), np.float32)


def _hats(value: float, peaks: Float64[np.ndarray, "n"]) -> Float64[np.ndarray, "n"]:
    """How much each of some peaks has of a value: it is shared by the two beside it; the outermost keep all beyond."""
    order = np.argsort(peaks)
    return np.array([np.interp(value, peaks[order], share[order]) for share in np.eye(len(peaks))])
