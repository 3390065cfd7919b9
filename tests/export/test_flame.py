"""FLAME with arrays of the right shapes, posed vertex by vertex with 4 × 4 matrices, as its paper says."""

import flame_arrays
import numpy as np
import pytest
import torch
from flame_arrays import JOINTS, PARENTS, VERTICES
from scipy.spatial.transform import Rotation

from export.flame import Flame, PosedFace
from puppet.networks.deca import PARTS, FaceCoefficients


@pytest.fixture(scope="module")
def model() -> dict[str, np.ndarray]:
    return flame_arrays.model()


@pytest.fixture(scope="module")
def embedding() -> dict[str, np.ndarray]:
    return flame_arrays.embedding()


@pytest.fixture(scope="module")
def flame(model: dict[str, np.ndarray], embedding: dict[str, np.ndarray]) -> Flame:
    return Flame(model, embedding, shapes=100, expressions=50)


def faces(yaw_deg: tuple[float, ...] = (10.0, -25.0)) -> FaceCoefficients:
    values = torch.from_numpy(np.random.RandomState(2).normal(0, 0.3, (len(yaw_deg), sum(PARTS))).astype(np.float32))
    face = FaceCoefficients(*values.split(PARTS, 1))
    face.pose[:, :3] = torch.tensor([[0.0, np.radians(yaw), 0.0] for yaw in yaw_deg])
    return face


def rigid(rotation: np.ndarray, place: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, place
    return matrix


def slowly(model: dict[str, np.ndarray], face: FaceCoefficients, row: int) -> np.ndarray:
    """The vertices in metres."""
    directions = model["shapedirs"]
    shape, expression = face.shape[row].double().numpy(), face.expression[row].double().numpy()
    shaped = model["v_template"] + directions[..., :100] @ shape + directions[..., 300:350] @ expression
    joints = model["J_regressor"] @ shaped
    pose = face.pose[row].double().numpy()
    turns = [pose[:3], np.zeros(3), pose[3:], np.zeros(3), np.zeros(3)]
    rotations = [Rotation.from_rotvec(turn).as_matrix() for turn in turns]
    bent = np.concatenate([(rotation - np.eye(3)).ravel() for rotation in rotations[1:]])
    posed = shaped + model["posedirs"] @ bent
    world = [rigid(rotations[0], joints[0])]
    for joint in range(1, JOINTS):
        parent = PARENTS[joint]
        world.append(world[parent] @ rigid(rotations[joint], joints[joint] - joints[parent]))
    moves = [matrix @ rigid(np.eye(3), -joint) for matrix, joint in zip(world, joints, strict=True)]
    blended = np.einsum("vj,jkl->vkl", model["weights"], moves)
    return np.stack([(matrix @ [*vertex, 1.0])[:3] for matrix, vertex in zip(blended, posed, strict=True)])


def seen(points: np.ndarray, camera: tuple[float, float, float]) -> np.ndarray:
    scale, right, up = camera
    moved = scale * (points + np.array([right, up, 0.0])) * [1, -1, -1]
    return moved * 112 + 112


@pytest.mark.parametrize("camera", [(8.0, 0.0, 0.0), (7.5, 0.02, -0.03)])
def test_vertices_are_skinned_and_projected(
    flame: Flame, model: dict[str, np.ndarray], camera: tuple[float, float, float]
) -> None:
    face = faces()
    posed: PosedFace = flame(face, camera)
    assert posed.vertices.shape == (2, VERTICES, 3)
    for row in range(2):
        np.testing.assert_allclose(posed.vertices[row], seen(slowly(model, face, row), camera), atol=2e-3)


@pytest.mark.parametrize(
    ("yaw_deg", "contour"),
    [(0, 0), (10, 10), (-10, 49), (10.4, 10), (39, 39), (-39, 78), (60, 39), (-60, 78)],
)
def test_the_contour_follows_the_turn_of_the_head(
    flame: Flame, model: dict[str, np.ndarray], embedding: dict[str, np.ndarray], yaw_deg: float, contour: int
) -> None:
    face = faces((yaw_deg, 5.0))
    posed: PosedFace = flame(face)
    corners = posed.vertices[0].numpy()[model["f"].astype(int)]

    def on(name: str, *row: int) -> np.ndarray:
        triangles, weights = (embedding[f"{name}_lmk_{kind}"][row] for kind in ("faces_idx", "bary_coords"))
        return np.stack([weight @ corners[triangle] for triangle, weight in zip(triangles, weights, strict=True)])

    expected = np.concatenate([on("dynamic", contour), on("static")])
    assert posed.landmarks.shape == (2, 68, 2) and posed.fixed_landmarks.shape == (2, 68, 3)
    np.testing.assert_allclose(posed.landmarks[0], expected[:, :2], atol=2e-3)
    np.testing.assert_allclose(posed.fixed_landmarks[0], on("full", 0), atol=2e-3)


def test_gradients_reach_every_coefficient(flame: Flame) -> None:
    face = faces()
    inputs = [tensor.requires_grad_() for tensor in (face.shape, face.expression, face.pose)]
    flame(face).landmarks.square().mean().backward()
    assert all(tensor.grad is not None and (tensor.grad != 0).all() for tensor in inputs)
