"""The generator in supervised training: one step over the pool's heads, its state on disk, its score.

The average of the weights, not the weights themselves, is scored and shipped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from export.dataset import HeadBatch
from export.generator_gates import measure, paint, shrink, write_sheet
from export.losses import LossTerms, reconstruction_loss, weight_map
from export.render_heads import REGIONS
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

GATE_POSES = 2
SHEET_IDENTITIES = 6


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
    """

    out: Path
    budget_s: float
    resolution: int
    batch: int
    device: str = "cpu"
    save_every_s: float = 300.0
    cooldown: bool = False
    compiled: bool = False


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
        if (settings.out / "state.json").exists():
            self._resume()
        self._rng = np.random.default_rng(self.pictures)

    def step(self, cooldown: float = 0.0) -> LossTerms:
        """One optimiser step on one batch; `cooldown` from 0 to 1 lowers the rate."""
        resolution = self.settings.resolution
        batch = self.pool.sample(self._rng, self.settings.batch // POSES, POSES)
        truth = self._signed(batch.rgba)
        weights = weight_map(batch.regions.reshape(-1, *batch.regions.shape[2:]), REGIONS, resolution, self.device)
        z = torch.from_numpy(batch.z).to(self.device).repeat_interleave(POSES, 0)
        scaled = BUILTIN.scale(batch.p).astype(np.float32).reshape(len(z), -1)

        factor = rate_at(self.stage_steps, WARM_UP_STEPS, cooldown)
        for group, rate in zip(self.optimiser.param_groups, (RATE, MAPPING_RATE, POSE_RATE), strict=True):
            group["lr"] = rate * factor
        ws = self.generator.codes(z, torch.from_numpy(scaled).to(self.device))
        error = self._synthesis(ws, resolution, self.dtype) - truth
        terms = reconstruction_loss(error, weights, POSES)
        self.optimiser.zero_grad(set_to_none=True)
        terms.total.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()

        self.pictures += len(z)
        self.stage_steps += 1
        self.averaged.update(len(z), self.pictures)
        return terms

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
        write_json(out / "state.json", state)
        exact = state | {
            "stage_steps": self.stage_steps,
            "generator": self.generator.state_dict(),
            "averaged": self.averaged.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
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
        exact = self._exact(out / "optimiser.pt")
        if exact is not None:
            self.generator.load_state_dict(exact["generator"])
            self.averaged.module.load_state_dict(exact["averaged"])
            self.optimiser.load_state_dict(exact["optimiser"])
            if exact["resolution"] == self.settings.resolution:
                self.stage_steps = int(exact["stage_steps"])

    def _exact(self, path: Path) -> dict[str, Any] | None:
        """The optimiser's file, if it is there and belongs to the compact state beside it."""
        if not path.exists():
            return None
        exact: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        return exact if exact["pictures"] == self.pictures else None

    def evaluate(self) -> dict[str, float]:
        """Score the averaged generator on held-out identities; append to `gates.jsonl` and draw a sheet."""
        batch = self.pool.held_out()
        resolution, out = self.settings.resolution, self.settings.out
        z = np.repeat(batch.z, GATE_POSES, 0)
        p = batch.p[:, :GATE_POSES].reshape(len(z), -1)
        truth = shrink(batch.rgba[:, :GATE_POSES].reshape(len(z), *batch.rgba.shape[2:]), resolution)
        regions = batch.regions[:, :GATE_POSES].reshape(len(z), *batch.regions.shape[2:])
        painted = paint(self.averaged.module, z, p, resolution, self.dtype)
        gates = measure(painted, truth, regions, REGIONS).to_json()
        line = {"pictures": self.pictures, "resolution": resolution} | gates
        with (out / "gates.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

        shown = slice(0, SHEET_IDENTITIES)
        rgba = batch.rgba[shown]
        small = shrink(rgba.reshape(-1, *rgba.shape[2:]), resolution).reshape(
            *rgba.shape[:2], resolution, resolution, -1
        )
        sheet = out / "sheets" / f"{self.pictures:08d}.png"
        write_sheet(sheet, self.averaged.module, small, batch.z[shown], batch.p[shown], self.dtype)
        return gates
