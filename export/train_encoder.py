"""Trains the encoder: from a portrait's aligned crop to the latent code z of such a head, with exact targets.

    python export/train_encoder.py --data pool --out encoder --budget 900 [--generator state]

With a generator, the error is also measured in its w, where only what it paints differently counts. Prints R² of every
group of factors on held-out heads, plain and made into pictures; a regression shrinks what it cannot see to the mean.
`export/encoder_to_onnx.py` folds the generator's mapping in and writes the file for the bundle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from export.augmentation import MILD, STRONG
from export.generator_state import load_trained_generator
from export.head_factors import IDENTITY_MODES, NAMES
from export.head_pool import HeadBatch, HeadPool
from export.regression import RegressionTrainer, Task, grouped, read_state
from export.regression_options import command_line, settings_of
from export.run_folder import open_run
from export.training import load_weights
from puppet.networks.encoder import Encoder
from puppet.networks.layout import GeneratorLayout
from puppet.networks.offset_encoder import OffsetEncoder
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN, SCALED_RANGE

FACTORS = IDENTITY_MODES + len(NAMES)
"""Entries of z, from the first, that show."""

FRONTAL = 0.7
"""Portraits are mostly frontal; and what is small, such as lips and irises, is learned there first."""

ROWS = ("num_ws", "w_dim")
"""What the state of an encoder with offsets says of their size."""

GROUPS = {
    "identity": ("identity",),
    "skin": ("skin_", "blush", "gloss", "nose_red"),
    "hair": ("hair_", "beard"),
    "brows, eyes, lips": ("brow_width", "brow_dark", "iris_", "lashes", "lip_"),
    "clothes": ("cloth_",),
    "light": ("light_",),
    "lens": ("lens",),
    "texture": ("texture_", "wrinkles", "freckles"),
    "worn": ("glasses", "headwear"),
    "pose": BUILTIN.names,
}


def encoder_targets(batch: HeadBatch) -> Float32[np.ndarray, "pictures targets"]:
    """The visible entries of z, then p̃ / a, of every picture."""
    z = np.repeat(batch.z[:, :FACTORS], batch.p.shape[1], 0)
    p_scaled = BUILTIN.scale(batch.p.reshape(len(z), -1))
    targets: np.ndarray = np.concatenate([z, p_scaled / SCALED_RANGE], 1).astype(np.float32)
    return targets


def code_loss(generator: Generator) -> Callable[[Tensor, Tensor], Tensor]:
    """Squared error of m(ẑ), relative to the spread of m(z) in the batch."""
    unused = generator.layout.z_dim - FACTORS

    def loss(prediction: Float[Tensor, "batch targets"], truth: Float[Tensor, "batch targets"]) -> Float[Tensor, ""]:
        w, w_hat = (generator.mapping(F.pad(targets[:, :FACTORS], (0, unused))) for targets in (truth, prediction))
        error: Tensor = (w_hat - w).square().mean() / (w - w.mean(0)).square().mean()
        return error

    return loss


def encoder_description(resolution: int, layout: GeneratorLayout | None = None) -> dict[str, str | int]:
    """What rebuilds an encoder; with a layout one that has offsets for the rows of such a generator."""
    description: dict[str, str | int] = {"network": "encoder", "resolution": resolution, "factors": FACTORS}
    if layout is None:
        return description
    return description | {"network": "offset_encoder"} | dict(zip(ROWS, (layout.num_ws, layout.w_dim), strict=True))


def encoder_task(resolution: int, generator: Generator | None) -> Task:
    """What the encoder learns."""
    names = (*(f"identity[{i}]" for i in range(IDENTITY_MODES)), *NAMES, *BUILTIN.names)
    extra = None if generator is None else code_loss(generator)
    return Task(encoder_targets, names, STRONG, encoder_description(resolution), extra, FRONTAL)


def offset_task(resolution: int, generator: Generator) -> Task:
    """The same, of an encoder that has offsets for the generator's rows."""
    return replace(encoder_task(resolution, generator), description=encoder_description(resolution, generator.layout))


def load_encoder(folder: Path) -> Encoder:
    """The averaged encoder of a state folder, of either stage, in evaluation mode.

    Raises:
        FileNotFoundError: There is no state; the text says how to train one.
    """
    state = read_state(folder, "train_encoder.py", "factors")
    sizes = int(state["resolution"]), int(state["factors"]), BUILTIN.dim
    rows = tuple(int(state[name]) for name in ROWS if name in state)
    encoder = OffsetEncoder(*sizes, *rows) if rows else Encoder(*sizes)
    load_weights(encoder, folder / "averaged.safetensors")
    return encoder.eval().requires_grad_(False)


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    parser = command_line(__doc__, "pool folder written by export/dataset.py", 16)
    parser.add_argument("--generator", type=Path, help="state folder; the error is then measured in its w too")
    parser.add_argument("--start", type=Path, help="state folder of Net3D, whose first layers a new encoder takes over")
    options = parser.parse_args(arguments)
    with open_run(Path(__file__).name, arguments, options) as run:
        pool, device = HeadPool(options.data), torch.device(run.device)
        resolution = pool.held_out().rgba.shape[2]
        generator = load_trained_generator(options.generator, device).generator if options.generator else None
        settings, encoder = settings_of(options, run), Encoder(resolution, FACTORS, BUILTIN.dim)
        trainer = RegressionTrainer(settings, encoder_task(resolution, generator), pool, encoder, run.ranks)
        if options.start and not trainer.pictures:
            trainer.start_from(options.start)
        trainer.run(run)
        if run.ranks.first:
            _score(trainer)


def _score(trainer: RegressionTrainer) -> None:
    for name, photography, frontal in (
        ("plain", MILD, False),
        ("hard", STRONG, False),
        ("hard, most frontal", STRONG, True),
    ):
        scores = trainer.r_squared(photography, frontal=frontal)
        print(f"R² on held-out heads, {name} pictures:")
        print("  ".join(f"{factor} {value:.2f}" for factor, value in scores.items()))
        print("  ".join(f"{group} {value:.2f}" for group, value in grouped(scores, GROUPS).items()), flush=True)


if __name__ == "__main__":
    main()
