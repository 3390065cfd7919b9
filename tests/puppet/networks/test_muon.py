"""Muon: its steps are orthogonal, of one size for every shape, and learn."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from puppet.networks.muon import Muon, convolutions, orthogonal


@given(seed=st.integers(0, 1000), m=st.integers(1, 24), n=st.integers(24, 60))
def test_singular_values_end_near_one_and_their_vectors_stay(seed: int, m: int, n: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    U = torch.linalg.qr(torch.randn(m, m, generator=rng)).Q
    V = torch.linalg.qr(torch.randn(n, m, generator=rng)).Q
    values = 10 ** (-2.0 * torch.rand(m, generator=rng))
    result = orthogonal(U @ torch.diag(values) @ V.T, torch.float32)
    inner = U.T @ result @ V
    assert inner.diagonal().min() > 0.3 and inner.diagonal().max() < 1.3
    torch.testing.assert_close(inner, torch.diag(inner.diagonal()), atol=2e-3, rtol=0)


def test_a_high_matrix_is_treated_as_a_wide_one() -> None:
    matrix = torch.randn(40, 6)
    torch.testing.assert_close(orthogonal(matrix, torch.float32), orthogonal(matrix.T, torch.float32).T)


def test_nothing_stays_nothing() -> None:
    assert not orthogonal(torch.zeros(4, 9), torch.float32).any()


@pytest.mark.parametrize("shape", [(8, 16, 3, 3), (64, 8, 3, 3)])
def test_steps_have_the_size_of_the_rate(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(shape))
    weight.grad = torch.randn(shape)
    Muon([weight], 0.01, 0.9, torch.float32).step()
    assert weight.square().mean().sqrt().item() == pytest.approx(0.01, rel=0.25)
    assert (weight * weight.grad).sum() < 0


def test_it_learns_what_it_is_shown_and_leaves_the_rest() -> None:
    torch.manual_seed(0)
    teacher, learner = (nn.Conv2d(4, 8, 3) for _ in range(2))
    own = convolutions(learner, 8)
    assert own == [learner.weight] and convolutions(learner, 7) == []
    muon, bias = Muon(own, 0.02, 0.9, torch.float32), learner.bias.clone()
    x, errors = torch.randn(16, 4, 8, 8), []
    for step in range(60):
        muon.param_groups[0]["lr"] = 0.02 * (1 - step / 60)
        error = (learner(x) - teacher(x)).square().mean()
        learner.zero_grad()
        error.backward()
        muon.step()
        errors.append(error.item())
    assert errors[-1] < 0.2 * errors[0]
    assert torch.equal(learner.bias, bias)
