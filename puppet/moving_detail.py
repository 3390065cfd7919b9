"""Detail of a portrait, moved as the portrait moves.

    picture(x) += v(s, p) residual(s)        s + d(s, p) = x
    d(s, p) = Π(X' + f (R R_sᵀ − 1)(X' − P)) − Π(X)        X' = X + E (p − p_s)

X is what the portrait shows, in space (puppet.detail), P the head's pivot, Π the perspective. For each place x of the
picture, s is found by fixed-point iteration, on a grid. v says how much of the detail is believed: none where the
surface is folded, or seen much larger or smaller than in the portrait, around an eye that closes, in one that also
looks aside, and around and between lips that part or meet.

Other residuals take over where there is none, found in the same way in other poses. Between and around lips and lids
they are those of the mouth opened and shut, with a smile and without, of eyes that close, one after the other, and of
eyes that look aside; they have colours too, since a generator that paints lips where teeth should be paints them red.
Of a head that turns they are those of the side that it shows, where v is less than 1.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Int8, UInt8

from puppet.bundle import Bundle
from puppet.detail import CELLS, NONE, TINT_PER_CELL, Detail, Opening, Part, Patch
from puppet.face_motion import ANGLES, EYES, rotation
from puppet.face_topology import INNER_LIPS
from puppet.groups import JAW, gazes, smiles
from puppet.perspective import lifted, projected
from puppet.pose_space import PoseSpace
from puppet.signed import WHOLE, signed

OPENINGS = (*((name, opening) for name, opening, _ in EYES), (JAW, INNER_LIPS))
"""What opens and shuts, and by which entry of p; a pose space may lack the last one."""

CHANGED = (0.1, 0.35)
"""How far such an entry is from the portrait's own when the detail there begins to fade, and is gone."""

BEYOND = (1.2, 1.7)
"""How far eyes look, in shares of the way to where their detail was found, when that of their balls begins to fade, and
is gone."""

ITERATIONS = 6

FINER = 3
"""Points of a picture that are known along each side of a pixel, between cubic splines. The nearest one is seen: so a
picture stays sharper than between lines, and is warped in half the time. Odd, so that what has not moved is itself."""

LEAST = 0.5 / WHOLE
"""A share that is less than this is rounded to nothing."""

_EDGE = cv2.BORDER_REPLICATE
_ALL = np.ones(1, np.float32)

MISSED = (0.1, 0.7)
"""How far, in cells, a place may be from where its s comes to."""

SMALLER, LARGER = (0.35, 0.65), (1.7, 2.5)
"""How small and how large a part of the portrait a part of the picture may be, of the same area: from where on detail
fades out, and in."""

TURNED_DEG = (3.0, 8.0)
"""From how far a head is turned on its side's detail fades in, and is there."""


