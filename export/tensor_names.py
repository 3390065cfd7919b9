"""Compares the tensors of a checkpoint with those it should have; the first three differences of a kind are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from export.authors_keys import Shape
from export.checkpoint_error import CheckpointError

NAMED = 3


@contextmanager
def about_file(path: Path) -> Iterator[None]:
    """Name the file in errors of the block."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{path} cannot be used: {error}") from error


def first_names(names: Mapping[Any, Any]) -> str:
    """The first few names, as a user reads them."""
    return ", ".join(str(name)[:60] for name in list(names)[:NAMED]) or "nothing"


def check_tensors(state: Mapping[str, Any], wanted: Mapping[str, Shape], optional: tuple[str, ...], what: str) -> None:
    """Compare names and shapes.

    Args:
        state: What the file has.
        wanted: What it should have.
        optional: Ends of names that may be missing, or be there beyond `wanted`.
        what: The layout that was expected, in words.

    Raises:
        CheckpointError: They differ.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items() if isinstance(tensor, Tensor)}
    missing = [name for name in wanted if name not in shapes and not name.endswith(optional)]
    unknown = [name for name in state if name not in wanted and not str(name).endswith(optional)]
    other = [
        f"{name} {list(shapes[name])} instead of {list(wanted[name])}"
        for name in wanted
        if name in shapes and shapes[name] != wanted[name]
    ]
    infinite = [name for name in wanted if name in shapes and not torch.isfinite(state[name]).all()]
    faults = {"lacks": missing, "has unknown": unknown, "has": other, "has no finite numbers in": infinite}
    said = [f"{verb} {', '.join(map(str, names[:NAMED]))}{_more(names)}" for verb, names in faults.items() if names]
    if said:
        raise CheckpointError(f"expected {what}; the file {'; it '.join(said)}")


def _more(names: list[str]) -> str:
    return f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
