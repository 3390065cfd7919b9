"""Eqs. 3 to 7, by hand."""

import math

import pytest
import torch
from linear_world import CPU, EDGE, MODES, QUICK, linear_world
from torch import Tensor

from export.direction_losses import (
    DirectionLosses,
    LossWeights,
    Recognition,
    net3d_perceptual,
    pretrained_perceptual,
    recognition,
)
from export.posed_shape import EYE_PAIRS, MOUTH_PAIRS, PosedShape
from export.shape_model import procedural_shape_model
from export.training import save_weights, write_json
from puppet.networks.identity import IdentityNetwork
from puppet.networks.perceptual import Perceptual
from puppet.networks.shape_regressor import ShapeCoefficients, ShapeRegressor
from puppet.pose_space import BUILTIN

FIRST_PIXELS = Recognition("the first pixels", lambda picture: picture.flatten(1)[:, :2])
SQUARED = Perceptual("squared", lambda x, y: (x - y).square().mean())


def losses(weights: LossWeights | None = None, **more) -> DirectionLosses:
    shape = PosedShape(procedural_shape_model(), MODES)
    return DirectionLosses(shape, weights or LossWeights(), FIRST_PIXELS, SQUARED, **more)


def coefficients(count: int = 2, **entries: float) -> ShapeCoefficients:
    p = torch.zeros(count, BUILTIN.dim)
    for name, value in entries.items():
        p[:, BUILTIN.index(name)] = value
    return ShapeCoefficients(torch.zeros(count, MODES), p)


def test_everything_is_zero_where_nothing_differs() -> None:
    picture, same = torch.rand(2, 3, EDGE, EDGE), coefficients(yaw=3.0, jaw_open=2.0)
    terms = losses().terms(picture, same, same, picture, paired=True)
    assert set(terms) == {"shape", "eye", "mouth", "identity", "perceptual", "pixel"}
    assert all(term.abs() < 1e-6 for term in terms.values())


def test_terms_are_those_of_the_equations() -> None:
    ours = losses()
    picture, reference = torch.rand(2, 2, 3, EDGE, EDGE)
    read, wanted = coefficients(yaw=2.0, jaw_open=-6.0), coefficients(pitch=1.0, jaw_open=4.0)
    terms = ours.terms(picture, read, wanted, reference, paired=True)
    s_r, s_gt = (ours.shape(one.p_i, one.p_scaled)[0] for one in (read, wanted))
    assert terms["shape"].item() == pytest.approx((s_r - s_gt).abs().mean().item(), rel=1e-5)

    def by_hand(pairs: tuple[tuple[int, int], ...]) -> float:
        gaps = [abs(math.dist(s_r[i], s_r[j]) - math.dist(s_gt[i], s_gt[j])) for i, j in pairs]
        return sum(gaps) / len(gaps)

    assert terms["eye"].item() == pytest.approx(by_hand(EYE_PAIRS), abs=1e-4)
    assert terms["mouth"].item() == pytest.approx(by_hand(MOUTH_PAIRS), rel=1e-3)
    a, b = picture[:, 0, 0, :2], reference[:, 0, 0, :2]
    cosine = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
    assert terms["identity"].item() == pytest.approx((1 - cosine).mean().item(), abs=1e-5)
    assert terms["pixel"].item() == pytest.approx((picture - reference).abs().mean().item(), rel=1e-5)
    # The pictures lie in [−1, 1] for L_per.
    assert terms["perceptual"].item() == pytest.approx(4 * (picture - reference).square().mean().item(), rel=1e-4)
    λ = LossWeights()
    by_weights = sum(getattr(λ, name) * term.item() for name, term in terms.items())
    assert ours.total(terms).item() == pytest.approx(by_weights, rel=1e-5)


@pytest.mark.parametrize("left_out", ["shape", "eye", "mouth", "identity", "perceptual", "pixel"])
def test_each_loss_can_be_left_out(left_out: str) -> None:
    picture, reference = torch.rand(2, 2, 3, EDGE, EDGE)
    ours = losses(LossWeights(**{left_out: 0.0}))
    terms = ours.terms(picture, coefficients(yaw=1.0), coefficients(), reference, paired=True)
    assert left_out not in terms
    assert len(terms) == 5


def test_pictures_of_another_pose_are_not_compared_pixel_by_pixel() -> None:
    picture = torch.rand(2, 3, EDGE, EDGE)
    assert "pixel" not in losses().terms(picture, coefficients(), coefficients(), picture)


def test_the_authors_distances_are_taken_along_axes() -> None:
    turned, still = coefficients(roll=6.0), coefficients()
    picture = torch.rand(2, 3, EDGE, EDGE)
    # A head that rolls keeps its distances, but not their shares of both axes.
    assert losses().terms(picture, turned, still, picture)["mouth"] < 1e-3
    assert losses(distances="axes").terms(picture, turned, still, picture)["mouth"] > 0.1


def test_gradients_reach_a_alone() -> None:
    trainer = linear_world(QUICK, weights=LossWeights(pixel=1.0), recognition=FIRST_PIXELS, mode="paired")
    heads, sample = trainer.samples.heads, trainer.samples.draw(4)
    picture = heads.paint(trainer.shift(sample.ws, sample.change))
    terms = trainer.losses.terms(picture, heads.look(picture), sample.wanted, sample.reference, paired=True)

    def gradient(term: Tensor) -> Tensor:
        return torch.autograd.grad(term, trainer.shift.A, retain_graph=True)[0]

    assert all(gradient(term).abs().sum() > 0 for term in terms.values())
    assert not any(
        value.requires_grad for value in (sample.ws, sample.change, sample.wanted.p_scaled, sample.reference)
    )


def test_our_perceptual_loss_is_zero_for_equal_pictures_only() -> None:
    torch.manual_seed(0)
    net3d = ShapeRegressor(EDGE, MODES, BUILTIN.dim).requires_grad_(False)
    a, b = 2 * torch.rand(2, 2, 3, EDGE, EDGE) - 1
    for placed in (False, True):
        distance = net3d_perceptual(net3d, torch.float32, placed=placed).distance
        assert distance(a, a) == 0
        assert distance(a, b) > 2 * distance(a, a + 0.1 * (b - a))


def test_features_that_moved_count_only_where_poses_are_equal() -> None:
    torch.manual_seed(0)
    net3d = ShapeRegressor(2 * EDGE, MODES, BUILTIN.dim).requires_grad_(False)
    picture = torch.zeros(1, 3, 2 * EDGE, 2 * EDGE)
    picture[..., 16:32, 16:32] = 1
    moved = picture.roll(16, 3)
    mean, placed = (net3d_perceptual(net3d, torch.float32, placed=placed).distance for placed in (False, True))
    assert mean(moved, picture) < 0.1 * placed(moved, picture)


def test_what_compares_says_what_it_is(tmp_path) -> None:
    assert pretrained_perceptual(None, None, CPU) is None
    save_weights(IdentityNetwork(EDGE), tmp_path / "averaged.safetensors")
    write_json(tmp_path / "state.json", {"resolution": EDGE})
    ours = recognition(tmp_path, CPU)
    assert "workshop" in ours.name
    torch.testing.assert_close(ours.directions(torch.rand(3, 3, EDGE, EDGE)).norm(dim=1), torch.ones(3))
    assert losses(LossWeights(identity=0.0)).recognition is None
