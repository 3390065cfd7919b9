"""How StyleGAN2 paints in training: most pictures of two codes, and each with noise of its own.

Source: Karras, Laine, Aila, "A Style-Based Generator Architecture for Generative Adversarial Networks", CVPR 2019,
arXiv:1812.04948, sections 3.1 (mixing) and 2 (noise).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from export.ranks import Draw
from puppet.networks.stylegan2 import Generator, StyledConv

MIXING = 0.9
"""Share of pictures that two codes paint."""


def paint_mixed(
    generator: Generator, count: int, dtype: torch.dtype, draw: Draw
) -> tuple[Float[Tensor, "count channels r r"], Float[Tensor, "count num_ws w_dim"]]:
    """Random pictures and the codes that painted them; the pose does not move.

    Args:
        generator: In training.
        count: Pictures.
        dtype: Of its features.
        draw: Where chance comes from.
    """
    layout = generator.layout
    z = draw.normal(count, 2, layout.z_dim)
    one, other = generator.mapping(z.flatten(0, 1)).unflatten(0, (count, 2))[:, :, None].unbind(1)
    mixed = draw.uniform(count) < MIXING
    cut = draw.integers(1, layout.num_ws, count)
    row = torch.arange(layout.num_ws, device=draw.device)
    ws = torch.where((mixed[:, None] & (row >= cut[:, None]))[..., None], other, one)
    with _fresh_noise(generator, count, draw):
        return generator.synthesis(ws, None, dtype), ws


@contextmanager
def _fresh_noise(generator: Generator, count: int, draw: Draw) -> Iterator[None]:
    """While pictures are painted, each has noise of its own instead of the stored maps."""
    convs = [conv for conv in generator.synthesis.convs if isinstance(conv, StyledConv) and conv.use_noise]
    stored = [conv.noise for conv in convs]
    for conv in convs:
        conv.noise = draw.normal(count, 1, *conv.noise.shape[2:])
    try:
        yield
    finally:
        for conv, noise in zip(convs, stored, strict=True):
            conv.noise = noise
