"""Rotations against scipy's, and against numbers of the authors' code."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from export.rotations import head_angles_deg, head_axis_angle, rotation_matrix

HEADS = np.random.default_rng(0).uniform((-40, -20, -20), (40, 20, 20), (20_000, 3))
"""Yaw, pitch and roll."""

CLOSE = {"rtol": 0.0, "atol": 2e-6}


@given(st.lists(st.floats(-3, 3, width=32), min_size=3, max_size=3))
def test_rotation_matrices_are_those_of_scipy(axis_angle: list[float]) -> None:
    ours = rotation_matrix(torch.tensor([axis_angle]))[0]
    torch.testing.assert_close(ours.double(), torch.from_numpy(Rotation.from_rotvec(axis_angle).as_matrix()), **CLOSE)


@pytest.mark.parametrize(
    ("axis_angle", "angles"),
    [
        ((0.2, -0.5, 0.1), (29.02065086, 10.92763424, 3.03589797)),
        ((-0.1, 0.4, -0.3), (-21.60543823, -9.56137943, -19.26379013)),
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        ((0.0, np.radians(30), 0.0), (-30.0, 0.0, 0.0)),
        ((np.radians(30), 0.0, 0.0), (0.0, 30.0, 0.0)),
        ((0.0, 0.0, np.radians(30)), (0.0, 0.0, 30.0)),
    ],
)
def test_angles_are_those_of_the_authors(axis_angle: tuple[float, ...], angles: tuple[float, ...]) -> None:
    ours = head_angles_deg(torch.tensor([axis_angle, (0.3, 0.2, 0.1)], dtype=torch.float32))
    assert ours[0].tolist() == pytest.approx(angles, rel=1e-4, abs=1e-4)


def test_exact_angles_come_back() -> None:
    yaw, pitch, roll = HEADS.T
    expected = Rotation.from_euler("ZYX", np.stack([roll, -yaw, pitch], 1), degrees=True).as_rotvec()
    ours = head_axis_angle(torch.from_numpy(HEADS))
    np.testing.assert_allclose(ours, expected, atol=1e-9)
    np.testing.assert_allclose(head_angles_deg(ours.float()), HEADS, atol=1e-3)


def test_the_authors_order_is_theirs() -> None:
    """Of Rx(yaw) Ry(pitch) Rz(roll) they take the axis (x, y, z) and store (y, −x, z)."""
    x, y, z = Rotation.from_euler("XYZ", HEADS, degrees=True).as_rotvec().T
    np.testing.assert_allclose(head_axis_angle(torch.from_numpy(HEADS), "authors"), np.stack([y, -x, z], 1), atol=1e-9)


def test_the_authors_order_errs_as_was_measured() -> None:
    came = head_angles_deg(head_axis_angle(torch.from_numpy(HEADS).float(), "authors")).numpy()
    assert np.abs(came - HEADS).mean(0) == pytest.approx((1.8, 4.0, 0.8), rel=0.1)  # measured on a few heads
    upright = HEADS * (1, 1, 0)
    came = head_angles_deg(head_axis_angle(torch.from_numpy(upright).float(), "authors")).numpy()
    np.testing.assert_allclose(came, upright, atol=1e-3)
