"""Tiny trainers of every kind, and what they have learned after some steps: alone, or as one of several processes."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
import torch.distributed as dist
from disc_pool import LAYOUT, DiscPool, People
from linear_world import QUICK, linear_world
from torch import Tensor, nn

from export import sharpening
from export.augmentation import STRONG
from export.direction_losses import LossWeights
from export.direction_samples import PAPER
from export.direction_trainer import DirectionTrainer
from export.e4e_losses import CodeLosses, CodeWeights
from export.generator_state import TrainedGenerator
from export.generator_trainer import GeneratorTrainer
from export.generator_trainer import Settings as GeneratorSettings
from export.head_factors import Z_DIM
from export.latent_discriminator import LatentGame
from export.offset_trainer import OffsetTrainer, new_offset_encoder
from export.ranks import Ranks
from export.regression import RegressionTrainer, Settings, Task
from export.stylegan_trainer import Settings as StyleGanSettings
from export.stylegan_trainer import StyleGanTrainer
from export.train_encoder import FACTORS, offset_task
from export.train_identity import identity_task
from export.train_stylegan import layout_of
from export.training import TrainingError
from puppet.networks.encoder import Encoder
from puppet.networks.identity import IdentityNetwork
from puppet.networks.shape_regressor import ShapeRegressor
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN

EDGE, STEPS = 32, 3
STRIDE = 0.03
NOWHERE = Path("nowhere")


class Pictures:
    """Coloured squares on grey, of 32² pixels."""

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        pictures = np.full((count, 32, 32, 3), 128, np.uint8)
        pictures[:, 8:24, 8:24] = rng.integers(0, 256, (count, 1, 1, 3))
        return pictures


class PlainSteps(torch.optim.Optimizer):
    """Down the gradient: Adam would turn the rounding of gradients near 0 into steps as long as any."""

    def __init__(self, other: torch.optim.Optimizer) -> None:
        super().__init__(other.param_groups, {})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter -= STRIDE * parameter.grad


def generator(ranks: Ranks) -> nn.Module:
    trainer = GeneratorTrainer(GeneratorSettings(NOWHERE, 1.0, EDGE, 8), DiscPool(), LAYOUT, ranks)
    return stepped(trainer, trainer.averaged.module)


def sharpened(ranks: Ranks) -> nn.Module:
    sharpening.WARM_UP_STEPS = 1
    settings = GeneratorSettings(NOWHERE, 1.0, EDGE, 8, adversarial=True)
    trainer = GeneratorTrainer(settings, DiscPool(), LAYOUT, ranks)
    assert trainer.sharpener
    plain(trainer.sharpener)
    return stepped(trainer, nn.ModuleList([trainer.generator, trainer.sharpener.discriminators]))


def stylegan(ranks: Ranks) -> nn.Module:
    settings = StyleGanSettings(NOWHERE, batch=8, gamma=0.01)
    trainer = StyleGanTrainer(settings, Pictures(), layout_of(EDGE, 8), None, ranks)
    trainer.adaptive.p = 0.5
    return stepped(trainer, nn.ModuleList([trainer.generator, trainer.discriminator]))


def regressor(ranks: Ranks) -> nn.Module:
    def targets(batch: object) -> np.ndarray:
        return np.asarray(batch.p.reshape(-1, BUILTIN.dim) / 40, np.float32)  # type: ignore[attr-defined]

    task = Task(targets, BUILTIN.names, STRONG, {"resolution": EDGE}, extra=relative, frontal=0.5)
    network = ShapeRegressor(EDGE, 0, BUILTIN.dim)
    return stepped(RegressionTrainer(Settings(NOWHERE, 1.0, 8, "cpu"), task, DiscPool(), network, ranks), network)


def relative(prediction: Tensor, truth: Tensor) -> Tensor:
    """An error over the batch's spread: no mean over rows."""
    return (prediction - truth).square().mean() / (truth - truth.mean(0)).square().mean()


