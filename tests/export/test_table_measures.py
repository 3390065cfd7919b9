import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from export.table_measures import frechet, frechet_estimate, mean_estimate, nme, psnr, ssim


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_an_interval_holds_the_mean_and_narrows_with_the_identities() -> None:
    rng = np.random.default_rng(0)
    few, many = (mean_estimate(rng.normal(3, 1, count)) for count in (20, 2000))
    for estimate in (few, many):
        assert estimate.low < 3 < estimate.high
        assert estimate.low < estimate.value < estimate.high
    # Theory: 1.96 / √n on either side.
    assert many.high - many.low == pytest.approx(2 * 1.96 / np.sqrt(2000), rel=0.15)
    assert few.high - few.low > 5 * (many.high - many.low)


def test_identities_without_a_value_do_not_count() -> None:
    estimate = mean_estimate(np.array([1.0, np.nan, 3.0]))
    assert (estimate.value, estimate.count) == (2.0, 2)
    nothing = mean_estimate(np.array([np.nan]))
    assert np.isnan(nothing.value)
    assert nothing.count == 0


def test_the_bootstrap_is_repeatable() -> None:
    assert mean_estimate(np.arange(9.0)) == mean_estimate(np.arange(9.0))


def test_the_frechet_distance_where_covariances_commute() -> None:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    stretched = corners * (2, 1, 1) + (1, 0, 0)
    # |μ − μ'|² + Σ (σ − σ')², σ² = 8/7 and 4 · 8/7 along x.
    assert frechet(corners, stretched) == pytest.approx(1 + 8 / 7)
    assert frechet(stretched, corners) == pytest.approx(1 + 8 / 7)
    assert frechet(corners, corners) == pytest.approx(0, abs=1e-9)


@given(seed=st.integers(0, 99))
def test_the_frechet_distance_is_that_of_the_matrix_root(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(30, 4)) @ rng.normal(size=(4, 4)), rng.normal(size=(25, 4)) + 1
    c, d = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    by_definition = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(c + d - 2 * sqrtm(c @ d).real)
    assert frechet(a, b) == pytest.approx(by_definition, rel=1e-6)


def test_the_frechet_distance_of_a_set_to_itself_is_sure() -> None:
    features = np.random.default_rng(0).normal(size=(40, 5))
    estimate = frechet_estimate(features, features)
    assert estimate.value == pytest.approx(0, abs=1e-6)
    assert abs(estimate.high - estimate.low) < 1e-6


@given(scale=st.floats(0.5, 20), shift=st.floats(-5, 5))
def test_nme_is_relative_to_the_face(scale: float, shift: float) -> None:
    truth = np.random.default_rng(0).uniform(0, 1, (1, 50, 2))
    truth[0, :2] = [[0, 0], [1, 1]]  # a square box of edge 1
    off = truth + np.array([0.03, 0.04])
    assert nme(scale * off + shift, scale * truth + shift)[0] == pytest.approx(50, rel=1e-6)


def test_nme_is_not_known_without_a_face() -> None:
    truth = np.random.default_rng(0).uniform(0, 1, (2, 5, 2))
    output = truth.copy()
    output[1] = np.nan
    errors = nme(output, truth)
    assert errors[0] == 0
    assert np.isnan(errors[1])


def test_psnr_of_a_known_error() -> None:
    x = np.full((2, 8, 8, 3), 100, np.uint8)
    y = x.copy()
    y[1] += 16
    assert psnr(x, y) == pytest.approx([100.0, 20 * np.log10(255 / 16)], rel=1e-6)


def test_ssim_is_one_for_equals_and_falls_with_blur_and_noise() -> None:
    x = cv2.GaussianBlur(noise(48, 48, 3), (0, 0), 1.0)
    blurred = cv2.GaussianBlur(x, (0, 0), 2.0)
    other = noise(48, 48, 3, seed=1)
    values = [ssim(x[None], picture[None])[0] for picture in (x, blurred, other)]
    assert values[0] == pytest.approx(1)
    assert 1 > values[1] > values[2]
    # A shift of brightness of a flat picture is the luminance term alone.
    flat, brighter = np.full((1, 16, 16, 3), 100, np.uint8), np.full((1, 16, 16, 3), 120, np.uint8)
    c1 = (0.01 * 255) ** 2
    wanted = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
    assert ssim(flat, brighter)[0] == pytest.approx(wanted, rel=1e-6)
