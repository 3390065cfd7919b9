"""Tuning on the portrait alone, as the paper or its authors do: a preset of puppet.networks.pivotal_tuning, whole.

The pivot is the code of the portrait's own pose. L_p is LPIPS where the bundle has AlexNet's weights, else the L1 on
several scales. No opacity has a part in L_p. In bundles with truncation in their weights, α is a distance before it.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor

from puppet.bundle import Bundle
from puppet.networks.perceptual import perceptual
from puppet.networks.pivotal_tuning import PivotalTuner, TuningPreset
from puppet.networks.speed import fast_dtype
from puppet.networks.stylegan2 import Generator


def load_generator(bundle: Bundle) -> Generator:
    """A bundle's generator, which moves as its directions say; frozen."""
    generator = Generator(bundle.layout)
    generator.load_state_dict(load_file(bundle.generator_path))
    generator.eval().requires_grad_(False)
    generator.pose_basis.copy_(torch.tensor(bundle.A))
    return generator


class PresetTuner:
    """A bundle's generator and its tuned copy.

    Attributes:
        loss: L_p, in words.
        steps: How many there are.
        limit_s: There is none.
        enough: The loss at which it may end early.
    """

    limit_s = math.inf

    def __init__(
        self,
        bundle: Bundle,
        preset: TuningPreset,
        w: Float[Tensor, "1 num_ws w_dim"],
        truth: Float[Tensor, "1 i r r"],
        device: torch.device,
    ) -> None:
        """Load the generator.

        Args:
            bundle: The model.
            preset: How to tune.
            w: The pivot.
            truth: The portrait, in [−1, 1].
            device: Where to tune.

        Raises:
            BundleError: AlexNet's weights are damaged.
            ValueError: The preset does not fit the generator, or other weights are said to be AlexNet's.
        """
        path = bundle.alexnet_path
        compared = perceptual(None if path is None else load_file(bundle.checked(path)), device)
        self.loss = f"{compared.name}, by the preset {preset.name}"
        self.steps, self.enough = preset.steps, preset.enough
        self._generator = load_generator(bundle).to(device)
        self._tuner = PivotalTuner(
            self._generator.synthesis,
            preset,
            lambda x, y: compared.distance(x[:, :3], y[:, :3]),
            fast_dtype(device),
        )
        self.synthesis = self._tuner.synthesis
        self._w, self._truth = w.to(device), truth.to(device)
        # People of an encoder that gives poses too are random in theirs already; all others are at rest.
        rest = bundle.pose_space.scale(bundle.pose_space.rest) * (not bundle.codes_are_posed)
        self._rest = torch.from_numpy(rest)[None].float()
        self._draw = torch.Generator().manual_seed(0)

    def step(self, share: float) -> float:
        """One step of the optimiser; L_p before it.

        Args:
            share: How far the tuning is; a preset's rate stays the same.
        """
        z = torch.randn(1, self._generator.layout.z_dim, generator=self._draw).to(self._w.device)
        person = self._generator.codes(z, self._rest.to(self._w.device))
        return self._tuner.step(self._w, self._truth, person).perceptual
