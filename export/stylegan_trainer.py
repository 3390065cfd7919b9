"""StyleGAN2 in training from pictures alone: generator and discriminator, their averages, penalties and state.

Each step is one of the discriminator and one of the generator. A penalty every k steps is a step of its own, k times as
strong; Adam's rate is multiplied by c = k / (k + 1) and its decays become β^c, so that the total stays the same.

In several processes each judges and paints its own pictures; they are shared out so that pictures between which the
discriminator takes its deviation stay together.

Source: Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of StyleGAN", CVPR
2020, arXiv:1912.04958, section 3 and appendix B; augmentation and γ: NVlabs, NeurIPS 2020, arXiv:2006.06676.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn

from export.adaptive_augmentation import Adaptive, augment
from export.adversarial_losses import PathLength, discriminator_loss, generator_loss, r1_penalty
from export.discriminators import DEVIATION_GROUP, ResidualDiscriminator
from export.generator_state import read_layout
from export.ranks import ALONE, Draw, Ranks
from export.style_mixing import paint_mixed
from export.training import (
    Averaged,
    exact_of,
    json_of,
    load_weights,
    read_exact,
    read_json,
    weights_of,
    write_atomic,
    write_together,
)
from puppet.networks.layout import GeneratorLayout
from puppet.networks.speed import fast_dtype
from puppet.networks.stylegan2 import Generator

RATE = 2.5e-3
BETAS = (0.0, 0.99)
HALF_LIFE = 10_000
"""Pictures after which an old weight counts half in the averaged generator."""

R1_EVERY, PATH_EVERY = 16, 4
PATH_WEIGHT = 2.0
PATH_SHARE = 2
"""The path length is taken over a batch that is smaller by this factor."""

ALONE_STEPS = 200
"""In which only a new discriminator learns, where the generator knows something already."""

SHEET_SIDE = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line chose.

    Attributes:
        out: Folder of the state.
        batch: Pictures a step.
        gamma: γ of R1.
        augmented: Whether the discriminator sees its pictures changed, with the probability that keeps it learning.
        device: As torch names it.
        seed: Of everything that is drawn but new weights.
    """

    out: Path
    batch: int
    gamma: float
    augmented: bool = True
    device: str = "cpu"
    seed: int = 0


class Pictures(Protocol):
    """Where true pictures come from; see `export.picture_sources`."""

    def sample(self, rng: np.random.Generator, count: int) -> UInt8[np.ndarray, "count r r 3"]:
        """Random pictures."""


