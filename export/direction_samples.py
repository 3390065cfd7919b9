"""What A is trained on: which code is moved where, in the three modes of the paper.

    synthetic (3.1)   w_s of random heads                          to p_t of random heads, or by one attribute
    mixed (3.2)       half of each batch w_inv of real pictures    alike
    paired (3.3)      w_inv of a real picture                      to p_t of another picture of the same person

    p_s, p_t = Net3D of the pictures,     p̃ = a · (p − centre) / half_range,     Δp̃ = p̃_t − p̃_s or [0, …, ε_i, …, 0]

Centre and half the range are those of what Net3D reads off 10,000 generated pictures, lowest to highest. In half of the
samples of the first two modes a single attribute moves. A `Recipe` says where the authors' code differs.

Source: paper, sections 3.1 to 3.3 (arXiv:2202.00046), and the code its authors released.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from export.generator_state import TrainedGenerator
from export.inverted import Inverter, People
from export.pose_sampling import sample_poses
from export.ranks import ALONE, Ranks
from export.regression import signals
from puppet.networks.shape_regressor import ShapeCoefficients, ShapeRegressor
from puppet.networks.speed import fast_dtype
from puppet.networks.truncation import mean_code, truncate
from puppet.pose_space import BUILTIN, SCALED_RANGE

STATISTICS_BATCH = 50
LEAST_HALF_RANGE = 0.05
"""Of p̃ in the pose space: what Net3D never sees change is not blown up."""

Mode = Literal["synthetic", "mixed", "paired"]
Single = Literal["offset", "limited", "destination"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Where the paper and the code of its authors differ.

    Attributes:
        single: A single attribute moves by ε (paper), by ε but not beyond [−a, a], or to ε (code); ε ~ U[−a, a].
        halves: In mixed batches half of the real and half of the random heads move a single attribute (crossed, paper),
            or all random ones and no real one (aligned, code).
        distances: L_eye and L_mouth on distances in space (inner, paper), or on |Δx| and |Δy| (axes, code).
        shape_of: Whose p_i is wanted in paired training, the source's (paper) or the target's (code).
        bias: Whether the shift has a bias (code).
        weight_decay: Of Adam; 5e-4 in the code.
        statistics: Generated pictures from which ranges are measured (paper: 10,000); 0 takes those of the pose space,
            as the code takes fixed ones.
        psi: ψ, by which codes are truncated after the shift (code: 0.7).
    """

    single: Single = "offset"
    halves: Literal["crossed", "aligned"] = "crossed"
    distances: Literal["inner", "axes"] = "inner"
    shape_of: Literal["source", "target"] = "source"
    bias: bool = False
    weight_decay: float = 0.0
    statistics: int = 10_000
    psi: float = 1.0


PAPER = Recipe()
AUTHORS = Recipe("destination", "aligned", "axes", "target", bias=True, weight_decay=5e-4, statistics=0, psi=0.7)


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


def fixed_ranges(device: torch.device) -> Ranges:
    """Those of the pose space, which change nothing."""
    zero = torch.zeros(BUILTIN.dim, device=device)
    return Ranges(zero, zero + SCALED_RANGE)


