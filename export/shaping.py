"""Measures what shapes a generator's people have, and how codes get others, as shaping.safetensors.

    python export/shaping.py --state state --sharpness 1.05 --out folder

Random people are painted at rest, and their landmarks measured as those of portraits are (puppet.shaping). Fits are by
least squares: of the components on z, where what is left over is a component's noise, and of the codes on z.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32, Float64

from export.head_factors import IDENTITY_MODES
from export.painted_people import Painted, write_measured
from puppet.bundle import SHAPING
from puppet.bundle_tensors import AXES, COEFFICIENTS, JACOBIAN, MEAN, MOVES, SHAPES
from puppet.face_topology import SHAPE
from puppet.perspective import lifted
from puppet.shaping import aligned

ROUNDS = 3
"""Of aligning all people to their mean."""

FEWEST = 200
"""People: twice as many as z has entries."""

AWAY = 0.5
"""How much of a landmark's depth counts, of which FaceMesh knows less."""

assert COEFFICIENTS == IDENTITY_MODES


def fitted(
    z: Float32[np.ndarray, "people z_dim"],
    w: Float32[np.ndarray, "people w_dim"],
    points: Float64[np.ndarray, "people 478 3"],
) -> dict[str, np.ndarray]:
    """The tensors of `puppet.bundle_tensors.Shaping`.

    Args:
        z: People; their first entries are the coefficients of their shape.
        w: Their codes.
        points: Their landmarks, in sides of the picture.

    Raises:
        ValueError: There are too few people.
    """
    if len(z) < FEWEST:
        raise ValueError(f"expected at least {FEWEST} people who show a face, got {len(z)}; train on")
    shapes = lifted(points[:, list(SHAPE)])
    mean = shapes[0] - shapes[0].mean(0)
    for _ in range(ROUNDS):
        mean = np.mean([aligned(shape, mean) for shape in shapes], 0)
        mean /= np.sqrt(np.mean(np.sum(mean**2, 1)))
    depth = np.array([1, 1, AWAY])
    differences = np.stack([((aligned(shape, mean) - mean) * depth).ravel() for shape in shapes])
    _, _, axes = np.linalg.svd(differences - differences.mean(0), full_matrices=False)
    components = differences @ axes[:SHAPES].T
    known = np.column_stack([z, np.ones(len(z))])
    of_components, of_codes = (np.linalg.lstsq(known, seen, rcond=None)[0] for seen in (components, w))
    noise = (components - known @ of_components).std(0)
    tensors = {
        MEAN: mean,
        AXES: (axes[:SHAPES].reshape(SHAPES, -1, 3) * depth).reshape(SHAPES, -1) / noise[:, None],
        JACOBIAN: (of_components[:COEFFICIENTS] / noise).T,
        MOVES: of_codes[:COEFFICIENTS],
    }
    return {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()}


def _measured(people: Iterator[Painted]) -> tuple[int, dict[str, np.ndarray]]:
    seen = [(person.z, person.w, person.points) for person in people]
    z, w, points = (np.array([person[part] for person in seen]) for part in (0, 1, 2))
    return len(z), fitted(z, w, points)


def main(arguments: list[str] | None = None) -> None:
    """Measure from the command line."""
    write_measured(__doc__, SHAPING, _measured, arguments)


if __name__ == "__main__":
    main()
