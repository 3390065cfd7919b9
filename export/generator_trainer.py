"""The generator in supervised training: one step over the pool's heads, its state on disk, its score.

The average of the weights, not the weights themselves, is scored and shipped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from export.dataset import HeadBatch
from export.generator_gates import score
from export.losses import LossTerms, reconstruction_loss, weight_map
from export.render_heads import REGIONS
from export.sharpening import Scene, Sharpener, scene_of
from export.training import Averaged, load_weights, rate_at, save_weights, write_atomic, write_json
from puppet.networks.layout import GeneratorLayout
from puppet.networks.speed import fast_dtype
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN

RATE = 1.2e-3
"""Adam's learning rate of the synthesis network."""

MAPPING_RATE = 2e-3
POSE_RATE = 1.2e-3
BETAS = (0.9, 0.99)
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
        cooldown: Whether the rate falls to 0 over this run's budget.
        compiled: Whether the synthesis network goes through torch.compile (needs a C++ compiler on a CPU).
        adversarial: Whether discriminators sharpen what the reconstruction loss leaves soft.
    """

    out: Path
    budget_s: float
    resolution: int
    batch: int
    device: str = "cpu"
    save_every_s: float = 300.0
    cooldown: bool = False
    compiled: bool = False
    adversarial: bool = False


class Pool(Protocol):
    """Where pictures come from; see `export.dataset.HeadPool`."""

    def __len__(self) -> int: ...

    def refresh(self) -> None:
        """Notice new shards."""

    def sample(self, rng: np.random.Generator, identities: int, poses: int) -> HeadBatch:
        """A random batch."""

    def held_out(self) -> HeadBatch:
        """Identities that `sample` never returns."""


class GeneratorTrainer:
    """The generator, its average and its optimiser, over a pool.

    Args:
        settings: What to do.
        pool: Where pictures come from.
        layout: The generator to train.
    """

    def __init__(self, settings: Settings, pool: Pool, layout: GeneratorLayout) -> None:
        self.settings = settings
        self.pool = pool
        self.device = torch.device(settings.device)
        self.dtype = fast_dtype(self.device)
        self.generator = Generator(layout).to(self.device)
        self.pictures = 0
        self.stage_steps = 0
        parts = (
            self.generator.synthesis.parameters(),
            self.generator.mapping.parameters(),
            [self.generator.pose_basis],
        )
        self.optimiser = torch.optim.Adam([{"params": list(part)} for part in parts], betas=BETAS, fused=True)
        self.averaged = Averaged(self.generator, HALF_LIFE)
        self._synthesis = torch.compile(self.generator.synthesis) if settings.compiled else self.generator.synthesis
        self.sharpener: Sharpener | None = None
        if settings.adversarial:
            known = layout.z_dim + layout.pose_dim
            self.sharpener = Sharpener(layout.img_channels, known, self.device, self.dtype)
        if (settings.out / "state.json").exists():
            self._resume()
        seed = [self.pictures, self.sharpener.steps] if self.sharpener else self.pictures
        self._rng = np.random.default_rng(seed)

    def step(self, cooldown: float = 0.0) -> LossTerms:
        """One optimiser step on one batch; `cooldown` from 0 to 1 lowers the rate."""
        resolution = self.settings.resolution
        batch = self.pool.sample(self._rng, self.settings.batch // POSES, POSES)
        truth = self._signed(batch.rgba)
        regions = batch.regions.reshape(-1, *batch.regions.shape[2:])
        weights = weight_map(regions, REGIONS, resolution, self.device)
        z = torch.from_numpy(batch.z).to(self.device).repeat_interleave(POSES, 0)
        scaled = torch.from_numpy(BUILTIN.scale(batch.p).astype(np.float32).reshape(len(z), -1)).to(self.device)
        scene = scene_of(truth, regions, REGIONS, torch.cat([z, scaled], 1)) if self.sharpener else None

        if self.sharpener and scene and self.sharpener.warming_up:
            with torch.no_grad():
                painted = self.generator.synthesis(self.generator.codes(z, scaled), resolution, self.dtype)
                terms = reconstruction_loss(painted - truth, weights, POSES)
            self.sharpener.learn(painted, scene)
            return terms

        painted = self._synthesis(self.generator.codes(z, scaled), resolution, self.dtype)
        terms = reconstruction_loss(painted - truth, weights, POSES)
        self._descend(painted, terms, scene, rate_at(self.stage_steps, WARM_UP_STEPS, cooldown))
        if self.sharpener and scene:
            self.sharpener.learn(painted, scene)

        self.pictures += len(z)
        self.stage_steps += 1
        self.averaged.update(len(z), self.pictures)
        return terms

    def _descend(self, painted: Tensor, terms: LossTerms, scene: Scene | None, factor: float) -> None:
        """Move the generator down its losses; the rates are multiplied by `factor`."""
        for group, rate in zip(self.optimiser.param_groups, (RATE, MAPPING_RATE, POSE_RATE), strict=True):
            group["lr"] = rate * factor
        self.optimiser.zero_grad(set_to_none=True)
        (gradient,) = torch.autograd.grad(terms.total, painted)
        if self.sharpener and scene:
            gradient = gradient + self.sharpener.push(painted, scene, gradient)
        painted.backward(gradient)  # type: ignore[no-untyped-call]
        self.optimiser.step()

    def _signed(self, rgba: np.ndarray) -> Float[Tensor, "batch 4 r r"]:
        """Pool pictures [n, poses, full, full, 4] as the generator paints them, at the stage's resolution."""
        flat = torch.from_numpy(rgba.reshape(-1, *rgba.shape[2:])).to(self.device)
        pictures = flat.permute(0, 3, 1, 2).float()
        return F.avg_pool2d(pictures, rgba.shape[2] // self.settings.resolution) / 127.5 - 1.0

    def save(self) -> None:
        """Write the compact state, then the optimiser's."""
        out = self.settings.out
        save_weights(self.generator, out / "generator.safetensors")
        save_weights(self.averaged.module, out / "averaged.safetensors")
        state = {
            "layout": self.generator.layout.to_json(),
            "pictures": self.pictures,
            "resolution": self.settings.resolution,
        }
        if self.sharpener:
            state["sharpening"] = self.sharpener.progress()
            save_weights(self.sharpener.discriminators, out / "discriminators.safetensors")
        write_json(out / "state.json", state)
        exact = state | {
            "stage_steps": self.stage_steps,
            "generator": self.generator.state_dict(),
            "averaged": self.averaged.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "sharpener": self.sharpener.exact() if self.sharpener else None,
        }
        write_atomic(out / "optimiser.pt", lambda partial: torch.save(exact, partial))

    def _resume(self) -> None:
        out = self.settings.out
        state = json.loads((out / "state.json").read_text(encoding="utf-8"))
        if GeneratorLayout.from_json(state["layout"]) != self.generator.layout:
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
            self.optimiser.load_state_dict(exact["optimiser"])
            if exact["resolution"] == self.settings.resolution:
                self.stage_steps = int(exact["stage_steps"])

    def _exact(self, path: Path, state: Mapping[str, Any]) -> dict[str, Any] | None:
        """The optimiser's file, if it is there and belongs to the compact state beside it."""
        if not path.exists():
            return None
        exact: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        beside = all(exact.get(name) == state.get(name) for name in ("pictures", "sharpening"))
        return exact if beside else None

    def evaluate(self) -> dict[str, float]:
        """Score the averaged generator on held-out identities; append to `gates.jsonl` and draw a sheet."""
        resolution, out = self.settings.resolution, self.settings.out
        sheet = out / "sheets" / f"{self.pictures:08d}.png"
        gates = score(self.averaged.module, self.pool.held_out(), resolution, self.dtype, sheet)
        line = {"pictures": self.pictures, "resolution": resolution} | gates
        with (out / "gates.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        return gates
