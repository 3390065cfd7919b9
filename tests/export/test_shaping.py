from pathlib import Path

import numpy as np
import pytest
from usual_cutout import usual_cutout

from export.shaping import fitted, main
from export.start_state import start_state
from puppet.bundle import SHAPING, builtin_bundle_path, load_bundle
from puppet.bundle_tensors import AXES, COEFFICIENTS, JACOBIAN, MEAN, MOVES, SHAPES, Shaping, read_shaping
from puppet.face_topology import SHAPE
from puppet.shaping import components_of

WIDTH, Z_DIM = 24, 48


def test_the_fit_finds_what_moves_shapes() -> None:
    rng = np.random.default_rng(0)
    face = usual_cutout(128).points
    ways = rng.normal(0, 0.002, (Z_DIM, *face.shape)) * (np.arange(Z_DIM) < COEFFICIENTS)[:, None, None]
    moves = rng.normal(0, 1, (Z_DIM, WIDTH))
    z = rng.normal(0, 1, (600, Z_DIM)).astype(np.float32)
    points = face + np.tensordot(z, ways, 1)
    found = fitted(z, (3 + z @ moves).astype(np.float32), points)
    np.testing.assert_allclose(found[MOVES], moves[:COEFFICIENTS], atol=1e-4)
    assert np.mean(np.sum(found[MEAN] ** 2, 1)) == pytest.approx(1)
    shaping = Shaping(*(found[name] for name in (MEAN, AXES, JACOBIAN, MOVES)))
    people = z[:20], points[:20]
    seen = np.array([components_of(shape, shaping) for shape in people[1]])
    told = people[0][:, :COEFFICIENTS] @ found[JACOBIAN].T
    left = (seen - told) - (seen - told).mean(0)
    assert np.std(left) < 2 and np.std(seen) > 3  # noise is 1, and the coefficients tell most of what is seen


def test_too_few_people_are_refused() -> None:
    for count in (0, 199):
        nobody = np.zeros((count, Z_DIM), np.float32), np.zeros((count, WIDTH), np.float32), np.zeros((count, 478, 3))
        with pytest.raises(ValueError, match=f"at least 200 people who show a face, got {count}"):
            fitted(*nobody)


def test_people_of_the_shipped_generator_are_measured(tmp_path: Path) -> None:
    start_state(builtin_bundle_path(), tmp_path / "state")
    main(["--state", str(tmp_path / "state"), "--people", "220", "--out", str(tmp_path / "out")])
    bundle = load_bundle(builtin_bundle_path())
    found = read_shaping(tmp_path / "out" / SHAPING, bundle.layout)
    np.testing.assert_allclose(found.mean, bundle.shaping.mean, atol=0.1)
    assert found.axes.shape == (SHAPES, 3 * len(SHAPE))
