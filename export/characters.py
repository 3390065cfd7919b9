"""The characters that are shipped: people made up in z, painted for the gallery, with their exact codes in the bundle.

`python export/characters.py --shape-model FOLDER` paints `puppet/characters/NAME.png`; export/build_bundle.py adds the
codes. A character needs no encoder: its z is known, so c = m(z). Their seeds are used nowhere else, so no network was
trained on any of them.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float32
from PIL import Image

from export.augmentation import over
from export.head_factors import IDENTITY_MODES, PLAIN, Z_DIM, with_amounts
from export.render_heads import HeadRenderer
from export.shape_model import load_shape_model
from puppet.bundle_tensors import CODE, POSE
from puppet.gallery import CHARACTERS
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN

PORTRAIT_PX = 512

SEEDS: Mapping[str, int] = MappingProxyType(
    {"amara": 108, "iris": 105, "juno": 154, "kaito": 137, "leon": 121, "milo": 132, "nadia": 155, "otto": 130}
)
_STREAM = 1024

LIKENESS = 0.7
"""Identity coefficients are drawn closer to the mean than in training: pleasant faces."""

SAME_FOR_ALL: Mapping[str, float] = MappingProxyType(
    {
        "light_key": 0.5,
        "light_azimuth": 0.35,
        "light_elevation": 0.6,
        "lens": 0.5,
        "texture_amount": 0.4,
        "iris_size": 0.7,
    }
)
"""Factors from 0 to 1, beside `PLAIN`: soft light from the upper left, a portrait lens, plain skin."""

BETWEEN: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"hair_fringe": (0.1, 0.9), "beard": (0.05, 0.7), "hair_volume_top": (0.3, 0.8)}
)
"""Factors that are drawn from a part of their range."""

SMILE = 0.35
BACKDROP = (150, 165, 175)


def character_z(seed: int) -> Float32[np.ndarray, "z_dim"]:
    """The latent code of a character."""
    rng = np.random.default_rng([seed, _STREAM])
    z = rng.standard_normal(Z_DIM).astype(np.float32)
    z[:IDENTITY_MODES] *= LIKENESS
    drawn = {name: rng.uniform(low, high) for name, (low, high) in BETWEEN.items()}
    return with_amounts(z, dict(PLAIN) | dict(SAME_FOR_ALL) | drawn)


def character_pose() -> Float32[np.ndarray, "pose_dim"]:
    """p_s of all characters: upright and frontal, with a slight smile."""
    return BUILTIN.pose(smile_left=SMILE, smile_right=SMILE)


def character_tensors(generator: Generator, folder: Path = CHARACTERS) -> dict[str, np.ndarray]:
    """The content of a bundle's `characters.safetensors`, in float16: c = m(z) and p_s of every character.

    Args:
        generator: Whose mapping is m.
        folder: Where the portraits are, by whose hashes the program knows the characters.

    Raises:
        OSError: A portrait is missing.
    """
    tensors = {}
    with torch.no_grad():
        for name, seed in SEEDS.items():
            w = generator.mapping(torch.from_numpy(character_z(seed))[None])[0].numpy()
            key = hashlib.sha256((folder / f"{name}.png").read_bytes()).hexdigest()
            tensors[f"{key}.{CODE}"] = np.tile(w, (generator.layout.num_ws, 1)).astype(np.float16)
            tensors[f"{key}.{POSE}"] = character_pose().astype(np.float16)
    return tensors


def main(arguments: list[str] | None = None) -> None:
    """Paint from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape-model", type=Path, required=True, help="folder with ict_facekit.npz")
    parser.add_argument("--out", type=Path, default=CHARACTERS, help="folder (default: that of the package)")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    renderer = HeadRenderer(load_shape_model(options.shape_model), PORTRAIT_PX)
    shade = np.linspace(1.08, 0.9, PORTRAIT_PX)[:, None, None] * np.array(BACKDROP)
    backdrop = np.broadcast_to(shade, (PORTRAIT_PX, PORTRAIT_PX, 3)).astype(np.uint8)
    for name, seed in SEEDS.items():
        rgba = renderer.paint(renderer.person(character_z(seed)), character_pose()).rgba
        Image.fromarray(over(rgba, backdrop)).save(options.out / f"{name}.png", optimize=True)
        print(options.out / f"{name}.png")


if __name__ == "__main__":
    main()