class StyleGanTrainer:
    """Both players over a source of pictures.

    Args:
        settings: What to do.
        source: True pictures, as large as the layout's.
        layout: The generator to train.
        start: Weights of a trained generator to begin with, for a folder without a state.
        ranks: Which process of how many.

    Raises:
        ValueError: The folder holds a generator of another layout or is damaged, or the processes cannot share a batch
            in groups of `DEVIATION_GROUP`.
    """

    def __init__(
        self,
        settings: Settings,
        source: Pictures,
        layout: GeneratorLayout,
        start: dict[str, Tensor] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        if ranks.count > 1 and settings.batch % (ranks.count * DEVIATION_GROUP):
            raise ValueError(
                f"expected a batch that {ranks.count} processes can share in groups of {DEVIATION_GROUP}, got "
                f"{settings.batch} pictures; change --batch"
            )
        self.settings = settings
        self.ranks = ranks
        self._batch = settings.batch // ranks.count
        self.source = source
        self.device = torch.device(settings.device)
        self.dtype = fast_dtype(self.device)
        self.generator = Generator(layout)
        if start is not None:
            self.generator.load_state_dict(start, strict=False)
        self.generator.to(self.device).pose_basis.requires_grad_(False)
        self.discriminator = ResidualDiscriminator(layout).to(self.device)
        self.averaged = Averaged(self.generator, HALF_LIFE)
        self.adaptive, self.path = Adaptive(), PathLength()
        self.alone = ALONE_STEPS if start is not None else 0
        self.pictures = self.steps = 0
        self._g = _adam([*self.generator.synthesis.parameters(), *self.generator.mapping.parameters()], PATH_EVERY)
        self._d = _adam(list(self.discriminator.parameters()), R1_EVERY)
        if (settings.out / "state.json").exists():
            self._resume()
        ranks.check_same("state", self.steps, self.pictures, self.adaptive.p)
        ranks.share_weights(self.generator, self.discriminator, self.averaged.module)
        self._start_drawing()

    def _start_drawing(self) -> None:
        """Let chance begin, by the seed and the number of steps."""
        seed = [2, self.steps, self.settings.seed]
        self._rng = np.random.default_rng(seed)
        chance = torch.Generator(self.device).manual_seed(int(self._rng.integers(2**62)))
        self._draw = Draw(chance, self.ranks)

    def step(self) -> dict[str, float]:
        """One step of both players, with the penalties that are due; returns what to print of own pictures, by name."""
        true = self._true(self.settings.batch)
        noted = self._discriminate(true)
        if self.steps % R1_EVERY == 0:
            noted["r1"] = self._punish_slope(true)
        if self.steps >= self.alone:
            noted["generator"] = self._generate()
            if self.steps % PATH_EVERY == 0:
                noted["path"] = self._punish_path()
            self.pictures += self.settings.batch
            self.averaged.update(self.settings.batch, self.pictures)
        self.steps += 1
        return noted

    def _true(self, count: int) -> Float[Tensor, "count 3 r r"]:
        drawn = self.source.sample(self._rng, count)[self.ranks.rows(count)]
        pictures = torch.from_numpy(np.ascontiguousarray(drawn)).to(self.device)
        return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1.0

    def _discriminate(self, true: Tensor) -> dict[str, float]:
        with torch.no_grad():
            painted, _ = self._paint(len(true), self.dtype)
        logits = self._judge(true, self.dtype), self._judge(painted, self.dtype)
        loss = discriminator_loss(*logits)
        self._descend(self._d, loss)
        if self.settings.augmented:
            self.adaptive.follow(logits[0], self.ranks)
        return {"discriminator": loss.item(), "sure": logits[0].sign().mean().item(), "p": self.adaptive.p}

    def _punish_slope(self, true: Tensor) -> float:
        penalty = r1_penalty(lambda x: self._judge(x, torch.float32), true, self.settings.gamma)
        self._descend(self._d, R1_EVERY * penalty)
        return penalty.item()

    def _generate(self) -> float:
        painted, _ = self._paint(self._batch, self.dtype)
        loss = generator_loss(self._judge(painted, self.dtype))
        self._descend(self._g, loss)
        return loss.item()

    def _punish_path(self) -> float:
        painted, ws = self._paint(max(1, self._batch // PATH_SHARE), torch.float32)
        penalty = self.path.penalty(painted, ws, self._draw)
        self._descend(self._g, PATH_WEIGHT * PATH_EVERY * penalty)
        return penalty.item()

    def _judge(self, pictures: Tensor, dtype: torch.dtype) -> Float[Tensor, "batch 1"]:
        logits: Tensor = self.discriminator(augment(pictures, self.adaptive.p, self._draw), dtype)
        return logits

    def _paint(self, count: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        return paint_mixed(self.generator, count, dtype, self._draw)

    def _descend(self, optimiser: torch.optim.Adam, loss: Tensor) -> None:
        """One step of one player; the other's weights stay."""
        optimiser.zero_grad(set_to_none=True)
        parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
        loss.backward(inputs=parameters)  # type: ignore[no-untyped-call]
        self.ranks.average_gradients(parameters)
        optimiser.step()

    def save(self) -> None:
        """Write the compact state and the exact one, all of it or nothing.

        Raises:
            OSError: It cannot be written.
            ValueError: A weight is not finite.
        """
        out = self.settings.out
        networks = {"generator": self.generator, "averaged": self.averaged.module, "discriminator": self.discriminator}
        files = {out / f"{name}.safetensors": weights_of(network) for name, network in networks.items()}
        state = {
            "layout": self.generator.layout.to_json(),
            "pictures": self.pictures,
            "resolution": self.generator.layout.resolution,
            "steps": self.steps,
            "alone": self.alone,
            "p": self.adaptive.p,
            "path_mean": self.path.mean,
        }
        exact: dict[str, Any] = {name: network.state_dict() for name, network in networks.items()}
        exact |= {"steps": self.steps, "g": self._g.state_dict(), "d": self._d.state_dict()}
        write_together(files | {out / "state.json": json_of(state), out / "optimiser.pt": exact_of(exact)})

    def _resume(self) -> None:
        out = self.settings.out
        state = read_json(out / "state.json", "pictures", "steps", "alone", "p", "path_mean")
        if read_layout(out / "state.json") != self.generator.layout:
            raise ValueError(f"{out} holds a generator of another layout; choose another --out folder")
        self.pictures, self.steps, self.alone = state["pictures"], state["steps"], state["alone"]
        self.adaptive, self.path = Adaptive(state["p"]), PathLength(state["path_mean"])
        networks = {"generator": self.generator, "averaged": self.averaged.module, "discriminator": self.discriminator}
        for name, network in networks.items():
            load_weights(network, out / f"{name}.safetensors")
        if not (out / "optimiser.pt").exists():
            return
        exact = read_exact(out / "optimiser.pt", self.device)
        if exact["steps"] == self.steps:
            for name, network in networks.items():
                network.load_state_dict(exact[name])
            self._g.load_state_dict(exact["g"])
            self._d.load_state_dict(exact["d"])

    def write_sheet(self) -> Path:
        """True pictures in the first row, below them what the averaged generator paints of always the same codes."""
        layout = self.generator.layout
        draw = torch.Generator(self.device).manual_seed(1)
        z = torch.randn(SHEET_SIDE * (SHEET_SIDE - 1), layout.z_dim, device=self.device, generator=draw)
        with torch.inference_mode():
            p = torch.zeros(len(z), layout.pose_dim, device=self.device)
            painted = (self.averaged.module(z, p).permute(0, 2, 3, 1) + 1) * 127.5
        true = self.source.sample(np.random.default_rng(1), SHEET_SIDE)
        tiles = np.concatenate([true, painted.round().clamp(0, 255).byte().cpu().numpy()])
        rows = tiles.reshape(SHEET_SIDE, SHEET_SIDE, *tiles.shape[1:])
        sheet = np.concatenate([np.concatenate(list(row), 1) for row in rows])
        path = self.settings.out / "sheets" / f"{self.pictures:08d}.png"
        write_atomic(path, lambda partial: Image.fromarray(sheet).save(partial))
        return path


def _adam(parameters: list[nn.Parameter], every: int) -> torch.optim.Adam:
    """Adam for main steps with a penalty every so many."""
    power = every / (every + 1)
    betas = (BETAS[0] ** power, BETAS[1] ** power)
    return torch.optim.Adam(parameters, lr=RATE * power, betas=betas, fused=True)
