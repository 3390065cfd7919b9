"""The generator in supervised training: one step over the pool's heads, its state on disk, its score.

The average of the weights, not the weights themselves, is scored and shipped. In several processes each paints its own
people of every batch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from export.generator_gates import score
from export.generator_state import read_layout
from export.head_pool import HeadBatch, Pool
from export.losses import LossTerms, reconstruction_loss, weight_map
from export.ranks import ALONE, Ranks
from export.render_heads import REGIONS
from export.sharpening import Scene, Sharpener, scene_of
from export.training import (
    Averaged,
    exact_of,
    json_of,
    load_weights,
    rate_at,
    read_exact,
    read_json,
    weights_of,
    write_together,
)
from puppet.networks.layout import GeneratorLayout
from puppet.networks.muon import Muon
from puppet.networks.speed import fast_dtype
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN

RATE = 2.4e-3
"""Adam's learning rate, for what is no matrix."""

BETAS = (0.9, 0.99)

MUON_RATE, MOMENTUM = 6e-4, 0.95
"""Matrices and convolutions learn by Muon: a step takes a fifth longer than Adam's and brings about twice as far."""

WARM_UP_STEPS = 200
HALF_LIFE = 10_000
"""Pictures after which an old weight counts half in the averaged generator."""

POSES = 2
"""Pictures of each identity in a batch: the difference loss compares them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line chose.

    Attributes:
        out: Folder of the state.
        budget_s: Seconds to train.
        resolution: Stage: edge in pixels of the pictures compared.
        batch: Pictures a step.
        device: As torch names it.
        save_every_s: Seconds between saves.
        rates: Shares of the usual rates; over this run's budget they go from the first to the last.
        compiled: Whether the synthesis network goes through torch.compile (needs a C++ compiler on a CPU).
        adversarial: Whether discriminators sharpen what the reconstruction loss leaves soft.
        seed: Of new weights and of the order of pictures.
    """

    out: Path
    budget_s: float
    resolution: int
    batch: int
    device: str = "cpu"
    save_every_s: float = 300.0
    rates: tuple[float, float] = (1.0, 1.0)
    compiled: bool = False
    adversarial: bool = False
    seed: int = 0

    def rate(self, elapsed_s: float) -> float:
        """Share of the usual rates after so many seconds of this run."""
        first, last = self.rates
        return first + (last - first) * min(elapsed_s / self.budget_s, 1.0)


