from pathlib import Path

import numpy as np
import pytest
import torch

from export.posed_shape import EYE_PAIRS, MOUTH_PAIRS, PIXELS_PER_CM, PosedShape, axis_pair_loss, pair_loss, shape_loss
from export.shape_model import ShapeModel, head_rotation, load_shape_model, procedural_shape_model
from puppet.pose_space import BUILTIN

MARKS = 68


@pytest.fixture(scope="module")
def egg() -> ShapeModel:
    return procedural_shape_model()


def posed(model: ShapeModel, p: np.ndarray, p_i: np.ndarray | None = None) -> torch.Tensor:
    p_i = np.zeros((len(p), 3), np.float32) if p_i is None else p_i
    scaled = BUILTIN.scale(p).astype(np.float32)
    return PosedShape(model, 3)(torch.from_numpy(p_i), torch.from_numpy(scaled))


def pose(**entries: float) -> np.ndarray:
    return BUILTIN.pose(**entries)[None]


def test_landmarks_are_those_of_equation_1_turned(egg: ShapeModel) -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(BUILTIN.lower, BUILTIN.upper, (5, BUILTIN.dim)).astype(np.float32)
    p_i = rng.standard_normal((5, 3)).astype(np.float32)
    wanted = [
        (egg.person(i) + egg.expression(e))[egg.landmarks68] @ head_rotation(e).T for i, e in zip(p_i, p, strict=True)
    ]
    assert np.allclose(posed(egg, p, p_i)[:, :MARKS], PIXELS_PER_CM * np.stack(wanted), atol=1e-3)


def test_eyes_turn_with_the_gaze(data_folder: Path) -> None:
    model = load_shape_model(data_folder / "ict_facekit")
    rest, right, down = (posed(model, p)[0].numpy() for p in (pose(), pose(gaze_yaw=1), pose(gaze_pitch=1)))
    eyes = slice(-20, None)
    # The subject's right is −x of the head's axes; its y points up.
    assert (right - rest)[eyes, 0].mean() < -2
    assert (down - rest)[eyes, 1].mean() < -2
    assert np.abs(right - rest)[:MARKS].max() < 3


def test_losses_see_what_they_are_for(egg: ShapeModel) -> None:
    rest, blink, jaw = (posed(egg, p) for p in (pose(), pose(blink_left=1, blink_right=1), pose(jaw_open=1)))
    assert pair_loss(blink, rest, EYE_PAIRS) > 4 * pair_loss(jaw, rest, EYE_PAIRS)
    assert pair_loss(jaw, rest, MOUTH_PAIRS) > 4 * pair_loss(blink, rest, MOUTH_PAIRS)
    turned = posed(egg, pose(yaw=30, pitch=-10, roll=15))
    assert pair_loss(turned, rest, EYE_PAIRS) < 1e-3
    assert shape_loss(turned, rest) > 5
    assert shape_loss(rest, rest) == 0


def test_gradients_reach_every_coefficient(data_folder: Path) -> None:
    shape = PosedShape(load_shape_model(data_folder / "ict_facekit"), 40)
    p_i, p_scaled = torch.zeros(1, 40, requires_grad=True), torch.full((1, 15), 0.5, requires_grad=True)
    target = shape(torch.ones(1, 40), torch.ones(1, 15)).detach()
    shape_loss(shape(p_i, p_scaled), target).backward()
    assert p_i.grad is not None
    assert p_scaled.grad is not None
    assert (p_i.grad != 0).all()
    assert (p_scaled.grad != 0).all()


def test_the_losses_of_the_authors_code() -> None:
    """Numbers that their code gave on the same landmarks."""
    k = np.arange(272).reshape(2, 68, 2)
    gt, r = (torch.from_numpy(112 + 100 * wave) for wave in (np.sin(0.37 * k), np.cos(0.23 * k + 0.5)))
    assert axis_pair_loss(r, gt, EYE_PAIRS).item() == pytest.approx(50.41255, rel=1e-4)
    assert axis_pair_loss(r, gt, MOUTH_PAIRS).item() == pytest.approx(48.86228, rel=1e-4)
    assert shape_loss(r, gt).item() == pytest.approx(81.11945, rel=1e-4)
