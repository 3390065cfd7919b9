"""Pivotal tuning, as a child process: a copy of the generator is tuned until it paints the portrait.

    min_θ  Σ_i L(G_θ(w_i), x_i)  +  λ L(G_θ(w_z), G(w_z))  +  μ L(G_θ(w_i + A e) − G_θ(w_i), G(w_i + A e) − G(w_i))

The codes w_i stay what the encoder gave (the pivots). The second term is locality: random people in random poses w_z
are still painted as the bundle's generator paints them. The third is ours: a random expression e still changes the
picture as it does there, so that the portrait can blink and speak. L is an L1 pyramid with the L1 of gradients; there
is no perceptual network to ask. With one view x_1 is the portrait; more views of it, each with its own weights, come in
the same way.

Source: Roich, Mokady, Bermano, Cohen-Or, "Pivotal Tuning for Latent-based Editing of Real Images", ACM TOG 2022,
arXiv:2106.05744, Eqs. 3 to 5; as used by Bounareli et al., BMVC 2022, arXiv:2202.00046, section 3.2.

    in    {"bundle": folder, "folder": where views.safetensors lies}
    out   {"share": 0 to 1, "left_s": seconds} each second, then {"done": true} or {"error": one sentence}
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from puppet.bundle import GENERATOR, Bundle, load_bundle
from puppet.child import Parent
from puppet.errors import BundleError
from puppet.groups import group_of
from puppet.networks.speed import fast_dtype, keep_freed_memory
from puppet.networks.stylegan2 import Generator, SynthesisNetwork
from puppet.partial import write_whole
from puppet.pose_space import SCALED_RANGE
from puppet.tuning import VIEWS

STEPS = 400
LIMIT_S = 50.0
"""Tuning ends after so many seconds, whatever was reached; the rate falls towards that end too."""

RATE = 3e-3
BETAS = (0.9, 0.99)
WARM_UP_STEPS = 20
COOLDOWN_FROM = 0.5
"""Share from which on the rate falls to 0."""

LOCALITY, EXPRESSION = 0.5, 1.0
"""λ and μ."""

TURN = 4
"""Steps in which each of the two terms counts once; they cost more than the first one."""

EXPRESSED = 0.3
"""Share of a pose's expressions that a random one changes."""

POSE_SPREAD = 2.0
"""Standard deviation of a random person's scaled pose."""

PYRAMID_LEVELS = 4
GRADIENT_WEIGHT = 0.5
TELL_S = 1.0
NICENESS = 10
"""Whoever streams meanwhile comes first."""


class Tuner:
    """A bundle's generator and its tuned copy."""

    def __init__(self, bundle: Bundle, w: Float[Tensor, "views num_ws w_dim"]) -> None:
        """Load the generator.

        Args:
            bundle: The model.
            w: The pivots.
        """
        self._layout = bundle.layout
        self._generator = Generator(bundle.layout)
        self._generator.load_state_dict(load_file(bundle.generator_path))
        self._generator.eval().requires_grad_(False)
        self._generator.pose_basis.copy_(torch.tensor(bundle.A))
        self.synthesis = copy.deepcopy(self._generator.synthesis).requires_grad_(True)
        self._w = w
        self._rest = torch.from_numpy(bundle.pose_space.scale(bundle.pose_space.rest)).float()
        groups = [group_of(name) for name in bundle.pose_space.names]
        self._expressions = torch.tensor([group != "head" for group in groups])
        self._optimiser = torch.optim.Adam(self.synthesis.parameters(), RATE, BETAS)
        self._random = torch.Generator().manual_seed(0)
        self._dtype = fast_dtype(torch.device("cpu"))
        self._steps = 0

    def step(self, truth: Float[Tensor, "views i r r"], weights: Float[Tensor, "views 1 r r"], share: float) -> float:
        """One step of the optimiser; the loss at the pivots.

        Args:
            truth: What should be painted, in [−1, 1].
            weights: How much each pixel counts, with mean 1.
            share: How far the tuning is, 0 to 1.
        """
        warm, cool = (self._steps + 1) / WARM_UP_STEPS, (1.0 - share) / (1.0 - COOLDOWN_FROM)
        for group in self._optimiser.param_groups:
            group["lr"] = RATE * min(1.0, warm, cool)
        turn, view = self._steps % TURN, self._steps // TURN % len(truth)
        others = self._person() if turn == 0 else self._expressed(view) if turn == TURN // 2 else self._w[:0]
        after = self._paint(self.synthesis, torch.cat([self._w, others]))
        loss = total = distance(after[: len(truth)] - truth, weights)
        if len(others):
            with torch.no_grad():
                before = self._paint(self._generator.synthesis, torch.cat([self._w[view : view + 1], others]))
            if turn == 0:
                total = loss + LOCALITY * distance(after[-1:] - before[-1:], torch.ones(1, 1, 1, 1))
            else:
                change = (after[-1:] - after[view : view + 1]) - (before[1:] - before[:1])
                total = loss + EXPRESSION * distance(change, weights[view : view + 1])
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._steps += 1
        return loss.item()

    def _paint(self, synthesis: SynthesisNetwork, ws: Float[Tensor, "batch num_ws w_dim"]) -> Tensor:
        painted: Tensor = synthesis(ws, None, self._dtype)
        return painted

    def _person(self) -> Float[Tensor, "1 num_ws w_dim"]:
        """The code of a random person in a random pose."""
        layout = self._layout
        z = torch.randn(1, layout.z_dim, generator=self._random)
        p_scaled = POSE_SPREAD * torch.randn(1, layout.pose_dim, generator=self._random)
        return self._generator.codes(z, p_scaled)

    def _expressed(self, view: int) -> Float[Tensor, "1 num_ws w_dim"]:
        """A pivot with another expression."""
        draw = torch.rand(2, len(self._rest), generator=self._random)
        changed = self._expressions & (draw[0] < EXPRESSED)
        shift = torch.where(changed, SCALED_RANGE * (2 * draw[1] - 1) - self._rest, 0.0)
        w = self._w[view : view + 1].clone()
        w[:, : self._layout.pose_rows] += self._generator.pose_basis @ shift
        return w


