from pathlib import Path

import numpy as np
import pytest

from export.colouring import fitted, main
from export.start_state import start_state
from puppet.bundle import COLOURING, builtin_bundle_path, load_bundle
from puppet.bundle_tensors import AXES, COLOURS, MEAN, MOVES, read_colouring

WIDTH = 24


def test_the_fit_finds_what_moves_colours() -> None:
    rng = np.random.default_rng(0)
    alike = np.eye(COLOURS) + 0.5 * np.eye(COLOURS, k=1)
    colours = 0.5 + rng.normal(0, 0.15, (400, COLOURS)) @ alike
    moves = rng.normal(0, 1, (COLOURS, WIDTH))
    w = (3 + (colours - 0.5) @ moves + rng.normal(0, 0.01, (400, WIDTH))).astype(np.float32)
    found = fitted(w, colours)
    np.testing.assert_allclose(found[MOVES], moves, atol=0.02)
    np.testing.assert_allclose(found[MEAN], colours.mean(0), atol=1e-6)
    np.testing.assert_allclose(found[AXES].T @ found[AXES], np.cov(colours.T, bias=True), atol=1e-6)


def test_too_few_people_are_refused() -> None:
    with pytest.raises(ValueError, match=r"more than 24 people who show a face, got 24"):
        fitted(np.zeros((24, WIDTH), np.float32), np.zeros((24, COLOURS)))


def test_people_of_the_shipped_generator_are_measured(tmp_path: Path) -> None:
    start_state(builtin_bundle_path(), tmp_path / "state")
    main(["--state", str(tmp_path / "state"), "--people", "40", "--out", str(tmp_path / "out")])
    bundle = load_bundle(builtin_bundle_path())
    found = read_colouring(tmp_path / "out" / COLOURING, bundle.layout)
    np.testing.assert_allclose(found.mean, bundle.colouring.mean, atol=0.15)
