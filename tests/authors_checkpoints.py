"""Checkpoints as the paper's authors lay them out, filled with random numbers; the generator is a small one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from reference_fill import fill, generator_weight, network_weight, shapes_of

from export.authors_keys import ada_shapes, rosinality_shapes
from puppet.networks.deca import FaceRegressor
from puppet.networks.e4e import E4E
from puppet.networks.layout import GeneratorLayout
from puppet.networks.lpips import Lpips

ROWS = 4


def layout(resolution: int = 8, channels: tuple[int, ...] = (16, 8)) -> GeneratorLayout:
    return GeneratorLayout(
        resolution=resolution,
        channels=channels,
        img_channels=3,
        z_dim=512,
        w_dim=512,
        mapping_layers=2,
        mapping_lr_multiplier=0.01,
        normalize_z=True,
        use_noise=True,
        pose_dim=15,
        pose_rows=ROWS,
    )


def g_ema(of: GeneratorLayout) -> dict[str, torch.Tensor]:
    return fill(rosinality_shapes(of), generator_weight)


def ada_state(of: GeneratorLayout) -> dict[str, torch.Tensor]:
    def rule(name, n):
        return (
            n / 0.01
            if name.startswith("mapping.") and name.endswith("weight")
            else 1 + 0.1 * n
            if "affine.bias" in name
            else n
        )

    return fill(ada_shapes(of), rule) | {"mapping.w_avg": 0.1 * torch.ones(512)}


def a_matrix() -> dict[str, object]:
    state = fill({"linear.weight": (ROWS * 512, 15), "linear.bias": (ROWS * 512,)}, network_weight)
    state = {name: 4.0 * tensor for name, tensor in state.items()}  # filled DECA hardly moves
    return {"A_matrix": state, "learned_directions": 15, "shift_scale": 6.0, "w_plus": True, "num_layers_shift": ROWS}


def network(make: Callable[[], torch.nn.Module]) -> dict[str, torch.Tensor]:
    """Filled like the reference, but with other numbers, which are drawn ten times as fast."""
    with torch.device("meta"):
        shapes = shapes_of(make())
    rng = np.random.default_rng(0)
    drawn = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    return {name: torch.from_numpy(np.asarray(network_weight(name, n), np.float32)) for name, n in drawn.items()}


@dataclass(frozen=True)
class Paths:
    stylegan: Path
    e4e: Path
    directions: Path
    deca: Path
    alexnet: Path


def write_checkpoints(folder: Path) -> Paths:
    """All five, under names that say nothing; one in the older format."""
    paths = Paths(*(folder / name for name in ("one.bin", "two.pt", "three", "four.tar", "five")))
    torch.save({"g_ema": g_ema(layout()), "args": {"size": 8}}, paths.stylegan)
    torch.save({"e": network(lambda: E4E(layout().num_ws))}, paths.e4e)
    torch.save(a_matrix(), paths.directions)
    deca = {"E_flame": network(FaceRegressor), "E_detail": {}, "opt": {"lr": 1e-4}}
    torch.save(deca, paths.deca, _use_new_zipfile_serialization=False)
    alexnet = {name: tensor for name, tensor in network(Lpips).items() if name.startswith("features.")}
    torch.save(alexnet | {"classifier.6.bias": torch.zeros(3)}, paths.alexnet)
    return paths
