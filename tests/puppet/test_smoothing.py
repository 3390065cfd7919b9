import numpy as np
import pytest

from puppet.smoothing import OneEuro


def one(lowest_hz=1.0, slope=0.0, speed_hz=1.0):
    return OneEuro(*(np.array([value], np.float32) for value in (lowest_hz, slope, speed_hz)))


def step(filter_, frames=30, height=1.0):
    filter_.smooth(np.zeros(1, np.float32), 0.0)
    return [float(filter_.smooth(np.full(1, height, np.float32), i / 30)[0]) for i in range(1, frames)]


def test_the_first_step_is_alpha_of_equation_5():
    tau = 1 / (2 * np.pi * 1.0)
    assert step(one())[0] == pytest.approx(1 / (1 + tau * 30), rel=1e-5)


def test_the_speed_opens_the_filter_as_in_equation_7():
    alpha = 1 / (1 + 30 / (2 * np.pi * 1.0))
    cutoff = 1.0 + 0.5 * alpha * 30  # the speed of the step is 30 a second, low-passed once
    assert step(one(slope=0.5))[0] == pytest.approx(1 / (1 + 30 / (2 * np.pi * cutoff)), rel=1e-5)


def test_a_constant_stays_and_reset_forgets():
    filter_ = one()
    for i in range(5):
        assert filter_.smooth(np.full(1, 3.0, np.float32), i / 30)[0] == 3.0
    filter_.reset()
    assert filter_.smooth(np.full(1, -7.0, np.float32), 9.0)[0] == -7.0


def test_noise_is_reduced_and_entries_do_not_mix():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (300, 2)).astype(np.float32)
    filter_ = OneEuro(np.array([1.0, 1e6], np.float32), np.zeros(2, np.float32), np.ones(2, np.float32))
    smooth = np.stack([filter_.smooth(x, i / 30) for i, x in enumerate(noise)])
    assert smooth[:, 0].std() < 0.4 * noise[:, 0].std()
    np.testing.assert_allclose(smooth[:, 1], noise[:, 1], atol=1e-3)


def test_a_time_that_stands_still_changes_nothing():
    filter_ = one()
    filter_.smooth(np.zeros(1, np.float32), 1.0)
    assert filter_.smooth(np.ones(1, np.float32), 1.0)[0] == 0.0
