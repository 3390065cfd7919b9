"""Truncation: codes are drawn towards the mean of all codes, where a generator paints best.

    w_used = w̄ + ψ (w − w̄)

The authors' system does so with ψ = 0.7 to every code, inverted and moved ones alike, after the shift A Δp.

Source: Karras, Laine, Aila, "A Style-Based Generator Architecture for Generative Adversarial Networks", CVPR 2019,
arXiv:1812.04948, appendix B.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from puppet.networks.stylegan2 import MappingNetwork

SAMPLES = 4096
"""Codes that the mean is taken of."""


@torch.no_grad()
def mean_code(mapping: MappingNetwork, z_dim: int, seed: int = 0) -> Float[Tensor, "w_dim"]:
    """w̄: the mean code of random z; the same for the same seed."""
    z = torch.randn(SAMPLES, z_dim, generator=torch.Generator().manual_seed(seed))
    mean: Tensor = mapping(z.to(next(mapping.parameters()).device)).mean(0)
    return mean


def truncate(
    ws: Float[Tensor, "batch num_ws w_dim"], centre: Float[Tensor, "w_dim"], psi: float
) -> Float[Tensor, "batch num_ws w_dim"]:
    """Draw codes towards the mean.

    Args:
        ws: Codes, moved already where they are to be moved.
        centre: w̄.
        psi: ψ; 1 changes nothing, 0 gives the mean.
    """
    return centre + psi * (ws - centre)
