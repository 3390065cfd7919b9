"""Pivotal tuning, as a child process: a copy of the generator is tuned until it paints the portrait.

    min_θ  Σ_i L(G_θ(w_i), x_i)  +  λ L(G_θ(w_z), G(w_z))

The codes w_i stay what the encoder and the directions give (the pivots): w_1 paints the portrait x_1 itself, the others
paint it moved (puppet.views), so that the portrait holds together when it turns, speaks and blinks. Each step takes the
first view and some of the others. The second term is locality: random people in random poses w_z are still painted as
the bundle's generator paints them. Its levels up to 16 px stay, and what they give for each view is computed once. L is
an L1 pyramid with the L1 of gradients and squares, of which the L1 leaves the largest; there is no perceptual network
to ask. Views are compared before what the portrait has behind it: before grey alone, errors of colours and of opacity
that are small each draw a line around dark hair before a dark wall.
Where a preset is asked for instead of the views, puppet.preset_tuning tunes, on the portrait alone.

Source: Roich, Mokady, Bermano, Cohen-Or, "Pivotal Tuning for Latent-based Editing of Real Images", ACM TOG 2022,
arXiv:2106.05744, Eqs. 3 to 5; as used by Bounareli et al., BMVC 2022, arXiv:2202.00046, section 3.2.

    in    {"bundle": folder, "folder": where views.safetensors lies, "tuning": "views" or a preset's name,
           "steps": how many at most}
    out   {"loss": what pictures are compared by}, {"share": 0 to 1, "left_s": seconds} each second, then
          {"done": true} or {"error": one sentence}
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from puppet.bundle import GENERATOR, Bundle, load_bundle
from puppet.child import Parent
from puppet.errors import BundleError
from puppet.networks.firm import firm_opacity
from puppet.networks.muon import Muon, convolutions
from puppet.networks.perceptual import PYRAMID_LEVELS, gradient_loss, pyramid_loss
from puppet.networks.pivotal_tuning import PRESETS
from puppet.networks.speed import fast_dtype, keep_freed_memory, leave_compiler_out
from puppet.networks.stylegan2 import SynthesisNetwork
from puppet.networks.thread_pace import ThreadPace
from puppet.partial import write_whole
from puppet.preset_tuning import PresetTuner, load_generator
from puppet.tensor_places import half_places
from puppet.tuning import STEPS, VIEWS

LIMIT_S = {"cpu": 66.0, "cuda": 6.0}
"""Tuning ends after so many seconds, whatever was reached; the rate falls towards that end too."""

BATCH = 2
"""Views in a step; the first one is always the portrait itself. Larger batches come further on unseen views for the
same number of pictures, but not in the same time, and the portrait itself stays softer."""

COARSE_UNTIL = 0.25
"""Share up to which everything is painted at half the size: colours and places are found in a third of the time."""

FIXED_PX = 16
"""Levels up to here are not tuned: a step takes three quarters of the time, and unseen views come no less far."""

RATE = 6e-3
BETAS = (0.9, 0.99)

MOST_FILTERS, MUON_RATE, MOMENTUM = 128, 20e-3, 0.9
"""Convolutions with so many filters at most, those from 32 px on, learn by Muon, all else by Adam. After as many steps
and in the same time the portrait is 3 dB closer than by Adam alone, and unseen views 1 dB."""

WARM_UP_STEPS = 20
COOLDOWN_FROM = 0.4
"""Share from which on the rate falls to 0."""

LOCALITY = 0.5
"""λ."""

TURN = 8
"""Steps of which one has the term of locality, which costs more than the first one."""

POSE_SPREAD = 2.0
"""Standard deviation of a random person's scaled pose."""

GRADIENT_WEIGHT, SQUARES_WEIGHT = 0.5, 4.0
TELL_S = 1.0
NICENESS = 10
"""Whoever streams meanwhile comes first."""


class Steps(Protocol):
    """A way to tune.

    Attributes:
        synthesis: The tuned copy.
        loss: What pictures are compared by, in words.
        steps: How many there are at most.
        limit_s: Tuning ends after so many seconds.
        enough: Tuning ends at this loss.
    """

    synthesis: SynthesisNetwork
    loss: str
    steps: int
    limit_s: float
    enough: float

    def step(self, share: float) -> float:
        """One step of the optimiser, `share` of the way; the loss before it."""


