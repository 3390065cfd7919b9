"""Direction matrices from files: the authors' `A_matrix.pt`, or what export/train_directions.py has written.

The second kind is a safetensors file that says for which pose it moves codes: with that of the built-in model,
FaceMesh's landmarks are read, and no DECA is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from export.authors_keys import directions_from_linear
from export.checkpoint_error import CheckpointError
from export.checkpoints import read_directions
from export.direction_scores import POSES
from export.tensor_names import about_file, check_tensors
from export.torch_file import check_size
from puppet.pose_space import BUILTIN, PoseSpace

HEADER_AT = 8
"""Where the JSON of a safetensors file begins."""


@dataclass(frozen=True, slots=True, eq=False)
class DirectionFile:
    """A direction matrix.

    Attributes:
        A: Its rows, as a bundle has them.
        bias: The shift where nothing moves, if there is one.
        space: The pose that moves it.
    """

    A: Float[Tensor, "rows w_dim pose_dim"]
    bias: Float[Tensor, "rows w_dim"] | None
    space: PoseSpace


def read_direction_file(path: Path, space: PoseSpace) -> DirectionFile:
    """A direction matrix of either kind.

    Args:
        path: The file.
        space: The pose of the authors' kind, which does not say it.

    Raises:
        CheckpointError: It is none.
    """
    try:
        with path.open("rb") as file:
            is_trained = file.read(HEADER_AT + 1)[HEADER_AT:] == b"{"
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error}); choose another file") from error
    if is_trained:
        return _trained(path)
    weight, bias, rows = read_directions(path, space.dim)
    A, shift = directions_from_linear(weight, bias, rows)
    return DirectionFile(A, shift, space)


def _trained(path: Path) -> DirectionFile:
    with about_file(path):
        check_size(path)
        try:
            with safe_open(path, framework="pt") as file:
                pose = (file.metadata() or {}).get("pose")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dictionary)
        except SafetensorError as error:
            raise CheckpointError(f"it is a damaged safetensors file ({error})") from error
        if pose != POSES or "A" not in tensors or tensors["A"].ndim != 3:
            raise CheckpointError(
                f"expected a direction matrix of export/train_directions.py (--directions) for the pose {POSES!r}; "
                f"the file is for {pose!r}"
            )
        rows, w_dim = tensors["A"].shape[:2]
        shapes = {"A": (rows, w_dim, BUILTIN.dim), "bias": (rows, w_dim)}
        check_tensors(tensors, shapes, ("bias",), f"directions for {BUILTIN.dim} pose entries")
        bias = tensors.get("bias")
        return DirectionFile(tensors["A"].float(), None if bias is None else bias.float(), BUILTIN)