class Heads:
    """Random heads of a generator, painted and read by Net3D.

    Args:
        trained: The generator, frozen.
        net3d: Frozen.
        psi: ψ; 1 truncates nothing.
        seed: Of all that is drawn.
    """

    def __init__(self, trained: TrainedGenerator, net3d: ShapeRegressor, psi: float = 1.0, seed: int = 0) -> None:
        self.trained = trained
        self.net3d = net3d
        self.device = trained.generator.pose_basis.device
        self.dtype = fast_dtype(self.device)
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self._psi = psi
        layout = trained.generator.layout
        self._centre = None if psi == 1 else mean_code(trained.generator.mapping, layout.z_dim)

    def codes(self, count: int) -> Float[Tensor, "batch num_ws w_dim"]:
        """Random heads in random poses."""
        layout = self.trained.generator.layout
        z = torch.from_numpy(self.rng.standard_normal((count, layout.z_dim)).astype(np.float32))
        p_scaled = torch.from_numpy(BUILTIN.scale(sample_poses(self.rng, count)).astype(np.float32))
        return self.trained.generator.codes(z.to(self.device), p_scaled.to(self.device))

    def paint(self, ws: Float[Tensor, "batch num_ws w_dim"]) -> Float[Tensor, "batch 3 r r"]:
        """Pictures as Net3D takes them, RGB in [0, 1]."""
        ws = ws if self._centre is None else truncate(ws, self._centre, self._psi)
        return self.trained.paint(ws, self.net3d.resolution)

    def look(self, picture: Float[Tensor, "batch 3 r r"]) -> ShapeCoefficients:
        """What Net3D reads off pictures."""
        return self.net3d.coefficients(picture, self.dtype)

    def read(self, ws: Float[Tensor, "batch num_ws w_dim"]) -> ShapeCoefficients:
        """What Net3D reads off painted codes."""
        return self.look(self.paint(ws))

    def signals(self, pictures: UInt8[np.ndarray, "n r r channels"]) -> Float[Tensor, "n channels r r"]:
        """Real pictures in [0, 1]."""
        return signals(pictures, self.device)

    @torch.no_grad()
    def measure(self, pictures: int, running: Callable[[], bool]) -> Ranges:
        """The lowest and highest p̃ that Net3D reads off generated pictures.

        Args:
            pictures: How many are wanted.
            running: Whether there is time for more; if not, those that were read must do.
        """
        left = pictures
        read: list[Tensor] = []
        while left > 0 and (not read or running()):
            read.append(self.read(self.codes(min(left, STATISTICS_BATCH))).p_scaled)
            left -= STATISTICS_BATCH
        p = torch.cat(read)
        print(f"ranges of p measured on {len(p)} generated pictures", flush=True)
        lower, upper = p.min(0).values, p.max(0).values
        return Ranges((lower + upper) / 2, ((upper - lower) / 2).clamp(min=LEAST_HALF_RANGE))


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One batch.

    Attributes:
        ws: w_s or w_inv.
        change: Δp̃, in measured ranges.
        wanted: The shape that the reenacted picture should have.
        reference: What the reenacted picture is compared with: the source's picture, in paired training the target's.
    """

    ws: Float[Tensor, "batch num_ws w_dim"]
    change: Float[Tensor, "batch pose_dim"]
    wanted: ShapeCoefficients
    reference: Float[Tensor, "batch 3 r r"]


class Samples:
    """Draws batches in one of the three modes.

    Args:
        mode: Which.
        heads: Random heads.
        ranges: Of p̃.
        recipe: The paper's or the authors'.
        real: Real pictures and who inverts them; needed but in the synthetic mode.
        ranks: Which process of how many; each paints and reads its own rows.
    """

    def __init__(
        self,
        mode: Mode,
        heads: Heads,
        ranges: Ranges,
        recipe: Recipe,
        real: tuple[People, Inverter] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        if mode != "synthetic" and real is None:
            raise ValueError(f"the mode {mode} needs real pictures and an encoder; give both")
        self.mode = mode
        self.heads = heads
        self.ranges = ranges
        self.ranks = ranks
        self._recipe = recipe
        self._real = real

    @torch.no_grad()
    def draw(self, batch: int) -> Sample:
        """Own rows of a batch of an even number of samples."""
        return self._paired(batch) if self.mode == "paired" else self._unpaired(batch)

    def _unpaired(self, batch: int) -> Sample:
        own = np.arange(batch)[self.ranks.rows(batch)]
        ws, reference = self._sources(batch, own)
        s = self.heads.look(reference)
        start = self.ranges.rescale(s.p_scaled)
        single = self.single(batch).cpu().numpy()
        place = np.where(single, single.cumsum(), (~single).cumsum()) - 1  # in its half of the batch
        single, place = single[own], place[own]
        wanted = start.clone()
        codes = self.heads.codes(batch // 2)[place[~single]]
        if len(codes):
            wanted[~single] = self.ranges.rescale(self.heads.read(codes).p_scaled)
        wanted[single] = self.moved_alone(start[single], batch // 2, place[single])
        return Sample(ws, wanted - start, ShapeCoefficients(s.p_i, self.ranges.restore(wanted)), reference)

    def _sources(self, batch: int, own: Int[np.ndarray, "own"]) -> tuple[Tensor, Tensor]:
        """Codes and their pictures; in mixed training the first half are real ones."""
        if self.mode == "synthetic":
            ws = self.heads.codes(batch)[own]
            return ws, self.heads.paint(ws)
        people, inverter = self._given()
        half = batch // 2
        real = self.heads.signals(people.pictures(self.heads.rng, half, 1)[own[own < half], 0])
        ws = self.heads.codes(batch - half)[own[own >= half] - half]
        return torch.cat([inverter.codes(real), ws]), torch.cat([real, self.heads.paint(ws)])

    def _paired(self, batch: int) -> Sample:
        people, inverter = self._given()
        both = people.pictures(self.heads.rng, batch, 2)[self.ranks.rows(batch)]
        source, target = (self.heads.signals(both[:, i]) for i in (0, 1))
        s, t = self.heads.look(source), self.heads.look(target)
        change = self.ranges.rescale(t.p_scaled) - self.ranges.rescale(s.p_scaled)
        p_i = s.p_i if self._recipe.shape_of == "source" else t.p_i
        return Sample(inverter.codes(source), change, ShapeCoefficients(p_i, t.p_scaled), target)

    def single(self, batch: int) -> Bool[Tensor, "batch"]:
        """Which samples move a single attribute: half of them."""
        i = torch.arange(batch, device=self.heads.device)
        if self.mode == "mixed" and self._recipe.halves == "crossed":
            return i % 2 == 1
        return i >= batch // 2

    def moved_alone(
        self, start: Float[Tensor, "own pose_dim"], half: int, place: Int[np.ndarray, "own"]
    ) -> Float[Tensor, "own pose_dim"]:
        """Destinations that differ from the start in one attribute, in measured ranges.

        Args:
            start: p̃_s of own samples.
            half: Samples of the whole batch that move so.
            place: Of own ones among them.
        """
        wanted = start.clone()
        rows, rng = np.arange(len(start)), self.heads.rng
        which = rng.integers(0, start.shape[1], half)[place]
        drawn = rng.uniform(-SCALED_RANGE, SCALED_RANGE, half).astype(np.float32)[place]
        epsilon = torch.from_numpy(drawn).to(start.device)
        if self._recipe.single == "destination":
            wanted[rows, which] = epsilon
        else:
            wanted[rows, which] += epsilon
        if self._recipe.single == "limited":
            wanted[rows, which] = wanted[rows, which].clamp(-SCALED_RANGE, SCALED_RANGE)
        return wanted

    def _given(self) -> tuple[People, Inverter]:
        assert self._real is not None  # checked when made
        return self._real
