"""Augmentation moves and mixes pixels exactly, and is used as much as the discriminator needs it."""

import torch

from export.adaptive_augmentation import PICTURES_TO_ONE, Adaptive, augment
from export.ranks import Draw


def drawn(seed: int) -> Draw:
    return Draw(torch.Generator().manual_seed(seed))


def test_p_rises_while_the_discriminator_is_sure_and_falls_while_it_is_not() -> None:
    adaptive = Adaptive()
    for _ in range(10):
        adaptive.follow(torch.ones(16))
    assert abs(adaptive.p - 160 / PICTURES_TO_ONE) < 1e-9
    for _ in range(4):
        adaptive.follow(torch.tensor([1.0, -1.0] * 8))
    assert abs(adaptive.p - 96 / PICTURES_TO_ONE) < 1e-9
    for _ in range(40):
        adaptive.follow(-torch.ones(16))
    assert adaptive.p == 0.0


def test_without_probability_nothing_changes() -> None:
    x = torch.randn(4, 3, 16, 16)
    assert torch.equal(augment(x, 0.0, drawn(0)), x)


def test_grey_pictures_stay_grey_and_flat() -> None:
    x = torch.linspace(-1, 1, 64)[:, None, None, None].expand(-1, 3, 16, 16)
    y = augment(x, 1.0, drawn(1))
    assert y.std((2, 3)).max() < 1e-5
    assert (y - y.mean(1, keepdim=True)).abs().max() < 1e-4
    assert (y - x).abs().mean() > 0.1


def test_only_values_that_are_there_appear_when_pixels_move() -> None:
    x = torch.arange(256.0).reshape(1, 1, 16, 16).expand(32, 3, 16, 16)
    y = augment(x, 1.0, drawn(2))
    for before, after in zip(x, y, strict=True):
        assert len(after[0].unique()) <= len(before[0].unique())
    assert not torch.equal(y[0], y[1])


def test_penalties_pass_through() -> None:
    x = torch.randn(4, 3, 16, 16, requires_grad=True)
    scale = torch.ones(1, requires_grad=True)
    (gradient,) = torch.autograd.grad((augment(x, 0.8, drawn(3)) * scale).square().sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert scale.grad is not None and scale.grad.item() > 0
