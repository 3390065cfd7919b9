"""LPIPS: how different two pictures look, measured in the features of AlexNet.

    L = Σ_l mean over pixels of  v_l · (f_l(x) − f_l(y))²        f_l normalised over its channels, v_l ≥ 0

over the outputs of AlexNet's five convolutions. Weights are named as in torchvision's AlexNet (`features.*`) and in
LPIPS's own file (`lin*`), so that both load as they are.

Source: Zhang, Isola, Efros, Shechtman, Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
CVPR 2018, arXiv:1801.03924, Eq. 1; Krizhevsky, "One Weird Trick for Parallelizing Convolutional Neural Networks", 2014,
arXiv:1404.5997 (AlexNet).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

WIDTHS = (64, 192, 384, 256, 256)
MEAN, DEVIATION = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of the pictures that AlexNet was trained on, in [−1, 1]."""


class ChannelWeights(nn.Module):
    """v_l, inside the layers around it that its file names."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Identity(), nn.Conv2d(channels, 1, 1, bias=False))

    def forward(self, difference: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch"]:
        """This layer's share of L."""
        weighted: Tensor = self.model(difference)
        return weighted.mean((1, 2, 3))


class Lpips(nn.Module):
    """L, version 0.1 of its weights."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        """Compose the network."""
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, WIDTHS[0], 11, 4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(WIDTHS[0], WIDTHS[1], 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(WIDTHS[1], WIDTHS[2], 3, padding=1), nn.ReLU(),
            nn.Conv2d(WIDTHS[2], WIDTHS[3], 3, padding=1), nn.ReLU(),
            nn.Conv2d(WIDTHS[3], WIDTHS[4], 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        for i, channels in enumerate(WIDTHS):
            self.add_module(f"lin{i}", ChannelWeights(channels))
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)

    def forward(self, x: Float[Tensor, "batch 3 h w"], y: Float[Tensor, "batch 3 h w"]) -> Float[Tensor, ""]:
        """L, the mean over the batch.

        Args:
            x: RGB in [−1, 1], at least 32 pixels on each side.
            y: Alike.
        """
        return self.layers(x, y).sum(0).mean()

    def layers(self, x: Float[Tensor, "batch 3 h w"], y: Float[Tensor, "batch 3 h w"]) -> Float[Tensor, "5 batch"]:
        """Every layer's share of L."""
        pairs = zip(self._normalised(x), self._normalised(y), strict=True)
        shares = [self.get_submodule(f"lin{i}")((a - b).square()) for i, (a, b) in enumerate(pairs)]
        return torch.stack(shares)

    def _normalised(self, picture: Tensor) -> list[Tensor]:
        x, maps = (picture - self.mean) / self.deviation, []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                maps.append(x / ((x.square().sum(1, keepdim=True) + 1e-9).sqrt() + 1e-10))
        return maps
