"""The perceptual loss of tuning and training: LPIPS where the user has AlexNet's weights, else one without weights.

    L_pyramid = Σ_l mean(ω_l |e_l|)         l = 0 … 3, e_l and ω_l averaged over 2^l × 2^l pixels

LPIPS's own 1,152 numbers come with the program (`lpips_notice.txt`). AlexNet does not: torchvision's file is
`alexnet-owt-7be5be79.pth`. Without it two pictures are compared on several scales, which knows nothing of faces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor

from puppet.networks.lpips import Lpips

CHANNEL_WEIGHTS = Path(__file__).with_name("lpips_alex.safetensors")

PYRAMID_LEVELS = 4

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Perceptual:
    """A perceptual loss.

    Attributes:
        name: What it is, to be told to the user.
        distance: Of two batches of pictures in [−1, 1]; differentiable.
    """

    name: str
    distance: Callable[[Tensor, Tensor], Tensor]


def perceptual(alexnet: Mapping[str, Tensor] | None, device: torch.device = CPU) -> Perceptual:
    """LPIPS, or without AlexNet's weights the L1 on several scales.

    Args:
        alexnet: The state of torchvision's AlexNet; its classifier is not looked at.
        device: Where the pictures will lie.

    Raises:
        ValueError: It is the state of another network.
    """
    if alexnet is None:
        return Perceptual(f"L1 on {PYRAMID_LEVELS} scales, without AlexNet", _on_several_scales)
    network = Lpips()
    features = {name: tensor for name, tensor in alexnet.items() if name.startswith("features.")}
    try:
        network.load_state_dict(features | load_file(CHANNEL_WEIGHTS))
    except RuntimeError as error:
        raise ValueError(f"LPIPS needs the weights of torchvision's AlexNet, not these: {error}") from error
    return Perceptual("LPIPS in the features of AlexNet", network.to(device).eval().requires_grad_(False))


def on_scales(
    error: Float[Tensor, "batch channels r r"], weights: Float[Tensor, "_ 1 r r"]
) -> Iterator[tuple[Tensor, Tensor]]:
    """e_l and ω_l on each scale, the finest first; of a picture below 8 px as many as there are.

    Args:
        error: e in signed pictures.
        weights: ω, of each picture or one for all.
    """
    yield error, weights
    for _ in range(min(PYRAMID_LEVELS, error.shape[-1].bit_length()) - 1):
        error, weights = F.avg_pool2d(error, 2), F.avg_pool2d(weights, 2)
        yield error, weights


def pyramid_loss(error: Float[Tensor, "batch channels r r"], weights: Float[Tensor, "_ 1 r r"]) -> Float[Tensor, ""]:
    """L_pyramid.

    Args:
        error: e in signed pictures.
        weights: ω, of each picture or one for all.
    """
    loss = torch.zeros((), device=error.device)
    for e, ω in on_scales(error, weights):
        loss = loss + (ω * e.abs()).mean()
    return loss


def gradient_loss(error: Float[Tensor, "batch channels r r"], weights: Float[Tensor, "_ 1 r r"]) -> Float[Tensor, ""]:
    """mean(ω |∂e/∂x|) + mean(ω |∂e/∂y|); arguments as in `pyramid_loss`."""
    across = (error[..., 1:] - error[..., :-1]).abs() * weights[..., 1:]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * weights[..., 1:, :]
    return across.mean() + down.mean()


def _on_several_scales(x: Float[Tensor, "batch 3 r r"], y: Float[Tensor, "batch 3 r r"]) -> Float[Tensor, ""]:
    return pyramid_loss(x - y, x.new_ones(1, 1, *x.shape[2:]))