def distance(error: Float[Tensor, "batch i r r"], weights: Float[Tensor, "..."]) -> Tensor:
    """L of an error: its L1 on several scales, and that of its gradients.

    Args:
        error: Difference of two batches of pictures.
        weights: How much each pixel counts, with mean 1; of one pixel for all alike.
    """
    weights = weights.expand(-1, -1, *error.shape[2:])
    across = (weights[..., 1:] * (error[..., 1:] - error[..., :-1]).abs()).mean()
    down = (weights[..., 1:, :] * (error[..., 1:, :] - error[..., :-1, :]).abs()).mean()
    loss = GRADIENT_WEIGHT * (across + down)
    for level in range(min(PYRAMID_LEVELS, error.shape[-1].bit_length())):
        if level:
            error, weights = F.avg_pool2d(error, 2), F.avg_pool2d(weights, 2)
        loss = loss + (weights * error.abs()).mean()
    return loss


def invert(bundle: Bundle, folder: Path, tell: Callable[[float, float], None]) -> None:
    """Tune on the views of a folder and write the tuned weights beside them.

    Args:
        bundle: The model.
        folder: Holds `views.safetensors`; gets `generator.safetensors`.
        tell: Gets the share done and the seconds left, each second.

    Raises:
        OSError: The folder cannot be read or written.
        SafetensorError: The views are damaged.
    """
    views = load_file(folder / VIEWS)
    truth = views["pictures"].permute(0, 3, 1, 2).float() / 127.5 - 1.0
    weights = views["weights"][:, None] / views["weights"].mean()
    tuner = Tuner(bundle, views["w"])
    began = told = time.monotonic()
    share = 0.0
    for step in range(STEPS):
        tuner.step(truth, weights, share)
        now = time.monotonic()
        share = max((step + 1) / STEPS, (now - began) / LIMIT_S)
        if share >= 1.0:
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
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    for name, tensor in synthesis.items():
        entry = header[f"synthesis.{name}"]
        if entry["dtype"] != "F16" or entry["shape"] != list(tensor.shape):
            raise BundleError(f"{path} should hold synthesis.{name} in float16; use a bundle that this program made")
        begin, end = entry["data_offsets"]
        content[start + begin : start + end] = tensor.detach().half().contiguous().numpy().tobytes()
    return bytes(content)


def main() -> None:
    """Do what the parent asks, once."""
    parent = Parent()
    with suppress(AttributeError, OSError):
        os.nice(NICENESS)
    keep_freed_memory()
    # Half the cores: threads that wait for one that a stream has pushed aside would lose more than they bring.
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))
    job = next(parent.messages())
    try:
        bundle = load_bundle(Path(job["bundle"]))
        invert(bundle, Path(job["folder"]), lambda share, left_s: parent.tell({"share": share, "left_s": left_s}))
    except (BundleError, OSError, SafetensorError) as error:
        parent.tell({"error": f"the portrait cannot be tuned: {error}"})
    else:
        parent.tell({"done": True})


if __name__ == "__main__":
    main()
