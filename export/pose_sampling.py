"""Draws the pose vectors that trainers see."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from puppet.pose_space import BUILTIN

_FIRST_EXPRESSION = 3


def sample_poses(rng: np.random.Generator, count: int) -> Float32[np.ndarray, "count pose_dim"]:
    """Pose vectors for training: half broad, 30 % with one attribute, 20 % near neutral; many shut eyes, open jaws."""
    low, high = BUILTIN.lower, BUILTIN.upper
    broad = rng.uniform(low, high, (count, BUILTIN.dim))
    # Most expressions are absent most of the time, or faces look tortured.
    sparse = rng.random((count, BUILTIN.dim)) < 0.45
    sparse[:, :_FIRST_EXPRESSION] = True
    sparse[:, -2:] = True
    broad *= sparse
    single = np.zeros_like(broad)
    single[np.arange(count), rng.integers(0, BUILTIN.dim, count)] = 1
    single *= rng.uniform(low, high, single.shape)
    near = rng.normal(0, 0.15, broad.shape) * (high - low) / 2
    kind = rng.random((count, 1))
    p = np.where(kind < 0.5, broad, np.where(kind < 0.8, single, near))

    blink, jaw = [BUILTIN.index(name) for name in ("blink_left", "blink_right")], BUILTIN.index("jaw_open")
    smile = [BUILTIN.index(name) for name in ("smile_left", "smile_right")]
    varied = kind[:, 0] < 0.5
    together = rng.random(count) < 0.8
    p[:, blink[1]] = np.where(together, p[:, blink[0]], p[:, blink[1]])
    p[:, smile[1]] = np.where(together, p[:, smile[0]] + rng.normal(0, 0.05, count), p[:, smile[1]])
    shut = varied & (rng.random(count) < 0.28)
    p[shut[:, None] & np.isin(np.arange(BUILTIN.dim), blink)] = 1
    half_shut = varied & ~shut & (rng.random(count) < 0.5)
    p[half_shut[:, None] & np.isin(np.arange(BUILTIN.dim), blink)] *= 0.4
    opened = varied & (rng.random(count) < 0.6)
    p[opened, jaw] = rng.uniform(0.1, 1.0, int(opened.sum()))
    return np.clip(p, low, high).astype(np.float32)
