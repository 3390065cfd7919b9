"""Adaptive discriminator augmentation: all pictures are shown changed, so that a few cannot be learned by heart.

Each change happens to a picture with probability p. Only changes that move or mix pixels without resampling are made:

    mirrored; turned by a multiple of 90°; shifted by up to an eighth, reflected at the border
    brightness + N(0, 0.2), contrast · 2^N(0, 0.5), saturation · 2^N(0, 1), any hue, lightness turned over

p rises while the discriminator is sure of the true pictures, E[sign D(x)] > 0.6, and falls while it is not; below about
0.8 nothing of it leaks into what is painted. All changes are linear, so penalties may be differentiated through them.

Source: Karras, Aittala, Hellsten, Laine, Lehtinen, Aila, "Training Generative Adversarial Networks with Limited Data",
NeurIPS 2020, arXiv:2006.06676, sections 2.2 and 3.1, appendix B.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from export.ranks import ALONE, Draw, Ranks

SHIFT = 0.125
BRIGHTNESS, CONTRAST, SATURATION = 0.2, 0.5, 1.0
"""Standard deviations: of an offset, and of two exponents of 2."""

AIM = 0.6
"""Of the mean sign of the true pictures' logits."""

PICTURES_TO_ONE = 500_000
"""Over which p goes from 0 to 1 at the fastest."""


class Adaptive:
    """The probability p, led by the discriminator's logits.

    Args:
        p: Where it stands.
    """

    def __init__(self, p: float = 0.0) -> None:
        self.p = p

    def follow(self, true: Float[Tensor, "*batch"], ranks: Ranks = ALONE) -> None:
        """Move p by the logits of one batch of true pictures, of which each process has its own."""
        sure = ranks.mean(true.sign().mean()).item()
        step = math.copysign(ranks.count * true.shape[0] / PICTURES_TO_ONE, sure - AIM)
        self.p = min(max(self.p + step, 0.0), 1.0)


def augment(pictures: Float[Tensor, "batch 3 r r"], p: float, draw: Draw) -> Float[Tensor, "batch 3 r r"]:
    """Pictures, each changed in its own way.

    Args:
        pictures: Signed.
        p: Probability of every change.
        draw: Where chance comes from.
    """
    return _recoloured(_moved(pictures, p, draw), p, draw) if p > 0 else pictures


def _chosen(pictures: Tensor, p: float, draw: Draw) -> Bool[Tensor, "batch 1 1 1"]:
    return draw.uniform(len(pictures), 1, 1, 1) < p


def _moved(x: Tensor, p: float, draw: Draw) -> Tensor:
    x = torch.where(_chosen(x, p, draw) & _chosen(x, 0.5, draw), x.flip(3), x)
    turns = _chosen(x, p, draw) * draw.integers(0, 4, len(x), 1, 1, 1)
    x = torch.where(turns % 2 == 1, x.transpose(2, 3).flip(3), x)
    x = torch.where(turns >= 2, x.flip((2, 3)), x)
    edge = x.shape[2]
    most = round(SHIFT * edge)
    shifts = _chosen(x, p, draw)[:, :, :, 0] * draw.integers(-most, most + 1, len(x), 2, 1)
    for axis, shift in zip((2, 3), torch.split(shifts, 1, 1), strict=True):
        place = (torch.arange(edge, device=x.device) - shift).abs()[:, 0]
        place = edge - 1 - (edge - 1 - place).abs()
        where = place[:, None, :, None] if axis == 2 else place[:, None, None, :]
        x = x.gather(axis, where.expand_as(x))
    return x


def _recoloured(x: Tensor, p: float, draw: Draw) -> Tensor:
    def drawn(deviation: float) -> Tensor:
        return _chosen(x, p, draw)[:, 0] * deviation * draw.normal(len(x), 1, 1)

    unit, grey = torch.eye(3, device=x.device), torch.full((3, 3), 1.0 / 3.0, device=x.device)
    contrast, saturation = drawn(CONTRAST).exp2(), drawn(SATURATION).exp2()
    lightness = unit - 2.0 * grey * (_chosen(x, p, draw) & _chosen(x, 0.5, draw))[:, 0]
    angle = _chosen(x, p, draw)[:, 0] * math.pi * (2.0 * draw.uniform(len(x), 1, 1) - 1.0)
    # About the grey axis (Rodrigues); what is grey stays as it is.
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]], device=x.device) / math.sqrt(3.0)
    hue = torch.cos(angle) * (unit - grey) + torch.sin(angle) * cross
    matrix = contrast * (saturation * hue + grey) @ lightness
    return torch.einsum("bij,bjhw->bihw", matrix, x + drawn(BRIGHTNESS)[..., None])
