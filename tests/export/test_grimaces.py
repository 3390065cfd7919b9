from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.grimaces import Grimaces
from export.head_factors import read_factors
from export.head_mesh import HeadMesh
from export.render_heads import Z_DIM
from export.shape_model import ShapeModel, load_shape_model, procedural_shape_model
from puppet.pose_space import BUILTIN

EGG = procedural_shape_model()
GRIMACES = Grimaces(EGG)
UNTOUCHED = [BUILTIN.index(name) for name in ("yaw", "pitch", "roll", "gaze_yaw", "gaze_pitch")]


@given(st.integers(0, 2**32 - 1))
def test_what_is_read_lies_in_the_ranges_and_angles_and_gaze_stay(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.uniform(BUILTIN.lower, BUILTIN.upper).astype(np.float32)
    q, nearest = GRIMACES.draw(rng, p)
    assert ((q >= 0) & (q <= 1)).all() and q[EGG.other_names.index("mouthClose")] <= p[BUILTIN.index("jaw_open")]
    assert (nearest >= BUILTIN.lower - 1e-6).all() and (nearest <= BUILTIN.upper + 1e-6).all()
    assert np.array_equal(nearest[UNTOUCHED], p[UNTOUCHED])
    assert np.allclose(GRIMACES.nearest(p, np.zeros_like(q)), p, atol=1e-6)


def test_a_grimace_moves_the_face_as_its_shapes_do() -> None:
    mesh = HeadMesh(EGG)
    person = mesh.person(read_factors(np.zeros(Z_DIM, np.float32)))
    q = np.array([0.5, 0, 0, 0], np.float32)
    moved = mesh.grimacing(person, q).neutral - person.neutral
    assert np.allclose(np.abs(moved).max(0), 0.5 * np.abs(EGG.others[0]).max(0), atol=1e-4)
    assert np.array_equal(mesh.grimacing(person, 0 * q).neutral, person.neutral)


@pytest.fixture(scope="module")
def shape(data_folder: Path) -> ShapeModel:
    return load_shape_model(data_folder / "ict_facekit")


@pytest.mark.parametrize(
    ("p", "shapes", "low", "high"),
    [
        ({"jaw_open": 0.6}, {"mouthClose": 0.6}, 0.0, 0.05),  # the lips meet over a dropped jaw
        ({}, {"mouthPress_L": 1, "mouthPress_R": 1}, 0.0, 0.01),
        ({}, {"mouthRollLower": 1, "mouthRollUpper": 1}, 0.0, 0.03),
        ({}, {"mouthShrugLower": 1}, 0.0, 0.01),
        ({}, {"mouthLowerDown_L": 1, "mouthLowerDown_R": 1}, 0.12, 0.2),  # the lips part over a shut jaw
    ],
)  # fmt: skip
def test_a_mouth_is_read_as_open_as_its_lips_are(
    shape: ShapeModel, p: dict[str, float], shapes: dict[str, float], low: float, high: float
) -> None:
    q = np.array([shapes.get(name, 0.0) for name in shape.other_names], np.float32)
    assert low <= Grimaces(shape).nearest(BUILTIN.pose(**p), q)[BUILTIN.index("jaw_open")] <= high
