"""Detail of a portrait that is finer than what its generator paints, as it is stored.

A residual is the brightness that a picture of the person has and the generator's lacks, on fine scales; it lies on the
surface that the picture shows (puppet.relief.Surface). puppet.residual finds it, and puppet.moving_detail moves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import numpy as np
from jaxtyping import Float32, UInt8
from safetensors import SafetensorError
from safetensors.numpy import load, save

from puppet.errors import AvatarError
from puppet.face_motion import FURTHEST
from puppet.opacity import GREY

SIDE_PX = 512
"""Sides of the residual."""

CELLS = 64
"""Of the grid, along each side."""

PER_CELL = SIDE_PX // CELLS
"""Pixels of the residual along each side of a cell."""

TINT_PER_CELL = PER_CELL // 2
"""The same of what is added to colours, which need not be as fine as brightness."""

KINDS = ("right_eye", "left_eye", "mouth", "smile", "laugh")
"""What opens and shuts, as the names of its tensors begin: the mouth also while it smiles half, and as broadly as it
can. Those of eyes that look aside begin with LOOK."""

LOOK = "look"
MOST_OPENINGS, MOST_LOOKS, MOST_SIDES = 6, 4, 2
"""Of as many, each, a portrait may have detail beside its own."""

SHARES = 6
"""Parts of a face whose detail fades by itself: all else, lids and lashes of the right and the left eye, lips, and the
balls of the right and the left eye."""

NONE = GREY
"""What the residual holds where nothing is lacking."""

LARGEST = 90.0
"""No entry of a stored pose is larger: an angle in degrees."""

SHARE, BALL, TINT, CORNER = "share", "ball", "tint", "corner"

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
        p: The pose: the portrait's own, but for what is seen in it.
        corner: Its first column and row, in cells of the crop.
    """

    share: Float32[np.ndarray, "h w"]
    p: Float32[np.ndarray, "pose_dim"]
    corner: UInt8[np.ndarray, "2"]


@dataclass(frozen=True, slots=True, eq=False)
class Opening(Patch):
    """That of lids or lips that are further open, or shut, or smile, or of eyes that look aside.

    Attributes:
        ball: How much of each cell's detail is an eye's ball; `share` has it not.
        tint: What RGB lacks beside the residual, as it does; TINT_PER_CELL pixels for each point.
    """

    ball: Float32[np.ndarray, "h w"]
    tint: UInt8[np.ndarray, "height/2 width/2 3"]


@dataclass(frozen=True, slots=True, eq=False)
class Detail(Part):
    """What is stored of it, over the crop; 512² pixels, 64² points.

    Attributes:
        shares: How much of each cell's detail goes with which part of the face; see SHARES.
        openings: Those of each of KINDS. Avatars of before have none of eyes or smiles, and no tints.
        looks: Those of both eyes that look aside.
        sides: Those of the head turned to either side.
    """

    shares: Float32[np.ndarray, "6 64 64"]
    openings: tuple[tuple[Opening, ...], ...] = ((),) * len(KINDS)
    looks: tuple[Opening, ...] = ()
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


def opening_tensors(size: tuple[int, ...], pose_dim: int) -> Tensors:
    """What is stored of an opening with so many points."""
    return {
        **patch_tensors(size, pose_dim),
        BALL: ("float16", size),
        TINT: ("uint8", (*(side * TINT_PER_CELL for side in size), 3)),
    }


def encode_detail(detail: Detail) -> bytes:
    """As a safetensors file."""
    pose_dim = len(detail.expression)
    tensors = _stored(detail, detail_tensors(pose_dim))
    for kind, openings in zip((*KINDS, LOOK), (*detail.openings, detail.looks), strict=True):
        for i, opening in enumerate(openings):
            tensors |= _named(f"{kind}{i}", _stored(opening, opening_tensors(opening.share.shape, pose_dim)))
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
    found = [_keys(tensors, kind, MOST_OPENINGS) for kind in KINDS]
    found.append(_keys(tensors, LOOK, MOST_LOOKS))
    sides = _keys(tensors, "side", MOST_SIDES)
    patches = {key: patch_tensors(tensors[f"{key}.{SHARE}"].shape, pose_dim) for key in sides}
    for key in chain(*found):
        size = tensors[f"{key}.{SHARE}"].shape
        patches[key] = opening_tensors(size, pose_dim)
        tensors.setdefault(f"{key}.{TINT}", np.full(patches[key][TINT][1], NONE, np.uint8))  # of an avatar of before
        tensors.setdefault(f"{key}.{BALL}", np.zeros(size, np.float16))
    whole = detail_tensors(pose_dim)
    wanted = dict(whole)
    for key, patch in patches.items():
        wanted |= _named(key, patch)
    tensors = _numbers(tensors, wanted)
    parts = {key: {name: tensors[f"{key}.{name}"] for name in patch} for key, patch in patches.items()}
    if any(_lies_outside(part[CORNER], part[SHARE].shape) for part in parts.values()):
        raise AvatarError("the avatar's detail is damaged: a part of it is nowhere")
    *openings, looks = (tuple(Opening(**parts[key]) for key in keys) for keys in found)
    return Detail(
        **{name: tensors[name] for name in whole},
        openings=tuple(openings),
        looks=looks,
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
