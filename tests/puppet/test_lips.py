"""Lips say how far a jaw is open; so the jaw's own landmarks do not have to."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from puppet.bundle import builtin_bundle_path, load_bundle
from puppet.face_motion import rotation
from puppet.lips import PAIRS, SHARE, Lips
from puppet.pose_space import BUILTIN

JAW, PUCKER = BUILTIN.index("jaw_open"), BUILTIN.index("pucker")
SIDE_PX = 300.0


@pytest.fixture(scope="module")
def lips() -> Lips:
    lips = load_bundle(builtin_bundle_path()).lips
    assert lips is not None
    return lips


def face(gap: float, p: np.ndarray) -> np.ndarray:
    """Landmarks of a face in a pose, with lips so far apart, in sides of the crop."""
    points = np.zeros((478, 3))
    for upper, lower in PAIRS:
        points[lower] = points[upper] + (0, gap, 0)
    return (SIDE_PX * points @ rotation(p, BUILTIN).T).astype(np.float32)


@given(
    jaw=st.floats(0, 1),
    pucker=st.floats(0, 1),
    yaw=st.floats(-40, 40),
    pitch=st.floats(-30, 30),
    roll=st.floats(-30, 30),
)
def test_lips_that_are_as_far_apart_as_the_pose_says_change_nothing(
    lips: Lips, jaw: float, pucker: float, yaw: float, pitch: float, roll: float
) -> None:
    p = BUILTIN.pose(jaw_open=jaw, pucker=pucker, yaw=yaw, pitch=pitch, roll=roll)
    gap = jaw * lips.d[JAW] + pucker * lips.d[PUCKER]
    np.testing.assert_allclose(lips.corrected(p, face(gap, p), SIDE_PX), p, atol=1e-4)


def test_a_jaw_goes_half_the_way_to_what_the_lips_say(lips: Lips) -> None:
    p = BUILTIN.pose(jaw_open=0.4, yaw=20)
    closed = lips.corrected(p, face(0.0, p), SIDE_PX)
    wide = lips.corrected(p, face(lips.d[JAW], p), SIDE_PX)
    assert closed[JAW] == pytest.approx(0.4 * (1 - SHARE), abs=1e-4)
    assert wide[JAW] == pytest.approx(0.4 + 0.6 * SHARE, abs=1e-4)
    others = np.arange(BUILTIN.dim) != JAW
    np.testing.assert_array_equal(wide[others], p[others])


def test_a_bundle_that_does_not_know_how_lips_move_corrects_nothing() -> None:
    bundle = load_bundle(builtin_bundle_path())
    assert replace(bundle, face_motion=None).lips is None
    assert bundle.face_motion is not None
    still = replace(bundle.face_motion, displacement=np.zeros_like(bundle.face_motion.displacement))
    assert replace(bundle, face_motion=still).lips is None
    other = replace(BUILTIN, names=tuple(name.replace("jaw_open", "other") for name in BUILTIN.names))
    assert replace(bundle, pose_space=other).lips is None
