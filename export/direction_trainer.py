"""The direction matrix in the paper's synthetic mode: two random heads, one shift, and what it should have done.

    p_s, p_t = Net3D(G(w_s)), Net3D(G(w_t))
    w_r      = w_s + A (p̃_t − p̃_s)                                   (Eq. 2), on the first rows of the code
    L        = λ_sh L_sh + λ_eye L_eye + λ_mouth L_mouth + λ_per L_per    (Eq. 3 and 4)

A is all that is trained, from zero. S_r comes from the p_i and p that Net3D reads off G(w_r), S_gt from the source's
p_i and the wanted p. In half of the samples a single attribute moves: Δp̃ = [0, …, ε_i, …, 0]. There is no identity
loss: it needs a recognition network. L_per compares I_r with I_s in the features of Net3D (see `perceptual_loss`).

Source: paper, section 3.1 and 4 (arXiv:2202.00046). Two things differ, because here expressions are one-sided and
ranges are known: the destination p̃_s + ε_i is limited to [−a, a], and ranges are measured only when asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from export.direction_scores import Directions
from export.generator_state import TrainedGenerator
from export.pose_sampling import sample_poses
from export.posed_shape import EYE_PAIRS, MOUTH_PAIRS, PosedShape, pair_loss, shape_loss
from puppet.networks.layout import GeneratorLayout
from puppet.networks.shape_regressor import ShapeCoefficients, ShapeRegressor
from puppet.networks.speed import fast_dtype
from puppet.pose_space import BUILTIN, SCALED_RANGE

STATISTICS_BATCH = 50
PERCEPTUAL_STAGES = 2


@dataclass(frozen=True, slots=True)
class LossWeights:
    """λ of every term; 0 leaves a term out. The authors' are 1, 1, 1 and, for another perceptual loss, 10."""

    shape: float = 1.0
    eye: float = 1.0
    mouth: float = 1.0
    perceptual: float = 50.0


@dataclass(frozen=True, slots=True)
class DirectionSettings:
    """What the command line chose; the defaults are the paper's.

    Attributes:
        out: Folder of the state.
        budget_s: Seconds to train.
        iterations: Most steps.
        rate: Adam's learning rate.
        batch: Samples a step, even.
        single: A single attribute moves by ε (the paper), or to ε (the authors' code); ε is uniform in [−a, a].
        bias: Whether the shift has a bias (the authors' code has one).
        statistics: Generated pictures from which the ranges of p are measured; 0 takes those of the pose space.
        cooldown: Whether the rate falls to 0 over this run.
        weights: λ of every loss.
    """

    out: Path
    budget_s: float
    iterations: int = 20_000
    rate: float = 1e-4
    batch: int = 12
    single: Literal["offset", "destination"] = "offset"
    bias: bool = False
    statistics: int = 0
    cooldown: bool = False
    weights: LossWeights = LossWeights()


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


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """p̃ of the pose space onto the measured [−a, a]: a · (p̃ − centre) / half_range."""

    centre: Float[Tensor, "pose_dim"]
    half_range: Float[Tensor, "pose_dim"]

    def rescale(self, p_scaled: Float[Tensor, "batch pose_dim"]) -> Float[Tensor, "batch pose_dim"]:
        """Into the measured range."""
        return SCALED_RANGE * (p_scaled - self.centre) / self.half_range

    def restore(self, p_measured: Float[Tensor, "batch pose_dim"]) -> Float[Tensor, "batch pose_dim"]:
        """The inverse of `rescale`."""
        return p_measured / SCALED_RANGE * self.half_range + self.centre


