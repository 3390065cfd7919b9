"""Detail of a portrait that is finer than what its generator paints, as it is stored.

A residual is the brightness that a picture of the person has and the generator's lacks, on fine scales; it lies on the
surface that the picture shows (puppet.relief.Surface). puppet.residual finds it, and puppet.moving_detail moves it.
"""

from __future__ import annotations

from dataclasses import dataclass

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

MOST_MOUTHS = 4
"""As many a portrait may have detail of."""

SHARES = 6
"""Parts of a face whose detail fades by itself: all else, lids and lashes of the right and the left eye, lips, and the
balls of the right and the left eye."""

LIPS = 3
"""Which of them the lips are."""

NONE = 128
"""What the residual holds where nothing is lacking."""

LARGEST = 90.0
"""No entry of a stored pose is larger: an angle in degrees."""

TINT, CORNER = "tint", "corner"

Tensors = dict[str, tuple[str, tuple[int, ...]]]
"""Types and shapes by names."""


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
        tint: What RGB lacks beside the residual, as it does.
        share: How much of each cell's detail it is.
        p: The pose in which it was found: the portrait's own, but for the jaw.
        corner: The square's first column and row, in cells of the crop.
    """

    tint: UInt8[np.ndarray, "112 112 3"]
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


def detail_tensors(pose_dim: int) -> Tensors:
    """What is stored of the whole crop."""
    return {**_part_tensors(CELLS, pose_dim), "shares": ("float16", (SHARES, CELLS, CELLS))}


def mouth_tensors(pose_dim: int) -> Tensors:
    """What is stored of a mouth."""
    tint_px = MOUTH_CELLS * TINT_PER_CELL
    return {
        **_part_tensors(MOUTH_CELLS, pose_dim),
        TINT: ("uint8", (tint_px, tint_px, 3)),
        "share": ("float16", (MOUTH_CELLS, MOUTH_CELLS)),
        "p": ("float16", (pose_dim,)),
        CORNER: ("uint8", (2,)),
    }


def encode_detail(detail: Detail) -> bytes:
    """As a safetensors file."""
    pose_dim = len(detail.expression)
    tensors = _stored(detail, detail_tensors(pose_dim))
    for i, mouth in enumerate(detail.mouths):
        tensors |= {_of_mouth(i, name): tensor for name, tensor in _stored(mouth, mouth_tensors(pose_dim)).items()}
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
    wanted, of_mouth = detail_tensors(pose_dim), mouth_tensors(pose_dim)
    mouths = [i for i in range(MOST_MOUTHS) if _of_mouth(i, CORNER) in tensors]
    for i in mouths:
        tensors.setdefault(_of_mouth(i, TINT), np.full(of_mouth[TINT][1], NONE, np.uint8))  # of an avatar of before
        wanted |= {_of_mouth(i, name): tensor for name, tensor in of_mouth.items()}
    if {name: (str(tensor.dtype), tensor.shape) for name, tensor in tensors.items()} != wanted:
        raise AvatarError("the avatar's detail is damaged: it holds other tensors")
    for name, (kind, _) in wanted.items():
        if kind == "float16":
            tensors[name] = number = tensors[name].astype(np.float32)
            if not (np.abs(number) <= (LARGEST if name.endswith(".p") else FURTHEST)).all():
                raise AvatarError("the avatar's detail is damaged: it holds what is no number, or too large")
        elif name.endswith(CORNER) and tensors[name].max() > CELLS - MOUTH_CELLS:
            raise AvatarError("the avatar's detail is damaged: its mouth is nowhere")
    return Detail(
        **{name: tensors[name] for name in detail_tensors(pose_dim)},
        mouths=tuple(Mouth(**{name: tensors[_of_mouth(i, name)] for name in of_mouth}) for i in mouths),
    )


def _part_tensors(cells: int, pose_dim: int) -> Tensors:
    return {
        "residual": ("uint8", (cells * PER_CELL, cells * PER_CELL)),
        "X": ("float16", (cells, cells, 3)),
        "follow": ("float16", (cells, cells)),
        "expression": ("float16", (pose_dim, cells, cells, 3)),
    }


def _stored(part: Part, tensors: Tensors) -> dict[str, np.ndarray]:
    return {name: getattr(part, name).astype(kind) for name, (kind, _) in tensors.items()}


def _of_mouth(i: int, name: str) -> str:
    return f"mouth{i}.{name}"
