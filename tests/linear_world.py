"""A world in which pictures are linear in the code: what A must become is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from export.direction_losses import DirectionLosses, LossWeights, Recognition, net3d_perceptual
from export.direction_samples import Heads, Mode, Recipe, Samples, fixed_ranges
from export.direction_trainer import DirectionSettings, DirectionTrainer
from export.generator_state import TrainedGenerator
from export.inverted import Inverter
from export.posed_shape import PosedShape
from export.ranks import ALONE, Ranks
from export.shape_model import ShapeModel, procedural_shape_model
from puppet.networks.encoder import Encoder
from puppet.networks.layout import GeneratorLayout
from puppet.networks.shape_regressor import ShapeRegressor
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN

EDGE, MODES = 32, 3
CPU = torch.device("cpu")
LAYOUT = GeneratorLayout(
    resolution=EDGE,
    channels=(4, 4, 4, 4),
    img_channels=4,
    z_dim=MODES,
    w_dim=8,
    mapping_layers=1,
    mapping_lr_multiplier=1.0,
    normalize_z=False,
    use_noise=False,
    pose_dim=BUILTIN.dim,
)
MOVED = LAYOUT.pose_rows * LAYOUT.w_dim
FIXED = Recipe(single="limited", statistics=0)
QUICK = DirectionSettings(Path(), 1.0, rate=1e-2, batch=16, recipe=FIXED)
SHAPE_ALONE = LossWeights(identity=0.0, perceptual=0.0, pixel=0.0)


class LinearSynthesis(nn.Module):
    """A picture that shows the moved rows of the code, a number a pixel."""

    def forward(self, ws: Tensor, resolution: int, dtype: torch.dtype) -> Tensor:
        picture = torch.zeros(len(ws), 4, EDGE * EDGE)
        picture[:, 0, :MOVED] = ws[:, : LAYOUT.pose_rows].flatten(1) / 20
        return picture.unflatten(2, (EDGE, EDGE))


class Linear(nn.Module):
    """Reads identity and p̃ / a back by the matrix that undoes P."""

    inverse: Tensor

    def forward(self, picture: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        w = 20 * (2 * picture[:, 0].flatten(1)[:, :MOVED] - 1)
        return w @ self.inverse.T / torch.tensor([1.0] * MODES + [6.0] * BUILTIN.dim)


class LinearNet3D(Linear, ShapeRegressor):
    def __init__(self, inverse: Tensor) -> None:
        ShapeRegressor.__init__(self, EDGE, MODES, BUILTIN.dim)
        self.inverse = inverse


class LinearEncoder(Linear, Encoder):
    def __init__(self, inverse: Tensor) -> None:
        Encoder.__init__(self, EDGE, MODES, BUILTIN.dim)
        self.inverse = inverse


def linear_heads(psi: float = 1.0) -> Heads:
    torch.manual_seed(0)
    generator = Generator(LAYOUT).requires_grad_(False)
    generator.pose_basis.copy_(0.1 * torch.randn(LAYOUT.pose_rows, LAYOUT.w_dim, LAYOUT.pose_dim))
    generator.mapping = nn.Linear(MODES, LAYOUT.w_dim, bias=False).requires_grad_(False)
    identity = generator.mapping.weight.repeat(LAYOUT.pose_rows, 1)
    inverse = torch.linalg.pinv(torch.cat([identity, generator.pose_basis.flatten(0, 1)], 1))
    generator.synthesis = LinearSynthesis()
    return Heads(TrainedGenerator(generator, EDGE, 0), LinearNet3D(inverse), psi)


def inverter_of(heads: Heads) -> Inverter:
    return Inverter(heads.trained, LinearEncoder(heads.net3d.inverse).eval())


class PaintedPeople:
    """Real pictures that the linear generator could have painted."""

    def __init__(self, heads: Heads) -> None:
        self._generator = heads.trained.generator
        self._heads = heads

    def pictures(self, rng: np.random.Generator, people: int, poses: int) -> np.ndarray:
        z = torch.from_numpy(rng.standard_normal((people, MODES)).astype(np.float32)).repeat_interleave(poses, 0)
        p = torch.from_numpy(rng.uniform(-5, 5, (people * poses, BUILTIN.dim)).astype(np.float32))
        painted = self._heads.paint(self._generator.codes(z, p))
        rgb = (255 * painted).round().byte().permute(0, 2, 3, 1).numpy()
        return rgb.reshape(people, poses, EDGE, EDGE, 3)


def linear_samples(mode: Mode = "synthetic", recipe: Recipe = FIXED, ranks: Ranks = ALONE) -> Samples:
    heads = linear_heads(recipe.psi)
    real = None if mode == "synthetic" else (PaintedPeople(heads), inverter_of(heads))
    return Samples(mode, heads, fixed_ranges(CPU), recipe, real, ranks)


def linear_world(
    settings: DirectionSettings = QUICK,
    model: ShapeModel | None = None,
    mode: Mode = "synthetic",
    weights: LossWeights = SHAPE_ALONE,
    recognition: Recognition | None = None,
    ranks: Ranks = ALONE,
) -> DirectionTrainer:
    samples = linear_samples(mode, settings.recipe, ranks)
    shape = PosedShape(model or procedural_shape_model(), MODES)
    per = net3d_perceptual(samples.heads.net3d, torch.float32, placed=mode == "paired", ranks=ranks)
    losses = DirectionLosses(shape, weights, recognition, per, settings.recipe.distances)
    return DirectionTrainer(settings, samples, losses)
