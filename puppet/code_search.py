"""A code near another one, whose picture shows what is wanted: a person's shape (puppet.shaping) and colours.

    min_u  ‖r(c + u D)‖² + λ ‖u‖²

with r what is still wanted, and D what a code moves by for each entry of u. The Jacobian of r is known roughly, and
learns from every step (Broyden); steps are damped, and taken only where they help (Levenberg, Marquardt).

Source: Broyden, "A Class of Methods for Solving Nonlinear Simultaneous Equations", Mathematics of Computation 1965;
Marquardt, "An Algorithm for Least-Squares Estimation of Nonlinear Parameters", SIAM 1963.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Float64

STEPS = 12

LIGHTLY, DAMPING, EASIER, HARDER = 0.02, 0.05, 3.0, 4.0
"""λ, the damping at first, and by how much it falls after a step that helped, and grows after one that did not."""

LEAST_DAMPING = 0.01


def nearest_code(
    code: Float32[np.ndarray, "num_ws w_dim"],
    moves: Float32[np.ndarray, "n w_dim"],
    jacobian: Float64[np.ndarray, "wanted n"],
    first: Float64[np.ndarray, "wanted"],
    wanted: Callable[[Float32[np.ndarray, "num_ws w_dim"]], Float64[np.ndarray, "wanted"]],
) -> Float32[np.ndarray, "num_ws w_dim"]:
    """Search.

    Args:
        code: c.
        moves: D, of every row of the code.
        jacobian: Of r by u, at first.
        first: r of c.
        wanted: r of a code, as its picture shows it; NaN where it shows nothing, which never helps.
    """

    def moved(u: Float64[np.ndarray, "n"]) -> Float32[np.ndarray, "num_ws w_dim"]:
        return np.asarray(code + u @ moves, np.float32)

    def cost(r: Float64[np.ndarray, "wanted"], u: Float64[np.ndarray, "n"]) -> float:
        return float(np.sum(r**2) + LIGHTLY * np.sum(u**2))

    u, r, J, damping = np.zeros(len(moves)), first, jacobian.copy(), DAMPING
    for _ in range(STEPS):
        normal = J.T @ J + (LIGHTLY + damping) * np.eye(len(u))
        step = -np.linalg.solve(normal, J.T @ r + LIGHTLY * u)
        there = wanted(moved(u + step))
        J += np.outer(np.nan_to_num(there - r) - J @ step, step) / (step @ step + np.finfo(float).tiny)
        if cost(there, u + step) < cost(r, u):
            u, r, damping = u + step, there, max(damping / EASIER, LEAST_DAMPING)
        else:
            damping *= HARDER
    return moved(u)
