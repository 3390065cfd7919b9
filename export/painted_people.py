"""Random people as a generator paints them, on whom a part of a bundle is measured."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8
from safetensors.numpy import save

from export.to_onnx import Painter, load_generator
from puppet.networks.stylegan2 import Generator
from puppet.partial import write_whole
from puppet.pose_space import BUILTIN
from puppet.tracker import PortraitTracker

PEOPLE = 1500

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


Measure = Callable[[Iterator[Painted]], tuple[int, dict[str, np.ndarray]]]
"""How many people counted, and what was found."""


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


def write_measured(about: str | None, name: str, measure: Measure, arguments: list[str] | None) -> None:
    """A command line that measures random people.

    Args:
        about: What it does.
        name: The file that it writes.
        measure: Measures.
        arguments: Those of the command line; None: the process's own.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, help="state folder of export/train_generator.py")
    parser.add_argument("--sharpness", type=float, default=0.0, help="with which it will be shipped (default 0)")
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"to look at (default {PEOPLE})")
    parser.add_argument("--out", type=Path, required=True, help=f"folder of {name}")
    options = parser.parse_args(arguments)
    generator = load_generator(options.state, options.sharpness)
    counted, tensors = measure(painted_people(generator, options.people))
    options.out.mkdir(parents=True, exist_ok=True)
    write_whole(options.out / name, save(tensors))
    print(f"{options.out / name}: {counted} of {options.people} people")
