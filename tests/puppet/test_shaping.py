"""The shape of a person's face, as it is measured, and a code that gets it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from usual_cutout import usual_cutout

from engines import open_engine
from puppet.bundle import builtin_bundle_path, load_bundle
from puppet.bundle_tensors import COEFFICIENTS, SHAPES, Shaping
from puppet.face_topology import INNER_LIPS, LEFT_EYE, SHAPE
from puppet.perspective import lifted, projected
from puppet.pose_space import rotation_of
from puppet.rest import rest_code
from puppet.shaping import FURTHEST, SPREAD, aligned, components_of, shaped
from puppet.synthesis import Synthesis
from puppet.tracker import PortraitTracker

ROWS, WIDTH = 4, 64


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return usual_cutout(128).points


@pytest.fixture(scope="module")
def shaping() -> Shaping:
    return load_bundle(builtin_bundle_path()).shaping


@given(
    angles=st.tuples(*[st.floats(-40, 40)] * 3),
    size=st.floats(0.5, 1.5),
    shift=arrays(float, 3, elements=st.floats(-0.2, 0.2)),
)
def test_a_heads_place_size_and_turn_are_no_shape(points, shaping, angles, size, shift) -> None:
    turned = (lifted(points) - 0.5) @ rotation_of(*angles).T * size + 0.5 + shift
    found = components_of(projected(turned), shaping)
    np.testing.assert_allclose(found, components_of(points, shaping), atol=1e-6)


def test_a_mirrored_face_is_not_turned_inside_out(points) -> None:
    landmarks = lifted(points[list(SHAPE)])
    mean = landmarks - landmarks.mean(0)
    mirrored = landmarks * [-1, 1, 1]
    found = aligned(mirrored, mean)
    assert np.linalg.norm(found - mean) > 0.5 * np.linalg.norm(mean)  # a reflection would hide the difference
    np.testing.assert_allclose(aligned(landmarks, mean), mean, atol=1e-9)


def test_lids_and_lips_are_no_shape(points, shaping) -> None:
    speaking = points.copy()
    speaking[[*INNER_LIPS, *LEFT_EYE[1:8]]] += 0.05
    np.testing.assert_array_equal(components_of(speaking, shaping), components_of(points, shaping))


def model(bend: float) -> tuple[Shaping, Callable[[np.ndarray], np.ndarray]]:
    """People whose components are nearly linear in their code."""
    rng = np.random.default_rng(3)
    jacobian = rng.normal(0, 1, (SHAPES, COEFFICIENTS))
    moves = rng.normal(0, 1, (COEFFICIENTS, WIDTH))
    back = np.linalg.pinv(moves)
    tensors = (np.zeros((len(SHAPE), 3)), np.zeros((SHAPES, 3 * len(SHAPE))), jacobian, moves)

    def components(code: np.ndarray) -> np.ndarray:
        linear = jacobian @ (code[0] @ back)
        return linear + bend * np.sin(linear)

    return Shaping(*(tensor.astype(np.float32) for tensor in tensors)), components


def test_a_code_gets_the_shape_that_is_most_likely() -> None:
    people, components = model(0.0)
    wanted = np.linspace(-3, 3, SHAPES)
    code = shaped(np.zeros((ROWS, WIDTH), np.float32), wanted, people, components)
    assert code.dtype == np.float32 and (code == code[0]).all()
    J = people.jacobian.astype(float)
    likely = J.T @ np.linalg.solve(J @ J.T + np.eye(SHAPES) / SPREAD, wanted)
    np.testing.assert_allclose(components(code), J @ likely, atol=0.02)


@given(wanted=arrays(float, SHAPES, elements=st.floats(-20, 20)), bend=st.floats(-0.6, 0.6))
def test_no_shape_gets_further_from_what_is_wanted(wanted: np.ndarray, bend: float) -> None:
    people, components = model(bend)
    before = np.zeros((ROWS, WIDTH), np.float32)
    after = shaped(before, wanted, people, components)
    limited = wanted.clip(-FURTHEST, FURTHEST)
    far = [np.linalg.norm(components(code) - limited) for code in (before, after)]
    assert np.isfinite(after).all() and far[1] <= far[0] + 1e-3


def test_nobody_loses_the_face_for_a_better_match() -> None:
    people, components = model(0.0)
    wanted = np.full(SHAPES, 4.0)

    def seen(code: np.ndarray) -> np.ndarray | None:
        found = components(code)
        return None if found[0] > 2 else found

    code = np.zeros((ROWS, WIDTH), np.float32)
    assert (shaped(code, wanted, people, lambda code: None) == code).all()
    found = seen(shaped(code, wanted, people, seen))
    assert found is not None and np.linalg.norm(found - wanted) < np.linalg.norm(wanted)


def test_the_shipped_models_people_get_one_anothers_shapes() -> None:
    bundle = load_bundle(builtin_bundle_path())
    people = list(bundle.characters.values())[:3]
    before, after = [], []
    with closing(open_engine(bundle.synthesis_path)) as engine, closing(PortraitTracker()) as tracker:
        synthesis = Synthesis(engine)

        def components(code: np.ndarray) -> np.ndarray:
            picture = synthesis.paint(rest_code(bundle, code, bundle.pose_space.rest))
            face = tracker.find(np.ascontiguousarray(picture[..., :3]))
            return components_of(face.landmarks_px / len(picture), bundle.shaping)

        for one, other in permutations(people, 2):
            wanted = components(other.code)
            before.append(np.linalg.norm(components(one.code) - wanted))
            code = shaped(one.code, wanted, bundle.shaping, components)
            after.append(np.linalg.norm(components(code) - wanted))
    assert np.mean(after) < 0.75 * np.mean(before)
