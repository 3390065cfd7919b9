"""The losses of a game between a generator G and a discriminator D, whose logits are high for true pictures.

    L_D = softplus(−D(x)) + softplus(D(G))      L_G = softplus(−D(G))       non-saturating
    R1  = γ/2 · ‖∇_x Σ_l D_l(x)‖² / n           over the n logits of a picture; γ/2 ‖∇D‖² where there is one

R1 is taken every `LAZY` steps only, times `LAZY`.

Source: Goodfellow et al., NIPS 2014, arXiv:1406.2661; Mescheder, Geiger, Nowozin, ICML 2018, arXiv:1801.04406,
equation 9; lazily: Karras et al., CVPR 2020, arXiv:1912.04958, section 3.1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def discriminator_loss(true: Tensor, painted: Tensor) -> Float[Tensor, ""]:
    """L_D, from the logits of both."""
    return F.softplus(-true).mean() + F.softplus(painted).mean()


def generator_loss(painted: Tensor) -> Float[Tensor, ""]:
    """L_G, from the logits of painted pictures."""
    return F.softplus(-painted).mean()


def r1_penalty(
    discriminate: Callable[[Tensor], Float[Tensor, "batch n"]], true: Float[Tensor, "batch c h w"], gamma: float
) -> Float[Tensor, ""]:
    """R1, the mean over a batch; differentiable in the weights of D.

    Args:
        discriminate: D. Patches count as if none overlapped.
        true: x.
        gamma: γ.
    """
    x = true.detach().requires_grad_()
    logits = discriminate(x)
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return 0.5 * gamma * gradient.square().sum((1, 2, 3)).mean() / logits.shape[1]


def limited(
    gradient: Float[Tensor, "..."], beside: Float[Tensor, "..."], share: float
) -> tuple[Float[Tensor, "..."], Float[Tensor, ""]]:
    """A gradient, shortened to at most `share` of the norm of the gradient `beside` it; and by which factor."""
    factor = (share * beside.norm() / gradient.norm().clamp_min(1e-12)).clamp_max(1.0)
    return gradient * factor, factor
