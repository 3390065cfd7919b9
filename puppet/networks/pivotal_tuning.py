"""Pivotal tuning by presets: a copy of a generator is tuned until it paints a portrait from its code.

    min_θ  λ_2 ‖G_θ(w) − x‖² / n  +  λ_p L_p(G_θ(w), x)  +  λ_R [the same of G_θ(w_r) against G(w_r)]
    w_r = w + α (w_z − w) / ‖w_z − w‖

The code w, the pivot, stays. The last term is locality: a code at the distance α, towards a random one, is painted as
before. L_p is the caller's.

`PAPER` is the method that the paper names in its section 3.2, with that method's own numbers; `AUTHORS` is what the
released code does instead.

Source: Roich, Mokady, Bermano, Cohen-Or, "Pivotal Tuning for Latent-based Editing of Real Images", ACM TOG 2022,
arXiv:2106.05744, Eqs. 3 to 5 and their released hyper-parameters; Bounareli et al., BMVC 2022, arXiv:2202.00046.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from puppet.networks.layout import GeneratorLayout
from puppet.networks.stylegan2 import SynthesisNetwork

Distance = Callable[[Tensor, Tensor], Tensor]
"""L_p of two batches of pictures in [−1, 1]."""


@dataclass(frozen=True, slots=True)
class TuningPreset:
    """Everything that differs between two ways to tune.

    Attributes:
        name: For the user, and in a bundle's manifest.
        steps: Of Adam, at most.
        rate: Of Adam, constant.
        pixels: λ_2, weight of the mean squared error.
        perceptual: λ_p.
        convolutions: First and last of the convolutions (0 at 4 px, then two a resolution) that are tuned, with their
            styles, biases and noise strengths; everything else stays. None tunes all weights.
        locality: λ_R; 0 leaves the term out.
        distance: α.
        enough: The perceptual loss at which tuning ends early; 0 never ends it.
    """

    name: Literal["paper", "authors"]
    steps: int
    rate: float
    pixels: float
    perceptual: float
    convolutions: tuple[int, int] | None
    locality: float
    distance: float
    enough: float

    def fits(self, layout: GeneratorLayout) -> bool:
        """Whether a generator has the convolutions that are tuned."""
        return self.convolutions is None or self.convolutions[1] < 2 * len(layout.channels) - 1


PAPER = TuningPreset("paper", 350, 3e-4, 1.0, 1.0, None, locality=0.1, distance=30.0, enough=0.06)

AUTHORS = TuningPreset("authors", 200, 3e-3, 100.0, 1.0, (5, 12), locality=0.0, distance=0.0, enough=0.0)
"""Layers `convs.4` to `convs.11` of the released generator: 32 to 256 px."""

PRESETS: Mapping[str, TuningPreset] = {preset.name: preset for preset in (PAPER, AUTHORS)}


@dataclass(frozen=True, slots=True)
class TuningLosses:
    """The terms of one step, unweighted; `locality` is its bracket, with λ_2 and λ_p."""

    pixels: float
    perceptual: float
    locality: float


class PivotalTuner:
    """A generator's tuned copy.

    Attributes:
        synthesis: The copy.
    """

    def __init__(
        self,
        synthesis: SynthesisNetwork,
        preset: TuningPreset,
        distance: Distance,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Copy the generator.

        Args:
            synthesis: Is left as it is.
            preset: How to tune.
            distance: L_p.
            dtype: Of the generator's features; weights stay float32.

        Raises:
            ValueError: The generator has fewer convolutions than the preset tunes.
        """
        self._before = copy.deepcopy(synthesis).eval().requires_grad_(False)
        self.synthesis = copy.deepcopy(self._before)
        self._preset = preset
        self._distance = distance
        self._dtype = dtype
        tuned: torch.nn.Module = self.synthesis
        if preset.convolutions is not None:
            first, last = preset.convolutions
            if not preset.fits(synthesis.layout):
                edge, count = synthesis.layout.resolution, len(self.synthesis.convs)
                raise ValueError(
                    f"the preset {preset.name} tunes convolutions {first} to {last}, but a generator of {edge} px has "
                    f"{count}; take another preset"
                )
            tuned = self.synthesis.convs[first : last + 1]
        self._optimiser = torch.optim.Adam(tuned.requires_grad_(True).parameters(), preset.rate)

    def step(
        self,
        w: Float[Tensor, "batch num_ws w_dim"],
        truth: Float[Tensor, "batch i r r"],
        random: Float[Tensor, "batch num_ws w_dim"] | None = None,
    ) -> TuningLosses:
        """One step of Adam.

        Args:
            w: The pivot, as the generator paints it: truncated already.
            truth: x, in [−1, 1].
            random: w_z, codes of random z; needed by presets with locality.

        Returns:
            The losses before the step.
        """
        preset = self._preset
        pixels, perceptual = self._terms(self.synthesis(w, None, self._dtype), truth)
        total = preset.pixels * pixels + preset.perceptual * perceptual
        locality = torch.zeros(())
        if preset.locality:
            if random is None:
                raise ValueError(f"the preset {preset.name} needs a random code for its locality; give one")
            way = random - w
            near = w + preset.distance * way / way.flatten(1).norm(dim=1)[:, None, None]
            with torch.no_grad():
                before = self._before(near, None, self._dtype)
            there = self._terms(self.synthesis(near, None, self._dtype), before)
            locality = preset.pixels * there[0] + preset.perceptual * there[1]
            total = total + preset.locality * locality
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        return TuningLosses(pixels.item(), perceptual.item(), locality.item())

    def _terms(self, painted: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        return (painted - truth).square().mean(), self._distance(painted, truth)
