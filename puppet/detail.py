"""Detail of a portrait that is finer than what its generator paints, as it is stored.

A residual is the brightness that a picture of the person has and the generator's lacks, on fine scales; it lies on the
surface that the picture shows (puppet.relief.Surface). puppet.residual finds it, and puppet.moving_detail moves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float32, UInt8
from safetensors import SafetensorError
from safetensors.numpy import load, save

from puppet.errors import AvatarError
from puppet.face_motion import FURTHEST

SIDE_PX = 512
"""Sides of the residual."""

CELLS = 64
"""Of the grid, along each side."""

PER_CELL = SIDE_PX // CELLS
"""Pixels of the residual along each side of a cell."""

TINT_PER_CELL = PER_CELL // 2
"""The same of what is added to colours, which need not be as fine as brightness."""

MOUTH_CELLS = 28
"""Along each side of the square that holds a mouth."""

MOST_MOUTHS, MOST_SIDES = 4, 2
"""Of as many a portrait may have detail."""

SHARES = 6
"""Parts of a face whose detail fades by itself: all else, lids and lashes of the right and the left eye, lips, and the
balls of the right and the left eye."""

LIPS = 3
"""Which of them the lips are."""

NONE = 128
"""What the residual holds where nothing is lacking."""

LARGEST = 90.0
"""No entry of a stored pose is larger: an angle in degrees."""

SHARE, TINT, CORNER = "share", "tint", "corner"

T = TypeVar("T")

Tensors = dict[str, tuple[str, tuple[int, ...]]]
"""Types and shapes by names."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A residual and the surface that it lies on.

    Attributes:
        residual: In bytes, NONE where nothing is lacking; PER_CELL pixels for each point along each side.
        X: Points of the surface, in sides of the crop.
        follow: f.
        expression: E.
    """

    residual: UInt8[np.ndarray, "height width"]
    X: Float32[np.ndarray, "h w 3"]
    follow: Float32[np.ndarray, "h w"]
    expression: Float32[np.ndarray, "pose_dim h w 3"]


@dataclass(frozen=True, slots=True, eq=False)
class Patch(Part):
    """Detail that is seen in another pose than the portrait's, over a part of the crop.

    Attributes:
        share: How much of each cell's detail it is.
        p: The pose: the portrait's own, but for one entry.
        corner: Its first column and row, in cells of the crop.
    """

    share: Float32[np.ndarray, "h w"]
    p: Float32[np.ndarray, "pose_dim"]
    corner: UInt8[np.ndarray, "2"]


@dataclass(frozen=True, slots=True, eq=False)
class Mouth(Patch):
    """That of a mouth with another opening, over MOUTH_CELLS².

    Attributes:
        tint: What RGB lacks beside the residual, as it does; TINT_PER_CELL pixels for each point.
    """

    tint: UInt8[np.ndarray, "112 112 3"]


@dataclass(frozen=True, slots=True, eq=False)
class Detail(Part):
    """What is stored of it, over the crop; 512² pixels, 64² points.

    Attributes:
        shares: How much of each cell's detail goes with which part of the face; see SHARES.
        mouths: That of the mouth with other openings than its own.
        sides: That of the head turned to either side. Avatars of before have none of both.
    """

    shares: Float32[np.ndarray, "6 64 64"]
    mouths: tuple[Mouth, ...] = ()
    sides: tuple[Patch, ...] = ()


def detail_tensors(pose_dim: int) -> Tensors:
    """What is stored of the whole crop."""
    return {**_part_tensors((CELLS, CELLS), pose_dim), "shares": ("float16", (SHARES, CELLS, CELLS))}


def patch_tensors(size: tuple[int, ...], pose_dim: int) -> Tensors:
    """What is stored of a patch with so many points."""
    return {
        **_part_tensors(size, pose_dim),
        SHARE: ("float16", size),
        "p": ("float16", (pose_dim,)),
        CORNER: ("uint8", (2,)),
    }


def mouth_tensors(pose_dim: int) -> Tensors:
    """What is stored of a mouth."""
    tint_px = MOUTH_CELLS * TINT_PER_CELL
    return {**patch_tensors((MOUTH_CELLS, MOUTH_CELLS), pose_dim), TINT: ("uint8", (tint_px, tint_px, 3))}


def encode_detail(detail: Detail) -> bytes:
    """As a safetensors file."""
    pose_dim = len(detail.expression)
    tensors = _stored(detail, detail_tensors(pose_dim))
    for i, mouth in enumerate(detail.mouths):
        tensors |= _named(f"mouth{i}", _stored(mouth, mouth_tensors(pose_dim)))
    for i, side in enumerate(detail.sides):
        tensors |= _named(f"side{i}", _stored(side, patch_tensors(side.share.shape, pose_dim)))
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
    mouths = {key: mouth_tensors(pose_dim) for key in _keys(tensors, "mouth", MOST_MOUTHS)}
    for key, of_mouth in mouths.items():
        tensors.setdefault(f"{key}.{TINT}", np.full(of_mouth[TINT][1], NONE, np.uint8))  # of an avatar of before
    sides = {
        key: patch_tensors(tensors[f"{key}.{SHARE}"].shape, pose_dim) for key in _keys(tensors, "side", MOST_SIDES)
    }
    whole, patches = detail_tensors(pose_dim), mouths | sides
    wanted = dict(whole)
    for key, patch in patches.items():
        wanted |= _named(key, patch)
    tensors = _numbers(tensors, wanted)
    parts = {key: {name: tensors[f"{key}.{name}"] for name in patch} for key, patch in patches.items()}
    if any(_lies_outside(part[CORNER], part[SHARE].shape) for part in parts.values()):
        raise AvatarError("the avatar's detail is damaged: a part of it is nowhere")
    return Detail(
        **{name: tensors[name] for name in whole},
        mouths=tuple(Mouth(**parts[key]) for key in mouths),
        sides=tuple(Patch(**parts[key]) for key in sides),
    )


def _numbers(tensors: Mapping[str, np.ndarray], wanted: Tensors) -> dict[str, np.ndarray]:
    """Stored tensors as bytes and floats.

    Raises:
        AvatarError: They are others than wanted, or hold what is no number.
    """
    if {name: (str(tensor.dtype), tensor.shape) for name, tensor in tensors.items()} != wanted:
        raise AvatarError("the avatar's detail is damaged: it holds other tensors")
    floats = {name: tensor.astype(np.float32) for name, tensor in tensors.items() if tensor.dtype != np.uint8}
    for name, tensor in floats.items():
        if not (np.abs(tensor) <= (LARGEST if name.endswith(".p") else FURTHEST)).all():
            raise AvatarError("the avatar's detail is damaged: it holds what is no number, or too large")
    return {**tensors, **floats}


def _lies_outside(corner: UInt8[np.ndarray, "2"], size: tuple[int, ...]) -> bool:
    """Of the crop; so does what has no size."""
    return min(size) < 1 or bool((corner + np.array(size[::-1]) > CELLS).any())


def _part_tensors(size: tuple[int, ...], pose_dim: int) -> Tensors:
    return {
        "residual": ("uint8", tuple(side * PER_CELL for side in size)),
        "X": ("float16", (*size, 3)),
        "follow": ("float16", size),
        "expression": ("float16", (pose_dim, *size, 3)),
    }


def _stored(part: Part, tensors: Tensors) -> dict[str, np.ndarray]:
    return {name: getattr(part, name).astype(kind) for name, (kind, _) in tensors.items()}


def _named(key: str, tensors: Mapping[str, T]) -> dict[str, T]:
    return {f"{key}.{name}": tensor for name, tensor in tensors.items()}


def _keys(tensors: Mapping[str, np.ndarray], kind: str, most: int) -> list[str]:
    """Of the patches that are there."""
    keys = (f"{kind}{i}" for i in range(most))
    return [key for key in keys if getattr(tensors.get(f"{key}.{SHARE}"), "ndim", 0) == 2]
