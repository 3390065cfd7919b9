"""The direction matrix in training: a shift of the code, and what the picture is charged for.

    w_r = w_s + A Δp̃                                        (Eq. 2), on the first rows of the code
    L   = DirectionLosses of G(w_r), as Net3D reads it      (Eqs. 3 to 7)

A is all that is trained, from zero. Which code is moved where is up to `Samples`.

Source: paper, sections 3 and 4 (arXiv:2202.00046).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from export.direction_losses import DirectionLosses
from export.direction_samples import PAPER, Recipe, Samples
from export.direction_scores import Directions
from puppet.networks.layout import GeneratorLayout
from puppet.pose_space import SCALED_RANGE

ITERATIONS, PAIRED_ITERATIONS = 20_000, 150_000


@dataclass(frozen=True, slots=True)
class DirectionSettings:
    """What the command line chose; the defaults are the paper's.

    Attributes:
        out: Folder of the state.
        budget_s: Seconds to train.
        iterations: Most steps; the paper's are 150,000 in paired training.
        rate: Adam's learning rate.
        batch: Samples a step, even.
        cooldown: Whether the rate falls to 0 over this run.
        recipe: Where paper and authors' code differ.
    """

    out: Path
    budget_s: float
    iterations: int = ITERATIONS
    rate: float = 1e-4
    batch: int = 12
    cooldown: bool = False
    recipe: Recipe = PAPER


class Shift(nn.Module):
    """Δw = A Δp̃ (+ b), for the rows that the pose moves."""

    def __init__(self, layout: GeneratorLayout, *, bias: bool) -> None:
        super().__init__()
        rows = (layout.pose_rows, layout.w_dim)
        self.A = nn.Parameter(torch.zeros(*rows, layout.pose_dim))
        self.bias = nn.Parameter(torch.zeros(rows)) if bias else None

    def forward(
        self, ws: Float[Tensor, "batch num_ws w_dim"], change: Float[Tensor, "batch pose_dim"]
    ) -> Float[Tensor, "batch num_ws w_dim"]:
        """The moved codes."""
        return Directions(self.A, self.bias).move(ws, change)


class DirectionTrainer:
    """A and its optimiser.

    Args:
        settings: What the command line chose.
        samples: What is moved where.
        losses: What is charged.

    Raises:
        ValueError: The processes cannot share a batch evenly.

    Attributes:
        steps: Done so far.
        before: Steps of the matrix that this one started from.
    """

    def __init__(self, settings: DirectionSettings, samples: Samples, losses: DirectionLosses) -> None:
        self.settings = settings
        self.samples = samples
        self.losses = losses
        layout = samples.heads.trained.generator.layout
        self.shift = Shift(layout, bias=settings.recipe.bias).to(samples.heads.device)
        self.optimiser = torch.optim.Adam(
            self.shift.parameters(), lr=settings.rate, weight_decay=settings.recipe.weight_decay
        )
        self.steps = 0
        self.before = 0
        samples.ranks.rows(settings.batch)

    def draw_anew(self) -> None:
        """Let chance go on from the number of steps, the same in all processes."""
        heads = self.samples.heads
        heads.rng = np.random.default_rng([heads.seed, self.before, self.steps])

    def step(self, cooldown: float = 0.0) -> dict[str, Tensor]:
        """One step; returns every loss term of own samples, unweighted.

        Args:
            cooldown: From 0 to 1, lowers the rate to 0.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate * (1 - min(max(cooldown, 0.0), 1.0))
        heads, sample = self.samples.heads, self.samples.draw(self.settings.batch)
        reenacted = heads.paint(self.shift(sample.ws, sample.change))
        paired = self.samples.mode == "paired"
        terms = self.losses.terms(reenacted, heads.look(reenacted), sample.wanted, sample.reference, paired=paired)
        self.optimiser.zero_grad(set_to_none=True)
        self.losses.total(terms).backward()  # type: ignore[no-untyped-call]
        self.samples.ranks.average_gradients(self.shift.parameters())
        self.optimiser.step()
        self.steps += 1
        return {name: term.detach() for name, term in terms.items()}

    @torch.no_grad()
    def missed(self, by: Directions, count: int) -> float:
        """How far heads stay from the poses of other heads, which they are moved to: a mean in ranges of width 12.

        Args:
            by: What moves them; with zeros this is how far poses are apart.
            count: Heads that are moved.
        """
        heads = self.samples.heads
        ws, wanted = heads.codes(count), heads.read(heads.codes(count)).p_scaled
        reached = heads.read(by.move(ws, wanted - heads.read(ws).p_scaled)).p_scaled
        return (reached - wanted).abs().mean().item()

    @torch.no_grad()
    def directions(self) -> Directions:
        """A for p̃ of the pose space, whatever range it was trained in, and the bias."""
        bias = None if self.shift.bias is None else self.shift.bias.detach()
        return Directions(self.shift.A.detach() * (SCALED_RANGE / self.samples.ranges.half_range), bias)
