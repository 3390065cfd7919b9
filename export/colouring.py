"""Measures what colours a generator's people have, and how codes get others, as colouring.safetensors.

    python export/colouring.py --state state --sharpness 1.05 --out folder

Random people are painted at rest, and their colours measured as those of portraits are (puppet.colouring). What a code
moves by for each colour is the least-squares fit of the codes on them, so that what has nothing to do with colours
stays in the mean.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8
from safetensors.numpy import save

from export.to_onnx import Painter, load_generator
from puppet.bundle import COLOURING
from puppet.bundle_tensors import AXES, COLOURS, MEAN, MOVES
from puppet.colouring import painted_colours
from puppet.networks.stylegan2 import Generator
from puppet.partial import write_whole
from puppet.pose_space import BUILTIN
from puppet.tracker import PortraitTracker

PEOPLE = 1500
RIDGE = 1e-5
"""Added to the colours' variances: those of one part hardly differ from one another."""

_SEED = 2027


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """A random person.

    Attributes:
        z: Who it is.
        w: Its code.
        portrait: As the generator paints it at rest, over grey.
        points: Landmarks, in sides of the picture.
    """

    z: Float32[np.ndarray, "z_dim"]
    w: Float32[np.ndarray, "w_dim"]
    portrait: UInt8[np.ndarray, "r r 4"]
    points: Float64[np.ndarray, "478 3"]


@torch.no_grad()
def painted_people(generator: Generator, count: int) -> Iterator[Painted]:
    """Random people, of all who show a face.

    Args:
        generator: Paints in the built-in pose space, with opacity.
        count: How many are painted.
    """
    painter, random = Painter(generator), torch.Generator().manual_seed(_SEED)
    rest = torch.from_numpy(BUILTIN.scale(BUILTIN.rest))[None]
    with closing(PortraitTracker()) as tracker:
        for z in torch.randn(count, 1, generator.layout.z_dim, generator=random):
            portrait = painter(generator.codes(z, rest))[0].numpy()
            face = tracker.find(np.ascontiguousarray(portrait[..., :3]))
            if face is not None:
                points = face.landmarks_px.astype(np.float64) / len(portrait)
                yield Painted(z[0].numpy(), generator.mapping(z)[0].numpy(), portrait, points)


def fitted(w: Float32[np.ndarray, "people w_dim"], colours: Float64[np.ndarray, "people 12"]) -> dict[str, np.ndarray]:
    """The tensors of `puppet.bundle_tensors.Colouring`.

    Raises:
        ValueError: There are too few people.
    """
    if len(w) <= 2 * COLOURS:
        raise ValueError(f"expected more than {2 * COLOURS} people who show a face, got {len(w)}; train on")
    mean = colours.mean(0)
    covariance = np.cov(colours.T, bias=True)
    shared = (colours - mean).T @ (w - w.mean(0)) / len(w)
    variances, directions = np.linalg.eigh(covariance)
    tensors = {
        MOVES: np.linalg.solve(covariance + RIDGE * np.eye(COLOURS), shared),
        MEAN: mean,
        AXES: (directions * np.sqrt(variances.clip(0))).T,
    }
    return {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()}


def main(arguments: list[str] | None = None) -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, help="state folder of export/train_generator.py")
    parser.add_argument("--sharpness", type=float, default=0.0, help="with which it will be shipped (default 0)")
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"to look at (default {PEOPLE})")
    parser.add_argument("--out", type=Path, required=True, help=f"folder of {COLOURING}")
    options = parser.parse_args(arguments)
    generator = load_generator(options.state, options.sharpness)
    seen = (
        (person.w, painted_colours(person.portrait, person.points[:, :2]))
        for person in painted_people(generator, options.people)
    )
    people = [(w, colours) for w, colours in seen if not np.isnan(colours).any()]
    w, colours = (np.array([person[part] for person in people]) for part in (0, 1))
    options.out.mkdir(parents=True, exist_ok=True)
    write_whole(options.out / COLOURING, save(fitted(w, colours)))
    print(f"{options.out / COLOURING}: {len(w)} of {options.people} people")


if __name__ == "__main__":
    main()
