"""Detail of a portrait that is finer than what its generator paints, moved as the portrait moves.

    picture(x) += v(s, p) residual(s)        s + d(s, p) = x
    d(s, p) = Π(X' + f (R R_sᵀ − 1)(X' − P)) − Π(X)        X' = X + E (p − p_s)

The residual is the brightness that the portrait has and its pivot lacks, on fine scales (puppet.residual). X is what
the portrait shows, in space (puppet.relief.Surface), P the head's pivot, Π the perspective. For each place x of the
picture, s is found by fixed-point iteration, on a grid. v says how much of the detail is believed: none where the
surface is folded, or seen much larger or smaller than in the portrait, around an eye that closes, in one that also
looks aside, around lips that part or meet, and in the mouth. Around lips that part, and between them, other residuals
take over, found in the same way on the relief's views of the opened mouth.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8
from safetensors import SafetensorError
from safetensors.numpy import load, save

from puppet.bundle import Bundle
from puppet.errors import AvatarError
from puppet.face_motion import EYES, FURTHEST, rotation
from puppet.face_topology import INNER_LIPS
from puppet.groups import JAW, gazes
from puppet.perspective import lifted, projected
from puppet.pose_space import PoseSpace

SIDE_PX = 512
"""Sides of the residual."""

CELLS = 64
"""Of the grid, along each side."""

PER_CELL = SIDE_PX // CELLS
"""Pixels of the residual along each side of a cell."""

MOUTH_CELLS = 28
"""Along each side of the square that holds a mouth."""

MOST_MOUTHS = 4
"""As many a portrait may have detail of."""

LARGEST = 90.0
"""No entry of a stored pose is larger: an angle in degrees."""

NONE = 128
"""What the residual holds where nothing is lacking."""

OPENINGS = (*((name, opening) for name, opening, _ in EYES), (JAW, INNER_LIPS))
"""What opens and shuts, and by which entry of p; a pose space may lack the last one."""

CHANGED = (0.1, 0.35)
"""How far such an entry is from the portrait's own when the detail there begins to fade, and is gone."""

SHARES = 6
"""Parts of a face whose detail fades by itself: all else, lids and lashes of the right and the left eye, lips, and the
balls of the right and the left eye."""

LIPS = 3
"""Which of them the lips are."""

ITERATIONS = 6

_EDGE = cv2.BORDER_REPLICATE

MISSED = (0.1, 0.7)
"""How far, in cells, a place may be from where its s comes to."""

SMALLER, LARGER = (0.35, 0.65), (1.7, 2.5)
"""How small and how large a part of the portrait a part of the picture may be, of the same area: from where on detail
fades out, and in."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A residual and the surface that it lies on.

    Attributes:
        residual: In bytes, NONE where nothing is lacking.
        X: Points of the surface, in sides of the crop.
        follow: f.
        expression: E.
    """

    residual: UInt8[np.ndarray, "side side"]
    X: Float32[np.ndarray, "g g 3"]
    follow: Float32[np.ndarray, "g g"]
    expression: Float32[np.ndarray, "pose_dim g g 3"]


@dataclass(frozen=True, slots=True, eq=False)
class Mouth(Part):
    """Detail of a mouth with another opening than the portrait's, over a square of the crop; 224² pixels, 28² points.

    Attributes:
        share: How much of each cell's detail it is.
        p: The pose in which it was found: the portrait's own, but for the jaw.
        corner: The square's first column and row, in cells of the crop.
    """

    share: Float32[np.ndarray, "28 28"]
    p: Float32[np.ndarray, "pose_dim"]
    corner: UInt8[np.ndarray, "2"]