class Tuner:
    """A bundle's generator and its tuned copy."""

    loss, steps, enough = f"L1 on {PYRAMID_LEVELS} scales and squares, on views", STEPS, 0.0

    def __init__(
        self,
        bundle: Bundle,
        w: Float[Tensor, "views num_ws w_dim"],
        truth: Float[Tensor, "views i r r"],
        weights: Float[Tensor, "views 1 r r"],
        behind: Float[Tensor, "3 r r"],
        device: torch.device,
    ) -> None:
        """Load the generator.

        Args:
            bundle: The model.
            w: The pivots.
            truth: What should be painted, in [−1, 1].
            weights: How much each pixel counts, with mean 1.
            behind: What the person is seen before, in [−1, 1].
            device: Where to tune.
        """
        self._layout = bundle.layout
        self.limit_s = LIMIT_S[device.type]
        self._generator = load_generator(bundle).to(device)
        self.synthesis = copy.deepcopy(self._generator.synthesis)
        self._w, self._truth, self._weights, self._behind = (part.to(device) for part in (w, truth, weights, behind))
        self._dtype = fast_dtype(device)
        self._fixed_px = min(FIXED_PX, bundle.resolution // 4)
        tuned = self.synthesis.layers_above(self._fixed_px).requires_grad_(True)
        own = convolutions(tuned, MOST_FILTERS)
        others = set(tuned.parameters()).difference(own)
        self._begun = self._begin(self._w)
        self._learning: list[tuple[torch.optim.Optimizer, float]] = [
            (torch.optim.Adam(others, RATE, BETAS, fused=True), RATE),
            (Muon(own, MUON_RATE, MOMENTUM, self._dtype), MUON_RATE),
        ]
        self._random = torch.Generator().manual_seed(0)
        self._device = device
        self._waiting: list[int] = []
        self._steps = 0

    def step(self, share: float) -> float:
        """One step of the optimiser; the loss at the pivots.

        Args:
            share: How far the tuning is, 0 to 1.
        """
        warm, cool = (self._steps + 1) / WARM_UP_STEPS, (1.0 - share) / (1.0 - COOLDOWN_FROM)
        for optimiser, rate in self._learning:
            optimiser.param_groups[0]["lr"] = rate * min(1.0, warm, cool)
        chosen = self._choose()
        truth, weights, behind, r = self._truth[chosen], self._weights[chosen], self._behind, self._layout.resolution
        if share < COARSE_UNTIL:
            truth, weights, behind = (F.avg_pool2d(part, 2) for part in (truth, weights, behind))
            r //= 2
        x, picture = (part[chosen] for part in self._begun)
        painted = self.synthesis.finish(x, picture, self._w[chosen], r)
        loss = total = distance(seen_before(behind, painted) - seen_before(behind, truth), weights)
        if self._steps % TURN == 0:
            total = loss + LOCALITY * self._locality(r)
        self.synthesis.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        for optimiser, _ in self._learning:
            optimiser.step()
        self._steps += 1
        return loss.item()

    def _locality(self, r: int) -> Tensor:
        """How far a random person is from what the bundle's generator paints, at a resolution."""
        w = self._person()
        begun = self._begin(w)
        with torch.no_grad():
            before = self._generator.synthesis.finish(*begun, w, r)
        return distance(self.synthesis.finish(*begun, w, r) - before, torch.ones(1, 1, 1, 1, device=self._device))

    @torch.no_grad()
    def _begin(self, w: Float[Tensor, "n num_ws w_dim"]) -> tuple[Tensor, Tensor]:
        """What the levels that stay give for codes."""
        x, picture = self._generator.synthesis.begin(w, self._fixed_px, self._dtype)
        return x.contiguous(memory_format=torch.channels_last), picture

    def _choose(self) -> list[int]:
        """The first view, and some of the others: each comes once before any comes again."""
        wanted = min(BATCH, len(self._w)) - 1
        if len(self._waiting) < wanted:
            self._waiting += (1 + torch.randperm(len(self._w) - 1, generator=self._random)).tolist()
        chosen, self._waiting = self._waiting[:wanted], self._waiting[wanted:]
        return [0, *chosen]

    def _person(self) -> Float[Tensor, "1 num_ws w_dim"]:
        """The code of a random person in a random pose."""
        layout = self._layout
        z = torch.randn(1, layout.z_dim, generator=self._random)
        p_scaled = POSE_SPREAD * torch.randn(1, layout.pose_dim, generator=self._random)
        return self._generator.codes(z.to(self._device), p_scaled.to(self._device))


def seen_before(behind: Float[Tensor, "3 r r"], picture: Float[Tensor, "batch i r r"]) -> Float[Tensor, "batch i r r"]:
    """A picture over grey, seen before something else; its opacity stays.

    Where hair and wall are alike, colours and opacity that are wrong together draw no line, and alone they do.

    Args:
        behind: In [−1, 1].
        picture: As a generator paints it; opaque ones stay.
    """
    if picture.shape[1] < 4:
        return picture
    colours, opacity = picture[:, :3], picture[:, 3:]
    return torch.cat([colours + (1 - firm_opacity((opacity + 1) / 2)) * behind, opacity], 1)


def distance(error: Float[Tensor, "batch i r r"], weights: Float[Tensor, "..."]) -> Tensor:
    """L of an error: its L1 on several scales and that of its gradients, and its squares.

    Args:
        error: Difference of two batches of pictures.
        weights: How much each pixel counts, with mean 1; of one pixel for all alike.
    """
    weights = weights.expand(-1, -1, *error.shape[2:])
    squares = (weights * error.square()).mean()
    return GRADIENT_WEIGHT * gradient_loss(error, weights) + SQUARES_WEIGHT * squares + pyramid_loss(error, weights)


def open_tuner(bundle: Bundle, folder: Path, tuning: str) -> Steps:
    """What tunes on the views of a folder.

    Args:
        bundle: The model.
        folder: Holds `views.safetensors`.
        tuning: `views`, or the name of a preset.

    Raises:
        BundleError: The bundle is damaged.
        OSError: The folder cannot be read.
        SafetensorError: The views are damaged.
        ValueError: The preset does not fit the generator.
    """
    views = load_file(folder / VIEWS)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    truth = views["pictures"].permute(0, 3, 1, 2).float() / 127.5 - 1.0
    if tuning in PRESETS:
        return PresetTuner(bundle, PRESETS[tuning], views["w"][:1], truth[:1], device)
    behind = views["behind"].permute(2, 0, 1).float() / 127.5 - 1.0
    return Tuner(bundle, views["w"], truth, views["weights"][:, None] / views["weights"].mean(), behind, device)


def invert(bundle: Bundle, tuner: Steps, folder: Path, tell: Callable[[float, float], None]) -> None:
    """Tune to the end and write the tuned weights.

    Args:
        bundle: The model.
        tuner: Tunes its generator.
        folder: Gets `generator.safetensors`.
        tell: Gets the share done and the seconds left, each second.

    Raises:
        OSError: The folder cannot be written.
    """
    pace = ThreadPace()
    began = told = time.monotonic()
    share = 0.0
    for step in range(tuner.steps):
        with pace.step():
            loss = tuner.step(share)
        now = time.monotonic()
        share = max((step + 1) / tuner.steps, (now - began) / tuner.limit_s)
        if share >= 1.0 or loss <= tuner.enough:
            break
        if now - told >= TELL_S:
            told = now
            tell(share, (now - began) * (1.0 - share) / share)
    write_whole(folder / GENERATOR, with_weights(bundle.generator_path, tuner.synthesis.state_dict()), 0o600)


def with_weights(path: Path, synthesis: dict[str, Tensor]) -> bytes:
    """A generator's file with other weights in its synthesis network; every tensor stays where it is.

    The graph beside the file finds its weights by their place.

    Raises:
        BundleError: The file keeps a tensor in another form.
    """
    content = bytearray(path.read_bytes())
    try:
        places = half_places(content)
    except ValueError as error:
        raise BundleError(f"{path} is no safetensors file: {error}") from error
    for name, tensor in synthesis.items():
        place = places.get(f"synthesis.{name}")
        if place is None or place.shape != tuple(tensor.shape):
            raise BundleError(f"{path} should hold synthesis.{name} in float16; use a bundle that this program made")
        content[place.begin : place.end] = tensor.detach().half().cpu().contiguous().numpy().tobytes()
    return bytes(content)


def main() -> None:
    """Do what the parent asks, once."""
    parent = Parent()
    with suppress(AttributeError, OSError):
        os.nice(NICENESS)
    keep_freed_memory()
    leave_compiler_out()
    job = next(parent.messages())
    try:
        bundle, folder = load_bundle(Path(job["bundle"])), Path(job["folder"])
        tuner = open_tuner(bundle, folder, job["tuning"])
        tuner.steps = min(tuner.steps, job["steps"])
        parent.tell({"loss": tuner.loss})
        invert(bundle, tuner, folder, lambda share, left_s: parent.tell({"share": share, "left_s": left_s}))
    except (BundleError, OSError, SafetensorError, ValueError) as error:
        parent.tell({"error": f"the portrait cannot be tuned: {error}"})
    else:
        parent.tell({"done": True})


if __name__ == "__main__":
    main()
