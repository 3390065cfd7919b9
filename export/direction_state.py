"""The state folder of a direction matrix: what it holds, how training takes it up again, and how tables read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from export.direction_samples import Mode, Ranges
from export.direction_scores import Directions
from export.direction_trainer import DirectionTrainer
from export.training import json_of, load_weights, read_json, read_weights, weights_of, write_together
from puppet.pose_space import SCALED_RANGE

TRAINED = "trained.safetensors"
RANGES = ("centre", "half_range")
"""Of the state, and of `Ranges`."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainedMatrix:
    """A direction matrix and how it came about.

    Attributes:
        directions: A for p̃ of the pose space.
        mode: Of the training.
        steps: It has trained for.
        before: Steps of the matrix that it started from.
    """

    directions: Directions
    mode: Mode
    steps: int
    before: int


def resume(trainer: DirectionTrainer, folder: Path, *, steps: bool = True) -> bool:
    """Take up A, and the ranges that it was trained in, from a state folder; False where it holds none.

    Args:
        trainer: Its A is replaced.
        folder: Its own, or that of the matrix to start from.
        steps: Whether to go on counting; a start begins at 0.

    Raises:
        ValueError: It is damaged, of another layout, or was trained with other ranges, or with or without a bias.
    """
    if not (folder / "state.json").exists():
        return False
    state = _read(folder)
    wanted = trainer.settings.recipe.statistics
    if state["statistics"] != wanted:
        raise ValueError(f"{folder} was trained with --statistics {state['statistics']}, not {wanted}; choose another")
    if steps and state["mode"] != trainer.samples.mode:
        raise ValueError(
            f"{folder} holds a matrix of the mode {state['mode']}; choose another --out, or --start with it"
        )
    load_weights(trainer.shift, folder / TRAINED)
    trainer.samples.ranges = Ranges(
        *(torch.tensor(state[name], device=trainer.samples.heads.device) for name in RANGES)
    )
    before, done = int(state["before"]), int(state["steps"])
    trainer.steps, trainer.before = (done, before) if steps else (0, before + done)
    trainer.draw_anew()
    return True


def save(trainer: DirectionTrainer) -> None:
    """Write A as it was trained, its ranges, and the number of steps.

    Raises:
        OSError: It cannot be written.
        ValueError: A is not finite.
    """
    samples, out = trainer.samples, trainer.settings.out
    state = {
        "mode": samples.mode,
        "steps": trainer.steps,
        "before": trainer.before,
        "statistics": trainer.settings.recipe.statistics,
    }
    state |= {name: getattr(samples.ranges, name).tolist() for name in RANGES}
    write_together({out / TRAINED: weights_of(trainer.shift), out / "state.json": json_of(state)})


def load_matrix(folder: Path) -> TrainedMatrix:
    """A from a state folder.

    Raises:
        FileNotFoundError: There is none; the text says how to train one.
    """
    if not (folder / "state.json").is_file():
        raise FileNotFoundError(f"expected a direction matrix in {folder}; train it with export/train_directions.py")
    state, tensors = _read(folder), read_weights(folder / TRAINED)
    bias = tensors.get("bias")
    A = tensors["A"].float() * (SCALED_RANGE / torch.tensor(state["half_range"]))
    directions = Directions(A, None if bias is None else bias.float())
    return TrainedMatrix(directions, state["mode"], int(state["steps"]), int(state["before"]))


def _read(folder: Path) -> dict[str, Any]:
    return read_json(folder / "state.json", "mode", "steps", "before", "statistics", *RANGES)
