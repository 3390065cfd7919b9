import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from puppet.pose_space import rotation_of
from puppet.symmetry import facing_of_ball, facing_of_mesh, mirrored, share_of_other

PIVOT = np.array((0.5, 0.45, 0.2))
degrees = st.floats(-60, 60)


def ball(seed: int) -> np.ndarray:
    """Points on a ball around the pivot, of the size of a head."""
    out = np.random.default_rng(seed).standard_normal((200, 3))
    return PIVOT + 0.35 * out / np.linalg.norm(out, axis=1, keepdims=True)


@given(degrees, degrees, degrees, st.integers(0, 99))
def test_the_other_side_of_the_other_side_is_this_one(yaw: float, pitch: float, roll: float, seed: int) -> None:
    R, X = rotation_of(yaw, pitch, roll), ball(seed)
    there = mirrored(X, PIVOT, R)
    np.testing.assert_allclose(mirrored(there, PIVOT, R), X, atol=1e-12)
    # In the head's own axes only left and right change.
    np.testing.assert_allclose((there - PIVOT) @ R, (X - PIVOT) @ R * (-1, 1, 1), atol=1e-12)


@given(degrees, degrees, st.integers(0, 99))
def test_only_a_turned_heads_far_side_takes_colours_of_the_other(yaw: float, pitch: float, seed: int) -> None:
    X = ball(seed)
    there = mirrored(X, PIVOT, rotation_of(yaw, pitch, 0))
    share = share_of_other(X, there, facing_of_ball(X, PIVOT))
    assert share.min() >= 0 and share.max() <= 1
    assert (there[share > 0, 2] < X[share > 0, 2]).all()
    assert (facing_of_ball(there, PIVOT)[share > 0] > facing_of_ball(X, PIVOT)[share > 0]).all()
    if abs(yaw) < 3:
        assert share.max() == 0
    if abs(yaw) > 20 and abs(pitch) < 20:
        assert share.max() > 0.9


def test_a_meshs_points_face_the_view_as_its_triangles_do() -> None:
    X = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 1), (9, 9, 9)], float)
    flat, steep = (0, 1, 2), (1, 3, 2)
    assert facing_of_mesh(X, np.array([flat])).tolist() == [1, 1, 1, 1, 1]
    facing = facing_of_mesh(X, np.array([flat, steep[::-1]]))
    assert facing[0] == 1 and facing[3] == pytest.approx(3**-0.5) and facing[3] < facing[1] < 1
