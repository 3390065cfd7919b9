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

from puppet.networks.stylegan2 import Generator, StyledConv

MIXING = 0.9
"""Share of pictures that two codes paint."""


def paint_mixed(
    generator: Generator, count: int, dtype: torch.dtype, draw: torch.Generator
) -> tuple[Float[Tensor, "count channels r r"], Float[Tensor, "count num_ws w_dim"]]:
    """Random pictures and the codes that painted them; the pose does not move.

    Args:
        generator: In training.
        count: Pictures.
        dtype: Of its features.
        draw: Where chance comes from.
    """
    layout, device = generator.layout, draw.device
    z = torch.randn(2 * count, layout.z_dim, device=device, generator=draw)
    one, other = generator.mapping(z)[:, None].chunk(2)
    mixed = torch.rand(count, device=device, generator=draw) < MIXING
    cut = torch.randint(1, layout.num_ws, (count,), device=device, generator=draw)
    row = torch.arange(layout.num_ws, device=device)
    ws = torch.where((mixed[:, None] & (row >= cut[:, None]))[..., None], other, one)
    with _fresh_noise(generator, count, draw):
        return generator.synthesis(ws, None, dtype), ws


@contextmanager
def _fresh_noise(generator: Generator, count: int, draw: torch.Generator) -> Iterator[None]:
    """While pictures are painted, each has noise of its own instead of the stored maps."""
    convs = [conv for conv in generator.synthesis.convs if isinstance(conv, StyledConv) and conv.use_noise]
    stored = [conv.noise for conv in convs]
    for conv in convs:
        conv.noise = torch.randn((count, 1, *conv.noise.shape[2:]), device=draw.device, generator=draw)
    try:
        yield
    finally:
        for conv, noise in zip(convs, stored, strict=True):
            conv.noise = noise
