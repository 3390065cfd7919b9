"""A clean matte: what a generator's opacity counts as once it is shipped.

Faint opacities become 0, and nearly full ones 1; without it the portrait's square shows on a backdrop, as a trace.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

NONE, ALL = 0.1, 0.95
"""Opacities that count as 0 and as 1 in what is shipped."""


def firm(picture: Float[Tensor, "batch channels r r"]) -> Float[Tensor, "batch channels r r"]:
    """The same picture with a clean matte; colours stay."""
    if picture.shape[1] < 4:
        return picture
    opacity = (picture[:, 3:] + 1.0) / 2.0
    share = firm_opacity(opacity) / opacity.clamp(min=NONE)
    # Over grey a colour of no opacity is 0, and opacity itself −1: lifted by 1, all four channels scale alike.
    lift = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=picture.dtype, device=picture.device)[:, None, None]
    return share * (picture + lift) - lift


def firm_opacity(opacity: Float[Tensor, "batch 1 r r"]) -> Float[Tensor, "batch 1 r r"]:
    """What opacities, nominally from 0 to 1, count as."""
    return ((opacity - NONE) / (ALL - NONE)).clamp(0.0, 1.0)
