"""The losses of a game between a generator G and a discriminator D, whose logits are high for true pictures.

    L_D = softplus(−D(x)) + softplus(D(G))      L_G = softplus(−D(G))       non-saturating
    R1  = γ/2 · ‖∇_x D(x)‖²                     D(x) the mean where a picture has many logits
    L_path = E_{w,y}(‖∇_w (G(w) · y)‖ − a)²     y ~ N(0, I) / r; ‖·‖ of one row; a its running mean

R1 and L_path are lazy: taken every k steps, times k.

Source: Goodfellow et al., NIPS 2014, arXiv:1406.2661; Mescheder, Geiger, Nowozin, ICML 2018, arXiv:1801.04406,
equation 9; Karras et al., CVPR 2020, arXiv:1912.04958, sections 3.1 (lazily) and 3.2 (path length, equation 4).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from export.ranks import ALONE, Draw, Ranks


def discriminator_loss(true: Tensor, painted: Tensor) -> Float[Tensor, ""]:
    """L_D, from the logits of both."""
    return F.softplus(-true).mean() + F.softplus(painted).mean()


def generator_loss(painted: Tensor) -> Float[Tensor, ""]:
    """L_G, from the logits of painted pictures."""
    return F.softplus(-painted).mean()


def r1_penalty(
    discriminate: Callable[[Tensor], Float[Tensor, "batch n"]], true: Float[Tensor, "batch *shape"], gamma: float
) -> Float[Tensor, ""]:
    """R1, the mean over a batch; differentiable in the weights of D.

    Args:
        discriminate: D.
        true: x.
        gamma: γ.
    """
    x = true.detach().requires_grad_()
    logits = discriminate(x)
    (gradient,) = torch.autograd.grad(logits.mean(1).sum(), x, create_graph=True)
    return 0.5 * gamma * gradient.flatten(1).square().sum(1).mean()


class PathLength:
    """L_path, with its running mean.

    Args:
        mean: a, where one is known already.
    """

    DECAY = 0.01

    def __init__(self, mean: float = 0.0) -> None:
        self.mean = mean

    def penalty(
        self, pictures: Float[Tensor, "batch c h w"], ws: Float[Tensor, "batch num_ws w_dim"], draw: Draw
    ) -> Float[Tensor, ""]:
        """L_path of pictures that were painted from `ws`; moves a; differentiable in the weights of G."""
        y = draw.normal(*pictures.shape) / math.sqrt(pictures.shape[2] * pictures.shape[3])
        (gradient,) = torch.autograd.grad((pictures * y).sum(), ws, create_graph=True)
        lengths = gradient.square().sum(2).mean(1).sqrt()
        self.mean += self.DECAY * (draw.ranks.mean(lengths.mean()).item() - self.mean)
        return (lengths - self.mean).square().mean()


def limited(
    gradient: Float[Tensor, "..."], beside: Float[Tensor, "..."], share: float, ranks: Ranks = ALONE
) -> tuple[Float[Tensor, "..."], Float[Tensor, ""]]:
    """A gradient, shortened to at most `share` of the norm of the gradient `beside` it; and by which factor.

    Norms are those of the whole batch, of which each process has its own rows.
    """
    norm, most = ranks.mean(torch.stack([gradient.square().sum(), beside.square().sum()])).sqrt()
    factor = (share * most / norm.clamp_min(1e-12)).clamp_max(1.0)
    return gradient * factor, factor
