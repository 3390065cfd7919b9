"""The encoder's second stage: rows get offsets, and what the generator paints of the codes is compared with the truth.

Pictures are photographed as in the first stage; what is painted is compared with the renderer's own picture. As codes
are to be free of the pose, some of them are painted in another pose of the same person than the one that was seen: the
truth is known there too, which e4e cannot have. The poses are those of the labels, P p̃ is added to the rows it moves.

Rows are opened over the run: none in its first tenth, then one every hundredth, which are the 20,000 and the 2,000 of
e4e's 200,000 steps; what was opened stays open when a run is taken up again.

Source: Tov et al., arXiv:2102.02766, and the code its authors released.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from export.e4e_losses import CodeLosses, Predicted, judged_rows
from export.generator_gates import shrink
from export.generator_state import TrainedGenerator
from export.head_pool import POSES, HeadBatch, Pool
from export.latent_discriminator import centre_and_spread
from export.losses import weight_map
from export.ranks import ALONE, Ranks
from export.regression import (
    BETAS,
    LOG_VARIANCE_RATE,
    RegressionTrainer,
    Settings,
    Task,
    least_turned,
    signals,
)
from export.render_heads import REGIONS
from export.train_encoder import FACTORS
from export.training import Write, load_weights, weights_of
from puppet.networks.encoder import Encoder
from puppet.networks.offset_encoder import OffsetEncoder
from puppet.pose_space import BUILTIN

SEEING_RATE, OFFSET_RATE = 1e-4, 1e-3
"""Adam's, of what the first stage has trained already, and of what is new."""

FIRST_ROW, NEXT_ROW = 0.10, 0.01
"""Shares of a run after which the first row is opened, and each further one."""

DISCRIMINATOR = "discriminator.safetensors"


def rows_open(done: float, most: int) -> int:
    """How many rows are open when a share `done` of a run is over."""
    if done < FIRST_ROW:
        return 0
    # Rounded, or 0.01 taken from 0.13 three times leaves a little less than 0.1.
    return min(most, 1 + int(round((done - FIRST_ROW) / NEXT_ROW, 6)))


def new_offset_encoder(first: Encoder, trained: TrainedGenerator) -> OffsetEncoder:
    """What the first stage has learned, and offsets of 0.

    Raises:
        ValueError: It knows other factors than the renderer has today.
    """
    if first.factors != FACTORS:
        raise ValueError(
            f"expected an encoder of {FACTORS} factors, not {first.factors}; train it with export/train_encoder.py, "
            "or let export/start_state.py widen the one of a bundle"
        )
    layout = trained.generator.layout
    encoder = OffsetEncoder(first.resolution, first.factors, BUILTIN.dim, layout.num_ws, layout.w_dim)
    encoder.load_state_dict(first.state_dict(), strict=False)
    encoder.spread.copy_(centre_and_spread(trained.generator.mapping, layout.z_dim)[1])
    return encoder


