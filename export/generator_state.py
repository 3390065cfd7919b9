"""Reads the generator from the state folder of export/train_generator.py, for the trainers that come after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from export.training import load_weights, read_json, save_weights, write_json
from puppet.networks.layout import GeneratorLayout
from puppet.networks.speed import fast_dtype
from puppet.networks.stylegan2 import Generator


@dataclass(frozen=True, eq=False)
class TrainedGenerator:
    """The averaged generator, frozen.

    Attributes:
        generator: On its device, in evaluation mode.
        resolution: The resolution that training has reached; finer levels are not trained.
        pictures: Pictures that training has seen.
    """

    generator: Generator
    resolution: int
    pictures: int

    def paint(self, ws: Float[Tensor, "batch num_ws w_dim"], size: int) -> Float[Tensor, "batch 3 size size"]:
        """RGB over mid grey in [0, 1], differentiable in ws, brought to `size` pixels on each side."""
        dtype = fast_dtype(ws.device)
        picture: Tensor = self.generator.synthesis(ws, self.resolution, dtype)
        rgb = picture[:, :3].clamp(-1, 1) / 2 + 0.5
        if size == self.resolution:
            return rgb
        return F.interpolate(rgb, (size, size), mode="bilinear", antialias=True)


def read_layout(path: Path) -> GeneratorLayout:
    """The layout that a state of a generator tells.

    Args:
        path: Of its `state.json`.

    Raises:
        ValueError: The file is damaged, or something else.
    """
    layout = read_json(path, "layout")["layout"]
    try:
        return GeneratorLayout.from_json(layout)
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected a generator's state in {path} ({error}); choose another folder") from error


def write_finished(generator: Generator, pictures: int, out: Path) -> None:
    """Write a state folder of a generator that is its own average; nothing is known of its optimisers.

    Args:
        generator: Trained at all resolutions.
        pictures: Counted as seen.
        out: The folder.
    """
    for name in ("generator", "averaged"):
        save_weights(generator, out / f"{name}.safetensors")
    layout = generator.layout
    write_json(out / "state.json", {"layout": layout.to_json(), "pictures": pictures, "resolution": layout.resolution})


def load_trained_generator(folder: Path, device: torch.device) -> TrainedGenerator:
    """The state folder's averaged generator.

    Raises:
        FileNotFoundError: There is no state; the text says how to train one.
        ValueError: The weights do not fit the layout.
    """
    path = folder / "state.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"expected the generator's state {path}; train it with `python export/train_generator.py --out {folder}`"
        )
    state = read_json(path, "resolution", "pictures")
    generator = Generator(read_layout(path))
    load_weights(generator, folder / "averaged.safetensors")
    frozen = generator.to(device).eval().requires_grad_(False)
    return TrainedGenerator(frozen, int(state["resolution"]), int(state["pictures"]))
