"""The tensors of a bundle that the program itself computes with: directions, looks, and the codes of characters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from safetensors import SafetensorError, safe_open

from puppet.errors import BundleError
from puppet.face_topology import SHAPE
from puppet.networks.layout import GeneratorLayout
from puppet.sha256 import is_sha256

CODE, POSE = "code", "p_s"
MOVES, MEAN, AXES, JACOBIAN = "moves", "mean", "axes", "jacobian"

COLOURS = 12
"""Red, green and blue of skin, hair, clothes and chin."""

SHAPES, COEFFICIENTS = 20, 40
"""Principal components of landmarks, and what a head's shape is made of."""

FURTHEST = 1e4
"""The largest number of any kind: what a code moves by for a colour that goes from black to full, for one."""


@dataclass(frozen=True, slots=True, eq=False)
class Character:
    """A person that the model was not shown but told: its code is exact, not encoded.

    Attributes:
        code: c, pose-free. Read-only.
        p_s: The pose in its portrait, in the units of the bundle's pose space. Read-only.
    """

    code: Float32[np.ndarray, "num_ws w_dim"]
    p_s: Float32[np.ndarray, "pose_dim"]


@dataclass(frozen=True, slots=True, eq=False)
class Colouring:
    """What colours a model's people have, and how a code gives them others; colours are from 0 to 1. Read-only.

    Attributes:
        moves: What every row of a code moves by for each of the colours, for 1.
        mean: Colours of the mean person.
        axes: Principal axes of people's colours, in rows, each one standard deviation long.
    """

    moves: Float32[np.ndarray, "12 w_dim"]
    mean: Float32[np.ndarray, "12"]
    axes: Float32[np.ndarray, "12 12"]


@dataclass(frozen=True, slots=True, eq=False)
class Shaping:
    """What shapes a model's people have, and how a code gives them others; see puppet.shaping. Read-only.

    Attributes:
        mean: Landmarks of the mean person, in space, around its middle; their mean square is 1.
        axes: What each component has of each landmark, in rows, so that a component's noise is 1.
        jacobian: Of the components by the coefficients.
        moves: What every row of a code moves by for each coefficient, for one standard deviation.
    """

    mean: Float32[np.ndarray, "landmarks 3"]
    axes: Float32[np.ndarray, "20 3*landmarks"]
    jacobian: Float32[np.ndarray, "20 40"]
    moves: Float32[np.ndarray, "40 w_dim"]


def read_directions(path: Path, layout: GeneratorLayout) -> tuple[np.ndarray, np.ndarray | None]:
    """A, and the bias where there is one.

    Raises:
        BundleError: It is no safetensors file, or holds other tensors.
    """
    rows = (layout.pose_rows, layout.w_dim)
    wanted = {"A": (*rows, layout.pose_dim), "bias": rows}
    tensors = {}
    try:
        with safe_open(path, framework="np") as file:
            for name in wanted.keys() & set(file.keys()):
                part, shape = file.get_slice(name), list(wanted[name])
                if part.get_dtype() != "F32":
                    continue
                if part.get_shape() != shape or not np.isfinite(tensor := file.get_tensor(name)).all():
                    raise BundleError(f"{path}: {name} should hold {shape} finite numbers, not {part.get_shape()}")
                tensor.flags.writeable = False
                tensors[name] = tensor
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{path} is not a safetensors file: {error}") from error
    if "A" not in tensors:
        raise BundleError(f"{path} should hold a float32 matrix A of {list(wanted['A'])}")
    return tensors["A"], tensors.get("bias")


def read_characters(path: Path, layout: GeneratorLayout) -> dict[str, Character]:
    """Every character, under the SHA-256 of its portrait's file.

    Raises:
        BundleError: It is no safetensors file, or holds other tensors.
    """
    shapes = {CODE: (layout.num_ws, layout.w_dim), POSE: (layout.pose_dim,)}
    found: dict[str, dict[str, np.ndarray]] = {}
    try:
        with safe_open(path, framework="np") as file:
            for name in file.keys():  # noqa: SIM118 (not a mapping)
                sha256, _, what = name.partition(".")
                part = file.get_slice(name)
                if not is_sha256(sha256) or tuple(part.get_shape()) != shapes.get(what):
                    raise BundleError(f"{path}: {name[:100]!r} is no code or pose of a character of this model")
                if part.get_dtype() not in ("F16", "F32") or not np.isfinite(tensor := file.get_tensor(name)).all():
                    raise BundleError(f"{path}: {name} should hold finite numbers in float16 or float32")
                found.setdefault(sha256, {})[what] = plain = tensor.astype(np.float32)
                plain.flags.writeable = False
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{path} is not a safetensors file: {error}") from error
    lacking = [sha256 for sha256, tensors in found.items() if len(tensors) < len(shapes)]
    if lacking:
        raise BundleError(f"{path} should hold a code and a pose for each character; {lacking[0]} lacks one")
    return {sha256: Character(tensors[CODE], tensors[POSE]) for sha256, tensors in found.items()}


def read_colouring(path: Path, layout: GeneratorLayout) -> Colouring:
    """How a code gets other colours.

    Raises:
        BundleError: It is no safetensors file, or holds other tensors.
    """
    wanted = {
        MOVES: ("F32", (COLOURS, layout.w_dim), FURTHEST),
        MEAN: ("F32", (COLOURS,), 1.0),
        AXES: ("F32", (COLOURS, COLOURS), 1.0),
    }
    return Colouring(*exact_tensors(path, wanted).values())


def read_shaping(path: Path, layout: GeneratorLayout) -> Shaping:
    """How a code gets another shape.

    Raises:
        BundleError: It is no safetensors file, or holds other tensors.
    """
    wanted = {
        MEAN: ("F32", (len(SHAPE), 3), FURTHEST),
        AXES: ("F32", (SHAPES, 3 * len(SHAPE)), FURTHEST),
        JACOBIAN: ("F32", (SHAPES, COEFFICIENTS), FURTHEST),
        MOVES: ("F32", (COEFFICIENTS, layout.w_dim), FURTHEST),
    }
    return Shaping(*exact_tensors(path, wanted).values())


def exact_tensors(path: Path, wanted: Mapping[str, tuple[str, tuple[int, ...], float]]) -> dict[str, np.ndarray]:
    """A file's tensors, read-only, in the order of `wanted`: dtype, shape, and how large numbers may be.

    Raises:
        BundleError: It is no safetensors file, or holds other tensors.
    """
    try:
        with safe_open(path, framework="np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            found = {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
            shapes = {name: (kind, shape) for name, (kind, shape, _) in wanted.items()}
            if found != shapes:
                raise BundleError(f"{path} should hold exactly the tensors {shapes}, not {found}")
            tensors = {name: file.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{path} is not a safetensors file: {error}") from error
    for name, (_, _, most) in wanted.items():
        if not (np.abs(tensors[name].astype(np.float32)) <= most).all():
            raise BundleError(f"{path}: {name} should hold finite numbers, up to {most:g} in size")
        tensors[name].flags.writeable = False
    return tensors
