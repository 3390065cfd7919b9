"""Trains Net3D: from a picture to the shape model's identity and pose coefficients (paper, section 3.1).

    python export/train_shape_regressor.py --data pool --out net3d --budget 360

Prints R² of every entry on held-out heads at the end. A second call with the same --out goes on from there. Another
`--seed` makes another network: a judge for export/evaluate.py, which is in no loss.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from export.augmentation import MILD
from export.head_factors import IDENTITY_MODES, identity_coefficients
from export.head_pool import HeadBatch, HeadPool
from export.regression import RegressionTrainer, Task, read_state
from export.regression_options import command_line, settings_of
from export.run_folder import open_run
from export.training import load_weights
from puppet.networks.shape_regressor import ShapeRegressor
from puppet.pose_space import BUILTIN, SCALED_RANGE


def shape_targets(batch: HeadBatch) -> Float32[np.ndarray, "pictures targets"]:
    """p_i, then p̃ / a, of every picture."""
    p_i = np.repeat(identity_coefficients(batch.z), batch.p.shape[1], 0)
    p_scaled = BUILTIN.scale(batch.p.reshape(len(p_i), -1))
    targets: np.ndarray = np.concatenate([p_i, p_scaled / SCALED_RANGE], 1).astype(np.float32)
    return targets


def shape_task(resolution: int) -> Task:
    """What Net3D learns."""
    names = (*(f"p_i[{i}]" for i in range(IDENTITY_MODES)), *BUILTIN.names)
    description = {"network": "shape_regressor", "resolution": resolution, "modes": IDENTITY_MODES}
    return Task(shape_targets, names, MILD, description)


def load_shape_regressor(folder: Path, device: torch.device) -> ShapeRegressor:
    """The averaged Net3D of a state folder, frozen, in evaluation mode.

    Raises:
        FileNotFoundError: There is no state; the text says how to train one.
    """
    state = read_state(folder, "train_shape_regressor.py", "modes")
    network = ShapeRegressor(int(state["resolution"]), int(state["modes"]), BUILTIN.dim)
    load_weights(network, folder / "averaged.safetensors")
    return network.to(device).eval().requires_grad_(False)


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    parser = command_line(__doc__, "pool folder written by export/dataset.py", 16)
    options = parser.parse_args(arguments)
    with open_run(Path(__file__).name, arguments, options) as run:
        pool = HeadPool(options.data)
        resolution = pool.held_out().rgba.shape[2]
        settings = settings_of(options, run)
        network = ShapeRegressor(resolution, IDENTITY_MODES, BUILTIN.dim)
        trainer = RegressionTrainer(settings, shape_task(resolution), pool, network, run.ranks)
        trainer.run(run)
        if run.ranks.first:
            scores = trainer.r_squared(MILD)
            print("R² on held-out heads:", "  ".join(f"{name} {value:.3f}" for name, value in scores.items()))


if __name__ == "__main__":
    main()