class GeneratorTrainer:
    """The generator, its average and its optimisers, over a pool.

    Args:
        settings: What to do.
        pool: Where pictures come from.
        layout: The generator to train.
        ranks: Which process of how many.

    Raises:
        ValueError: The pool's heads do not fit, the folder's state is another generator's or damaged, or the processes
            cannot share a batch evenly.
    """

    def __init__(self, settings: Settings, pool: Pool, layout: GeneratorLayout, ranks: Ranks = ALONE) -> None:
        self.settings = settings
        self.pool = pool
        self.ranks = ranks
        _check_fits(pool.held_out(), settings.resolution, layout)
        ranks.rows(settings.batch // POSES)
        self.device = torch.device(settings.device)
        self.dtype = fast_dtype(self.device)
        self.generator = Generator(layout).to(self.device)
        self.pictures = 0
        self.stage_steps = 0
        matrices, others = _matrices(self.generator)
        self.muon = Muon(matrices, MUON_RATE, MOMENTUM, self.dtype)
        self.adam = torch.optim.Adam(others, RATE, BETAS, fused=True)
        self.averaged = Averaged(self.generator, HALF_LIFE)
        self._synthesis = torch.compile(self.generator.synthesis) if settings.compiled else self.generator.synthesis
        self.sharpener: Sharpener | None = None
        if settings.adversarial:
            known = layout.z_dim + layout.pose_dim
            self.sharpener = Sharpener(layout.img_channels, known, self.device, self.dtype, ranks)
        if (settings.out / "state.json").exists():
            self._resume()
        ranks.check_same("state and pool", self.pictures, self.stage_steps, len(pool))
        ranks.share_weights(self.generator, self.averaged.module)
        if self.sharpener:
            ranks.share_weights(self.sharpener.discriminators)
        self._rng = np.random.default_rng([self.pictures, self.sharpener.steps if self.sharpener else 0, settings.seed])

    def step(self, rate: float = 1.0) -> LossTerms:
        """One optimiser step on one batch, at a share of the usual rates."""
        resolution = self.settings.resolution
        batch = self.pool.sample(self._rng, self.settings.batch // POSES, POSES)
        weights = self._weights(batch)
        batch = batch.own(self.ranks)
        truth = self._signed(batch.rgba)
        regions = batch.regions.reshape(-1, *batch.regions.shape[2:])
        z = torch.from_numpy(batch.z).to(self.device).repeat_interleave(POSES, 0)
        scaled = torch.from_numpy(BUILTIN.scale(batch.p).astype(np.float32).reshape(len(z), -1)).to(self.device)
        scene = self._scene(truth, regions, torch.cat([z, scaled], 1)) if self.sharpener else None

        if self.sharpener and scene and self.sharpener.warming_up:
            with torch.no_grad():
                painted = self.generator.synthesis(self.generator.codes(z, scaled), resolution, self.dtype)
                terms = reconstruction_loss(painted - truth, weights, POSES)
            self.sharpener.learn(painted, scene)
            return terms

        painted = self._synthesis(self.generator.codes(z, scaled), resolution, self.dtype)
        terms = reconstruction_loss(painted - truth, weights, POSES)
        self._descend(painted, terms, scene, rate * rate_at(self.stage_steps, WARM_UP_STEPS))
        if self.sharpener and scene:
            self.sharpener.learn(painted, scene)

        self.pictures += self.settings.batch
        self.stage_steps += 1
        self.averaged.update(self.settings.batch, self.pictures)
        return terms

    def _weights(self, batch: HeadBatch) -> Float[Tensor, "own 1 r r"]:
        """How much each pixel of own pictures counts: the map's mean is 1 over the whole batch."""
        regions = batch.regions.reshape(-1, *batch.regions.shape[2:])
        whole = weight_map(regions, REGIONS, self.settings.resolution, self.device)
        return whole.reshape(-1, POSES, *whole.shape[1:])[self.ranks.rows(len(batch.z))].flatten(0, 1)

    def _scene(self, truth: Tensor, regions: np.ndarray, condition: Tensor) -> Scene:
        """Own pictures for the discriminators; where these look is drawn for the whole batch."""
        chance = self._rng.random((self.settings.batch // POSES, POSES, 3))
        return scene_of(truth, regions, REGIONS, condition, chance[self.ranks.rows(len(chance))].reshape(-1, 3))

    def _descend(self, painted: Tensor, terms: LossTerms, scene: Scene | None, factor: float) -> None:
        """Move the generator down its losses; the rates are multiplied by `factor`."""
        for optimiser, rate in ((self.muon, MUON_RATE), (self.adam, RATE)):
            optimiser.param_groups[0]["lr"] = rate * factor
        self.generator.zero_grad(set_to_none=True)
        (gradient,) = torch.autograd.grad(terms.total, painted)
        if self.sharpener and scene:
            gradient = gradient + self.sharpener.push(painted, scene, gradient)
        painted.backward(gradient)  # type: ignore[no-untyped-call]
        self.ranks.average_gradients(self.generator.parameters())
        self.muon.step()
        self.adam.step()

    def _signed(self, rgba: np.ndarray) -> Float[Tensor, "batch 4 r r"]:
        """Pool pictures [n, poses, full, full, 4] as the generator paints them, at the stage's resolution."""
        flat = torch.from_numpy(rgba.reshape(-1, *rgba.shape[2:])).to(self.device)
        pictures = flat.permute(0, 3, 1, 2).float()
        return F.avg_pool2d(pictures, rgba.shape[2] // self.settings.resolution) / 127.5 - 1.0

    def save(self) -> None:
        """Write the compact state and the optimiser's, all of it or nothing.

        Raises:
            OSError: It cannot be written.
            ValueError: A weight is not finite.
        """
        out = self.settings.out
        files = {
            out / "generator.safetensors": weights_of(self.generator),
            out / "averaged.safetensors": weights_of(self.averaged.module),
        }
        state = {
            "layout": self.generator.layout.to_json(),
            "pictures": self.pictures,
            "resolution": self.settings.resolution,
        }
        if self.sharpener:
            state["sharpening"] = self.sharpener.progress()
            files[out / "discriminators.safetensors"] = weights_of(self.sharpener.discriminators)
        exact = state | {
            "stage_steps": self.stage_steps,
            "generator": self.generator.state_dict(),
            "averaged": self.averaged.module.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "sharpener": self.sharpener.exact() if self.sharpener else None,
        }
        write_together(files | {out / "state.json": json_of(state), out / "optimiser.pt": exact_of(exact)})

    def _resume(self) -> None:
        out = self.settings.out
        state = read_json(out / "state.json", "pictures")
        if read_layout(out / "state.json") != self.generator.layout:
            raise ValueError(f"{out} holds a generator of another layout; choose another --out folder")
        self.pictures = int(state["pictures"])
        load_weights(self.generator, out / "generator.safetensors")
        load_weights(self.averaged.module, out / "averaged.safetensors")
        exact = self._exact(out / "optimiser.pt", state)
        if self.sharpener and "sharpening" in state:
            load_weights(self.sharpener.discriminators, out / "discriminators.safetensors")
            self.sharpener.resume(state["sharpening"], exact["sharpener"] if exact else None)
        if exact is not None:
            self.generator.load_state_dict(exact["generator"])
            self.averaged.module.load_state_dict(exact["averaged"])
            self.muon.load_state_dict(exact["muon"])
            self.adam.load_state_dict(exact["adam"])
            if exact["resolution"] == self.settings.resolution:
                self.stage_steps = int(exact["stage_steps"])

    def _exact(self, path: Path, state: Mapping[str, Any]) -> dict[str, Any] | None:
        """The optimisers' file, if it is there, by this trainer, and belongs to the compact state beside it."""
        if not path.exists():
            return None
        exact = read_exact(path, self.device)
        beside = all(exact.get(name) == state.get(name) for name in ("pictures", "sharpening"))
        return exact if beside and "muon" in exact else None

    def evaluate(self) -> tuple[dict[str, float], Path]:
        """Score the averaged generator on held-out identities; append to `gates.jsonl` and draw a sheet.

        Returns:
            The scores, and where the sheet lies.

        Raises:
            OSError: The disk is full.
        """
        resolution, out = self.settings.resolution, self.settings.out
        sheet = out / "sheets" / f"{self.pictures:08d}.png"
        gates = score(self.averaged.module, self.pool.held_out(), resolution, self.dtype, sheet)
        line = {"pictures": self.pictures, "resolution": resolution} | gates
        log = out / "gates.jsonl"
        try:
            with log.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(line) + "\n")
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(log)) from error
        return gates, sheet


def _matrices(generator: Generator) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The weights of all layers but those to RGB; and all else."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in generator.named_parameters():
        wide = name.endswith(".weight") and ".to_rgbs." not in name
        (matrices if wide else others).append(parameter)
    return matrices, others


def _check_fits(held_out: HeadBatch, resolution: int, layout: GeneratorLayout) -> None:
    """Make sure that a pool's heads can teach a generator.

    Raises:
        ValueError: Their pictures or codes have other sizes.
    """
    edge, z_dim = held_out.rgba.shape[2], held_out.z.shape[1]
    if edge % resolution:
        raise ValueError(
            f"expected a pool of pictures that can be averaged to {resolution} px, got {edge} px; render another"
        )
    if z_dim != layout.z_dim:
        raise ValueError(f"expected codes of {layout.z_dim} entries in the pool, got {z_dim}; render another")
