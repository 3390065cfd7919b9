"""R1 against its gradient by hand, the path length of a linear generator, and the limit on a gradient."""

import numpy as np
import pytest
import torch

from export.adversarial_losses import PathLength, discriminator_loss, generator_loss, limited, r1_penalty
from export.ranks import Draw


@pytest.mark.parametrize("patches", [1, 5])
def test_r1_of_a_linear_discriminator_is_the_square_of_its_weights(patches: int) -> None:
    weights = torch.randn(patches, 3 * 4 * 4, requires_grad=True)
    x = torch.randn(2, 3, 4, 4)
    penalty = r1_penalty(lambda x: x.flatten(1) @ weights.T, x, gamma=0.2)
    mean = weights.detach().mean(0)
    assert penalty.item() == pytest.approx(0.1 * mean.square().sum().item(), rel=1e-5)
    penalty.backward()
    assert weights.grad is not None
    assert torch.allclose(weights.grad, 0.2 * (mean / patches).expand_as(weights), atol=1e-6)


def test_r1_of_a_square_depends_on_the_picture() -> None:
    x = torch.randn(3, 1, 2, 2)
    penalty = r1_penalty(lambda x: x.square().sum((1, 2, 3))[:, None], x, gamma=2.0)
    assert penalty.item() == pytest.approx(4 * x.square().sum((1, 2, 3)).mean().item(), rel=1e-5)


def test_a_generator_of_orthogonal_rows_has_the_same_path_length_everywhere() -> None:
    draw = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(48, 48, generator=draw))[0].requires_grad_()
    path = PathLength()
    for _ in range(600):
        ws = torch.randn(64, 1, 48, generator=draw).requires_grad_()
        path.penalty((ws[:, 0] @ basis).reshape(64, 3, 4, 4), ws, Draw(draw))
    # |J y| = |y| for y ~ N(0, 1/16) of 48 entries.
    assert path.mean == pytest.approx(np.sqrt(48 / 16), rel=0.05)

    ws = torch.randn(64, 1, 48, generator=draw).requires_grad_()
    stretched = (3 * ws[:, 0] @ basis).reshape(64, 3, 4, 4)
    path.penalty(stretched, ws, Draw(draw)).backward()
    assert basis.grad is not None
    shrunk = basis.detach() - 1e-3 * basis.grad
    assert shrunk.norm() < basis.detach().norm()


def test_both_players_want_the_opposite_of_painted_logits() -> None:
    painted = torch.zeros(4, requires_grad=True)
    true = torch.zeros(4)
    (towards,) = torch.autograd.grad(generator_loss(painted), painted)
    (away,) = torch.autograd.grad(discriminator_loss(true, painted), painted)
    assert torch.allclose(towards, -away)
    assert discriminator_loss(true, painted).item() == pytest.approx(2 * np.log(2))


def test_a_gradient_is_shortened_but_never_lengthened() -> None:
    beside = torch.tensor([3.0, 4.0])
    long, factor = limited(torch.tensor([0.0, 10.0]), beside, 0.25)
    assert long.norm().item() == pytest.approx(1.25) and factor.item() == pytest.approx(0.125)
    short, factor = limited(torch.tensor([0.0, 1.0]), beside, 0.25)
    assert short.tolist() == [0.0, 1.0] and factor.item() == 1.0
