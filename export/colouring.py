"""Measures what colours a generator's people have, and how codes get others, as colouring.safetensors.

    python export/colouring.py --state state --sharpness 1.05 --out folder

Random people are painted at rest, and their colours measured as those of portraits are (puppet.colouring). What a code
moves by for each colour is the least-squares fit of the codes on them, so that what has nothing to do with colours
stays in the mean.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32, Float64

from export.painted_people import Painted, write_measured
from puppet.bundle import COLOURING
from puppet.bundle_tensors import AXES, COLOURS, MEAN, MOVES
from puppet.colouring import painted_colours

RIDGE = 1e-5
"""Added to the colours' variances: those of one part hardly differ from one another."""


def fitted(w: Float32[np.ndarray, "people w_dim"], colours: Float64[np.ndarray, "people 12"]) -> dict[str, np.ndarray]:
    """The tensors of `puppet.bundle_tensors.Colouring`.

    Raises:
        ValueError: There are too few people.
    """
    if len(w) <= 2 * COLOURS:
        raise ValueError(f"expected more than {2 * COLOURS} people who show a face, got {len(w)}; train on")
    mean = colours.mean(0)
    covariance = np.cov(colours.T, bias=True)
    shared = (colours - mean).T @ (w - w.mean(0)) / len(w)
    variances, directions = np.linalg.eigh(covariance)
    tensors = {
        MOVES: np.linalg.solve(covariance + RIDGE * np.eye(COLOURS), shared),
        MEAN: mean,
        AXES: (directions * np.sqrt(variances.clip(0))).T,
    }
    return {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()}


def _measured(people: Iterator[Painted]) -> tuple[int, dict[str, np.ndarray]]:
    """Of all who show every colour."""
    seen = ((person.w, painted_colours(person.portrait, person.points[:, :2])) for person in people)
    complete = [(w, colours) for w, colours in seen if not np.isnan(colours).any()]
    w, colours = (np.array([person[part] for person in complete]) for part in (0, 1))
    return len(w), fitted(w, colours)


def main(arguments: list[str] | None = None) -> None:
    """Measure from the command line."""
    write_measured(__doc__, COLOURING, _measured, arguments)


if __name__ == "__main__":
    main()