class OffsetTrainer(RegressionTrainer):
    """The encoder with offsets, over a pool, in front of a frozen generator.

    Args:
        settings: What the command line chose.
        task: What the first stage learns; goes on.
        pool: Where pictures come from.
        encoder: To be trained; in place.
        trained: Paints its codes.
        losses: What is charged.
        turned: Share of people that are painted in another pose than seen.
        ranks: Which process of how many.
    """

    def __init__(
        self,
        settings: Settings,
        task: Task,
        pool: Pool,
        encoder: OffsetEncoder,
        trained: TrainedGenerator,
        losses: CodeLosses,
        turned: float,
        ranks: Ranks = ALONE,
    ) -> None:
        self.encoder = encoder
        super().__init__(settings, task, pool, encoder, ranks)
        self.losses = losses
        self._trained = trained
        self._turned = turned
        if losses.game is not None and (settings.out / DISCRIMINATOR).exists():
            load_weights(losses.game.network, settings.out / DISCRIMINATOR)
        if losses.game is not None:
            ranks.share_weights(losses.game.network)

    def _optimisers(self) -> list[torch.optim.Optimizer]:
        return [torch.optim.Adam(_groups(self.encoder), betas=BETAS, fused=True)]

    @property
    def shipped(self) -> OffsetEncoder:
        """The averaged encoder."""
        averaged = self.averaged.module
        assert isinstance(averaged, OffsetEncoder)  # a copy of `encoder`
        return averaged

    @property
    def rows(self) -> int:
        """Rows that have an offset."""
        return int(self.encoder.opened.sum())

    def open(self, rows: int) -> None:
        """Open rows 1 to `rows`, where fewer are."""
        if rows > self.rows:
            self.encoder.open(rows)
            self.shipped.open(rows)

    def step(self, cooldown: float = 0.0) -> dict[str, Tensor]:
        """One optimiser step on one batch, of the discriminator too; returns the loss and its terms.

        Args:
            cooldown: From −1, where a run begins, to 1, where it ends; opens rows, and above 0 lowers the rate to 0.
        """
        self.open(rows_open((cooldown + 1) / 2, self.encoder.most_rows))
        predicted = self._predict(*self._draw())
        terms = self.losses.terms(predicted)
        loss = self.losses.total(terms)
        self._descend(loss, self.settings.batch, cooldown)
        said = {"loss": loss.detach(), "rows": torch.tensor(float(self.rows))} | terms
        if (game := self.losses.game) is not None:
            said["discriminator"] = game.learn(judged_rows(predicted))
        return said

    def _draw(self) -> tuple[HeadBatch, HeadBatch]:
        """What is seen, and what is to be painted of it, one picture of each person."""
        drawn, people = self.pool.sample(self._rng, self.settings.batch, POSES), np.arange(self.settings.batch)
        seen = least_turned(drawn) if self._rng.random() < self.task.frontal else np.zeros(len(people), int)
        other = (seen + self._rng.integers(1, POSES, len(people))) % POSES
        painted = np.where(self._rng.random(len(people)) < self._turned, other, seen)
        return drawn.only(seen), drawn.only(painted)

    def _predict(self, seen: HeadBatch, wanted: HeadBatch) -> Predicted:
        encoder, generator = self.encoder, self._trained.generator
        resolution = min(self._trained.resolution, seen.rgba.shape[3])
        own = np.arange(len(seen.z))[self._own]
        maps = encoder.features(signals(self._photographer.shoot(seen.rgba[:, 0], own), self.device), self.dtype)
        targets, offsets = encoder.read(maps), encoder.offsets(maps)
        labels = torch.from_numpy(self.task.targets(seen)).to(self.device)
        factors = self._loss(self.ranks.gather(targets), labels)
        weights = weight_map(wanted.regions[:, 0], REGIONS, resolution, self.device)[self._own]
        wanted = wanted.own(self.ranks)
        c = encoder.mapped(targets, generator.mapping, generator.layout) + encoder.spread * offsets
        painted = generator.synthesis(generator.posed(c, scaled(wanted.p[:, 0], self.device)), resolution, self.dtype)
        truth = 2 * signals(shrink(wanted.rgba[:, 0], resolution), self.device) - 1
        return Predicted(factors, c, offsets, self.rows, painted, truth[:, : painted.shape[1]], weights)

    def _files(self) -> dict[Path, Write]:
        game = self.losses.game
        own = {} if game is None else {self.settings.out / DISCRIMINATOR: weights_of(game.network)}
        return own | super()._files()


def _groups(encoder: OffsetEncoder) -> list[dict[str, Any]]:
    """What Adam moves, and how fast."""
    new = {f"offset_heads.{name}" for name, _ in encoder.offset_heads.named_parameters()}
    known = [p for name, p in encoder.named_parameters() if name not in new and p is not encoder.log_variance]
    rates = (
        (known, SEEING_RATE),
        (list(encoder.offset_heads.parameters()), OFFSET_RATE),
        ([encoder.log_variance], LOG_VARIANCE_RATE),
    )
    return [{"params": parameters, "lr": rate, "rate": rate} for parameters, rate in rates]


def scaled(p: Float32[np.ndarray, "batch pose_dim"], device: torch.device) -> Float[Tensor, "batch pose_dim"]:
    """p̃ of labels."""
    return torch.from_numpy(BUILTIN.scale(p).astype(np.float32)).to(device)