class Layers(NamedTuple):
    """Detail over the crop.

    Attributes:
        fine: Of brightness.
        tint: Of colours; its fourth channel is 0. None where they lack nothing.
        believed: v, of the portrait's own, in each cell.
    """

    fine: Int8[np.ndarray, "512 512"]
    tint: Int8[np.ndarray, "256 256 4"] | None
    believed: Float32[np.ndarray, "64 64"]


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
        entries = [[space.index(name)] if name in space.names else [] for name, _ in OPENINGS]
        self._openings = [
            _MovingOpening(patches, entry, space, self._p_s, pivot)
            for patches, entry in zip(detail.openings[: len(OPENINGS)], entries, strict=True)
        ]
        self._gaze = gazes(space)
        self._looks = [_opened(look, space, pivot) for look in detail.looks]
        self._looking = np.array([(look.p - self._p_s) * self._gaze for look in detail.looks]).reshape(-1, space.dim)
        smiling = [patches for patches in detail.openings[len(OPENINGS) :] if patches]
        self._smiles = [
            _MovingOpening(patches, entries[-1], space, self._p_s, pivot, is_own=False) for patches in smiling
        ]
        ways = np.array([(first.p - self._p_s) * smiles(space) for first, *_ in smiling]).reshape(-1, space.dim)
        self._smiling = ways[-1:]
        self._serious = _Hats(np.array([0.0, *(_along(way, self._smiling).sum() for way in ways)]))
        self._others = [*chain(*(opening.patches for opening in (*self._openings, *self._smiles))), *self._looks]
        self._tint = np.empty((CELLS * TINT_PER_CELL, CELLS * TINT_PER_CELL, 4), np.int8)
        self._yaw = space.index(ANGLES[0])
        self._sides = [_MovingPatch(side, space, pivot, side.share[None], [side.residual]) for side in detail.sides]

    def layers(self, p: Float32[np.ndarray, "pose_dim"]) -> Layers:
        """The detail over the crop; borrowed until the next call.

        Args:
            p: The portrait's pose.
        """
        change = p - self._p_s
        gaze = float(_fading(np.abs(change[self._gaze]).max(initial=0), CHANGED))
        (right, *of_right), (left, *of_left), (lips, *of_lips) = (opening.shares(change) for opening in self._openings)
        way = _along(change, self._looking)
        ahead, of_looks = max(1 - way.sum(), 0.0), way / max(way.sum(), 1.0)
        ball, beyond = (ahead if self._looks else gaze), float(_fading(way.sum(), BEYOND))
        serious, *smiling = self._serious.shares(float(_along(change, self._smiling).sum()))
        of_lips = [serious * share for share in of_lips]
        for smile, opening in zip(smiling, self._smiles, strict=True):
            of_lips += [smile * share for share in opening.shares(change)]
        factors = np.array([1, right * ahead, left * ahead, serious * lips, right * ball, left * ball], np.float32)
        (fine,), believed = self._whole.seen(self._whole.moved(p), factors)
        for side in self._sides:
            turned = float(change[self._yaw]) * np.sign(side.p[self._yaw] - self._p_s[self._yaw])
            if turned > TURNED_DEG[0]:
                side.put([fine], p, _ALL, (1 - _fading(turned, TURNED_DEG)) * (1 - believed))
        shares = [(share, share * gaze) for share in (*of_right, *of_left, *of_lips)]
        shares += [(min(right, left) * share, min(right, left) * share * beyond) for share in of_looks]
        seen = [(patch, share) for patch, share in zip(self._others, shares, strict=True) if share[0] > LEAST]
        if seen:
            self._tint[...] = 0
        for patch, share in seen:
            patch.put([fine, self._tint], p, np.array(share, np.float32))
        return Layers(fine, self._tint if seen else None, believed)


class _Hats:
    """Peaks on a line that share every value: the two beside it do, and the outermost keep all beyond."""

    def __init__(self, peaks: Float64[np.ndarray, "n"]) -> None:
        """Take where they are, in any order."""
        self._order = np.argsort(peaks).tolist()
        self._peaks = sorted(peaks.tolist())

    def shares(self, value: float) -> list[float]:
        """How much each peak has of a value."""
        out = [0.0] * len(self._peaks)
        after = bisect_left(self._peaks, value)
        if 0 < after < len(out):
            low, high = self._peaks[after - 1 : after + 1]
            out[self._order[after]] = (value - low) / (high - low)
            out[self._order[after - 1]] = (high - value) / (high - low)
        else:
            out[self._order[min(after, len(out) - 1)]] = 1.0
        return out


class _MovingOpening:
    """Lids or lips, as far open as the portrait's and otherwise."""

    def __init__(
        self,
        openings: tuple[Opening, ...],
        entries: list[int],
        space: PoseSpace,
        p_s: Float32[np.ndarray, "pose_dim"],
        pivot: Float32[np.ndarray, "3"],
        *,
        is_own: bool = True,
    ) -> None:
        """Make all buffers.

        Args:
            openings: Those that are open otherwise.
            entries: Of p, that open it: one, or none.
            space: The bundle's pose space.
            p_s: The portrait's own pose.
            pivot: P, as a portrait shows it.
            is_own: The portrait's own detail is that of one more, which is as far open as the portrait's.
        """
        self._entries = entries
        self.patches = [_opened(patch, space, pivot) for patch in openings]
        own = [0.0] if is_own else []
        self._hats = _Hats(np.array([*own, *((patch.p - p_s)[entries].sum() for patch in openings)]))

    def shares(self, change: Float32[np.ndarray, "pose_dim"]) -> list[float]:
        """How much of its detail is the portrait's own, if any is, and each patch's.

        Args:
            change: p − p_s.
        """
        opened = float(change[self._entries].sum())
        return self._hats.shares(opened) if self.patches else [float(_fading(np.abs(opened), CHANGED))]