def identity(ranks: Ranks) -> nn.Module:
    task = identity_task(EDGE)
    network = IdentityNetwork(EDGE)
    return stepped(RegressionTrainer(Settings(NOWHERE, 1.0, 16, "cpu"), task, DiscPool(), network, ranks), network)


def offsets(ranks: Ranks) -> nn.Module:
    torch.manual_seed(0)
    trained = TrainedGenerator(Generator(replace(LAYOUT, z_dim=Z_DIM)).requires_grad_(False), EDGE, 0)
    game = LatentGame(trained.generator.mapping, Z_DIM, LAYOUT.w_dim, ranks=ranks)
    losses = CodeLosses(CodeWeights(identity=0.0, perceptual=0.0), None, None, game)
    encoder = new_offset_encoder(Encoder(EDGE, FACTORS, BUILTIN.dim), trained)
    task = offset_task(EDGE, trained.generator)
    trainer = OffsetTrainer(Settings(NOWHERE, 1.0, 8, "cpu"), task, People(), encoder, trained, losses, 0.5, ranks)
    trainer.open(4)
    plain(game)
    return stepped(trainer, nn.ModuleList([encoder, game.network]))


def directions(mode: str) -> Callable[[Ranks], nn.Module]:
    def train(ranks: Ranks) -> nn.Module:
        recipe = replace(PAPER, statistics=0)
        trainer: DirectionTrainer = linear_world(
            replace(QUICK, recipe=recipe), mode=mode, weights=LossWeights(), ranks=ranks
        )
        return stepped(trainer, trainer.shift)

    return train


KINDS: Mapping[str, Callable[[Ranks], nn.Module]] = MappingProxyType(
    {
        "generator": generator,
        "sharpened": sharpened,
        "stylegan": stylegan,
        "regressor": regressor,
        "identity": identity,
        "offsets": offsets,
    }
    | {mode: directions(mode) for mode in ("synthetic", "mixed", "paired")}
)


def stepped(trainer: object, learned: nn.Module) -> nn.Module:
    """The network, with what some plain steps have added to its weights in their place."""
    plain(trainer)
    before = {name: value.clone() for name, value in learned.state_dict().items()}
    for _ in range(STEPS):
        trainer.step()  # type: ignore[attr-defined]
    for name, value in learned.state_dict().items():
        value -= before[name]
    return learned


def plain(part: object) -> None:
    """Let plain steps be taken in float32: the rounding of bfloat16 depends on the size of a batch."""
    for name, value in vars(part).items():
        if isinstance(value, torch.dtype):
            setattr(part, name, torch.float32)
        elif isinstance(value, torch.optim.Optimizer):
            setattr(part, name, PlainSteps(value))
        elif name == "optimisers":
            setattr(part, name, [PlainSteps(optimiser) for optimiser in value])


def learned(ranks: Ranks) -> dict[str, dict[str, Tensor]]:
    """How far the weights of every kind of network have moved after some steps, by kind and name."""
    weights = {}
    for kind, train in KINDS.items():
        torch.manual_seed(0 if ranks.first else 1)  # processes need not begin with the same weights
        weights[kind] = dict(train(ranks).state_dict())
    return weights


def full_disk() -> None:
    raise OSError("no space")


def said_by(action: Callable[[], None]) -> str:
    try:
        action()
    except (OSError, TrainingError) as error:
        return str(error)
    return "nothing"


def train_as(rank: int, folder: Path) -> None:
    """Train every kind as one of two processes, and keep what was learned and agreed on."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    ranks = Ranks(rank, 2)
    torch.save(learned(ranks), folder / f"{rank}.pt")
    agreed = {"most": ranks.most([rank, -rank]), "failed": said_by(partial(ranks.alone, full_disk))}
    agreed |= {
        "differs": said_by(partial(ranks.check_same, "pool", rank)),
        "same": said_by(partial(ranks.check_same, "pool", 1)),
    }
    group = weakref.ref(dist.group.WORLD)
    dist.destroy_process_group()
    agreed["left"] = group() is not None  # a thread of a group that outlives its process's end aborts it now and then
    (folder / f"{rank}.json").write_text(json.dumps(agreed))
