"""The authors' pose vector and its changes, against their scale table and formulas in plain NumPy."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from export.authors_pose import FFHQ, VOXCELEB, full_change, pose_vector, scaled, single_change, single_truth
from export.rotations import Order
from puppet.networks.deca import PARTS, FaceCoefficients
from puppet.pose_space import PoseSpace

VOXCELEB_SCALES = (
    0.15, 0.30, 0.30, 39.15275184590946, 3.5811209032354188, 4.692040002223355, 13.614506562147035,
    6.056691629394955, 3.7233821110256513, 4.657507479482607, 5.511896732361549, 4.603067940814149,
    5.989007027660798, 4.535992367021054, 4.819570473317218,
)  # fmt: skip
FFHQ_SCALES = (
    0.15, 0.30, 38.22222395, 2.49211630, 3.99858906, 15.65408558, 6.13346148, 3.62327548, 4.68701689, 5.09592776,
    4.87730160, 5.41980327, 5.29065086, 4.60176309, 4.27839678,
)  # fmt: skip


@pytest.fixture
def faces() -> FaceCoefficients:
    rng = np.random.default_rng(3)
    values = torch.from_numpy(rng.normal(0, 0.2, (6, sum(PARTS))).astype(np.float32))
    return FaceCoefficients(*values.split(PARTS, 1))


def slow_angles(pose: torch.Tensor) -> np.ndarray:
    """Yaw, pitch and roll of R = Rz(roll) Ry(−yaw) Rx(pitch)."""
    roll, turn, pitch = Rotation.from_rotvec(pose[:, :3].numpy()).as_euler("ZYX", degrees=True).T
    return np.stack([-turn, pitch, roll], 1)


@pytest.mark.parametrize(("space", "scales"), [(VOXCELEB, VOXCELEB_SCALES), (FFHQ, FFHQ_SCALES)])
def test_scales_are_the_authors(space: PoseSpace, scales: tuple[float, ...]) -> None:
    assert space.dim == 15
    assert 12 / (space.upper - space.lower) == pytest.approx(scales, rel=1e-6)
    p = torch.linspace(-0.3, 0.4, 30).reshape(2, 15)
    np.testing.assert_allclose(scaled(p, space), space.scale(p.numpy()), rtol=1e-5, atol=1e-5)


def test_the_documented_change() -> None:
    source, target = torch.zeros(1, 15), torch.zeros(1, 15)
    source[0, :4] = torch.tensor([10.0, 5.0, -3.0, 0.05])
    target[0, :4] = torch.tensor([-20.0, -8.0, 6.0, 0.12])
    change = full_change(source, target, VOXCELEB)[0]
    assert change.tolist() == pytest.approx([-4.5, -3.9, 2.7, 2.74069262921366, *[0] * 11], rel=1e-4, abs=1e-6)


def test_the_vector_is_read_off_the_coefficients(faces: FaceCoefficients) -> None:
    expression = faces.expression.numpy()
    expected = np.concatenate([slow_angles(faces.pose), faces.pose[:, 3:4], expression[:, :11]], 1)
    np.testing.assert_allclose(pose_vector(faces, VOXCELEB), expected, rtol=1e-4, atol=1e-4)
    without_roll = np.concatenate([slow_angles(faces.pose)[:, :2], faces.pose[:, 3:4], expression[:, :12]], 1)
    np.testing.assert_allclose(pose_vector(faces, FFHQ), without_roll, rtol=1e-4, atol=1e-4)


def test_training_in_full_moves_every_entry_by_its_scale(faces: FaceCoefficients) -> None:
    p = pose_vector(faces, VOXCELEB)
    expected = (p[3:] - p[:3]).numpy() * np.array(VOXCELEB_SCALES)
    np.testing.assert_allclose(full_change(p[:3], p[3:], VOXCELEB), expected, rtol=1e-3, atol=1e-3)


def test_one_entry_moves_to_its_destination(faces: FaceCoefficients) -> None:
    rng = np.random.RandomState(0)
    which, destination = rng.choice(15, 6), rng.uniform(-6, 6, 6)
    p = pose_vector(faces, VOXCELEB)
    change = single_change(p, which, destination, VOXCELEB)
    assert (change != 0).sum() == 6
    assert scaled(p, VOXCELEB).add(change)[range(6), which].tolist() == pytest.approx(destination, abs=1e-4)
    source = p.numpy()[range(6), which]
    low, high = VOXCELEB.lower[which], VOXCELEB.upper[which]
    expected = destination - (12 * source / (high - low) - 6 * (high + low) / (high - low))
    assert change[range(6), which].tolist() == pytest.approx(expected, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("order", ["exact", "authors"])
def test_the_truth_of_an_angle(faces: FaceCoefficients, order: Order) -> None:
    which, destination = np.array([0, 1, 2, 0, 1, 2]), np.array([-6.0, 3.0, 6.0, 1.5, -6.0, -1.0])
    angles = slow_angles(faces.pose)
    angles[range(6), which] = destination / 6 * np.array([40, 20, 20])[which]
    yaw, pitch, roll = angles.T
    if order == "exact":
        expected = Rotation.from_euler("ZYX", np.stack([roll, -yaw, pitch], 1), degrees=True).as_rotvec()
    else:
        x, y, z = Rotation.from_euler("XYZ", np.stack([yaw, pitch, roll], 1), degrees=True).as_rotvec().T
        expected = np.stack([y, -x, z], 1)
    truth = single_truth(faces, which, destination, VOXCELEB, order)
    np.testing.assert_allclose(truth.pose[:, :3], expected, rtol=1e-3, atol=1e-5)
    assert torch.equal(truth.pose[:, 3:], faces.pose[:, 3:]) and torch.equal(truth.expression, faces.expression)


def test_the_truth_of_jaw_and_expressions(faces: FaceCoefficients) -> None:
    which, destination = np.array([3, 4, 14, 9, 3, 5]), np.array([6.0, -6.0, 0.0, 3.0, -3.0, 1.0])
    truth = single_truth(faces, which, destination, VOXCELEB, "exact")
    low, high = VOXCELEB.lower[which], VOXCELEB.upper[which]
    wanted = (destination + 6 * (high + low) / (high - low)) * (high - low) / 12
    pose, expression = faces.pose.clone(), faces.expression.clone()
    for row, (entry, value) in enumerate(zip(which, wanted, strict=True)):
        if entry == 3:
            pose[row, 3] = float(value)
        else:
            expression[row, entry - 4] = float(value)
    torch.testing.assert_close(truth.pose, pose)
    torch.testing.assert_close(truth.expression, expression)
    assert truth.shape is faces.shape
