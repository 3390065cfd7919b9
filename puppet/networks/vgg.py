"""The perceptual loss of the paper: how far two pictures are apart in the features of VGG-16.

    L_per = mean (φ(x) − φ(y))²         φ the output of relu2_2

Weights are named as in torchvision's VGG-16 (`features.*`), of which the first four convolutions are needed.

Source: Johnson, Alahi, Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016,
arXiv:1603.08155, Eq. 2 (feature reconstruction); Simonyan, Zisserman, "Very Deep Convolutional Networks for
Large-Scale Image Recognition", ICLR 2015, arXiv:1409.1556.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from puppet.networks.perceptual import CPU, Perceptual

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pictures that VGG was trained on, in [0, 1]."""


class Vgg(nn.Module):
    """φ."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        """Compose the network."""
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(), nn.Conv2d(128, 128, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)

    def forward(self, x: Float[Tensor, "batch 3 h w"], y: Float[Tensor, "batch 3 h w"]) -> Float[Tensor, ""]:
        """L_per of RGB in [−1, 1]."""
        return (self._seen(x) - self._seen(y)).square().mean()

    def _seen(self, picture: Tensor) -> Tensor:
        seen: Tensor = self.features((picture / 2 + 0.5 - self.mean) / self.deviation)
        return seen


def vgg_perceptual(state: Mapping[str, Tensor], device: torch.device = CPU) -> Perceptual:
    """L_per with the user's weights.

    Args:
        state: Of torchvision's VGG-16; what lies above relu2_2 is not looked at.
        device: Where the pictures will lie.

    Raises:
        ValueError: It is the state of another network.
    """
    network = Vgg()
    try:
        network.load_state_dict({name: state[name] for name in network.state_dict() if name in state})
    except RuntimeError as error:
        raise ValueError(
            f"the perceptual loss needs the weights of torchvision's VGG-16, not these: {error}"
        ) from error
    return Perceptual("features of VGG-16 (relu2_2)", network.to(device).eval().requires_grad_(False))