class DirectionTrainer:
    """A and its optimiser, between a frozen generator and a frozen Net3D.

    Args:
        settings: What the command line chose.
        trained: The generator.
        net3d: Reads p_i and p off pictures.
        shape: The 3D shape model.
        device: Where everything lies.
    """

    def __init__(
        self,
        settings: DirectionSettings,
        trained: TrainedGenerator,
        net3d: ShapeRegressor,
        shape: PosedShape,
        device: torch.device,
    ) -> None:
        self.settings = settings
        self.trained = trained
        self.net3d = net3d
        self.shape = shape.to(device)
        self.device = device
        self.dtype = fast_dtype(device)
        self.shift = Shift(trained.generator.layout, bias=settings.bias).to(device)
        self.optimiser = torch.optim.Adam(self.shift.parameters(), lr=settings.rate)
        self.steps = 0
        self._rng = np.random.default_rng(0)
        zero = torch.zeros(BUILTIN.dim, device=device)
        self.ranges = Ranges(zero, zero + SCALED_RANGE)
        if settings.statistics:
            self.ranges = self._measure(settings.statistics)

    @torch.no_grad()
    def _measure(self, pictures: int) -> Ranges:
        """The lowest and highest p̃ that Net3D reads off so many generated pictures."""
        chunks = [STATISTICS_BATCH] * -(-pictures // STATISTICS_BATCH)
        p = torch.cat([self._read(self._codes(n)).p_scaled for n in chunks])
        lower, upper = p.min(0).values, p.max(0).values
        return Ranges((lower + upper) / 2, (upper - lower) / 2)

    def _codes(self, count: int) -> Float[Tensor, "batch num_ws w_dim"]:
        """Random heads in random poses."""
        layout = self.trained.generator.layout
        z = torch.from_numpy(self._rng.standard_normal((count, layout.z_dim)).astype(np.float32))
        p_scaled = torch.from_numpy(BUILTIN.scale(sample_poses(self._rng, count)).astype(np.float32))
        return self.trained.generator.codes(z.to(self.device), p_scaled.to(self.device))

    def _paint(self, ws: Float[Tensor, "batch num_ws w_dim"]) -> Float[Tensor, "batch 3 r r"]:
        return self.trained.paint(ws, self.net3d.resolution)

    def _read(self, ws: Float[Tensor, "batch num_ws w_dim"]) -> ShapeCoefficients:
        return self.net3d.coefficients(self._paint(ws), self.dtype)

    def _wanted(self, p_s: Float[Tensor, "batch pose_dim"], p_t: Float[Tensor, "half pose_dim"]) -> Tensor:
        """Destinations in the measured range: the first half go to p_t, of the others one attribute moves."""
        half = len(p_t)
        wanted = torch.cat([p_t, p_s[half:]])
        rows = np.arange(half, len(p_s))
        which = self._rng.integers(0, p_s.shape[1], len(rows))
        epsilon = torch.from_numpy(self._rng.uniform(-SCALED_RANGE, SCALED_RANGE, len(rows)).astype(np.float32))
        start = p_s[rows, which] if self.settings.single == "offset" else torch.zeros(len(rows), device=self.device)
        wanted[rows, which] = (start + epsilon.to(self.device)).clamp(-SCALED_RANGE, SCALED_RANGE)
        return wanted

    def step(self, cooldown: float = 0.0) -> dict[str, float]:
        """One step; returns every loss term, unweighted.

        Args:
            cooldown: From 0 to 1, lowers the rate to 0.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate * (1 - min(max(cooldown, 0.0), 1.0))
        batch, λ = self.settings.batch, self.settings.weights
        with torch.no_grad():
            ws = self._codes(batch)
            source = self._paint(ws)
            p_s = self.net3d.coefficients(source, self.dtype)
            p_t = self._read(self._codes(batch // 2)).p_scaled
            start = self.ranges.rescale(p_s.p_scaled)
            wanted = self._wanted(start, self.ranges.rescale(p_t))
            s_gt = self.shape(p_s.p_i, self.ranges.restore(wanted))

        reenacted = self._paint(self.shift(ws, wanted - start))
        r = self.net3d.coefficients(reenacted, self.dtype)
        s_r = self.shape(r.p_i, r.p_scaled)
        terms = {
            "shape": shape_loss(s_r, s_gt),
            "eye": pair_loss(s_r, s_gt, EYE_PAIRS),
            "mouth": pair_loss(s_r, s_gt, MOUTH_PAIRS),
        }
        loss = λ.shape * terms["shape"] + λ.eye * terms["eye"] + λ.mouth * terms["mouth"]
        if λ.perceptual:
            terms["perceptual"] = perceptual_loss(self.net3d, reenacted, source, self.dtype)
            loss = loss + λ.perceptual * terms["perceptual"]
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.steps += 1
        return {name: term.item() for name, term in terms.items()}

    @torch.no_grad()
    def missed(self, by: Directions, heads: int) -> float:
        """How far heads stay from the poses of other heads, which they are moved to: a mean in ranges of width 12.

        Args:
            by: What moves them; with zeros this is how far poses are apart.
            heads: How many are moved.
        """
        ws, wanted = self._codes(heads), self._read(self._codes(heads)).p_scaled
        reached = self._read(by.move(ws, wanted - self._read(ws).p_scaled)).p_scaled
        return (reached - wanted).abs().mean().item()

    @torch.no_grad()
    def directions(self) -> Directions:
        """A for p̃ of the pose space, whatever range it was trained in, and the bias."""
        bias = None if self.shift.bias is None else self.shift.bias.detach()
        return Directions(self.shift.A.detach() * (SCALED_RANGE / self.ranges.half_range), bias)


def perceptual_loss(
    net3d: ShapeRegressor,
    picture: Float[Tensor, "batch 3 r r"],
    other: Float[Tensor, "batch 3 r r"],
    dtype: torch.dtype,
) -> Float[Tensor, ""]:
    """Relative squared difference of the mean of Net3D's features over all positions, summed over its fine stages.

    Where the features lie follows the pose, which is to change; their mean tells colours and textures, which are not.
    Source: Li, Wang, Liu, Hou, "Demystifying Neural Style Transfer", IJCAI 2017, arXiv:1701.01036, section 4.2 (means).
    """
    total = torch.zeros((), device=picture.device)
    with torch.no_grad():
        theirs = net3d.features(other, dtype)[:PERCEPTUAL_STAGES]
    for a, b in zip(net3d.features(picture, dtype), theirs, strict=False):
        mean_a, mean_b = a.float().mean((2, 3)), b.float().mean((2, 3))
        total = total + (mean_a - mean_b).square().sum(1).mean() / mean_b.square().sum(1).mean()
    return total