class _Moving:
    """A surface that moves, and pictures on it."""

    def __init__(
        self,
        part: Part,
        space: PoseSpace,
        p_own: Float32[np.ndarray, "pose_dim"],
        pivot: Float32[np.ndarray, "3"],
        shares: Float32[np.ndarray, "n h w"],
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
        height, width = part.follow.shape
        self._shares, self._space, self._p_own = shares, space, p_own
        self._back = rotation(p_own, space).T
        self._X, self._E = part.X, part.expression
        self._follow = part.follow[..., None]
        self._flat = projected(self._X)[..., :2]
        self._pivot = lifted(pivot)
        self._places = _grid(width, height)
        self._pictures = [_Warped(picture, len(picture) // height) for picture in pictures]

    def seen(
        self,
        d: Float32[np.ndarray, "h w 2"],
        factors: Float32[np.ndarray, "n"],
        wanted: Float32[np.ndarray, "h w"] | float = 1.0,
    ) -> tuple[list[Int8[np.ndarray, "height width *channels"]], Float32[np.ndarray, "h w"]]:
        """The pictures as they are seen, and v; borrowed until the next call.

        Args:
            d: How far each cell has moved, in cells.
            factors: How much of each share is kept.
            wanted: How much is wanted where something has come to.
        """
        at, missed = self._found(d)
        back = at - self._places
        across, down = (cv2.Sobel(back, -1, x, 1 - x, ksize=1, scale=0.5, borderType=_EDGE) for x in (1, 0))
        area = (1 + across[..., 0]) * (1 + down[..., 1]) - across[..., 1] * down[..., 0]
        kept = np.einsum("n,nyx->yx", factors, self._shares)
        believed = _at(kept, at, cv2.BORDER_CONSTANT) * _fading(missed, MISSED)
        believed *= (1 - _fading(area, SMALLER)) * _fading(area, LARGER) * wanted
        return [picture.warped(back, believed) for picture in self._pictures], believed

    def moved(self, p: Float32[np.ndarray, "pose_dim"]) -> Float32[np.ndarray, "h w 2"]:
        """d, in cells.

        Args:
            p: The portrait's pose.
        """
        # Without BLAS, whose threads would wait for each other beside the engine's.
        X = self._X + np.einsum("k,kyxi->yxi", p - self._p_own, self._E)
        turn = rotation(p, self._space) @ self._back - np.eye(3)
        X += self._follow * cv2.transform(X, np.column_stack([turn, -turn @ self._pivot]))
        d: Float32[np.ndarray, "h w 2"] = (projected(X)[..., :2] - self._flat) * np.float32(CELLS)
        return d

    def _found(
        self, d: Float32[np.ndarray, "h w 2"]
    ) -> tuple[Float32[np.ndarray, "h w 2"], Float32[np.ndarray, "h w"]]:
        """For each cell its s, in cells, and by how much that misses it."""
        at = self._places
        for _ in range(ITERATIONS):
            before, at = at, self._places - _at(d, at, _EDGE)
        return at, np.linalg.norm(at - before, axis=2)


class _MovingPatch:
    """A patch that travels with what it shows."""

    def __init__(
        self,
        patch: Patch,
        space: PoseSpace,
        pivot: Float32[np.ndarray, "3"],
        shares: Float32[np.ndarray, "n h w"],
        pictures: list[np.ndarray],
    ) -> None:
        """Make all buffers; the arguments are those of `_Moving`."""
        self.p, self._corner = patch.p, patch.corner
        self._moving = _Moving(patch, space, patch.p, pivot, shares, pictures)

    def put(
        self,
        layers: list[Int8[np.ndarray, "side side *n"]],
        p: Float32[np.ndarray, "pose_dim"],
        factors: Float32[np.ndarray, "n"],
        wanted: Float32[np.ndarray, "64 64"] | None = None,
    ) -> None:
        """Add its pictures to layers over the crop, where the patch has come to.

        Args:
            layers: One for each of its pictures.
            p: The portrait's pose.
            factors: How much of each share is kept.
            wanted: How much is wanted where in the crop; None wants it everywhere.
        """
        d = self._moving.moved(p)
        shift = np.rint(d[len(d) // 2, d.shape[1] // 2])
        corner = self._corner + shift
        there: np.ndarray | float = 1.0
        if wanted is not None:
            where = np.column_stack([np.eye(2), corner])
            there = cv2.warpAffine(wanted, where, d.shape[1::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
        seen, _ = self._moving.seen(d - shift, factors, there)
        for layer, picture in zip(layers, seen, strict=True):
            _put(picture, layer, corner.astype(int))


def _opened(opening: Opening, space: PoseSpace, pivot: Float32[np.ndarray, "3"]) -> _MovingPatch:
    """Brightness and colours of an opening, and its shares: what stays, and the eye's ball."""
    shares, pictures = np.stack([opening.share, opening.ball]), [opening.residual, _opaque(opening.tint)]
    return _MovingPatch(opening, space, pivot, shares, pictures)


class _Warped:
    """A picture, warped with a grid's cells."""

    def __init__(self, picture: UInt8[np.ndarray, "height width *channels"], per_cell: int) -> None:
        height, width = picture.shape[:2]
        finer = cv2.resize(picture, (width * FINER, height * FINER), interpolation=cv2.INTER_CUBIC)
        self._own, self._per_cell = signed(finer), per_cell * FINER
        self._pixels = _grid(width, height) * FINER + FINER // 2
        self._map = np.empty_like(self._pixels)
        self._moved, self._weight, self._seen = (np.empty(picture.shape, np.int8) for _ in range(3))

    def warped(
        self, back: Float32[np.ndarray, "h w 2"], believed: Float32[np.ndarray, "h w"]
    ) -> Int8[np.ndarray, "height width *channels"]:
        """What it has become, as far as it is believed; borrowed until the next call.

        Args:
            back: From each cell to where it was, in cells.
            believed: How much it is.
        """
        size = self._seen.shape[1::-1]
        cv2.resize(back * np.float32(self._per_cell), size, dst=self._map)
        cv2.add(self._map, self._pixels, dst=self._map)
        cv2.remap(self._own, self._map, None, cv2.INTER_NEAREST, dst=self._moved, borderMode=cv2.BORDER_CONSTANT)
        weight = np.rint(believed * WHOLE).astype(np.uint8)
        channels = self._seen.size // (size[0] * size[1])
        cv2.resize(np.dstack([weight] * channels), size, dst=self._weight.view(np.uint8))
        cv2.multiply(self._moved, self._weight, dst=self._seen, scale=1 / WHOLE)
        return self._seen


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


def _put(part: Int8[np.ndarray, "h w *n"], layer: Int8[np.ndarray, "side side *n"], corner: np.ndarray) -> None:
    """Add a part to a layer; it begins in one of its cells, and may lie partly outside."""
    first = corner * (len(layer) // CELLS)
    begin, end = (np.clip(edge, 0, len(layer)) for edge in (first, first + part.shape[1::-1]))
    if (begin < end).all():
        (left, top), (right, bottom) = begin - first, end - first
        place = layer[begin[1] : end[1], begin[0] : end[0]]
        cv2.add(place, part[top:bottom, left:right], dst=place)


def _opaque(tint: UInt8[np.ndarray, "side side 3"]) -> UInt8[np.ndarray, "side side 4"]:
    """With a fourth channel that changes nothing."""
    return np.dstack([tint, np.full_like(tint[..., 0], NONE)])


def _grid(width: int, height: int) -> Float32[np.ndarray, "height width 2"]:
    """Each place's own x and y."""
    return np.stack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), axis=-1)


def _at(values: np.ndarray, places: Float32[np.ndarray, "64 64 2"], border: int) -> np.ndarray:
    """A grid's values between its cells."""
    return np.asarray(cv2.remap(values, places, None, cv2.INTER_LINEAR, borderMode=border))


def _fading(value: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    """1 up to the first end, 0 from the second one on."""
    return np.asarray(np.clip((ends[1] - value) / (ends[1] - ends[0]), 0, 1), np.float32)


def _along(
    change: Float32[np.ndarray, "pose_dim"], ways: Float32[np.ndarray, "n pose_dim"]
) -> Float64[np.ndarray, "n"]:
    """How much of each way a change goes; backwards nothing, and nothing of what is no way."""
    length = np.maximum(np.square(ways).sum(1), 1e-6)
    return np.asarray(np.maximum(np.einsum("ni,i->n", ways, change) / length, 0), np.float64)
