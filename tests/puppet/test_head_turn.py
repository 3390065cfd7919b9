import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from puppet.head_turn import UPRIGHT, angles_of, product, quaternion_of, unit

RIGHT, UP, FRONT = np.eye(3)
"""The figure's own directions in Unity's left-handed world."""

small = st.floats(-89.0, 89.0)
wide = st.floats(-179.0, 179.0)


def turned(quaternion, direction):
    """What Unity's `quaternion * direction` is, by its own formula (v + 2 u × (u × v + w v))."""
    u, w = np.array(quaternion[:3]), quaternion[3]
    return direction + 2 * np.cross(u, np.cross(u, direction) + w * direction)


def rotation(axis, angle_deg):
    """A rotation about an axis of the camera frame, right-handed."""
    angle = math.radians(angle_deg)
    x, y, z = axis
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * k @ k


@pytest.mark.parametrize(
    ("angles", "direction", "goes"),
    [
        ((90.0, 0.0, 0.0), FRONT, RIGHT),  # yaw > 0 turns to the figure's right
        ((0.0, 90.0, 0.0), FRONT, -UP),  # pitch > 0 looks down
        ((0.0, 0.0, 90.0), UP, -RIGHT),  # roll > 0 tilts to its left shoulder
    ],
)
def test_each_angle_turns_unitys_figure_as_it_turns_the_driver(angles, direction, goes):
    np.testing.assert_allclose(turned(quaternion_of(*angles), direction), goes, atol=1e-9)


def test_the_quaternions_are_those_of_unity():
    """Quaternion.Euler(0, 30, 0), (20, 0, 0) and (0, 0, 10) in Unity's own documentation of axes: x, y, z, w."""
    half = {angle: (math.sin(math.radians(angle / 2)), math.cos(math.radians(angle / 2))) for angle in (30, 20, 10)}
    assert quaternion_of(30.0, 0.0, 0.0) == pytest.approx((0, half[30][0], 0, half[30][1]))
    assert quaternion_of(0.0, 20.0, 0.0) == pytest.approx((half[20][0], 0, 0, half[20][1]))
    assert quaternion_of(0.0, 0.0, 10.0) == pytest.approx((0, 0, half[10][0], half[10][1]))


@given(small, wide, wide)
def test_it_is_the_rotation_of_the_camera_frame_seen_in_unitys_axes(yaw, pitch, roll):
    R = rotation((0, 0, 1), roll) @ rotation((0, 1, 0), yaw) @ rotation((1, 0, 0), pitch)
    M = -np.eye(3)  # the figure's right, top and front are −x, −y and −z of the camera frame
    for direction in (RIGHT, UP, FRONT):
        expected = M @ R @ np.linalg.inv(M) @ direction
        np.testing.assert_allclose(turned(quaternion_of(yaw, pitch, roll), direction), expected, atol=1e-9)


@given(small, wide, wide)
def test_angles_come_back(yaw, pitch, roll):
    assert angles_of(quaternion_of(yaw, pitch, roll)) == pytest.approx((yaw, pitch, roll), abs=1e-4)


@given(small, small, small)
def test_a_turn_that_is_shared_by_neck_and_head_is_their_product(yaw, pitch, roll):
    neck, head = quaternion_of(yaw / 2, 0.0, 0.0), quaternion_of(yaw / 2, 0.0, 0.0)
    assert angles_of(product(neck, head))[0] == pytest.approx(yaw, abs=1e-4)
    assert product(quaternion_of(yaw, pitch, roll), UPRIGHT) == pytest.approx(quaternion_of(yaw, pitch, roll))


@given(st.tuples(*[st.floats(allow_nan=True, allow_infinity=True)] * 4))
def test_what_has_no_direction_is_none(numbers):
    made = unit(numbers)
    assert made is None or (np.isfinite(made).all() and np.linalg.norm(made) == pytest.approx(1.0))
    assert unit((0.0, 0.0, 0.0, 0.0)) is None
