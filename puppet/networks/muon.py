"""Muon: matrices of weights learn in orthogonal steps, so that no direction of theirs is left behind.

    M ← β M + (1 − β) G        U = orth((1 − β) G + β M)        W ← W − η √max(m, n) U

for weights W as a matrix of m filters × n entries, with gradient G. Entries of the step have a root mean square of η,
whatever the shape is, so that η compares with Adam's. orth replaces all singular values by about 1, by an iteration on
the matrix itself, X ← (a + b A + c A²) X with A = X Xᵀ. Since all factors are polynomials of the first A, they are
multiplied as m × m matrices here and meet X only once: a third of the time, where m is much smaller than n. A higher
matrix is turned first.

Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024, with its coefficients; scaled as
in Liu et al., "Muon is Scalable for LLM Training", 2025, arXiv:2502.16982, section 2.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""a, b, c: small singular values grow fastest; large ones end between 0.7 and 1.2."""

ITERATIONS = 4
_TINY = 1e-30


def orthogonal(matrix: Float[Tensor, "m n"], dtype: torch.dtype) -> Float[Tensor, "m n"]:
    """The matrix with its singular values near 1, those below a thousandth of the largest excepted; zeros stay.

    Args:
        matrix: Any; fast where one side is much longer than the other.
        dtype: What the two products of the matrix itself are computed in.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T, dtype).T
    a, b, c = COEFFICIENTS
    X = matrix.to(dtype)
    A = (X @ X.T).float()
    size = A.trace() + _TINY
    A = A / size
    Q = torch.eye(len(A), device=A.device)
    for _ in range(ITERATIONS):
        P = torch.addmm(b * A, A, A, alpha=c)
        P.diagonal().add_(a)
        Q, A = P @ Q, P @ A @ P
    return ((Q / size.sqrt()).to(dtype) @ X).float()


class Muon(torch.optim.Optimizer):
    """For weights of convolutions and matrices, float32; biases and vectors belong to another optimiser."""

    def __init__(
        self, params: Iterable[nn.Parameter] | Iterable[dict[str, Any]], lr: float, momentum: float, dtype: torch.dtype
    ) -> None:
        """Begin without momentum.

        Args:
            params: Weights [m, ...], whose first axis is what they give; or groups of them.
            lr: η.
            momentum: β.
            dtype: As of `orthogonal`.
        """
        super().__init__(params, {"lr": lr, "momentum": momentum})
        self._dtype = dtype

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Move every weight that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group["lr"], group["momentum"])

    def _move(self, weight: Tensor, gradient: Tensor, lr: float, momentum: float) -> None:
        state = self.state[weight]
        if not state:
            state["mean"] = torch.zeros_like(weight)
        state["mean"].lerp_(gradient, 1 - momentum)
        flat = gradient.lerp(state["mean"], momentum).flatten(1)
        change = orthogonal(flat, self._dtype)
        weight.add_(change.view_as(weight), alpha=-lr * math.sqrt(max(flat.shape)))


def convolutions(network: nn.Module, most_filters: int) -> list[nn.Parameter]:
    """Weights of a network's 3 × 3 convolutions with so many filters at most: of larger ones, orth costs too much."""
    return [p for p in network.parameters() if p.ndim == 4 and p.shape[-1] == 3 and len(p) <= most_filters]
