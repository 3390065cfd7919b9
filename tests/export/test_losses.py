"""The loss against its formula, term by term."""

import numpy as np
import pytest
import torch

from export.losses import REGION_WEIGHTS, reconstruction_loss, weight_map

NAMES = ("background", "hair", "skin", "brows", "mouth", "eyes", "clothes")
CPU = torch.device("cpu")


def test_every_region_of_the_renderer_has_a_weight() -> None:
    from export.render_heads import REGIONS

    assert set(REGIONS) == set(REGION_WEIGHTS)


def test_weights_follow_the_regions_with_mean_one() -> None:
    regions = np.zeros((2, 8, 8), np.uint8)
    regions[0, 2:4, 2:4] = NAMES.index("eyes")
    regions[1, :, :4] = NAMES.index("skin")
    weights = weight_map(regions, NAMES, 8, CPU)
    assert weights.shape == (2, 1, 8, 8)
    assert weights.mean().item() == pytest.approx(1.0)
    assert (weights[0, 0, 2, 2] / weights[0, 0, 0, 0]).item() == pytest.approx(12 / 0.3)
    assert (weights[1, 0, 0, 0] / weights[0, 0, 0, 0]).item() == pytest.approx(2 / 0.3)


def test_weights_are_averaged_down_to_the_stage() -> None:
    regions = np.zeros((1, 8, 8), np.uint8)
    regions[0, 0, 0] = NAMES.index("mouth")
    weights = weight_map(regions, NAMES, 4, CPU)
    mouth, none = REGION_WEIGHTS["mouth"], REGION_WEIGHTS["background"]
    assert (weights[0, 0, 0, 0] / weights[0, 0, 3, 3]).item() == pytest.approx((mouth + 3 * none) / 4 / none)


def test_a_constant_error_is_charged_on_every_level_and_nowhere_else() -> None:
    terms = reconstruction_loss(torch.full((2, 4, 16, 16), -0.5), torch.ones(2, 1, 16, 16), poses=2)
    expected = {"total": 6.0, "pyramid": 2.0, "squares": 1.0, "gradient": 0.0, "difference": 0.0}
    assert terms.values() == pytest.approx(expected)


def test_coarse_levels_forgive_what_averages_out() -> None:
    checks = torch.ones(2, 4, 16, 16)
    checks[..., ::2, 1::2] = checks[..., 1::2, ::2] = -1
    terms = reconstruction_loss(checks, torch.ones(2, 1, 16, 16), poses=2)
    assert terms.pyramid.item() == terms.squares.item() == pytest.approx(1.0)
    assert terms.gradient.item() == pytest.approx(4.0)


def test_difference_compares_the_poses_of_one_identity() -> None:
    error = torch.zeros(4, 4, 16, 16)
    error[:2], error[2], error[3] = 0.3, 0.1, -0.1
    ones = torch.ones(4, 1, 16, 16)
    assert reconstruction_loss(error, ones, poses=2).difference.item() == pytest.approx(0.1)
    assert reconstruction_loss(error[:2], ones[:2], poses=2).difference.item() == pytest.approx(0.0)


def test_an_error_counts_where_the_weight_lies() -> None:
    error, weights = torch.zeros(2, 4, 16, 16), torch.zeros(2, 1, 16, 16)
    error[..., :8] = 1.0
    weights[..., 9:] = 2.0
    assert reconstruction_loss(error, weights, poses=2).total.item() == pytest.approx(0.0, abs=1e-6)


def test_total_is_the_weighted_sum() -> None:
    torch.manual_seed(0)
    terms = reconstruction_loss(torch.randn(4, 4, 16, 16), torch.ones(4, 1, 16, 16), poses=2)
    expected = terms.pyramid + 4.0 * terms.squares + 0.5 * terms.gradient + 1.0 * terms.difference
    assert torch.allclose(terms.total, expected)