@dataclass(frozen=True, slots=True, eq=False)
class Detail(Part):
    """What is stored of it, over the crop; 512² pixels, 64² points.

    Attributes:
        shares: How much of each cell's detail goes with which part of the face; see SHARES.
        mouths: That of the mouth with other openings than its own; none in avatars of before.
    """

    shares: Float32[np.ndarray, "6 64 64"]
    mouths: tuple[Mouth, ...] = ()


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
        self._whole = _Moving(detail, detail.shares, space, self._p_s, pivot)
        self._openings = [[space.index(name)] if name in space.names else [] for name, _ in OPENINGS]
        self._gaze = gazes(space)
        self._mouths = [
            (_Moving(mouth, mouth.share[None], space, mouth.p, pivot), mouth.corner.astype(int))
            for mouth in detail.mouths
        ]
        jaw = self._openings[-1]
        self._opened = np.array([0.0, *(float((mouth.p - self._p_s)[jaw].sum()) for mouth in detail.mouths)])

    def layer(self, p: Float32[np.ndarray, "pose_dim"]) -> UInt8[np.ndarray, "512 512"]:
        """The detail over the crop, in bytes around NONE; borrowed until the next call.

        Args:
            p: The portrait's pose.
        """
        change = p - self._p_s
        right, left, lips, gaze = (
            float(_fading(np.abs(change[entries]).max(initial=0), CHANGED)) for entries in (*self._openings, self._gaze)
        )
        own, *shares = _hats(float(change[self._openings[-1]].sum()), self._opened)
        factors = np.array([1, right, left, own if shares else lips, right * gaze, left * gaze], np.float32)
        out = self._whole.seen(self._whole.moved(p), factors)
        for (mouth, corner), share in zip(self._mouths, shares, strict=True):
            if share > 0:
                self._put(out, mouth, corner, p, share)
        return out

    def _put(
        self,
        out: UInt8[np.ndarray, "512 512"],
        mouth: _Moving,
        corner: np.ndarray,
        p: Float32[np.ndarray, "pose_dim"],
        share: float,
    ) -> None:
        """Add so much of a mouth's detail, where the mouth has come to."""
        d = mouth.moved(p)
        shift = np.rint(d[MOUTH_CELLS // 2, MOUTH_CELLS // 2])
        fine = mouth.seen(d - shift, np.array([share], np.float32))
        first = (corner + shift.astype(int)) * PER_CELL
        begin = np.clip(first, 0, SIDE_PX)
        end = np.clip(first + len(fine), 0, SIDE_PX)
        if (begin >= end).any():
            return
        (left, top), (right, bottom) = begin - first, end - first
        fine, there = fine[top:bottom, left:right], out[begin[1] : end[1], begin[0] : end[0]]
        cv2.add(there, cv2.subtract(fine, NONE), dst=there)
        cv2.subtract(there, cv2.subtract(NONE, fine), dst=there)


class _Moving:
    """A residual and its surface, moved."""

    def __init__(
        self,
        part: Part,
        shares: Float32[np.ndarray, "n g g"],
        space: PoseSpace,
        p_own: Float32[np.ndarray, "pose_dim"],
        pivot: Float32[np.ndarray, "3"],
    ) -> None:
        """Make all buffers.

        Args:
            part: The residual and its surface.
            shares: How much of each cell's detail goes with what.
            space: The bundle's pose space.
            p_own: The pose in which nothing has moved.
            pivot: P, as a portrait shows it.
        """
        side_px, cells = len(part.residual), len(part.X)
        self._residual, self._shares, self._space, self._p_own = part.residual, shares, space, p_own
        self._back = rotation(p_own, space).T
        self._X, self._E = part.X, part.expression
        self._follow = part.follow[..., None]
        self._flat = projected(self._X)[..., :2]
        self._pivot = lifted(pivot)
        self._places, self._pixels = (
            np.stack(np.meshgrid(*(np.arange(side, dtype=np.float32),) * 2), axis=-1) for side in (cells, side_px)
        )
        self._none = np.full_like(part.residual, NONE)
        self._warped, self._out = np.empty((2, side_px, side_px), np.uint8)
        self._map = np.empty((side_px, side_px, 2), np.float32)
        self._believed, self._doubted = np.empty((2, side_px, side_px), np.float32)

    def seen(
        self, d: Float32[np.ndarray, "g g 2"], factors: Float32[np.ndarray, "n"]
    ) -> UInt8[np.ndarray, "side side"]:
        """The residual as it is seen, in bytes around NONE; borrowed until the next call.

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
        size = self._out.shape
        cv2.resize(back * np.float32(PER_CELL), size, dst=self._map)
        cv2.add(self._map, self._pixels, dst=self._map)
        cv2.resize(believed, size, dst=self._believed)
        np.subtract(1, self._believed, out=self._doubted)
        cv2.remap(
            self._residual, self._map, None, cv2.INTER_LINEAR,
            dst=self._warped, borderMode=cv2.BORDER_CONSTANT, borderValue=NONE,
        )  # fmt: skip
        return np.asarray(cv2.blendLinear(self._warped, self._none, self._believed, self._doubted, dst=self._out))

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


def grid_shapes(pose_dim: int) -> dict[str, tuple[int, ...]]:
    """Of all that is stored but the residual."""
    return {**_surface_shapes(CELLS, pose_dim), "shares": (SHARES, CELLS, CELLS)}


def mouth_shapes(pose_dim: int) -> dict[str, tuple[int, ...]]:
    """Of all that is stored of a mouth but its residual and its corner."""
    return {**_surface_shapes(MOUTH_CELLS, pose_dim), "share": (MOUTH_CELLS, MOUTH_CELLS), "p": (pose_dim,)}


def encode_detail(detail: Detail) -> bytes:
    """As a safetensors file."""
    pose_dim = len(detail.expression)
    tensors = {"residual": detail.residual, **_halves(detail, grid_shapes(pose_dim))}
    for i, mouth in enumerate(detail.mouths):
        parts = {"residual": mouth.residual, "corner": mouth.corner, **_halves(mouth, mouth_shapes(pose_dim))}
        tensors |= {f"mouth{i}.{name}": tensor for name, tensor in parts.items()}
    content: bytes = save(tensors)
    return content


def decode_detail(content: bytes, pose_dim: int) -> Detail:
    """Read it back.

    Raises:
        AvatarError: It holds something else, or what is no number.
    """
    try:
        tensors = load(content)
    except (SafetensorError, TypeError, KeyError, ValueError) as error:
        raise AvatarError(f"the avatar's detail is damaged: {error}") from error
    shapes, of_mouth = grid_shapes(pose_dim), mouth_shapes(pose_dim)
    names = [f"mouth{i}." for i in range(MOST_MOUTHS) if f"mouth{i}.corner" in tensors]
    wanted: dict[str, tuple[str, tuple[int, ...]]] = {name: ("float16", shape) for name, shape in shapes.items()}
    wanted["residual"] = "uint8", (SIDE_PX, SIDE_PX)
    for name in names:
        wanted |= {name + part: ("float16", shape) for part, shape in of_mouth.items()}
        wanted |= {f"{name}residual": ("uint8", (MOUTH_CELLS * PER_CELL,) * 2), f"{name}corner": ("uint8", (2,))}
    if {name: (str(tensor.dtype), tensor.shape) for name, tensor in tensors.items()} != wanted:
        raise AvatarError("the avatar's detail is damaged: it holds other tensors")
    numbers = {name: value.astype(np.float32) for name, value in tensors.items() if value.dtype == np.float16}
    for name, value in numbers.items():
        if not (np.abs(value) <= (LARGEST if name.endswith(".p") else FURTHEST)).all():
            raise AvatarError("the avatar's detail is damaged: it holds what is no number, or too large")
    corners = [tensors[f"{name}corner"] for name in names]
    if any(corner.max() > CELLS - MOUTH_CELLS for corner in corners):
        raise AvatarError("the avatar's detail is damaged: its mouth is nowhere")
    mouths = (
        Mouth(residual=tensors[f"{name}residual"], corner=corner, **{part: numbers[name + part] for part in of_mouth})
        for name, corner in zip(names, corners, strict=True)
    )
    halves = {name: numbers[name] for name in shapes}
    return Detail(residual=tensors["residual"], mouths=tuple(mouths), **halves)


def _surface_shapes(cells: int, pose_dim: int) -> dict[str, tuple[int, ...]]:
    return {"X": (cells, cells, 3), "follow": (cells, cells), "expression": (pose_dim, cells, cells, 3)}


def _halves(part: Part, names: Iterable[str]) -> dict[str, np.ndarray]:
    return {name: getattr(part, name).astype(np.float16) for name in names}


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
