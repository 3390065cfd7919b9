"""The perceptual loss of tuning and training: LPIPS where the user has AlexNet's weights, else one without weights.

LPIPS's own 1,152 numbers come with the workshop (`lpips_notice.txt`). AlexNet does not: torchvision's file is
`alexnet-owt-7be5be79.pth`. Without it two pictures are compared on several scales, which knows nothing of faces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor

from export.losses import PYRAMID_LEVELS, pyramid_loss
from puppet.networks.lpips import Lpips

CHANNEL_WEIGHTS = Path(__file__).with_name("lpips_alex.safetensors")


@dataclass(frozen=True, slots=True)
class Perceptual:
    """A perceptual loss.

    Attributes:
        name: What it is, to be told to the user.
        distance: Of two batches of pictures in [−1, 1]; differentiable.
    """

    name: str
    distance: Callable[[Tensor, Tensor], Tensor]


def perceptual(alexnet: Mapping[str, Tensor] | None) -> Perceptual:
    """LPIPS, or without AlexNet's weights the L1 on several scales.

    Args:
        alexnet: The state of torchvision's AlexNet; its classifier is not looked at.

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
    return Perceptual("LPIPS in the features of AlexNet", network.eval().requires_grad_(False))


def _on_several_scales(x: Float[Tensor, "batch 3 r r"], y: Float[Tensor, "batch 3 r r"]) -> Float[Tensor, ""]:
    return pyramid_loss(x - y, x.new_ones(1, 1, *x.shape[2:]))
